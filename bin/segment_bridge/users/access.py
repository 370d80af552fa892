"""Settles how a run reaches a cluster's API server: by server and token, by kubeconfig, or as the pod it runs in.

TLS verification, of certificate and host name, is always on. The environment provides only the API server's address in
a pod: its proxy and CA variables are meant for other programs. Every credential is checked before it is used.

Sources: "Accessing the Kubernetes API from a Pod"; segment_bridge.users.kubeconfig.
"""

import base64
import os
import re
import ssl
import tempfile
from dataclasses import dataclass, field
from typing import Any, Callable, Tuple
from urllib.parse import urlsplit

import certifi
from urllib3.util.ssl_ import create_urllib3_context

from segment_bridge.credentials import checked
from segment_bridge.errors import ClusterError
from segment_bridge.users import kubeconfig

POD = "/var/run/secrets/kubernetes.io/serviceaccount/"
_CERTIFICATE = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Access:
    """How to reach an API server: `server` and `token`, else `kubeconfig`, else the service account of the pod."""

    server: str = ""
    token: str = field(default="", repr=False)
    token_place: str = ""
    """Where the token is kept, for errors."""
    ca_file: str = ""
    ca: str = ""
    """Used in place of ca_file: the certificates themselves, DER in base64, separated by commas."""
    kubeconfig: str = ""
    context: str = ""
    proxy_url: str = ""
    """Overrides the proxy that a kubeconfig names."""
    proxy_credentials: str = field(default="", repr=False)
    """`user:password`"""
    connect_timeout_s: float = 5
    read_timeout_s: float = 65
    """Longer than the minute after which an API server stops waiting for its own storage."""
    answer_timeout_s: float = 600
    """The limit for a whole answer, even if it arrives byte by byte."""


class _ProxyContext(ssl.SSLContext):
    """Checks the host name in a proxy's certificate. urllib3 passes no host name if the proxy is an IP address."""

    host = ""

    def wrap_socket(self, *args: Any, **settings: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **{"server_hostname": self.host, **settings})


Trust = Callable[[ssl.SSLContext], None]
"""Loads trusted CAs into the context of a connection."""


@dataclass(frozen=True)
class Endpoint:
    """An API server, and all that a connection to it needs."""

    server: str
    credential: str
    """Describes the credential, for error texts."""
    tls: ssl.SSLContext
    trust: Trust
    tls_cure: str
    """What to do if the server's certificate cannot be verified, for error texts."""
    authorization: str = field(default="", repr=False)
    tls_server_name: str = ""
    proxy_url: str = ""
    proxy_credentials: str = field(default="", repr=False)
    is_compressed: bool = True
    secrets: Tuple[str, ...] = field(default=(), repr=False)
    """Must never appear in an error text, even if the server repeats them."""

    @property
    def proxy_tls(self) -> ssl.SSLContext:
        """Verifies the certificate of a proxy that is reached over TLS."""
        context = _ProxyContext(ssl.PROTOCOL_TLS_CLIENT)
        context.host = urlsplit(self.proxy_url).hostname or ""
        self.trust(context)
        return context


def resolve(access: Access) -> Endpoint:
    """Turns the settings into an endpoint. Makes no request.

    Raises:
        ClusterError, SecretError: the settings or the files that they name cannot work.
    """
    if access.server:
        return _of_server(access)
    return _of_kubeconfig(access) if access.kubeconfig else _of_pod(access)


def _of_server(access: Access) -> Endpoint:
    credential = ("bearer token %s" % access.token_place).strip()
    token = checked(access.token, credential)
    if not token:
        text = "There is no bearer token for the API server: save one on the app's setup page"
        raise ClusterError(text, setting="token")
    trust = _file(access.ca_file) if access.ca_file else _der(access.ca) if access.ca else _public()
    return _endpoint(access, access.server, credential, trust, _CURE, "Bearer " + token, secrets=(token,))


def _of_kubeconfig(access: Access) -> Endpoint:
    found = kubeconfig.read(access.kubeconfig, access.context)
    where = "kubeconfig " + access.kubeconfig
    trust = (
        _file(access.ca_file)
        if access.ca_file
        else _pem(found.ca, "certificate-authority of " + where)
        if found.ca
        else _public()
    )
    authorization, kinds = "", []
    if found.certificate:
        kinds.append("client certificate")
    if found.token:
        authorization = "Bearer " + found.token
        kinds.append("token")
    elif found.username or found.password:
        both = "%s:%s" % (found.username, found.password)
        authorization = "Basic " + base64.b64encode(both.encode()).decode()
        kinds.append("password")
    return _endpoint(
        access,
        found.server,
        "%s of %s" % (" and ".join(kinds), where),
        trust,
        _KUBECONFIG_CURE,
        authorization,
        secrets=(found.token, found.password),
        proxy_url=found.proxy_url,
        proxy_credentials=found.proxy_credentials,
        tls_server_name=found.tls_server_name,
        is_compressed=found.is_compressed,
        certificate=found.certificate + b"\n" + found.key if found.certificate else b"",
    )


def _of_pod(access: Access) -> Endpoint:
    host, port = (os.environ.get("KUBERNETES_SERVICE_" + part, "") for part in ("HOST", "PORT"))
    try:
        if not host or not port:
            raise ClusterError("KUBERNETES_SERVICE_HOST is not set")
        with open(POD + "token", encoding="latin-1") as file:
            token = checked(file.read(), "pod's token in " + POD + "token")
        if not token:
            raise ClusterError(POD + "token is empty")
    except (OSError, ClusterError) as error:
        raise ClusterError(
            "Neither server nor kubeconfig is set, and this is not a pod with a service account (%s): "
            "set one of them" % (getattr(error, "strerror", "") or error),
            setting="server",
        ) from None
    server = "https://%s:%s" % ("[%s]" % host if ":" in host else host, port)
    return _endpoint(
        access,
        server,
        "pod's token",
        _file(access.ca_file or POD + "ca.crt"),
        _CURE,
        "Bearer " + token,
        secrets=(token,),
    )


def _endpoint(
    access: Access,
    server: str,
    credential: str,
    trust: Trust,
    tls_cure: str,
    authorization: str,
    *,
    secrets: Tuple[str, ...],
    proxy_url: str = "",
    proxy_credentials: str = "",
    certificate: bytes = b"",
    **more: Any,
) -> Endpoint:
    if access.proxy_url:
        proxy_url = access.proxy_url
        proxy_credentials = checked(access.proxy_credentials, "proxy's credentials in the password store")
    server = _checked_server(server)
    tls = _context(trust)
    if certificate:
        _present(tls, certificate, credential)
    return Endpoint(
        server,
        credential,
        tls,
        trust,
        tls_cure,
        authorization,
        proxy_url=proxy_url,
        proxy_credentials=proxy_credentials,
        secrets=(*secrets, proxy_credentials, proxy_credentials.partition(":")[2]),
        **more,
    )


def _checked_server(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
        parts = urlsplit("")
    shown = re.sub("//[^/]*@", "//...@", url)
    if not is_usable:
        raise ClusterError('The API server\'s URL must begin with https://, got "%s"' % shown, setting="server")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ClusterError(
            'The API server\'s URL must be a host and a port, without credentials, ? and #, got "%s"' % shown,
            setting="server",
        )
    return url.rstrip("/")


# --- Certificates ---------------------------------------------------------------------------------------------------

_CURE = "Set ca_file to the CA of its certificate, and server to a name in the certificate"
_KUBECONFIG_CURE = (
    "Set the kubeconfig's certificate-authority to the CA of its certificate, and server or "
    "tls-server-name to a name in the certificate"
)


def _context(trust: Trust) -> ssl.SSLContext:
    context: ssl.SSLContext = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    trust(context)
    return context


def _public() -> Trust:
    return lambda context: context.load_verify_locations(cafile=certifi.where())


def _file(path: str) -> Trust:
    def load(context: ssl.SSLContext) -> None:
        try:
            context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise ClusterError(
                "ca_file %s cannot be used: %s. It must hold CA certificates in PEM" % (path, error.strerror or error),
                setting="ca_file",
            ) from None

    return load


def _pem(certificates: bytes, place: str) -> Trust:
    def load(context: ssl.SSLContext) -> None:
        try:
            context.load_verify_locations(cadata=b"\n".join(_CERTIFICATE.findall(certificates)).decode("ascii"))
        except (ValueError, ssl.SSLError):
            raise ClusterError("The %s cannot be used: it must hold CA certificates in PEM" % place) from None

    return load


def _der(certificates: str) -> Trust:
    def load(context: ssl.SSLContext) -> None:
        try:
            context.load_verify_locations(
                cadata=b"".join(base64.b64decode(each, validate=True) for each in certificates.split(","))
            )
        except (ValueError, ssl.SSLError) as error:
            raise ClusterError(
                "The CA certificates in the password store cannot be used: %s. Save them again on the "
                "app's setup page" % error,
                reason="tls",
            ) from None

    return load


def _present(context: ssl.SSLContext, pem: bytes, what: str) -> None:
    """Loads a client certificate and key. Python takes them only from files, so a temporary one exists for the call."""
    handle, path = tempfile.mkstemp()
    try:
        with open(handle, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path, password="")
    except (OSError, ssl.SSLError):
        raise ClusterError(
            "The %s cannot be used: certificate and key must be in PEM, belong to each other, and not "
            "be encrypted" % what
        ) from None
    finally:
        os.remove(path)
