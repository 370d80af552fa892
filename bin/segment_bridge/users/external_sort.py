"""Puts more entries in order than memory should hold: sorted runs of them in temporary files, merged when read."""

import heapq
import json
import tempfile
from typing import IO, Any, Iterable, Iterator, List

from segment_bridge.users.objects import Entry

RUN_LENGTH = 5_000


class Spool:
    """Entries that were added in any order and are read in their natural one. A context manager.

    Its files have no name, nobody else can read them, and they vanish with it.
    """

    def __init__(self) -> None:
        self._latest: List[Entry] = []
        self._runs: List[IO[str]] = []  # each sorted

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._latest.append(entry)
            if len(self._latest) == RUN_LENGTH:
                self._runs.append(_written(sorted(self._latest)))
                self._latest = []

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.clear()

    def clear(self) -> None:
        for run in self._runs:
            run.close()
        self._latest, self._runs = [], []

    def __iter__(self) -> Iterator[Entry]:
        return heapq.merge(sorted(self._latest), *map(_read, self._runs))


def _written(entries: Iterable[Entry]) -> IO[str]:
    run = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 (the spool closes it)
    for entry in entries:
        run.write(json.dumps(entry) + "\n")
    return run


def _read(run: IO[str]) -> Iterator[Entry]:
    run.seek(0)
    for line in run:
        yield Entry(*json.loads(line))
