"""Sends HTTP requests and reads the answers: with TLS verified, limits on time and size, and a proxy if one is set.

It uses no requests.Session, so netrc, cookies and proxy variables of the environment have no effect. It does not follow
redirects. Callers know what to ask, and what an answer means.
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
"""What requests and the libraries under it raise if there is no valid answer; requests does not wrap all of them."""
_EXCERPT_CHARS = 200


class Said(NamedTuple):
    """An answer of any status. Its body may be cut at the caller's limit."""

    status: int
    phrase: str
    headers: Mapping[str, str]  # urllib3's: ignores the case of names, and keeps repeated headers apart
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").strip()


Request = requests.PreparedRequest


class NoAnswer(Exception):
    """There is no answer, or only part of one.

    Attributes:
        reason: tls, proxy (it asks for credentials: 407), or network.
        text: the cause, in words from outside the app.
        is_stale: the other side had closed a kept-alive connection, so sending again does not count as a retry.
    """

    def __init__(self, error: Exception, is_used: bool = False):
        certificate = _find(error, ssl.SSLCertVerificationError, CertificateError)  # CertificateError: wrong name
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
    """Prepares a request, with the app as its user agent. It may be sent any number of times."""
    request = requests.Request(method, url, {"User-Agent": "segment-bridge/" + __version__, **headers}).prepare()
    if body:
        request.prepare_body(body, None)
    return request


class Line:
    """A connection that stays open between requests. Only one thread may use it at a time."""

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
        """Sends a request once, and reads the answer up to `most_bytes`.

        Raises:
            NoAnswer: there is none, or only part of one.
        """
        is_used, self._is_used = self._is_used, False
        try:
            with connections.ended_after(self._ends_after_s), self._adapter.send(request, **self._how) as response:
                try:
                    content = connections.read(response.raw, most_bytes)
                    body, is_whole = content.data, content.is_whole
                except DecodeError as error:  # the status still counts
                    body, is_whole = str(error).encode(), False
        except _BROKEN as error:
            raise NoAnswer(error, is_used) from None
        # Segment's "HTTP API": after a 5xx, resolve the name again, as another server may work. 421 means the same.
        self._is_used = is_whole and response.status_code < 500 and response.status_code != 421
        if not self._is_used:
            self._adapter.close()
        return Said(response.status_code, response.reason or "", response.raw.headers, body)


class Asker:
    """Asks an API, one request after the other.

    Args:
        service: its name in errors.
        secrets: texts that no error may contain.
        most_bytes: the most to read of an answer.
    """

    def __init__(self, way: Way, service: str, secrets: Iterable[str] = (), most_bytes: int = LONGEST_ANSWER_BYTES):
        self._line = Line(way)
        self._most_bytes = most_bytes
        self._service = service
        self._secrets = tuple(secrets)

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Said:
        """Returns the answer, whatever its status.

        Raises:
            Unavailable: there is none, for a reason that may pass.
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
    """Checks that a file holds CA certificates; an empty path is fine.

    Args:
        where: the stanza that names it, for errors.

    Raises:
        SettingsError: it cannot be read, or holds none.
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
    """Finds the innermost exception of these kinds, which requests wraps in various ways."""
    found: Optional[BaseException] = None
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, kinds) and not isinstance(error, requests.RequestException):
            found = error
        inner = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((each for each in inner if isinstance(each, BaseException)), None)
    return found


# On stderr, urllib3's warnings would become errors in search.log. Answers tell all that matters.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = connections.POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = connections.POOLS
        return manager
