"""What a search costs: how much passes the index's terms, is parsed as JSON, and leaves the indexers.

Indexers run the commands before the first one that they cannot run: Search Reference, "Command types". That they may
also run a part of the next one (prestats, prededup) is not counted, so this is an upper bound, not the exact traffic.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, Optional

from ..values import Results, as_list, text

DISTRIBUTABLE = frozenset(
    ("search", "eval", "where", "fields", "rename", "rex", "spath", "makemv", "mvexpand", "fillnull", "bin", "bucket")
)
"""Distributable streaming commands. (Not lookup, because KV store collections are not replicated by default:
collections.conf.spec, replicate.)
"""


@dataclass
class Meter:
    """Counters. `json_*` cover all texts parsed as JSON, each counted every time a function is given it."""

    events: int = 0
    event_bytes: int = 0
    json_texts: int = 0
    json_bytes: int = 0
    sent_rows: int = 0
    sent_bytes: int = 0

    def event(self, raw: str) -> None:
        self.events += 1
        self.event_bytes += _bytes(raw)

    def json(self, source: str) -> None:
        self.json_texts += 1
        self.json_bytes += _bytes(source)

    def leaving(self, chunks: Iterator[Results]) -> Iterator[Results]:
        """Counts the rows that leave the indexers, by their values. Field names cost nothing."""
        for chunk in chunks:
            rows = list(chunk.rows)
            self.sent_rows += len(rows)
            self.sent_bytes += sum(
                _bytes(text(each)) for row in rows for value in row.values() for each in as_list(value)
            )
            yield Results(chunk.fields, rows)


def _bytes(source: str) -> int:
    return len(source) if source.isascii() else len(source.encode("utf-8", "surrogatepass"))


_current: Optional[Meter] = None


@contextmanager
def metered() -> Iterator[Meter]:
    """Counts from here on what searches in this process cost."""
    global _current
    _current = Meter()
    try:
        yield _current
    finally:
        _current = None


def current() -> Optional[Meter]:
    """The current meter, if there is one."""
    return _current
