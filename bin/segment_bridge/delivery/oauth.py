"""Gets OAuth 2.0 access tokens, for sources in Segment that require them, with an assertion signed by a private key.

A token is requested before the first batch, halfway through its lifetime, and when Segment refuses it. One thread
requests it while the others wait. An assertion is valid for less than a minute by the token server's clock. If the
local clock differs, the Date header of an answer tells by how much.

Sources: Segment's "OAuth 2.0"; segment-analytics-python, oauth_manager.py (the request, and the meaning of answers);
RFC 7515, RFC 7523.
"""

import base64
import json
import threading
import time
import uuid
from typing import Any, Callable, Dict, Mapping, Optional
from urllib.parse import urlencode

from segment_bridge import credentials, texts
from segment_bridge.delivery.signature import Key
from segment_bridge.errors import SecretError, SegmentBridgeError, Unavailable
from segment_bridge.exchange import Said
from segment_bridge.retry import date_s, retry_after_s

SERVERS = {"us": "https://oauth2.segment.io", "eu": "https://oauth2.eu1.segmentapis.com"}
SCOPE = "tracking_api:write"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
THROTTLED_S = 5.0
"""How long to wait after a 429 without Retry-After."""
_BEFORE_S, _LIFE_S = 5, 55
_SHORT_LIFE_S = 60.0  # assumed if the answer does not tell a token's lifetime
_SPARE_S = 30.0  # a token with less time left than this is no longer sent
_UNTIMELY = ("Token is expired", "Token used before issued")
_EXCERPT_CHARS = 200


class TokenRefused(SegmentBridgeError):
    """The token server refuses this application, so retrying is useless. `status` is that of its answer."""

    reason = "oauth"

    def __init__(self, text: str, status: Optional[int] = None, **about: str):
        super().__init__(text, **about)
        self.status = status


Post = Callable[[str, Mapping[str, str], bytes], Said]
"""Sends a body with headers to a URL; raises Unavailable or another SegmentBridgeError if there is no answer."""


class Tokens:
    """The access token of a run, shared by its threads.

    Args:
        server: its URL without a final slash, which is also the assertion's audience.
        post: sends a request to the server.
        clock: epoch seconds.
        ticks: seconds of a monotonic clock.
    """

    def __init__(
        self,
        server: str,
        app_id: str,
        key_id: str,
        key: Key,
        post: Post,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ):
        self._server, self._app_id, self._key_id, self._key, self._post = server, app_id, key_id, key, post
        self._clock, self._ticks = clock, ticks
        self._skew_s = 0.0  # how far the server's clock is ahead
        self._token = ""
        self._renew_at = self._ends_at = 0.0
        self._getting = threading.Lock()

    def get(self) -> str:
        """Returns a valid token, and requests one first if necessary.

        Raises:
            Unavailable: the server cannot be reached, is busy, or failed.
            TokenRefused: it refused this application, its key, or the assertion.
        """
        with self._getting:
            now = self._ticks()
            if self._token and now < self._renew_at:
                return self._token
            try:
                self._renew()
            except Unavailable:
                if not self._token or now > self._ends_at - _SPARE_S:
                    raise
                self._renew_at = now + _SPARE_S  # the old token is still valid
            return self._token

    def drop(self, token: str) -> None:
        """Discards a token that the receiver refused, unless another thread has already replaced it."""
        with self._getting:
            if token == self._token:
                self._token = ""

    def _renew(self) -> None:
        began = self._ticks()
        said = self._ask()
        problem = _problem(said)
        if problem in _UNTIMELY:  # that answer told the skew, so try once more
            said = self._ask()
            problem = _problem(said)
        if said.status == 429:
            raise Unavailable(
                "the token server asks for a pause: " + _told(said),
                retry_after_s(said.headers, self._clock()) or THROTTLED_S,
                reason=TokenRefused.reason,
            )
        if said.status >= 500 or said.status in (408, 425):
            raise Unavailable(
                "the token server failed: " + _told(said),
                retry_after_s(said.headers, self._clock()),
                reason=TokenRefused.reason,
            )
        if said.status != 200:
            cure = (
                "set the search head's clock, which is %+.0f s off" % -self._skew_s
                if problem in _UNTIMELY
                else (
                    "compare oauth_app_id, oauth_key_id and the private key with the OAuth application in Segment, "
                    "which has the public key; is it of the workspace's region?"
                )
            )
            raise TokenRefused(
                "the token server refuses the application: %s. To do: %s" % (_told(said), cure), said.status
            )
        answer = _object(said.text)
        token = answer.get("access_token")
        if not isinstance(token, str) or not token.strip():
            raise TokenRefused("the token server answered 200 without an access_token: is a proxy in between?", 200)
        try:
            self._token = credentials.checked(token, "token that the token server gave")
        except SecretError as error:
            raise TokenRefused(str(error), 200) from None
        life_s = answer.get("expires_in")
        if isinstance(life_s, bool) or not isinstance(life_s, (int, float)) or life_s <= 0:
            life_s = _SHORT_LIFE_S
        self._renew_at, self._ends_at = began + life_s / 2, began + life_s

    def _ask(self) -> Said:
        said = self._post(
            self._server + "/token",
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": self._assertion(),
                    "scope": SCOPE,
                }
            ).encode(),
        )
        date = date_s(said.headers.get("Date", ""))
        if date is not None:
            self._skew_s = date - self._clock()
        return said

    def _assertion(self) -> str:
        now = int(self._clock() + self._skew_s)
        head = _encoded({"alg": "RS256", "typ": "JWT", "kid": self._key_id})
        claims = _encoded(
            {
                "iss": self._app_id,
                "sub": self._app_id,
                "aud": self._server,
                "iat": now - _BEFORE_S,
                "exp": now + _LIFE_S,
                "jti": str(uuid.uuid4()),
            }
        )
        signed = "%s.%s" % (head, claims)
        return "%s.%s" % (signed, _base64url(self._key.sign(signed.encode())))


def _encoded(value: Dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(text: str) -> Dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _problem(said: Said) -> str:
    """The error description of a 400; empty for other answers."""
    return str(_object(said.text).get("error_description", "")) if said.status == 400 else ""


def _told(said: Said) -> str:
    """Describes an answer other than 200, for error texts."""
    answer = _object(said.text)
    parts = [str(answer[name]) for name in ("error", "error_description") if answer.get(name)]
    return "HTTP %d %s" % (said.status, texts.printable(": ".join(parts) or said.text, _EXCERPT_CHARS))
