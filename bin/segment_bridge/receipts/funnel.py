"""Compares the events that Segment accepted from the app with those that it counted, by hour and event name; pure.

Segment drops repeats, and it is not documented whether its counts include them. Runs whose time ranges overlap may have
sent the same events, so `repeats` counts the accepted events that may be repeats. It is kept low: among overlapping
runs, the one with the most accepted events does not count. Accepted events minus repeats must have arrived or been
thrown away.

Runs record their accepted events as a JSON list of [hour, name, number] (delivery.tally).
"""

import json
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

from segment_bridge.receipts.public_api import Count

HOUR_S = 3_600
NO_NAME = "-"
"""Stands for calls without an event name, such as identify."""


class Run(NamedTuple):
    """A run of segmentsend. Its search covered `earliest` to `latest`, in epoch seconds; both are 0 if unknown."""

    earliest: float
    latest: float
    accepted: List[Tuple[int, str, int]]  # hour of sending, event name, number

    @property
    def number(self) -> int:
        return sum(number for _, _, number in self.accepted)

    @property
    def has_window(self) -> bool:
        return 0 < self.earliest < self.latest

    def overlaps(self, other: "Run") -> bool:
        return self.earliest < other.latest and other.earliest < self.latest


class Row(NamedTuple):
    """The counts of an hour (epoch seconds) and an event name. `reasons` counts discarded events by reason."""

    hour: int
    event: str
    accepted: int
    repeats: int
    received: int
    discarded: int
    filtered: int
    reasons: Dict[str, int]


def runs(documents: Iterable[Dict[str, Any]]) -> List[Run]:
    """Reads runs from documents of the collection segment_runs. Skips documents of another shape."""
    found = []
    for document in documents:
        try:
            accepted = [(int(hour), str(name), int(number)) for hour, name, number in json.loads(document["events"])]
            found.append(Run(float(document.get("earliest") or 0), float(document.get("latest") or 0), accepted))
        except (KeyError, TypeError, ValueError):
            continue
    return [run for run in found if run.number]


def maybe_repeats(given: Iterable[Run]) -> List[Run]:
    """The runs whose events another run may have sent, too."""
    alone: List[Run] = []
    others = []
    for run in sorted(given, key=lambda each: -each.number):
        if run.has_window and not any(run.overlaps(each) for each in alone):
            alone.append(run)
        else:
            others.append(run)
    return others


def rows(
    given: List[Run], received: Iterable[Count], failed: Iterable[Count], filtered: Iterable[Count], since: int
) -> List[Row]:
    """The rows from the hour `since` (epoch seconds) on, in order, without those in which all counts are 0."""
    cells: Dict[Tuple[int, str], Dict[str, Any]] = {}

    def add(column: str, hour: int, event: str, number: int) -> Dict[str, Any]:
        cell = cells.setdefault(
            (hour, event or NO_NAME),
            {"accepted": 0, "repeats": 0, "received": 0, "discarded": 0, "filtered": 0, "reasons": {}},
        )
        cell[column] += number
        return cell

    for column, each_run in [("accepted", given), ("repeats", maybe_repeats(given))]:
        for run in each_run:
            for hour, event, number in run.accepted:
                add(column, hour, event, number)
    for count in received:
        add("received", count.hour, count.event, count.number)
    for count in filtered:
        add("filtered", count.hour, count.event, count.number)
    for count in failed:
        reasons = add("discarded", count.hour, count.event, count.number)["reasons"]
        reason = count.reason.lower() or "unknown"
        reasons[reason] = reasons.get(reason, 0) + count.number
    return [
        Row(hour, event, **cell)
        for (hour, event), cell in sorted(cells.items())
        if hour >= since and any(cell[column] for column in ("accepted", "received", "discarded", "filtered"))
    ]
