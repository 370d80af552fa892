"""Lists the objects of a Kubernetes API server page by page, through the official client's ApiClient.

It builds no model objects: a page is the list of dicts in the JSON. Numbers are not parsed, as nothing reads them. Each
error says where it happened, what failed, and what to do. Failed or broken connections, time-outs, 429 and 5xx are
retried and raise Unavailable if no attempt succeeds; everything else raises ClusterError at once.

Pages have a limit, so that no answer can exhaust memory: MOST_PAGE_BYTES uncompressed, and MOST_PAGE_VALUES JSON
values. A page over the limit is requested again with half as many objects; etcd stores no object over 1.5 MB.

Sources: Kubernetes API concepts ("Retrieving large results sets in chunks", "410 Gone responses"); "Using RBAC
Authorization"; the answers of real servers; etcd's limits.
"""

import json
import re
import time
from functools import partial
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

import urllib3
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException

from segment_bridge import __version__, connections, texts
from segment_bridge.errors import ClusterError, ListExpired, SegmentBridgeError, Unavailable
from segment_bridge.retry import Retry, retry_after_s
from segment_bridge.users.access import Access, Endpoint, resolve
from segment_bridge.users.diagnosis import diagnosis
from segment_bridge.users.objects import Page

EXCERPT_CHARS = 200
MOST_PAGE_BYTES = 8_000_000
MOST_PAGE_VALUES = 800_000
"""Estimated from above, by counting brackets and commas. A UserSignup has about 150 values."""
MOST_REFUSAL_BYTES = 64_000


class Resource(NamedTuple):
    """A kind of object to list. An empty `group` is the core group; an empty `namespace` means cluster scope."""

    group: str
    version: str
    plural: str
    list_kind: str
    namespace: str = ""
    selector: str = ""
    manifest: str = ""
    """The file in the app's folder that grants the right to list it, and no right that this input does not need."""

    @property
    def path(self) -> str:
        root = "/apis/" + self.group if self.group else "/api"
        within = "/namespaces/" + self.namespace if self.namespace else ""
        return "%s/%s%s/%s" % (root, self.version, within, self.plural)

    @property
    def rule(self) -> str:
        """The RBAC rule that grants the right to list it, for error texts."""
        role = 'a Role in namespace "%s"' % self.namespace if self.namespace else "a ClusterRole"
        return '%s with apiGroups: ["%s"], resources: ["%s"], verbs: ["list"]' % (role, self.group, self.plural)


class Answer(NamedTuple):
    """Has the attributes of a urllib3 response that ApiClient uses. Its body has been read, up to a limit."""

    status: int
    reason: Optional[str]
    headers: Any
    data: bytes

    def getheaders(self) -> Any:
        return self.headers


class PageTooLarge(Exception):
    """A page of a list exceeds MOST_PAGE_BYTES or MOST_PAGE_VALUES."""


class ApiServer:
    """A cluster's API server. Connects with the first request; a context manager that closes the connection.

    Raises:
        ClusterError, SecretError: the settings or the files that they name cannot work.
    """

    def __init__(self, access: Access, retry: Retry):
        self._access = access
        self._retry = retry
        self._endpoint = resolve(access)
        self.address = self._endpoint.server
        configuration = Configuration()
        configuration.host = self.address
        if self._endpoint.authorization:
            configuration.api_key["authorization"] = self._endpoint.authorization
        self._client = ApiClient(configuration)
        self._client.user_agent = "segment_bridge/" + __version__
        self._client.rest_client.pool_manager = self._connections = _Connections(self._endpoint)

    def __enter__(self) -> "ApiServer":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._connections.clear()

    def pages(self, resource: Resource, page_size: int, retry: Optional[Retry] = None) -> Iterator[Page]:
        """Yields the objects page by page, all from one consistent state of the cluster.

        Args:
            page_size: objects in a page.
            retry: used for this list in place of the one given to the constructor.

        Raises:
            ListExpired: the server no longer has that state; discard the pages listed so far.
            ClusterError, Unavailable: see the module's docstring.
        """
        token = ""
        while True:
            query: List[Tuple[str, Union[str, int]]] = [("limit", page_size)]
            if resource.selector:
                query.append(("labelSelector", resource.selector))
            if token:
                query.append(("continue", token))
            try:
                page = (retry or self._retry).call(partial(self._page, resource, query))
            except PageTooLarge:
                if page_size == 1:
                    raise ClusterError(
                        "%s sent more than %s MB or too many values in a list of one of the %s: "
                        "check that it is an API server, and obeys limit=1"
                        % (self.address, MOST_PAGE_BYTES // 1_000_000, resource.plural)
                    ) from None
                page_size //= 2
                continue
            yield page["items"] or []
            before, token = token, page["metadata"].get("continue")
            if not token:
                return
            if token == before:
                raise ClusterError(
                    "%s sent the same continue token with two pages of the %s, so the list would never "
                    "end: check that it is an API server" % (self.address, resource.plural)
                )

    def _page(self, resource: Resource, query: List[Tuple[str, Union[str, int]]]) -> Dict[str, Any]:
        accepted = "gzip" if self._endpoint.is_compressed else "identity"
        try:
            with connections.ended_after(self._access.answer_timeout_s, self._access.read_timeout_s):
                response = self._client.call_api(
                    resource.path,
                    "GET",
                    query_params=query,
                    auth_settings=["BearerToken"],
                    header_params={"Accept": "application/json", "Accept-Encoding": accepted},
                    _preload_content=False,
                    _request_timeout=(self._access.connect_timeout_s, self._access.read_timeout_s),
                    _return_http_data_only=True,
                )
        except ApiException as error:
            if error.status:
                raise self._refusal(resource, error) from None
            raise self._no_connection(error.__context__) from None
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:  # UnicodeError: an impossible host name
            raise self._no_connection(error) from None
        return self._parsed(resource, response.data)

    def _parsed(self, resource: Resource, body: bytes) -> Dict[str, Any]:
        if sum(map(body.count, (b"{", b"[", b","))) > MOST_PAGE_VALUES:
            raise PageTooLarge
        try:
            page: Dict[str, Any] = json.loads(body, parse_int=_unread, parse_float=_unread, parse_constant=_unread)
            items = [] if page["items"] is None else page["items"]
            token = page["metadata"].get("continue") or ""
            is_asked_for = (
                page["kind"] == resource.list_kind
                and isinstance(token, str)
                and isinstance(items, list)
                and all(isinstance(item, dict) for item in items)
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            is_asked_for = False
        if not is_asked_for:
            raise ClusterError(
                "%s did not answer with a list of %s, but with something that begins: %s. Check that it is an API "
                "server, and that no proxy answers in its place" % (self.address, resource.plural, self._excerpt(body))
            )
        return page

    def _refusal(self, resource: Resource, error: ApiException) -> SegmentBridgeError:
        """Says what a status other than 200 means, and what to do."""
        name = "%s.%s" % (resource.plural, resource.group) if resource.group else resource.plural
        said = "%s answered %d to a list of %s: %s" % (self.address, error.status, name, self._said(error.body or b""))
        if error.status == 410:
            return ListExpired(said)
        if error.status == 429 or error.status >= 500:
            return Unavailable(said, retry_after_s(error.headers, time.time()))
        return ClusterError(
            "%s. %s" % (said, self._cure(resource, error.status, said)), reason="http_%d" % error.status
        )

    def _cure(self, resource: Resource, status: int, said: str) -> str:
        path = urlsplit(self.address).path
        if "Client sent an HTTP request to an HTTPS server" in said:
            return "Something in between sends plain HTTP to it: check the proxy"
        if status == 401:
            return "The %s is unknown or has expired: create a new one, and save it" % self._endpoint.credential
        if path and (status == 404 or 300 <= status < 400 or "cannot get path" in said):
            return (
                'The URL has the path "%s", but an API server has no path: leave it out, unless a proxy in front of it '
                "needs the path" % path
            )
        if status == 403 and "system:anonymous" in said:
            return (
                "The %s did not reach it: something in between removes it, or terminates TLS"
                % self._endpoint.credential
            )
        if status == 403 and "cannot list resource" in said:
            return "Give its account %s, as in %s in the app's folder" % (resource.rule, resource.manifest)
        if status == 403:
            return "This is not about the permission to list: find out what refuses, perhaps a proxy"
        if status == 404:
            return "The cluster does not have this resource: check that it is the right cluster"
        return "Check that it is a Kubernetes API server"

    def _no_connection(self, error: Optional[BaseException]) -> SegmentBridgeError:
        """Says which step of connecting failed, and what to do."""
        url = "" if self._endpoint.proxy_url else self.address
        found = diagnosis(error, url, self._endpoint.tls_cure, self._endpoint.credential)
        raised = Unavailable if found.is_passing else ClusterError
        via = " through proxy %s" % self._endpoint.proxy_url if self._endpoint.proxy_url else ""
        return raised(
            "%s cannot be reached%s: %s failed: %s. %s"
            % (self.address, via, found.step, self._shown(found.what), found.cure),
            reason=found.reason,
        )

    def _said(self, body: bytes) -> str:
        """The message of a Status object, else the beginning of the body."""
        try:
            return self._shown(json.loads(body)["message"].rstrip("."))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return self._excerpt(body)

    def _excerpt(self, body: bytes) -> str:
        return excerpt(body, self._endpoint.secrets)

    def _shown(self, text: str) -> str:
        return texts.printable(text, 3 * EXCERPT_CHARS, self._endpoint.secrets)


def excerpt(body: bytes, secrets: Iterable[str] = ()) -> str:
    """The beginning of a body on one line, without what may be personal: email addresses, long numbers and hashes."""
    text = texts.printable(body[: 4 * EXCERPT_CHARS].decode("utf-8", "replace"), 4 * EXCERPT_CHARS, secrets)
    return '"%s"' % re.sub(r"[^\s\"'<>]+@[^\s\"'<>]*|\b[0-9a-f]{6,}\b", "...", text)[:EXCERPT_CHARS]


def _unread(number: str) -> int:
    """Stands in for every number: nothing reads them, and parsing a million digits takes minutes."""
    return 1


class _Manager(urllib3.PoolManager):
    """Makes connections that keep to the time limit of a call."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self.pool_classes_by_scheme = connections.POOLS


class _ViaProxy(_Manager, urllib3.ProxyManager):
    """The same through a proxy."""


class _Connections:
    """Has the methods of a urllib3 pool manager that ApiClient uses."""

    def __init__(self, endpoint: Endpoint):
        settings: Dict[str, Any] = {
            "num_pools": 1,
            "retries": False,
            "ssl_context": endpoint.tls,
            "server_hostname": endpoint.tls_server_name or None,
        }
        if endpoint.proxy_url:
            self._manager: urllib3.PoolManager = _ViaProxy(
                proxy_url=endpoint.proxy_url,
                proxy_headers=urllib3.make_headers(proxy_basic_auth=endpoint.proxy_credentials or None),
                proxy_ssl_context=endpoint.proxy_tls,
                **settings,
            )
        else:
            self._manager = _Manager(**settings)

    def request(self, method: str, url: str, **settings: Any) -> Answer:
        # An API server never redirects. urllib3 would follow without the token, and hide the cause behind a 401.
        settings.update(redirect=False, preload_content=False, decode_content=False)
        return _read(self._manager.request(method, url, **settings))

    def clear(self) -> None:
        self._manager.clear()


def _read(response: urllib3.HTTPResponse) -> Answer:
    is_page = response.status == 200
    try:
        data, is_whole = connections.read(response, MOST_PAGE_BYTES if is_page else MOST_REFUSAL_BYTES)
    except (urllib3.exceptions.HTTPError, OSError):
        response.close()
        if is_page:
            raise
        data, is_whole = b"", False  # the status is known
    if not is_whole:
        response.close()
        if is_page:
            raise PageTooLarge
    return Answer(response.status, response.reason, response.headers, data)
