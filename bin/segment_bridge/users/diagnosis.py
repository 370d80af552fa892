"""Explains why an API server cannot be reached: which step failed (DNS, TCP, TLS, ...) and what to do about it.

Sources: urllib3 1.26 (which exception wraps which); OpenSSL's reason names, as Python's ssl reports them.
"""

import http.client
import re
import socket
import ssl
from typing import Iterator, NamedTuple, Optional
from urllib.parse import urlsplit

import urllib3
from urllib3.util.ssl_match_hostname import CertificateError

_PROBE_S = 5
_NO_TLS = re.compile("WRONG_VERSION_NUMBER|HTTP_REQUEST|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE")
_NO_CLIENT = re.compile("ALERT_(UNKNOWN_CA|ACCESS_DENIED|.*CERTIFICATE.*)")

_NO_TLS_CURE = "The port speaks plain HTTP or something else, but not TLS: set server to the API server's https port"
_NO_CLIENT_CURE = "The server does not accept the %s: use one that has not expired, from a CA that the server trusts"
_BROKEN_TLS_CURE = (
    "The connection broke off: check that the port is the API server's, and any firewall or proxy in between"
)
_TCP_CURE = "Check host and port, and whether a firewall or a proxy (proxy_url) is in between"
_HTTP_CURE = "The connection broke or stalled: if this persists, check the API server's health"


class Diagnosis(NamedTuple):
    """`is_passing`: the problem may go away by itself, so a retry makes sense."""

    step: str
    what: str
    cure: str
    is_passing: bool

    @property
    def reason(self) -> str:
        """The error code, from segment_bridge.reasons."""
        return {"the proxy": "proxy", "TLS": "tls"}.get(self.step, "network")


def diagnosis(error: Optional[BaseException], url: str, tls_cure: str, credential: str) -> Diagnosis:
    """Finds the step that failed.

    Args:
        error: what urllib3 raised.
        url: the server's URL, to probe whether it speaks plain HTTP; empty if it can only be reached through a proxy.
        tls_cure: what to do if its certificate cannot be verified.
        credential: describes the credential, for error texts.
    """
    causes = list(_causes(error))
    text = _words(causes[-1])
    reasons = " ".join(getattr(cause, "reason", None) or "" for cause in causes if isinstance(cause, ssl.SSLError))

    def met(*types: type) -> bool:
        return any(isinstance(cause, types) for cause in causes)

    if met(UnicodeError, urllib3.exceptions.LocationParseError):
        return Diagnosis("DNS", text, "This is not a valid host name: check it, and that of the proxy", False)
    if met(urllib3.exceptions.ProxyError):
        return Diagnosis("the proxy", text, "Check proxy_url, and its credentials", "407" not in text)
    if met(socket.gaierror):
        return Diagnosis("DNS", text, "Check the host name, and this machine's name servers", True)
    if _NO_TLS.search(reasons):
        return Diagnosis("TLS", text, _NO_TLS_CURE, False)
    if _NO_CLIENT.search(reasons):
        return Diagnosis("TLS", text, _NO_CLIENT_CURE % credential, False)
    if met(ssl.SSLCertVerificationError, CertificateError):
        return Diagnosis("TLS", text, tls_cure, False)
    if met(ssl.SSLError, urllib3.exceptions.SSLError):
        if url and _speaks_plain_http(url):
            return Diagnosis("TLS", text, _NO_TLS_CURE, False)
        return Diagnosis("TLS", text, _BROKEN_TLS_CURE, True)
    if met(urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
        return Diagnosis("TCP", text, _TCP_CURE, True)
    return Diagnosis("HTTP", text, _HTTP_CURE, True)


def _speaks_plain_http(url: str) -> bool:
    """Probes in plain HTTP: some servers without TLS hang up on a handshake, while those with TLS ask for HTTPS."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), _PROBE_S) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = connection.recv(1_000)
    except OSError:
        return False
    return answer.startswith(b"HTTP/") and b"HTTPS" not in answer


def _causes(error: Optional[BaseException]) -> Iterator[BaseException]:
    """An exception and the failures that led to it, which urllib3 passes on as an argument or as the context."""
    while isinstance(error, (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException)):
        yield error
        inner = [argument for argument in error.args if isinstance(argument, BaseException)]
        error = inner[-1] if inner else error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    """An exception in the operating system's words, or its own, without urllib3's objects."""
    words = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
    return re.sub(r"^<[^>]*>: |^HTTPS?ConnectionPool\([^)]*\): ", "", words).rstrip(".")
