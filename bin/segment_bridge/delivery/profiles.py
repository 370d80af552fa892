"""Notices events that Segment's Unify silently drops because of its limits; they are sent all the same.

Segment does not say how strictly Unify applies its limits, so exceeding one is a warning. Events of one profile reach
Segment at the same moment if they are in one request.

Source: Segment's "Unify: product limits" (2026): 300 properties or traits, groupId of 500 characters, 25 events a
second of one profile.
"""

from collections import Counter
from typing import Dict, List, Sequence

from segment_bridge.delivery import ingest
from segment_bridge.delivery.batching import of_rows
from segment_bridge.delivery.columns import Columns
from segment_bridge.delivery.messages import Layout


class Profiles:
    """Checks the events of one run. `beyond` counts events or requests that exceed a limit, by the limit's code."""

    def __init__(self) -> None:
        self.beyond: Dict[str, int] = {}
        self._users: List[str] = []

    def begin(self) -> None:
        """Starts a piece, whose rows are numbered from 0."""
        self._users = []

    def add(self, layout: Layout, columns: Columns, payloads: Sequence[bytes]) -> None:
        """Takes the next rows and their messages; `payloads` is empty for a row without a message."""
        users = layout.cells("userId", columns, len(payloads))
        if not all(users):
            strangers = layout.cells("anonymousId", columns, len(payloads))
            users = [user or stranger for user, stranger in zip(users, strangers)]
        self._users += users
        if max(map(len, payloads), default=0) >= ingest.LEAST_BYTES_OF_MANY:
            self._count("many_properties", sum(map(ingest.has_many_members, payloads)))
        if layout.has("groupId"):
            self._count("long_group_id", sum(map(ingest.has_long_group, payloads)))

    def sent(self, rows: Sequence[int]) -> None:
        """Takes note of a request with the events of these rows, which must be in order."""
        users, most = of_rows(self._users, rows), ingest.MOST_EVENTS_OF_A_PROFILE
        if len(users) - len({*users}) >= most and max(Counter(users).values()) > most:
            self._count("busy_profile", 1)

    def _count(self, code: str, number: int) -> None:
        if number:
            self.beyond[code] = self.beyond.get(code, 0) + number
