"""Counts accepted events by name and by the hour of acceptance.

They are compared with Segment's own counts, which go by the time of receipt. Names come with the rows of a chunk, and
are looked up when the batch is settled.
"""

import json
import time
from collections import Counter
from typing import Callable, List, Sequence, Tuple

from segment_bridge.delivery.batching import of_rows

HOUR_S = 3_600
MOST_NAMES = 500
_LONGEST_NAME = 200
NO_NAME = "-"
"""The name for calls that have none, such as identify, and for all names beyond a number."""


class Tally:
    """Of a run."""

    def __init__(self, clock: Callable[[], float] = time.time):
        self._clock = clock
        self._names: List[str] = []
        self._counts: Counter[Tuple[int, str]] = Counter()

    def begin(self) -> None:
        """A chunk's rows are numbered from 0 on."""
        self._names = []

    def add(self, names: Sequence[str]) -> None:
        """Takes the event names of further rows; empty if they have none."""
        self._names += names

    def accepted(self, rows: Sequence[int]) -> None:
        """The events of these rows, which are in order, were accepted."""
        hour = int(self._clock()) // HOUR_S * HOUR_S
        for name, number in Counter(of_rows(self._names, rows)).items():
            key = hour, name[:_LONGEST_NAME] or NO_NAME
            self._counts[key if key in self._counts or len(self._counts) < MOST_NAMES else (hour, NO_NAME)] += number

    def told(self) -> str:
        """A JSON list of [hour, name, number]; empty where nothing was accepted."""
        listed = [[hour, name, number] for (hour, name), number in sorted(self._counts.items())]
        return json.dumps(listed, ensure_ascii=False, separators=(",", ":")) if listed else ""
