"""Sorts more entries than memory should hold: sorted pieces in temporary files, merged when read (an external sort)."""

import contextlib
import heapq
import json
import tempfile
from typing import IO, Any, Iterable, Iterator, List

from segment_bridge.users.objects import Entry

PIECE_ENTRIES = 5_000


class ExternalSort:
    """Takes entries in any order and yields them sorted. A context manager.

    Its temporary files have no name, no other user can read them, and they are deleted when it closes.
    """

    def __init__(self) -> None:
        self._files = contextlib.ExitStack()
        self._latest: List[Entry] = []
        self._pieces: List[IO[str]] = []  # each sorted

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._latest.append(entry)
            if len(self._latest) == PIECE_ENTRIES:
                self._write_piece()

    def _write_piece(self) -> None:
        piece = self._files.enter_context(_file())
        self._pieces.append(piece)
        for entry in sorted(self._latest):
            piece.write(json.dumps(entry) + "\n")
        self._latest = []

    def __enter__(self) -> "ExternalSort":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets all entries."""
        self._files.close()
        self._latest, self._pieces = [], []

    def __iter__(self) -> Iterator[Entry]:
        return heapq.merge(sorted(self._latest), *map(_read, self._pieces))


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="ascii")


def _read(piece: IO[str]) -> Iterator[Entry]:
    piece.seek(0)
    for line in piece:
        yield Entry(*json.loads(line))
