"""Counts accepted events by name and by the hour of acceptance.

The counts are compared with Segment's own, which go by the time of receipt. Names come with the rows of a chunk, and
are looked up when a batch is settled.
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
"""Stands for calls without a name, such as identify, and for all names after the first MOST_NAMES."""


class Tally:
    """Counts the accepted events of one run."""

    def __init__(self, clock: Callable[[], float] = time.time):
        self._clock = clock
        self._names: List[str] = []
        self._counts: Counter[Tuple[int, str]] = Counter()

    def begin(self) -> None:
        """Starts a chunk, whose rows are numbered from 0."""
        self._names = []

    def add(self, names: Sequence[str]) -> None:
        """Takes the event names of the next rows; a name may be empty."""
        self._names += names

    def accepted(self, rows: Sequence[int]) -> None:
        """Counts the events of these rows as accepted. The rows must be in order."""
        hour = int(self._clock()) // HOUR_S * HOUR_S
        for name, number in Counter(of_rows(self._names, rows)).items():
            key = hour, name[:_LONGEST_NAME] or NO_NAME
            self._counts[key if key in self._counts or len(self._counts) < MOST_NAMES else (hour, NO_NAME)] += number

    def told(self) -> str:
        """The counts as a JSON list of [hour, name, number]; an empty string if nothing was accepted."""
        listed = [[hour, name, number] for (hour, name), number in sorted(self._counts.items())]
        return json.dumps(listed, ensure_ascii=False, separators=(",", ":")) if listed else ""
