"""Counts a run's events by outcome and reason, with an example of each, and its traffic; pure."""

from collections import Counter
from typing import Dict, List, NamedTuple, Tuple, Union

from segment_bridge.delivery.outcomes import STATUSES, Outcome, id_of


class Traffic(NamedTuple):
    """What went over the wire in a run."""

    requests: int = 0
    retries: int = 0
    body_bytes: int = 0
    wire_bytes: int = 0  # after compression
    waited_s: float = 0.0
    """How long all requests together waited for their turn."""
    concurrency: int = 0
    """The most requests that could be under way at once."""
    gave_up_gzip: bool = False


class Reason:
    """How many events had the same outcome and reason, and an example."""

    def __init__(self, outcome: Outcome, message_id: str):
        self.outcome, self.message_id = outcome, message_id
        self.count = 0


class Counts:
    """The counts of one run; `rows` counts all rows that came in."""

    def __init__(self) -> None:
        self.rows = 0
        self._by_status: Dict[str, int] = Counter()
        self._reasons: Dict[Tuple[str, str], Reason] = {}

    def __getitem__(self, status: str) -> int:
        return self._by_status[status]

    @property
    def not_sent(self) -> int:
        """How many events should have been accepted but were not."""
        return self["failed"] + self["unsent"]

    @property
    def reasons(self) -> List[Reason]:
        """The reasons, in the order in which they first occurred."""
        return [*self._reasons.values()]

    def add(self, outcome: Outcome, number: int, example: Union[str, bytes]) -> None:
        self._by_status[outcome.status] += number
        if not outcome.reason:
            return
        key = outcome.status, outcome.reason
        if key not in self._reasons:
            self._reasons[key] = Reason(outcome, id_of(example) if isinstance(example, bytes) else example)
        self._reasons[key].count += number

    def facts(self) -> Dict[str, int]:
        return {**facts({status: self[status] for status in STATUSES}), "rows": self.rows}


def facts(by_status: Dict[str, int]) -> Dict[str, int]:
    """The counts by their names in the run log, where the field `dryrun` says whether the run was a dry run."""
    return {"rehearsed" if status == "dryrun" else status: count for status, count in by_status.items()}
