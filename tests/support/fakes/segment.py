"""Segment's tracking API (`POST /v1/batch`), at least as strict as Segment and far more talkative.

Segment answers 200 to nearly everything and does not say what it then throws away. This server answers the same, and
tells a test what became of each event:

| events | where |
|---|---|
| accepted, once per messageId | `accepted`, a dict by messageId |
| repeats, which Segment ignores (the first one wins) | `duplicates` |
| invalid, which Segment discards after its 200 | `discarded`, with Segment's own reason codes |
| beyond a silent limit, which Segment drops after its 200 | `lost`, with the limit |
| sent with a key that belongs to no source, which vanish after a 200 | `vanished` |

The rules are in `tests.support.fakes.segment_rules`.

As a program, `python -m tests.support.fakes.segment --port N --write-key K [--state FILE] [--lean]`, it also answers
`GET /` with its counts and `GET /events` with the accepted events as JSON lines. `Separate` runs that program, so that
a benchmark does not share its interpreter.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fakes.reply import Reply
from tests.support.fakes.segment_rules import (
    MAX_BATCH_EVENTS,
    MAX_EVENT_BYTES,
    MAX_MESSAGE_ID_CHARACTERS,
    authenticate,
    corrected_timestamp,
    discard_reason,
    parse_body,
)
from tests.support.fakes.server import FakeServer, Refusal, Request

WRITE_KEY = "fake0segment0write0key0000000001"

_SUCCESS = Reply.json(200, {"success": True})


@dataclass(frozen=True)
class Event:
    """An event as it arrived."""

    raw: str  # its exact JSON text
    request: int  # Exchange.number
    write_key: str
    message_id: str
    reason: str | None = None  # why it was discarded or lost
    timestamp: str | None = None  # ISO-8601, after Segment's correction with sentAt
    received_s: float = 0.0  # since 1970

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.raw)


class FakeSegment(FakeServer):
    """Segment on loopback. See the module's docstring, and `FakeServer` for faults and records.

    Args:
        write_keys: the sources' keys. messageIds are unique across all of them, as across all of Segment.
        lean: counts batches and events and looks at nothing else, for benchmarks.
        state: a file of accepted events, read at the start and appended to.
        tokens: decides whether an access token is valid, for sources that require OAuth. What Segment answers to other
            tokens is not known; here it is 401.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        write_keys: tuple[str, ...] = (WRITE_KEY,),
        lean: bool = False,
        state: Path | None = None,
        tokens: Callable[[str], bool] | None = None,
        **server_options,
    ):
        super().__init__(port, **server_options)
        self.write_keys = frozenset(write_keys)
        self.lean = lean
        self._tokens = tokens
        self.accepted: dict[str, Event] = {}
        self.duplicates: list[Event] = []
        self.discarded: list[Event] = []
        self.lost: list[Event] = []
        self.vanished: list[Event] = []
        self.event_count = 0  # all that came in batches answered 200
        self._recording = threading.Lock()
        self._state = _State(state, self.accepted) if state else None

    @property
    def authorizations(self) -> list[str | None]:
        """The `Authorization` header of each request."""
        return [exchange.headers.get("Authorization") for exchange in self.requests]

    def counts(self) -> dict[str, int]:
        return {
            "requests": len(self.requests),
            "wire_bytes": sum(exchange.wire_bytes for exchange in self.requests),
            "body_bytes": sum(exchange.body_bytes for exchange in self.requests),
            "events": self.event_count,
            "accepted": len(self.accepted),
            "duplicates": len(self.duplicates),
            "discarded": len(self.discarded),
            "lost": len(self.lost),
            "vanished": len(self.vanished),
        }

    def answer(self, request: Request) -> Reply:
        if request.method == "POST" and request.path == "/v1/batch":
            return self._count(request) if self.lean else self._take(request)
        if request.method == "GET" and request.path == "/":
            return Reply.json(200, self.counts())
        if request.method == "GET" and request.path == "/events":
            lines = (f"{event.raw}\n".encode() for event in list(self.accepted.values()))
            return Reply(200, lines, {"Content-Type": "application/x-ndjson"})
        return Reply.text(404, "Not Found")

    def _count(self, request: Request) -> Reply:
        count = request.body.count(b'"messageId":')
        with self._recording:
            self.event_count += count
        return _SUCCESS

    def _take(self, request: Request) -> Reply:
        batch = parse_body(request)
        write_key = authenticate(request.headers, batch.envelope)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if self._tokens and (scheme != "Bearer" or not self._tokens(token)):
            raise Refusal(Reply.text(401, "Unauthorized"))
        received = datetime.datetime.now(datetime.timezone.utc)
        request.facts.update(events=len(batch.events), envelope=batch.envelope)
        with self._recording:
            self.event_count += len(batch.events)
            if not batch.events:
                self.discarded.append(Event("", request.number, write_key, "", "empty_batch"))
            for raw, message in batch.events:
                self._record(request.number, write_key, raw, message, batch, received)
        return _SUCCESS

    def _record(self, number, write_key, raw, message, batch, received) -> None:
        message_id = message.get("messageId") if isinstance(message, dict) else None
        if not isinstance(message_id, str) or not message_id:
            message_id = f"made-by-segment-{uuid.uuid4()}"  # a new one per receipt, so never a repeat

        def event(**known) -> Event:
            return Event(raw, number, write_key, message_id, received_s=received.timestamp(), **known)

        if write_key not in self.write_keys:
            self.vanished.append(event())
        elif len(batch.events) > MAX_BATCH_EVENTS:
            self.lost.append(event(reason="batch_events"))
        elif len(raw) > MAX_EVENT_BYTES // 4 and len(raw.encode()) > MAX_EVENT_BYTES:
            self.lost.append(event(reason="event_bytes"))
        elif reason := discard_reason(message):
            self.discarded.append(event(reason=reason))
        elif len(message_id) > MAX_MESSAGE_ID_CHARACTERS:
            self.lost.append(event(reason="message_id_characters"))
        elif message_id in self.accepted:
            self.duplicates.append(event())
        else:
            timestamp = corrected_timestamp(message, batch.envelope, received)
            self.accepted[message_id] = event(timestamp=timestamp)
            if self._state:
                self._state.append(self.accepted[message_id])


# The program


class _State:
    """A file that keeps the accepted events from one run of the program to the next."""

    def __init__(self, path: Path, accepted: dict[str, Event]):
        self._path = path
        if path.exists():
            with path.open(encoding="utf-8") as lines:
                events = [Event(**json.loads(line)) for line in lines]
            accepted.update((event.message_id, event) for event in events)

    def append(self, event: Event) -> None:
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(dataclasses.asdict(event)) + "\n")


class Separate:
    """The program in its own process, as a context manager. Its write key is `WRITE_KEY`."""

    def __init__(self, *, lean: bool = True, latency_s: float = 0.0):
        self._options = ["--latency", str(latency_s)] + ["--lean"] * lean
        self.url = ""

    def __enter__(self) -> Separate:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, *self._options],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._process.stdout.readline().split()[-1]
        return self

    def __exit__(self, *exc_info) -> None:
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()

    def counts(self) -> dict[str, int]:
        """The result of `FakeSegment.counts` there. Asking counts as a request."""
        with urllib.request.urlopen(self.url, timeout=60) as answer:
            return json.load(answer)


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m tests.support.fakes.segment", description=__doc__.splitlines()[0])
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--write-key", default=WRITE_KEY)
    options.add_argument("--state", type=Path, help="keep the accepted events in this file")
    options.add_argument("--lean", action="store_true", help="count events, look at nothing else")
    options.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="time before each answer")
    given = options.parse_args(arguments)
    fake = FakeSegment(
        given.port,
        write_keys=(given.write_key,),
        lean=given.lean,
        state=given.state,
        latency_s=given.latency,
    )
    with fake:
        print(f"Fake Segment listens on {fake.url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
