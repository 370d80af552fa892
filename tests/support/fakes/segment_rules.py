"""What Segment's tracking API takes, refuses and silently throws away, as pure functions.

Where Segment's documentation and reports leave a rule open, the stricter reading holds, and the constants and functions
say which it is. Pages: Segment's "HTTP API" (limits, errors, authentication), "Delivery Overview" (the reasons under
"Failed on Ingest"), "Duplicate data" (messageId), "Spec: Common fields" (timestamps).
"""

from __future__ import annotations

import base64
import datetime
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.support.fakes.reply import Reply
from tests.support.fakes.server import Refusal, Request

MAX_BODY_BYTES = 500_000  # "500 KB", uncompressed; KB may also be 1,024 bytes
MAX_EVENT_BYTES = 32_768  # "32 KB", as Segment's own libraries measure it
MAX_BATCH_EVENTS = 2_500  # a larger batch is answered 200 and loses an unspecified part; here all of it
MAX_MESSAGE_ID_CHARACTERS = 100
MIN_WRITE_KEY_CHARACTERS = 16  # "very short" keys are answered 400; real ones have 32 characters

TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})

_BAD_REQUEST = Reply.text(400, "Bad Request")


class Batch(NamedTuple):
    """The body of a request: the exact JSON texts of the events beside their values, and the other members."""

    events: list[tuple[str, Any]]
    envelope: dict[str, Any]


def parse_body(request: Request) -> Batch:
    """The batch in a request.

    Raises:
        Refusal: 400, for a body over 500 KB, for invalid JSON (including NaN, lone surrogates and nesting too deep for
            a parser), for another content type, and where `batch` is not a list.
    """
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "application/json" or len(request.body) > MAX_BODY_BYTES:
        raise Refusal(_BAD_REQUEST)
    try:
        text = request.body.decode("utf-8")
        batch = split_body(text)
        if "\\ud" in text or "\\uD" in text:  # possibly half a surrogate pair, which strict parsers refuse
            json.dumps([value for _, value in batch.events], ensure_ascii=False).encode("utf-8")
            json.dumps(batch.envelope, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Refusal(_BAD_REQUEST) from None
    return batch


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode
_space = re.compile(r"[ \t\n\r]*").match


def split_body(text: str) -> Batch:
    """The members of a JSON object, and those of its list `batch` with their exact text.

    Raises:
        ValueError: not a JSON object, or its `batch` is not a list.
    """
    envelope: dict[str, Any] = {}
    events = None
    mark, position = _mark(text, 0, "{")
    while mark != "}":
        key, position = _decode(text, position)
        _, position = _mark(text, position, ":")
        if key == "batch":
            events, position = _elements(text, position)
        elif isinstance(key, str):
            envelope[key], position = _decode(text, position)
        else:
            raise ValueError("a member's name is a string")
        mark, position = _mark(text, position, ",}")
    if events is None or position != len(text):
        raise ValueError("no batch, or text after it")
    return Batch(events, envelope)


def _elements(text: str, position: int) -> tuple[list[tuple[str, Any]], int]:
    """The list that begins here, as (exact text, value) pairs, and the position after it."""
    elements = []
    mark, position = _mark(text, position, "[")
    if text.startswith("]", position):
        return elements, position + 1
    while mark != "]":
        value, end = _decode(text, position)
        elements.append((text[position:end], value))
        mark, position = _mark(text, end, ",]")
    return elements, position


def _mark(text: str, position: int, expected: str) -> tuple[str, int]:
    """The next punctuation mark, and the position where the text continues after it."""
    position = _space(text, position).end()
    mark = text[position : position + 1]
    if not mark or mark not in expected:
        raise ValueError(f"expected one of {expected} at {position}")
    return mark, _space(text, position + 1).end()


def authenticate(headers: Mapping[str, str], envelope: Mapping[str, Any]) -> str:
    """The write key of a request: HTTP Basic `key:`, or `writeKey` in the body (with or without OAuth).

    Raises:
        Refusal: 400 if there is no key, a very short one, or two that differ.
    """
    keys = {envelope["writeKey"]} if "writeKey" in envelope else set()
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, colon, _ = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            raise Refusal(_BAD_REQUEST) from None
        if not colon:
            raise Refusal(_BAD_REQUEST)
        keys.add(name)
    key = keys.pop() if len(keys) == 1 else None
    if not isinstance(key, str) or len(key) < MIN_WRITE_KEY_CHARACTERS:
        raise Refusal(_BAD_REQUEST)
    return key


def discard_reason(message: Any) -> str | None:
    """Why Segment discards a message after answering 200 to its batch, or None.

    The reasons are the codes under "Failed on Ingest" in Segment's "Delivery Overview", plus the HTTP API's required
    fields (`groupId`; `previousId` and `userId` of an alias). Some rules are not on that list and stricter than
    Segment: null objects, a `messageId` that is not a text, and a timestamp that is not ISO-8601 with a zone, which
    Segment takes and Engage then drops.
    """
    if not isinstance(message, dict):
        return "bad_request"
    kind = message.get("type")
    if kind is None:
        return "missing_type"
    if not isinstance(kind, str) or kind not in TYPES:
        return "invalid_type"
    required = {"group": ["groupId"], "alias": ["previousId", "userId"]}.get(kind, [])
    for name in {"userId", "anonymousId", *required} & message.keys():
        if not isinstance(message[name], str) or not message[name].strip():
            return "id_not_string"
    if not message.keys() & {"userId", "anonymousId"}:
        return "no_user_anon_id"
    if not message.keys() >= set(required):
        return "id_required"
    if kind == "track":
        if not message.get("event"):
            return "event_not_defined"
        if not isinstance(message["event"], str):
            return "event_not_string"
    if kind in ("page", "screen"):
        for name in ("name", "category"):
            if name in message and (not isinstance(message[name], str) or not message[name]):
                return f"{name}_not_string"
    for name in ("properties", "traits", "context", "integrations"):
        if not isinstance(message.get(name, {}), dict):
            return f"{name}_not_object"
    if reason := _consent_reason(message):
        return reason
    if not isinstance(message.get("messageId", ""), str):
        return "message_id_not_string"
    for name in ("timestamp", "sentAt"):
        if name in message and _time(message[name]) is None:
            return f"{name}_not_iso8601"
    return None


def _consent_reason(message: Mapping[str, Any]) -> str | None:
    """ "Failed on Ingest": the codes about consent and the advertising id.

    The documentation does not say whether they apply to every event or only to "Segment Consent Preference Updated".
    Here they apply to every event.
    """
    context = message.get("context", {})
    device = context.get("device")
    if isinstance(device, dict) and not isinstance(device.get("advertisingId", ""), str):
        return "device_advertisingid_should_be_string"
    if "consent" not in context and message.get("event") != "Segment Consent Preference Updated":
        return None
    consent = context.get("consent")
    if not isinstance(consent, dict) or "categoryPreferences" not in consent:
        return "consent_categorypreferences_should_exist"
    preferences = consent["categoryPreferences"]
    if not isinstance(preferences, dict):
        return "consent_categorypreferences_fields_should_be_object"
    if not all(isinstance(value, bool) for value in preferences.values()):
        return "consent_categorypreferences_fields_should_be_bool"
    version = consent.get("version", 0)
    if isinstance(version, bool) or not isinstance(version, (int, float)):
        return "consent_version_should_be_number"
    return None


_ISO_8601 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-]\d\d:\d\d))", re.ASCII).fullmatch


def _time(text: Any) -> datetime.datetime | None:
    """A moment, to the microsecond, or None if the text is not ISO-8601 with a zone."""
    match = _ISO_8601(text) if isinstance(text, str) else None
    try:
        seconds, fraction, zone = match.groups()
        micros = (fraction or "0")[:6].ljust(6, "0")
        return datetime.datetime.fromisoformat(f"{seconds}.{micros}{zone or '+00:00'}")
    except (AttributeError, ValueError):  # another format, or no such day or hour
        return None


def corrected_timestamp(message: Mapping[str, Any], envelope: Mapping[str, Any], received: datetime.datetime) -> str:
    """The event time that Segment passes on to destinations.

    This is the given timestamp, unless a sentAt (the event's, else the batch's) comes with it. Then it is receivedAt -
    (sentAt - timestamp), on the assumption that both come from the sender's clock.
    """
    given = message.get("timestamp")
    sent = _time(message.get("sentAt", envelope.get("sentAt")))
    if given is None:
        return received.isoformat()
    return (received - (sent - _time(given))).isoformat() if sent else given
