"""Lists the objects of a Kubernetes API server page by page, through the official client's ApiClient.

No model objects are made: a page is the list that the JSON holds. TLS is always verified, certificate and host name.
What goes wrong is an error that says where, what, and what to do: a ClusterError; or Unavailable where it was tried
again in vain, which connections that cannot be made or break, time-outs, 429 and 5xx are.

Sources: Kubernetes API concepts ("Retrieving large results sets in chunks", "410 Gone responses"); "Using RBAC
Authorization"; "Organizing Cluster Access Using kubeconfig Files"; the answers of real servers.
"""
import base64
import http.client
import json
import os
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Dict, Iterator, List, NamedTuple, Optional
from urllib.parse import urlsplit

import urllib3
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException

from segment_bridge import __version__
from segment_bridge.errors import ClusterError, ListExpired, SegmentBridgeError, Unavailable
from segment_bridge.retry import Retry, retry_after_s

EXCERPT_CHARS = 200


class Resource(NamedTuple):
    """What can be listed. An empty `group` is the core group, an empty `namespace` means a resource of the cluster."""

    group: str
    version: str
    plural: str
    list_kind: str
    namespace: str = ""
    selector: str = ""
    manifest: str = ""
    """The file in the app's folder that grants to list it, and nothing that this input does not need."""

    @property
    def path(self) -> str:
        root = "/apis/" + self.group if self.group else "/api"
        within = "/namespaces/" + self.namespace if self.namespace else ""
        return "%s/%s%s/%s" % (root, self.version, within, self.plural)

    @property
    def rule(self) -> str:
        """The RBAC rule that allows to list it."""
        role = 'a Role in namespace "%s"' % self.namespace if self.namespace else "a ClusterRole"
        return '%s with apiGroups: ["%s"], resources: ["%s"], verbs: ["list"]' % (role, self.group, self.plural)


@dataclass(frozen=True)
class Access:
    """How to reach an API server: `server` and `token`; else `kubeconfig`; else the account of the pod this runs in."""

    server: str = ""
    token: str = field(default="", repr=False)
    token_place: str = ""
    """Where the token is kept, for errors."""
    ca_file: str = ""
    ca: str = ""
    """In place of ca_file: the certificates themselves, in DER and base64, with commas between them."""
    kubeconfig: str = ""
    context: str = ""
    proxy_url: str = ""
    proxy_credentials: str = field(default="", repr=False)
    """`user:password`"""
    connect_timeout_s: float = 5
    read_timeout_s: float = 65
    """Longer than the minute after which an API server gives up on its store."""

    @property
    def credential(self) -> str:
        """What the server is shown, in words."""
        if self.server:
            return ("bearer token %s" % self.token_place).strip()
        return "token or client certificate of kubeconfig %s" % self.kubeconfig if self.kubeconfig else "pod's token"


class ApiServer:
    """A cluster's API server; the first request connects to it. A context manager that closes the connection.

    Raises:
        ClusterError: the access cannot work as it is given.
    """

    def __init__(self, access: Access, retry: Retry):
        configuration = _configuration(access)
        self.address = configuration.host
        self._access = access
        self._retry = retry
        self._client = ApiClient(configuration)
        self._client.user_agent = "segment_bridge/" + __version__
        # An API server redirects nobody. urllib3 would go there without the token, and be refused for lack of it.
        manager = self._client.rest_client.pool_manager
        manager.urlopen = partial(manager.urlopen, redirect=False)
        if access.ca:
            # The client knows CAs in files alone.
            manager.connection_pool_kw.update(ssl_context=_trusting(access.ca), ca_certs=None)

    def __enter__(self) -> "ApiServer":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._client.rest_client.pool_manager.clear()

    def pages(self, resource: Resource, page_size: int) -> Iterator[List[Dict[str, Any]]]:
        """The objects in pages, all of one state of the cluster.

        Raises:
            ListExpired: the server no longer has that state; what was listed so far is part of nothing.
            ClusterError, Unavailable: as told above.
        """
        query = [("limit", page_size)]
        if resource.selector:
            query.append(("labelSelector", resource.selector))
        token = ""
        while True:
            continued = query + [("continue", token)] if token else query
            page = self._retry.call(partial(self._page, resource, continued))
            yield page["items"] or []
            token = page["metadata"].get("continue")
            if not token:
                return

    def _page(self, resource: Resource, query: List[tuple]) -> Dict[str, Any]:
        try:
            response = self._client.call_api(
                resource.path, "GET", query_params=query, auth_settings=["BearerToken"],
                header_params={"Accept": "application/json", "Accept-Encoding": "gzip"}, _preload_content=False,
                _request_timeout=(self._access.connect_timeout_s, self._access.read_timeout_s),
                _return_http_data_only=True)
            body = response.data
        except ApiException as error:
            if error.status:
                raise self._refusal(resource, error) from None
            raise self._no_connection(error.__context__) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._no_connection(error) from None
        return self._parsed(resource, body)

    def _parsed(self, resource: Resource, body: bytes) -> Dict[str, Any]:
        try:
            page = json.loads(body)
            items = [] if page["items"] is None else page["items"]
            is_asked_for = (page["kind"] == resource.list_kind and isinstance(page["metadata"], dict)
                            and isinstance(items, list) and all(isinstance(item, dict) for item in items))
        except (ValueError, TypeError, KeyError):
            is_asked_for = False
        if not is_asked_for:
            raise ClusterError("%s answered a list of %s with something else, which begins: %s. Check that it is an "
                               "API server, and that no proxy answers in its place" % (
                                   self.address, resource.plural, excerpt(body)))
        return page

    def _refusal(self, resource: Resource, error: ApiException) -> SegmentBridgeError:
        """What a status other than 200 means, and what to do."""
        name = "%s.%s" % (resource.plural, resource.group) if resource.group else resource.plural
        said = "%s answered %d to a list of %s: %s" % (self.address, error.status, name, _said(error.body))
        if error.status == 410:
            return ListExpired(said)
        if error.status == 429 or error.status >= 500:
            return Unavailable(said, retry_after_s(error.headers, time.time()))
        return ClusterError("%s. %s" % (said, {
            401: "The %s is unknown or has expired: make a new one, and store it" % self._access.credential,
            403: "Give its account %s, as in %s in the app's folder" % (resource.rule, resource.manifest),
            404: "The resource is not installed there: check that this is the right cluster",
        }.get(error.status, "Check that it is a Kubernetes API server")))

    def _no_connection(self, error: Optional[BaseException]) -> SegmentBridgeError:
        """Which step of the way to the server failed, and what to do."""
        where, what, cure, is_passing = _diagnosis(error)
        raised = Unavailable if is_passing else ClusterError
        via = " through proxy %s" % self._access.proxy_url if self._access.proxy_url else ""
        return raised("%s cannot be reached%s: %s failed: %s. %s" % (self.address, via, where, what, cure))


def _diagnosis(error: Optional[BaseException]) -> tuple:
    """(the step that failed, how, the cure, whether it may pass by itself)"""
    causes = list(_causes(error))
    text = _reason(causes[-1])

    def met(*types) -> bool:
        return any(isinstance(cause, types) for cause in causes)

    if met(urllib3.exceptions.ProxyError):
        return "the proxy", text, "Check proxy_url, and its credentials in the password store", "407" not in text
    if met(socket.gaierror):
        return "DNS", text, "Check the host name, and this machine's name servers", True
    if met(ssl.SSLError, urllib3.exceptions.SSLError):
        return "TLS", text, "Set ca_file to the CA of its certificate, and server to a name that is in that", False
    if met(urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
        return "TCP", text, "Check host and port, and whether a firewall or a proxy (proxy_url) is in between", True
    return "HTTP", text, "The connection broke or stalled: if it stays so, check the API server's health", True


def _causes(error: Optional[BaseException]) -> Iterator[BaseException]:
    """An exception and the failures that led to it; urllib3 hands those on as an argument or as context."""
    while isinstance(error, (OSError, urllib3.exceptions.HTTPError, http.client.HTTPException)):
        yield error
        inner = [argument for argument in error.args if isinstance(argument, BaseException)]
        error = inner[-1] if inner else error.__cause__ or error.__context__


def _reason(error: BaseException) -> str:
    """An exception in the operating system's words, or its own, without urllib3's objects."""
    words = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
    return re.sub(r"^<[^>]*>: |^HTTPS?ConnectionPool\([^)]*\): ", "", words).rstrip(".")


def _said(body: Optional[bytes]) -> str:
    """The message of a Status object, else how the body begins."""
    try:
        return json.loads(body)["message"].rstrip(".")
    except (ValueError, TypeError, KeyError, AttributeError):
        return excerpt(body or b"")


def excerpt(body: bytes) -> str:
    """How a body begins, on one line, without what may be personal: addresses, and numbers and hashes that identify."""
    text = " ".join(body[:4 * EXCERPT_CHARS].decode("utf-8", "replace").split())
    return '"%s"' % re.sub(r"[^\s\"'<>]+@[^\s\"'<>]*|\b[0-9a-f]{6,}\b", "...", text)[:EXCERPT_CHARS]


def _configuration(access: Access) -> Configuration:
    configuration = Configuration()
    if access.server:
        configuration.host = access.server.rstrip("/")
        if access.token:
            configuration.api_key["authorization"] = "Bearer " + access.token
    elif access.kubeconfig:
        _load_kubeconfig(access, configuration)
    else:
        _load_pod_account(configuration)
    if urlsplit(configuration.host).scheme != "https":
        raise ClusterError('The API server\'s URL must begin with https://, got "%s"' % configuration.host)
    if access.ca_file:
        configuration.ssl_ca_cert = access.ca_file
    _check_ca_file(configuration.ssl_ca_cert)
    # urllib3 must not try again by itself, and what the environment says about proxies is meant for other programs.
    configuration.retries = False
    configuration.proxy = access.proxy_url or None
    if access.proxy_credentials:
        configuration.proxy_headers = urllib3.make_headers(proxy_basic_auth=access.proxy_credentials)
    return configuration


def _load_kubeconfig(access: Access, configuration: Configuration) -> None:
    """Takes server, CA and credentials of a kubeconfig's context.

    Raises:
        ClusterError: it cannot be read, lacks the context, or asks for something that is refused here: a program to be
            run, a login that has to be refreshed, or a server that is not verified.
    """
    # These import half a second's worth of libraries, which the other ways of access do without.
    import yaml
    from kubernetes.config import ConfigException
    from kubernetes.config.kube_config import KubeConfigLoader

    def refused(why: str) -> ClusterError:
        return ClusterError("kubeconfig %s %s" % (access.kubeconfig, why))

    try:
        with open(access.kubeconfig, encoding="utf-8") as file:
            config = yaml.safe_load(file)
        loader = KubeConfigLoader(config, access.context or None, config_base_path=os.path.dirname(access.kubeconfig))
        context = loader.current_context["context"]
        cluster, user = (next((entry[kind] for entry in config[kind + "s"] if entry["name"] == context.get(kind)), {})
                         for kind in ("cluster", "user"))
    except OSError as error:
        raise refused("cannot be read: %s" % error.strerror) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise refused("is not YAML") from None
    except (ConfigException, KeyError, TypeError, AttributeError) as error:
        raise refused("does not hold a complete context%s: %s" % (
            ' "%s"' % access.context if access.context else "", error)) from None

    for entry, what in ((user, "exec"), (user, "auth-provider")):
        if what in entry:
            raise refused('runs a program to log in (%s), which a Splunk app must not: use a token or a client '
                          'certificate, such as a ServiceAccount\'s' % what)
    if cluster.get("insecure-skip-tls-verify"):
        raise refused("turns off TLS verification: give it the certificate-authority instead")
    try:
        loader.load_and_set(configuration)
    except (ConfigException, OSError, ValueError) as error:
        raise refused("cannot be used: %s" % error) from None


def _load_pod_account(configuration: Configuration) -> None:
    from kubernetes.config import ConfigException
    from kubernetes.config.incluster_config import load_incluster_config

    try:
        load_incluster_config(configuration)
    except ConfigException as error:
        raise ClusterError("Neither server nor kubeconfig is set, and this is not a pod with a service account (%s): "
                           "set one of them" % error) from None


def _trusting(certificates: str) -> ssl.SSLContext:
    """What a connection verifies with: these certificates and no others; see Access.ca. urllib3 looks at the name."""
    context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    try:
        context.load_verify_locations(
            cadata=b"".join(base64.b64decode(each, validate=True) for each in certificates.split(",")))
        return context
    except (ValueError, ssl.SSLError) as error:
        raise ClusterError("The CA certificates in the password store cannot be used: %s. Save them anew on the app's "
                           "setup page" % error) from None


def _check_ca_file(path: Optional[str]) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ClusterError("ca_file %s cannot be used: %s. It must hold CA certificates in PEM" % (
            path, _reason(error))) from None
