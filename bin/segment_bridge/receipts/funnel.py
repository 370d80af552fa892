"""What the app got accepted beside what Segment says arrived: by hour of sending, and event name; pure.

Segment drops repeats, and whether its counts have them is not known. So of what was accepted, `repeats` is what may
have been: the runs that looked at a time that another run looked at, too, may have sent the same again. As few as can
be are taken for such: of runs that overlap, the one that got most accepted is not. What was accepted, without the
repeats, must have arrived, or been thrown away.

Runs tell what they got accepted as a JSON list of [hour, name, number] (delivery.tally).
"""

import json
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

from segment_bridge.receipts.public_api import Count

HOUR_S = 3_600
NO_NAME = "-"
"""Of calls that have no event name, such as identify."""


class Run(NamedTuple):
    """Of segmentsend. It looked at the time from `earliest` to `latest`; both are 0 where that is not known."""

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
    """Of an hour and an event name; `reasons` of what was thrown away, each with its number."""

    hour: int
    event: str
    accepted: int
    repeats: int
    received: int
    discarded: int
    filtered: int
    reasons: Dict[str, int]


def runs(documents: Iterable[Dict[str, Any]]) -> List[Run]:
    """Of the collection segment_runs. What has another shape is passed over."""
    found = []
    for document in documents:
        try:
            accepted = [(int(hour), str(name), int(number)) for hour, name, number in json.loads(document["events"])]
            found.append(Run(float(document.get("earliest") or 0), float(document.get("latest") or 0), accepted))
        except (KeyError, TypeError, ValueError):
            continue
    return [run for run in found if run.number]


def maybe_repeats(given: Iterable[Run]) -> List[Run]:
    """Those runs all of whose events another one may have sent, too."""
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
    """The hours from `since` on, in order, of what is more than nothing."""
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
