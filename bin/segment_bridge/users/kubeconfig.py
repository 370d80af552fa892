"""Reads a kubeconfig as kubectl does: each field is used in the same way, or refused by name.

It refuses fields that would run a program, log in interactively, impersonate another user or turn off TLS
verification. It also refuses unknown fields, as they may say how the server must be reached.

Sources: client-go, tools/clientcmd: api/v1/types.go (the fields), client_config.go and validation.go (precedence, and
which fields exclude each other), loader.go (paths are relative to the file), api/v1/conversion.go (names are unique);
transport: token_source.go and round_trippers.go (a readable token file takes precedence over the token).
"""

import base64
import os
from typing import Any, Dict, NamedTuple, Tuple, Type
from urllib.parse import unquote, urlsplit

from segment_bridge.credentials import checked
from segment_bridge.errors import ClusterError

MOST_BYTES = 10_000_000

_TEXT, _DATA, _SWITCH, _LIST, _MAPPING, _UNUSED = "text", "base64", "true or false", "a list", "a mapping", ""
"""What a field must be. Unused fields do not affect requests, with kubectl either."""
_TYPES: Dict[str, Type[Any]] = {_TEXT: str, _DATA: str, _SWITCH: bool, _LIST: list, _MAPPING: dict}
_ACTS_AS = (
    "impersonates another user (%s), which takes more rights than listing does: give it the credentials of "
    "an account that may list"
)
_LOGS_IN = (
    "runs a program to log in (%s), which a Splunk app must not: use a token or a client certificate, such as "
    "a ServiceAccount's"
)
REFUSED = {
    "exec": _LOGS_IN,
    "auth-provider": _LOGS_IN,
    "as": _ACTS_AS,
    "as-uid": _ACTS_AS,
    "as-groups": _ACTS_AS,
    "as-user-extra": _ACTS_AS,
    "insecure-skip-tls-verify": "turns off TLS verification (%s): give it the certificate-authority instead",
}
FIELDS: Dict[str, Dict[str, str]] = {
    "": {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "current-context": _TEXT,
        "clusters": _LIST,
        "contexts": _LIST,
        "users": _LIST,
        "preferences": _UNUSED,
        "extensions": _UNUSED,
    },
    "context": {"cluster": _TEXT, "user": _TEXT, "namespace": _UNUSED, "extensions": _UNUSED},
    "cluster": {
        "server": _TEXT,
        "tls-server-name": _TEXT,
        "insecure-skip-tls-verify": _SWITCH,
        "certificate-authority": _TEXT,
        "certificate-authority-data": _DATA,
        "proxy-url": _TEXT,
        "disable-compression": _SWITCH,
        "extensions": _UNUSED,
    },
    "user": {
        "client-certificate": _TEXT,
        "client-certificate-data": _DATA,
        "client-key": _TEXT,
        "client-key-data": _DATA,
        "token": _TEXT,
        "tokenFile": _TEXT,
        "username": _TEXT,
        "password": _TEXT,
        "as": _TEXT,
        "as-uid": _TEXT,
        "as-groups": _LIST,
        "as-user-extra": _MAPPING,
        "auth-provider": _MAPPING,
        "exec": _MAPPING,
        "extensions": _UNUSED,
    },
}
"""Fields by the object that has them; "" is the file itself. A context's namespace is unused: the input names one."""


class Kubeconfig(NamedTuple):
    """What a context of a kubeconfig sets; fields that it does not set are empty."""

    server: str
    tls_server_name: str
    ca: bytes
    """Certificates in PEM."""
    token: str
    username: str
    password: str
    certificate: bytes
    key: bytes
    proxy_url: str
    proxy_credentials: str
    is_compressed: bool


def read(path: str, context: str) -> Kubeconfig:
    """Reads the given `context`, or the current one if that is empty.

    Raises:
        ClusterError, SecretError: the file cannot be used; the text says why, and contains no credential.
    """
    return _Reader(path).read(context)


class _Reader:
    def __init__(self, path: str):
        self._path = path

    def read(self, name: str) -> Kubeconfig:
        config = self._fields("", self._loaded())
        if config.get("kind", "Config") != "Config" or config.get("apiVersion", "v1") != "v1":
            raise self._refused("is not of kind Config, apiVersion v1")
        name = name or config.get("current-context", "")
        if not name:
            raise self._refused("has no current-context: set context to one of its contexts")
        context = self._named(config, "context", name, "")
        within = ' of context "%s"' % name
        cluster = self._named(config, "cluster", context.get("cluster", ""), within)
        user = self._named(config, "user", context.get("user", ""), within)
        if not cluster.get("server"):
            raise self._refused('cluster "%s" has no server' % context["cluster"])
        certificate, key = self._certificate(user)
        token, username, password = self._token(user), user.get("username", ""), user.get("password", "")
        if token and (username or password):
            raise self._refused('user "%s" has both a token and a password: remove one' % context["user"])
        if not (token or username or password or certificate):
            raise self._refused(
                'user "%s" has no credentials: give it the token or the client certificate of an '
                "account that may list, such as a ServiceAccount's" % context["user"]
            )
        return Kubeconfig(
            cluster["server"],
            cluster.get("tls-server-name", ""),
            self._pem(cluster, "certificate-authority"),
            token,
            username,
            password,
            certificate,
            key,
            *self._proxy(cluster.get("proxy-url", "")),
            not cluster.get("disable-compression"),
        )

    def _loaded(self) -> Any:
        # Importing it takes half a second, which the other kinds of access need not spend.
        import yaml

        try:
            return yaml.safe_load(self._content(self._path).decode("utf-8"))
        except OSError as error:
            raise self._refused("cannot be read: %s" % error.strerror) from None
        except (yaml.YAMLError, ValueError, RecursionError):  # the exception's text may hold any line of the file
            raise self._refused("is not YAML") from None

    def _named(self, config: Dict[str, Any], kind: str, name: str, within: str) -> Dict[str, Any]:
        """The fields of the context, cluster or user of this name."""
        found = [entry for entry in config.get(kind + "s", ()) if isinstance(entry, dict) and entry.get("name") == name]
        if not name or len(found) != 1:
            names = ['"%s"' % entry.get("name") for entry in config.get(kind + "s", ()) if isinstance(entry, dict)]
            raise self._refused(
                'has %s %s "%s"%s: it has %s'
                % ("more than one" if found else "no", kind, name, within, ", ".join(names) or "none")
            )
        return self._fields(kind, found[0].get(kind))

    def _fields(self, kind: str, given: Any) -> Dict[str, Any]:
        """The fields that are set; null, empty strings, empty lists and false count as not set."""
        if not isinstance(given, dict):
            raise self._refused("has %s that is not a mapping of fields" % ("a " + kind if kind else "content"))
        fields = {}
        for name, value in given.items():
            if name not in FIELDS[kind]:
                raise self._refused(
                    'has a field "%s"%s, which is not known: remove it' % (name, " in a " + kind if kind else "")
                )
            must_be = FIELDS[kind][name]
            if value is None:
                continue
            if must_be and not isinstance(value, _TYPES[must_be]):
                raise self._refused('has a field "%s" that must be %s' % (name, must_be))
            if value in ("", [], False):
                continue
            if name in REFUSED:
                raise self._refused(REFUSED[name] % name)
            fields[name] = value
        return fields

    def _token(self, user: Dict[str, Any]) -> str:
        if "tokenFile" in user:
            path = self._resolved(user["tokenFile"])
            try:
                token = checked(
                    self._content(path).decode("latin-1"),
                    "token in %s (tokenFile of kubeconfig %s)" % (path, self._path),
                )
            except OSError as error:
                if "token" not in user:
                    raise self._refused(
                        "has a tokenFile, %s, that cannot be read: %s" % (path, error.strerror)
                    ) from None
            else:
                if token:
                    return token
        return checked(user.get("token", ""), "token of kubeconfig %s" % self._path)

    def _certificate(self, user: Dict[str, Any]) -> Tuple[bytes, bytes]:
        """The client certificate and its key. A key without a certificate is ignored."""
        certificate = self._pem(user, "client-certificate")
        if not certificate:
            return b"", b""
        key = self._pem(user, "client-key")
        if not key:
            raise self._refused("has a client-certificate without a client-key")
        return certificate, key

    def _pem(self, fields: Dict[str, Any], name: str) -> bytes:
        data, file = fields.get(name + "-data"), fields.get(name, "")
        if data and file:
            raise self._refused("has both %s and %s-data: remove one" % (name, name))
        try:
            if file:
                return self._content(self._resolved(file))
            return base64.b64decode("".join((data or "").split()), validate=True)
        except OSError as error:
            raise self._refused(
                "has a %s, %s, that cannot be read: %s" % (name, self._resolved(file), error.strerror)
            ) from None
        except ValueError:
            raise self._refused("has a %s-data that is not base64" % name) from None

    def _proxy(self, url: str) -> Tuple[str, str]:
        """The proxy's URL without credentials, and the credentials."""
        if not url:
            return "", ""
        try:
            parts = urlsplit(url)
            is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_usable = False
        if not is_usable:
            raise self._refused(
                "has a proxy-url that does not begin with http:// or https://: no other kind is supported"
            )
        credentials, _, address = parts.netloc.rpartition("@")
        return "%s://%s" % (parts.scheme, address), checked(
            unquote(credentials), "proxy's credentials in the proxy-url of kubeconfig %s" % self._path
        )

    def _resolved(self, path: str) -> str:
        return os.path.join(os.path.dirname(os.path.abspath(self._path)), path)

    @staticmethod
    def _content(path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES)

    def _refused(self, why: str) -> ClusterError:
        return ClusterError("kubeconfig %s %s" % (self._path, why), setting="kubeconfig")
