"""Segment's token server: it exchanges a client assertion, signed with an application's private key, for an access
token.

It verifies the signature with a third-party library, checks each claim, and refuses an assertion that it has seen
before.
"""

from __future__ import annotations

import base64
import email.utils
import json
import threading
import time
import urllib.parse
import uuid
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer, Request

LONGEST_ASSERTION_S = 60
_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class _Refused(Exception):
    def __init__(self, status: int, error: str, description: str):
        super().__init__(error)
        self.reply = (status, {"error": error, "error_description": description})


class FakeTokenServer(FakeServer):
    """oauth2.segment.io on loopback, with one application.

    Args:
        audience: the audience that an assertion must name; the server's own URL by default.
        skew_s: how far its clock is ahead.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        app_id: str,
        key_id: str,
        public_key: RSAPublicKey,
        audience: str = "",
        scope: str = "tracking_api:write",
        expires_in: float = 86_400,
        skew_s: float = 0,
        **server_options,
    ):
        super().__init__(port, **server_options)
        self.app_id, self.key_id, self._public_key = app_id, key_id, public_key
        self._audience, self._scope, self.expires_in, self.skew_s = audience, scope, expires_in, skew_s
        self.tokens: dict[str, float] = {}
        """Issued tokens, with their expiry."""
        self.revoked: set[str] = set()
        self._seen: set[str] = set()
        self._guard = threading.Lock()

    def takes(self, token: str) -> bool:
        """Whether a receiver should accept the token."""
        return token not in self.revoked and self.tokens.get(token, 0) > self._now()

    def revoke_all(self) -> None:
        self.revoked.update(self.tokens)

    def _now(self) -> float:
        return time.time() + self.skew_s

    def answer(self, request: Request) -> Reply:
        date = {"Date": email.utils.formatdate(self._now(), usegmt=True)}
        if request.method != "POST" or request.path != "/token":
            return Reply.text(404, "Not Found", **date)
        try:
            self._check(request)
        except _Refused as refused:
            status, body = refused.reply
            return Reply.json(status, body, **date)
        token = uuid.uuid4().hex
        self.tokens[token] = self._now() + self.expires_in
        return Reply.json(
            200,
            {"access_token": token, "expires_in": self.expires_in, "scope": self._scope, "token_type": "Bearer"},
            **date,
        )

    def _check(self, request: Request) -> None:
        if request.headers.get("Content-Type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            raise _Refused(415, "invalid_request", "Unsupported media type")
        form = dict(urllib.parse.parse_qsl(request.body.decode(), strict_parsing=True))
        expected = {"grant_type": "client_credentials", "client_assertion_type": _TYPE, "scope": self._scope}
        for name, value in expected.items():
            if form.pop(name, None) != value:
                raise _Refused(400, "invalid_request", f"{name} must be {value}")
        if set(form) != {"client_assertion"}:
            raise _Refused(400, "invalid_request", "client_assertion, and nothing else")
        claims = self._verified(form["client_assertion"])
        audience = self._audience or self.url
        if claims.get("iss") != self.app_id or claims.get("sub") != self.app_id or claims.get("aud") != audience:
            raise _Refused(401, "invalid_client", "iss, sub or aud is wrong")
        now = self._now()
        if not all(isinstance(claims.get(name), int) for name in ("iat", "exp")):
            raise _Refused(400, "invalid_request", "iat and exp must be numbers")
        if claims["iat"] > now:
            raise _Refused(400, "invalid_request", "Token used before issued")
        if claims["exp"] <= now:
            raise _Refused(400, "invalid_request", "Token is expired")
        if claims["exp"] - claims["iat"] > LONGEST_ASSERTION_S:
            raise _Refused(400, "invalid_request", "Token lives too long")
        with self._guard:
            if not isinstance(claims.get("jti"), str) or not claims["jti"] or claims["jti"] in self._seen:
                raise _Refused(400, "invalid_request", "jti was used before")
            self._seen.add(claims["jti"])

    def _verified(self, assertion: str) -> dict[str, Any]:
        parts = assertion.split(".")
        try:
            head, claims = (json.loads(_bytes(part)) for part in parts[:2])
            signature = _bytes(parts[2])
        except (ValueError, IndexError):
            raise _Refused(400, "invalid_request", "client_assertion is not a JWT") from None
        if len(parts) != 3 or head != {"alg": "RS256", "typ": "JWT", "kid": self.key_id}:
            raise _Refused(401, "invalid_client", "alg, typ or kid is wrong")
        try:
            self._public_key.verify(signature, ".".join(parts[:2]).encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise _Refused(401, "invalid_client", "the signature is wrong") from None
        return claims


def _bytes(text: str) -> bytes:
    if "=" in text:
        raise ValueError("base64url has no padding here")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
