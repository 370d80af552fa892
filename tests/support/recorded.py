"""The recorded cluster input of tests/data, and the Segment messages that it must produce (tests/data/README.md)."""

import gzip
import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple

_DATA = Path(__file__).parents[1] / "data"
_FIELDS = frozenset(("context", "event", "messageId", "properties", "timestamp", "type", "userId"))
_RECEIVED = re.compile(rb'"requestReceivedTimestamp":"([^"]+)"')


class AuditLine(NamedTuple):
    """A line from the collector. `offset` is in seconds from the first recorded request."""

    offset: float
    raw: str


def audit_lines() -> List[AuditLine]:
    """All lines, in the collector's order. A line without a time is placed at the beginning."""
    lines = _read("audit-events.jsonl").split(b"\n")[:-1]
    times = [_RECEIVED.search(line) for line in lines]
    seconds = [_seconds(found.group(1).decode()) if found else None for found in times]
    first = min(value for value in seconds if value is not None)
    return [AuditLine((value or first) - first, line.decode()) for value, line in zip(seconds, lines)]


def expected_messages() -> Dict[str, dict]:
    """messageId -> the Segment message."""
    messages = (json.loads(line) for line in _read("expected.jsonl").split(b"\n")[:-1])
    return {message["messageId"]: message for message in messages}


def as_expected(events: Mapping[str, Any]) -> Dict[str, dict]:
    """What the fake Segment accepted, in the form of `expected_messages`: without what others add to a message."""
    return {
        message_id: {name: value for name, value in event.message.items() if name in _FIELDS}
        for message_id, event in events.items()
    }


def expected_counts() -> dict:
    """How many journeys of each kind there are, and why the other events are not journeys or are not sent."""
    return json.loads(_read("expected-counts.json"))


def usersignups() -> dict:
    """The Kubernetes API's list of UserSignups."""
    return json.loads(_read("usersignups.json"))


def namespaces() -> dict:
    """The Kubernetes API's list of Namespaces."""
    return json.loads(_read("namespaces.json"))


def case(name: str) -> str:
    """One audit event from tests/data/cases."""
    return (_DATA / "cases" / ("audit-%s.json" % name)).read_text("utf-8").rstrip("\n")


def _read(name: str) -> bytes:
    with gzip.open(_DATA / (name + ".gz")) as file:
        return file.read()


def _seconds(received: str) -> float:
    return datetime.strptime(received, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
