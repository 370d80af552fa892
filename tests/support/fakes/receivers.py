"""Three other receivers of Segment's protocol, each as strict as its source or documents say.

| | source |
|---|---|
| FakeRudderStack | rudder-server f2655fb: gateway/handle_http_auth.go, handle.go, response/response.go |
| FakeJitsu | jitsucom/bulker c5548cf: ingest/router_batch_handler.go, router.go |
| FakeCustomerIo | Customer.io's "Pipelines API": authentication, limits, batch requests, strict mode |

None of them drops repeats, by default or as far as is documented, so `accepted` is a list.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from dataclasses import dataclass
from typing import Any

from tests.support.fakes.reply import Reply
from tests.support.fakes.segment_rules import TYPES, Batch, discard_reason, split_body
from tests.support.fakes.server import FakeServer, Request

RUDDER_MAX_BYTES = 4_000_000  # Gateway.maxReqSizeInKB is 4000; KB in the stricter sense
CUSTOMER_IO_MAX_BYTES, CUSTOMER_IO_MAX_EVENT_BYTES = 500_000, 32_000


@dataclass
class Source:
    """A source with a key. For Jitsu, a `disabled` one is a stream without destinations."""

    key: str
    is_enabled: bool = True


class _Receiver(FakeServer):
    def __init__(self, port: int = 0, *, sources: tuple[Source, ...] = (), **server_options):
        super().__init__(port, **server_options)
        self.sources = {source.key: source for source in sources}
        self.accepted: list[dict[str, Any]] = []

    @property
    def ids(self) -> list[str]:
        return [event["messageId"] for event in self.accepted]


def _basic(request: Request) -> str | None:
    """The credentials of an HTTP Basic header, or None if it is missing or malformed."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    try:
        return base64.b64decode(credentials, validate=True).decode() if scheme == "Basic" else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _batch(request: Request) -> Batch | None:
    try:
        return split_body(request.body.decode())
    except (ValueError, RecursionError):
        return None


class FakeRudderStack(_Receiver):
    """The data plane of a workspace."""

    def answer(self, request: Request) -> Reply:
        if request.path != "/v1/batch" or request.method != "POST":
            return Reply.text(404 if request.method == "POST" else 405, "")
        return self._denial(request) or self._take(request)

    def _denial(self, request: Request) -> Reply | None:
        user, colon, _ = (_basic(request) or "").partition(":")
        if not user or not colon:
            return _plain(401, "Failed to read writeKey from header")
        if user not in self.sources:
            return _plain(401, "Invalid Write Key")
        if not self.sources[user].is_enabled:
            return _plain(404, "Source is disabled")
        return None

    def _take(self, request: Request) -> Reply:
        if not request.body:
            return _plain(400, "Request body is nil")
        if len(request.body) > RUDDER_MAX_BYTES:
            return _plain(413, "Request size exceeds max limit")
        batch = _batch(request)
        if batch is None:
            return _plain(400, "Invalid JSON")
        events = [event for _, event in batch.events]
        if not events or not all(isinstance(event, dict) for event in events):
            return _plain(400, "Event is not a valid rudder event")
        if any(
            not str(event.get("userId", "")).strip() and not str(event.get("anonymousId", "")).strip()
            for event in events
        ):
            return _plain(400, "Request neither has anonymousId nor userId")
        for event in events:
            event["messageId"] = str(event.get("messageId", "")).strip() or str(uuid.uuid4())
        self.accepted += events  # ignores the batch's context and integrations
        return Reply.text(200, "OK")


def _plain(status: int, text: str) -> Reply:
    """An error in the form that Go's http.Error writes."""
    return Reply.text(status, text + "\n")


class FakeJitsu(_Receiver):
    """Jitsu's ingest service. A source's key is `id:secret`."""

    def answer(self, request: Request) -> Reply:
        if request.method != "POST" or request.path not in ("/v1/batch", "/api/s/s2s/batch"):
            return Reply.text(404, "404 page not found")
        if not request.headers.get("Content-Type", "").partition(";")[0].endswith("application/json"):
            return Reply.json(400, {"error": "invalid content type: Expected: application/json"})
        batch = _batch(request)
        if batch is None:
            return Reply.json(400, {"error": "error parsing message"})
        if "Authorization" in request.headers:
            key = _basic(request)
            if key is None:
                return Reply.json(400, {"error": "error processing message: failed to decode writeKey"})
            key = key[:-1] if key.endswith(":") else key
        else:
            key = request.headers.get("X-Write-Key") or str(batch.envelope.get("writeKey", ""))
        if key not in self.sources:
            return Reply.json(401, {"error": "stream not found: for: {}"})
        errors = [error for _, event in batch.events if (error := self._take(event, batch, self.sources[key]))]
        size, ok = len(batch.events), len(batch.events) - len(errors)
        if not errors:
            return Reply.json(200, {"ok": True, "receivedEvents": size, "okEvents": ok})
        return Reply.json(200, {"ok": False, "errors": errors, "receivedEvents": size, "okEvents": ok})

    def _take(self, event: Any, batch: Batch, source: Source) -> str:
        message_id = str(event.get("messageId") or uuid.uuid4())
        message_id = re.sub(r"[^a-zA-Z0-9._-]", "_", message_id)[:64]
        if event.get("type") not in TYPES:
            return f"Message ID: {message_id}: event error: Unknown event type: {event.get('type')}"
        if not source.is_enabled:
            return f"Message ID: {message_id}: no destinations found for stream: stream"
        context = {**batch.envelope.get("context", {}), **event.get("context", {})}
        self.accepted.append({**event, "messageId": message_id, "context": context})
        return ""


class FakeCustomerIo(_Receiver):
    """Customer.io's Pipelines API. Without strict mode it answers 200 to everything and takes the valid events."""

    def answer(self, request: Request) -> Reply:
        if request.method != "POST" or request.path != "/v1/batch":
            return Reply.text(404, "404 page not found")
        is_strict = request.headers.get("X-Strict-Mode") == "1"
        success = Reply.json(200, {"success": True})
        user, colon, password = (_basic(request) or "").partition(":")
        if user not in self.sources or not colon or password:
            return Reply.json(401, {"error": "unauthorized"}) if is_strict else success
        batch = _batch(request)
        wrong = (
            batch is None
            or len(request.body) > CUSTOMER_IO_MAX_BYTES
            or any(
                len(raw.encode()) > CUSTOMER_IO_MAX_EVENT_BYTES or discard_reason(event) for raw, event in batch.events
            )
        )
        if wrong:
            return Reply.json(400, {"error": "bad request"}) if is_strict else success
        for _, event in batch.events:  # "apply to all calls in the request"
            shared = {name: batch.envelope[name] for name in ("context", "integrations") if name in batch.envelope}
            self.accepted.append({**event, **shared})
        return success
