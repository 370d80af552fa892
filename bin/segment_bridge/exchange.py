"""A request over HTTP and its answer: verified, bounded in time and size, through a proxy where one is set.

It uses no session of requests, so no netrc, other programs' proxies or cookies play a part, and it follows no redirect.
Callers know what to ask, and what an answer means.
"""

import http.client
import logging
import ssl
from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Type

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from segment_bridge import __version__, connections, texts
from segment_bridge.errors import SegmentBridgeError, SettingsError, Unavailable
from segment_bridge.settings import Way

LONGEST_ANSWER_BYTES = 65_536
_BROKEN = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)
"""What requests and the libraries under it raise if there is no valid answer; requests does not wrap all of it."""
_EXCERPT_CHARS = 200


class Said(NamedTuple):
    """An answer of any status. The body may be cut at the requested length."""

    status: int
    phrase: str
    headers: Mapping[str, str]  # names in any letter case; urllib3's, which tell repeated ones apart
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").strip()


Request = requests.PreparedRequest


class NoAnswer(Exception):
    """There is no answer, or only part of one.

    Attributes:
        reason: tls, proxy (it asks for credentials: 407), or network.
        text: why; others wrote it.
        is_stale: the other side had closed a kept-alive connection. Sending the request again is not a second try.
    """

    def __init__(self, error: Exception, is_used: bool = False):
        certificate = _find(error, ssl.SSLCertVerificationError, CertificateError)  # the latter is about the name
        cause = certificate or _find(error, OSError, http.client.HTTPException) or error
        self.text = (
            getattr(cause, "verify_message" if certificate else "strerror", None) or str(cause) or type(cause).__name__
        )
        self.reason = "tls" if certificate else "network"
        if not certificate and "407" in self.text and "Tunnel" in str(error):
            self.reason = "proxy"
        self.is_stale = (
            is_used
            and isinstance(error, requests.ConnectionError)
            and _find(error, ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected) is not None
        )
        super().__init__(self.text)


def prepared(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Request:
    """A request that may be sent any number of times, with the app's name in it."""
    request = requests.Request(method, url, {"User-Agent": "segment-bridge/" + __version__, **headers}).prepare()
    if body:
        request.prepare_body(body, None)
    return request


class Line:
    """A connection that is kept alive from request to request, for one thread at a time."""

    def __init__(self, way: Way):
        proxies = dict.fromkeys(("http", "https"), way.proxy_url) if way.proxy_url else None
        self._how: Dict[str, Any] = {
            "stream": True,
            "timeout": (way.connect_timeout, way.timeout),
            "proxies": proxies,
            "verify": way.ca_file or True,
        }
        self._ends_after_s = way.connect_timeout + way.timeout
        self._adapter = _Adapter(max_retries=0)
        self._is_used = False

    def send(self, request: Request, most_bytes: int = LONGEST_ANSWER_BYTES) -> Said:
        """Sends it once, and reads the answer.

        Raises:
            NoAnswer
        """
        is_used, self._is_used = self._is_used, False
        try:
            with connections.ended_after(self._ends_after_s), self._adapter.send(request, **self._how) as response:
                try:
                    content = connections.read(response.raw, most_bytes)
                    body, is_whole = content.data, content.is_whole
                except DecodeError as error:  # the status counts none the less
                    body, is_whole = str(error).encode(), False
        except _BROKEN as error:
            raise NoAnswer(error, is_used) from None
        # "HTTP API": after a 5xx look up the name anew, another server may do better. So says 421, too.
        self._is_used = is_whole and response.status_code < 500 and response.status_code != 421
        if not self._is_used:
            self._adapter.close()
        return Said(response.status_code, response.reason or "", response.raw.headers, body)


class Asker:
    """Asks an API for something, one request after the other.

    Args:
        service: what it is called in errors.
        secrets: what no error may hold.
        most_bytes: of an answer; what is beyond them is not read.
    """

    def __init__(self, way: Way, service: str, secrets: Iterable[str] = (), most_bytes: int = LONGEST_ANSWER_BYTES):
        self._line = Line(way)
        self._most_bytes = most_bytes
        self._service = service
        self._secrets = tuple(secrets)

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Said:
        """An answer of any status.

        Raises:
            Unavailable: there is none, for now.
            SegmentBridgeError: there is none, for a reason that stays: tls, proxy.
        """
        request = prepared(method, url, headers, body)
        try:
            return self._line.send(request, self._most_bytes)
        except NoAnswer as first:
            if not first.is_stale:
                raise self._error(first) from None
        try:
            return self._line.send(request, self._most_bytes)
        except NoAnswer as second:
            raise self._error(second) from None

    def _error(self, found: NoAnswer) -> SegmentBridgeError:
        text = "%s cannot be reached: %s" % (self._service, texts.printable(found.text, _EXCERPT_CHARS, self._secrets))
        if found.reason == "network":
            return Unavailable(text, reason=found.reason)
        return SegmentBridgeError(text, reason=found.reason)


def check_ca_file(where: str, path: str) -> None:
    """
    Args:
        where: the stanza, for errors.

    Raises:
        SettingsError: it holds no CA certificates.
    """
    if not path:
        return
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one, too
        raise SettingsError(
            "%s ca_file %s cannot be used: %s. It must hold CA certificates in PEM"
            % (where, path, error.strerror or error),
            setting="ca_file",
        ) from None


def _find(error: Optional[BaseException], *kinds: Type[BaseException]) -> Optional[BaseException]:
    """The innermost exception of these kinds behind an error of requests, which wraps them in its own ways."""
    found: Optional[BaseException] = None
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, kinds) and not isinstance(error, requests.RequestException):
            found = error
        inner = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((each for each in inner if isinstance(each, BaseException)), None)
    return found


# What urllib3 would warn of is in the answer; on stderr it would become an error in search.log.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = connections.POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = connections.POOLS
        return manager
