"""What a search costs: what passes the index's terms, what of it is read as JSON, what leaves the indexers.

The commands that indexers run are those before the first one that they cannot: Search Reference, "Command types". That
the indexers may do a part of the next one as well (prestats, prededup) is left out: a bound, not the exact traffic.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, Optional

from ..values import Results, as_list, text

DISTRIBUTABLE = frozenset(
    ("search", "eval", "where", "fields", "rename", "rex", "spath", "makemv", "mvexpand", "fillnull", "bin", "bucket")
)
"""Distributable streaming commands. (A lookup is one, but not that of a KV store collection: collections.conf.spec,
replicate, is off by default.)"""


@dataclass
class Meter:
    """Counters; `json_*` are those of all texts that were read as JSON, each as often as a function is given it."""

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
        """The rows that leave the indexers, counted by their values; names of fields cost nothing."""
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
    """Counts what searches in this process cost from here on."""
    global _current
    _current = Meter()
    try:
        yield _current
    finally:
        _current = None


def current() -> Optional[Meter]:
    """What counts at the moment, if anything does."""
    return _current
