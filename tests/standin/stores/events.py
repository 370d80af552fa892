"""Indexes and their events, in SQLite.

Getting Data In, "How timestamp assignment works"; props.conf.spec (TRUNCATE, TIME_PREFIX, TIME_FORMAT, LINE_BREAKER).
"""

import fnmatch
import json
import re
import sqlite3
import threading
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..clock import Clock
from ..refusal import Refusal
from ..values import Row, Value
from .conf import Confs, Settings, is_true, props_for
from .timestamps import extracted_time

HOST = "standin"
DEFAULT_TRUNCATE = 10_000
_COLUMNS = "id, time, indextime, idx, host, source, sourcetype, raw, fields"


class Event(NamedTuple):
    """An incoming event. `seconds` is its time since 1970, or None to take it from the text. `fields` are indexed.
    `indexed` is the index time in seconds since 1970, or None for now.
    """

    raw: str
    seconds: Optional[float]
    index: str
    host: str
    source: str
    sourcetype: str
    fields: Mapping[str, Value] = MappingProxyType({})
    indexed: Optional[float] = None


class Events:
    """All indexes. Each search reads on its own connection, so it sees the events as they were when it began."""

    def __init__(self, path: Path, confs: Confs, clock: Clock):
        self._path, self._confs, self._clock = path, confs, clock
        self._lock = threading.Lock()
        self._database = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        # Waiting for the disk, as the change of the journal's mode would do too, guards only against a power cut.
        self._database.executescript(
            "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL;"
            "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, time REAL, indextime INTEGER, idx TEXT,"
            " host TEXT, source TEXT, sourcetype TEXT, raw TEXT, fields TEXT);"
            "CREATE INDEX IF NOT EXISTS by_time ON events (idx, time);"
        )

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def indexes(self) -> List[str]:
        """The enabled indexes."""
        return sorted(
            name
            for name, stanza in self._confs.stanzas("indexes").items()
            if not name.startswith("volume:") and not is_true(stanza.settings.get("disabled", "0"))
        )

    def check_index(self, name: str) -> None:
        """Checks that an index exists.

        Raises:
            Refusal: there is no such index.
        """
        if name not in self.indexes():
            raise Refusal(400, "The index '%s' does not exist or is disabled." % name)

    def add(self, events: Iterable[Event]) -> None:
        """Adds events. Cuts texts at TRUNCATE bytes, and finds times for those without one.

        Raises:
            Refusal: there is no such index, or props.conf has a time format that is not known here.
        """
        stanzas, now, known = self._confs.stanzas("props"), self._clock.now(), set(self.indexes())
        props_of: Dict[tuple, Settings] = {}
        rows = []
        for event in events:
            if event.index not in known:
                self.check_index(event.index)
            whose = event.sourcetype, event.source, event.host
            if whose not in props_of:
                props_of[whose] = props_for(stanzas, *whose)
            props = props_of[whose]
            raw = truncated(event.raw, props)
            seconds = event.seconds
            if seconds is None:
                seconds = extracted_time(raw, props, now, self._clock.zone)
            rows.append(
                (
                    round(seconds, 3),
                    int(now if event.indexed is None else event.indexed),
                    event.index,
                    event.host,
                    event.source,
                    event.sourcetype,
                    raw,
                    json.dumps(dict(event.fields)) if event.fields else None,
                )
            )
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")

    def selected(self, patterns: Sequence[str]) -> List[str]:
        """The indexes that names and wildcards match."""
        return [name for name in self.indexes() if any(_selects(pattern, name) for pattern in patterns)]

    def scan(self, indexes: Sequence[str], earliest: Optional[float], latest: Optional[float]) -> Iterator[Row]:
        """Events of indexes by name or wildcard, newest first. The time range excludes `latest` itself."""
        names = self.selected(indexes)
        where = ["idx IN (%s)" % ", ".join("?" * len(names))]
        values: List[object] = list(names)
        for bound, condition in ((earliest, "time >= ?"), (latest, "time < ?")):
            if bound is not None:
                where.append(condition)
                values.append(bound)
        reader = sqlite3.connect(str(self._path), check_same_thread=False)
        try:
            for found in reader.execute(
                "SELECT %s FROM events WHERE %s ORDER BY time DESC, id DESC" % (_COLUMNS, " AND ".join(where)), values
            ):
                yield _row(*found)
        finally:
            reader.close()

    def count(self, index: str) -> int:
        return self._one("SELECT count(*) FROM events WHERE idx = ?", index)[0]

    def span(self, index: str) -> Tuple[Optional[str], Optional[str]]:
        """The times of the oldest and of the newest event."""
        return tuple(
            None if seconds is None else datetime.fromtimestamp(seconds, self._clock.zone).isoformat()
            for seconds in self._one("SELECT min(time), max(time) FROM events WHERE idx = ?", index)
        )

    def drop(self, index: str) -> None:
        """Deletes all events of an index."""
        with self._lock:
            self._database.execute("DELETE FROM events WHERE idx = ?", (index,))

    def _one(self, query: str, *values: str) -> tuple:
        reader = sqlite3.connect(str(self._path))
        try:
            return reader.execute(query, values).fetchone()
        finally:
            reader.close()


def _selects(pattern: str, index: str) -> bool:
    """A wildcard matches internal indexes only if it begins with an underscore itself."""
    return fnmatch.fnmatchcase(index, pattern) and (index[0] != "_" or pattern[0] == "_")


def _row(
    number: int,
    seconds: float,
    indextime: int,
    index: str,
    host: str,
    source: str,
    sourcetype: str,
    raw: str,
    fields: Optional[str],
) -> Row:
    indexed = json.loads(fields) if fields else {}
    return {
        **indexed,
        "_raw": raw,
        "_time": "%.3f" % seconds,
        "_indextime": str(indextime),
        "index": index,
        "host": host,
        "source": source,
        "sourcetype": sourcetype,
        "splunk_server": HOST,
        "linecount": str(raw.count("\n") + 1),
        "_cd": "0:%d" % number,
        "_bkt": "%s~0~STANDIN" % index,
    }


def truncated(raw: str, props: Dict[str, str]) -> str:
    limit = int(props.get("TRUNCATE", DEFAULT_TRUNCATE))
    data = raw.encode()
    return raw if not limit or len(data) <= limit else data[:limit].decode(errors="ignore")


def lines(text: str, props: Dict[str, str]) -> List[str]:
    """The events in a stream of text. The first group of LINE_BREAKER matches what separates two events.

    Raises:
        Refusal: lines are to be merged into events, which is not known here.
    """
    if is_true(props.get("SHOULD_LINEMERGE", "false")):
        raise Refusal(400, "SHOULD_LINEMERGE = true is not supported: set LINE_BREAKER and SHOULD_LINEMERGE = false")
    breaker = re.compile(props.get("LINE_BREAKER", r"([\r\n]+)"))
    events, start = [], 0
    for match in breaker.finditer(text):
        events.append(text[start : match.start(1)])
        start = match.end(1)
    return [event for event in [*events, text[start:]] if event.strip()]
