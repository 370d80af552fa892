"""Builds requests to Segment's tracking API, sends them, and classifies the answers.

`Answer.kind` says what to do next; `reason` is the code that rows, logs and messages show.

| answer | kind |
|---|---|
| 2xx with JSON (or nothing, or OK, as RudderStack says) | ACCEPTED: queued by Segment, which looks at it later |
| 2xx with `okEvents` and `errors`, as Jitsu says | ACCEPTED, but for the messages that the errors name |
| 2xx with anything else: a captive portal's or proxy's page | TRANSIENT |
| 408, 410, 421, 425, 460, other 5xx; no connection, no answer, half of one | TRANSIENT |
| 429 | THROTTLED |
| 413, 415 | TOO_LARGE, ENCODED: the same again, in smaller batches, or without gzip |
| 3xx, 401, 403, 404, 405, 407, 501, 505, 511; a 2xx that reports an error | DENIED: all requests, or just this one |
| a certificate that is not valid; a proxy that wants credentials | MISCONFIGURED: no request would succeed |
| other 4xx, above all 400 | REFUSED: something in the batch is bad |

The write key goes into a Basic header that is built here (so that no netrc can replace it), and not into the body as
well, where a proxy would log it. Segment does not check it, and answers 200 to a wrong one.

Sources: Segment's "HTTP API"; the retry rules of Segment's own libraries (analytics-java, analytics-kotlin, 2026).
"""

import base64
import enum
import hashlib
import json
import re
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from segment_bridge import credentials, exchange, texts
from segment_bridge.delivery.batching import addressed
from segment_bridge.delivery.options import Destination
from segment_bridge.errors import SecretError, SegmentBridgeError, Unavailable
from segment_bridge.retry import retry_after_s

if TYPE_CHECKING:
    from segment_bridge.delivery.oauth import Tokens

_EXCERPT_CHARS = 200
# Level 1 takes half the time of level 6, and also shrinks batches of events to a twentieth of their size.
_GZIP_LEVEL, _GZIP_WBITS = 1, 31


class Kind(enum.Enum):
    """What to do after an answer; see the module's table."""

    ACCEPTED = enum.auto()
    REFUSED = enum.auto()
    TOO_LARGE = enum.auto()
    ENCODED = enum.auto()
    THROTTLED = enum.auto()
    TRANSIENT = enum.auto()
    DENIED = enum.auto()
    MISCONFIGURED = enum.auto()


class Answer(NamedTuple):
    kind: Kind
    reason: str = ""
    http: Optional[int] = None
    error: str = ""  # for people; without secrets
    retry_after_s: Optional[float] = None
    excepted: Tuple[str, ...] = ()
    """If the answer accepts all events but some: what it says of these, by id."""

    def exception(self, payload: bytes) -> str:
        """What the answer says of a message that it does not accept; empty for the others."""
        name = re.compile(r"(?<![\w-])%s(?![\w-])" % re.escape(json.loads(payload)["messageId"]))
        return next(filter(name.search, self.excepted), "")

    @property
    def reason_of_event(self) -> str:
        """The reason, once the answer is known to be about a single event: "auth" would mislead there."""
        return "http_%d" % self.http if self.http and self.http >= 300 else self.reason


_KINDS = {
    408: Kind.TRANSIENT,
    410: Kind.TRANSIENT,
    421: Kind.TRANSIENT,
    425: Kind.TRANSIENT,
    460: Kind.TRANSIENT,
    501: Kind.DENIED,
    505: Kind.DENIED,
    511: Kind.DENIED,
    429: Kind.THROTTLED,
    413: Kind.TOO_LARGE,
    415: Kind.ENCODED,
    401: Kind.DENIED,
    403: Kind.DENIED,
    404: Kind.DENIED,
    405: Kind.DENIED,
    407: Kind.DENIED,
}
_STOP_REASONS = {401: "auth", 403: "auth", 407: "auth", 404: "wrong_url", 405: "wrong_url"}
_DISABLED = "source is disabled"  # so says RudderStack
_NO_STREAM = "no destinations found for stream"  # so says Jitsu of each event
_NO = [False, "false"]
_REFUSALS = (("success", _NO), ("ok", _NO), ("error", None), ("errors", None), ("status", ["error", "failed"]))
"""Members by which a 2xx reports an error, and their values; None stands for any value that is not empty."""


def kind_of(status: int) -> Kind:
    """What a status other than 2xx asks for."""
    if status in _KINDS:
        return _KINDS[status]
    if status >= 500 or status < 200:
        return Kind.TRANSIENT
    return Kind.REFUSED if status >= 400 else Kind.DENIED


def errors_of_stream(value: Dict[str, Any]) -> bool:
    """Whether an answer says that the source of all these events leads nowhere, as Jitsu does."""
    errors = value.get("errors")
    return (
        not value.get("okEvents")
        and isinstance(errors, list)
        and bool(errors)
        and all(_NO_STREAM in str(error) for error in errors)
    )


def tokens(destination: Destination, private_key: str) -> "Tokens":
    """The source of a destination's access tokens.

    Raises:
        SecretError: the private key is invalid.
    """
    # Few destinations need these modules, and importing them takes time.
    from segment_bridge.delivery import signature
    from segment_bridge.delivery.oauth import SERVERS, Tokens

    try:
        key = signature.key(private_key)
    except SecretError as error:
        place = 'private key of [%s] in the password store (username "%s:oauth")' % (destination.name, destination.name)
        raise SecretError("the %s cannot be used: %s" % (place, error), setting="private_key") from None
    asker = exchange.Asker(destination.way, "the token server")

    def post(url: str, headers: Mapping[str, str], body: bytes) -> exchange.Said:
        return asker.ask("POST", url, headers, body)

    return Tokens(SERVERS[destination.region], destination.oauth_app_id, destination.oauth_key_id, key, post)


def fingerprint(write_key: str) -> str:
    """A digest that identifies a write key where the key itself must not appear."""
    return hashlib.sha256(b"segment_bridge:" + write_key.encode()).hexdigest()


def check(destination: Destination) -> None:
    """
    Raises:
        SettingsError: its CA file is unusable.
    """
    exchange.check_ca_file("segment_bridge.conf [%s]" % destination.name, destination.ca_file)


class Prepared(NamedTuple):
    """A batch as a request, compressed if the receiver takes that; each attempt sends the same bytes."""

    request: exchange.Request
    body_bytes: int  # before that


class Client:
    """A destination that takes batches; any number of threads may send, each on a connection of its own."""

    def __init__(self, destination: Destination, write_key: str, private_key: str = ""):
        """
        Args:
            private_key: of the destination's OAuth application, if it has one.

        Raises:
            SecretError, SettingsError: a write key that no header can carry, an invalid private key, or an unusable CA
                file.
        """
        place = "write key of [%s] in the password store" % destination.name
        write_key = credentials.checked(write_key, place)
        kind = destination.kind
        if not re.fullmatch(r"[!-9;-~]+:[!-9;-~]+" if kind.has_key_with_secret else r"[!-9;-~]+", write_key):
            raise SecretError(
                "the %s must be the key's id and its secret with a colon between them, as %s shows them: save it again"
                % (place, kind.title)
                if kind.has_key_with_secret
                else "the %s has white space, a colon or characters beyond ASCII, which no write key has: "
                "save it again" % place,
                setting="write_key",
            )
        check(destination)
        basic = base64.b64encode(write_key.encode() + (b"" if kind.has_key_with_secret else b":")).decode()
        self._secrets = (write_key, basic)
        self._tokens = tokens(destination, private_key) if destination.oauth_app_id else None
        self._renewed = threading.Event()
        self._write_key, self._has_context = write_key, kind.takes_batch_context
        headers = {**kind.headers, **dict(destination.headers), "Content-Type": "application/json"}
        if not self._tokens:
            headers["Authorization"] = "Basic " + basic
        self._request = exchange.prepared("POST", destination.endpoint, headers)
        self._way = destination.way
        self._idle: List[exchange.Line] = []
        self._counting = threading.Lock()
        self.gzip = destination.gzip  # may be switched off on the way
        self.requests = self.body_bytes = self.wire_bytes = 0

    def prepare(self, body: bytes) -> Prepared:
        if self._tokens or not self._has_context:
            body = addressed(body, self._write_key if self._tokens else "", self._has_context)
        request = self._request.copy()
        if self.gzip:
            request.headers["Content-Encoding"] = "gzip"
        request.prepare_body(_gzipped(body) if self.gzip else body, None)
        return Prepared(request, len(body))

    def send(self, prepared: Prepared, retries: int = 0) -> Answer:
        """Sends the request, which was sent this many times before, and reads the answer.

        If the receiver has just closed a kept-alive connection, that does not count as a failure: the request goes out
        again on a new one. (The messages' ids make that safe.)
        """
        if retries:
            prepared.request.headers["X-Retry-Count"] = str(retries)
        try:
            line = self._idle.pop()  # the one that was in use last
        except IndexError:
            line = exchange.Line(self._way)
        try:
            return self._by_token(line, prepared, self._tokens) if self._tokens else self._on(line, prepared)
        finally:
            self._idle.append(line)

    def _by_token(self, line: exchange.Line, prepared: Prepared, tokens: "Tokens") -> Answer:
        """With an access token, and once more with another one where Segment refuses it."""
        answer = None
        while True:
            try:
                token = tokens.get()
            except Unavailable as error:
                return Answer(Kind.TRANSIENT, error.reason, None, self._clean(str(error)), error.retry_after_s)
            except SegmentBridgeError as error:
                status = getattr(error, "status", None)
                return Answer(Kind.MISCONFIGURED, error.reason, status, self._clean(str(error)))
            prepared.request.headers["Authorization"] = "Bearer " + token
            first, answer = answer, self._on(line, prepared)
            if first or not self._is_about_token(answer):
                return answer
            tokens.drop(token)

    def _is_about_token(self, answer: Answer) -> bool:
        """As in Segment's libraries. A 400 is mostly about events, so this blames the token for it only once."""
        if answer.http == 400 and not self._renewed.is_set():
            self._renewed.set()
            return True
        return answer.http in (401, 403, 511)

    def _on(self, line: exchange.Line, prepared: Prepared) -> Answer:
        try:
            return self._once(line, prepared)
        except exchange.NoAnswer as error:
            if not error.is_stale:
                return self._no_answer(error)
        try:
            return self._once(line, prepared)
        except exchange.NoAnswer as error:
            return self._no_answer(error)

    def _once(self, line: exchange.Line, prepared: Prepared) -> Answer:
        with self._counting:
            self.requests += 1
            self.body_bytes += prepared.body_bytes
            self.wire_bytes += len(prepared.request.body or b"")
        return self._answer(line.send(prepared.request))

    def _answer(self, said: exchange.Said) -> Answer:
        status = said.status
        if 200 <= status < 300:
            return self._success(status, said.text)
        reason = _STOP_REASONS.get(status, "http_%d" % status)
        if status == 404 and _DISABLED in said.text.lower():
            reason = "source_disabled"
        error = "HTTP %d: %s" % (status, self._clean(said.text or said.phrase))
        if 300 <= status < 400:
            reason = "redirect"
            error = "HTTP %d leads to %s" % (status, self._clean(said.headers.get("Location", "nowhere")))
        return Answer(kind_of(status), reason, status, error, retry_after_s(said.headers, time.time()))

    def _success(self, status: int, said: str) -> Answer:
        """The answer to a 2xx: accepted, unless its body says otherwise."""
        try:
            value = json.loads(said) if said and said.upper() != "OK" else None
        except (ValueError, RecursionError):
            value = ()
        errors = value.get("errors") if isinstance(value, dict) and value.get("okEvents") else None
        if errors and isinstance(errors, list):  # as Jitsu answers
            return Answer(Kind.ACCEPTED, "", status, excepted=tuple(self._clean(str(error)) for error in errors))
        if isinstance(value, dict) and errors_of_stream(value):
            return Answer(Kind.DENIED, "source_disabled", status, "HTTP %d, but: %s" % (status, self._clean(said)))
        is_partly = status == 207 and not (isinstance(value, dict) and (value.get("ok") or value.get("success")))
        if (
            value is False
            or is_partly
            or (
                isinstance(value, dict)
                and any(value[name] in bad if bad else value[name] for name, bad in _REFUSALS if name in value)
            )
        ):
            return Answer(Kind.DENIED, "success_false", status, "HTTP %d, but: %s" % (status, self._clean(said)))
        if value is None or value is True or isinstance(value, dict) or str(value).upper() == "OK":
            return Answer(Kind.ACCEPTED, "", status)
        return Answer(Kind.TRANSIENT, "unexpected_body", status, "not Segment's answer: %s" % self._clean(said))

    def _no_answer(self, error: exchange.NoAnswer) -> Answer:
        text = self._clean(error.text)
        if error.reason == "network":
            return Answer(Kind.TRANSIENT, "network", None, text)
        if error.reason == "proxy":
            return Answer(Kind.MISCONFIGURED, "auth", 407, text)
        return Answer(Kind.MISCONFIGURED, error.reason, None, text)

    def _clean(self, text: str) -> str:
        """The beginning of the other side's text, with the key removed in case it repeats that."""
        return texts.printable(text, _EXCERPT_CHARS, self._secrets)


def _gzipped(body: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WBITS)
    return packer.compress(body) + packer.flush()
