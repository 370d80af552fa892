"""What became of each row's event, and the one place that settles it; pure.

| status | |
|---|---|
| accepted | the receiver took it |
| rejected | it cannot be sent as it is |
| failed | the receiver, or the way to it, did not take it in all attempts |
| unsent | it was not tried |
| duplicate | an earlier row has its messageId, or an earlier run got it accepted |
| dryrun | it would have been sent |

Some events are withheld before they are sent, the ledger knows some, and the receiver's answer settles most. Each
passes through `Outcomes` once, which tells everybody who has to know: the row itself, the counts, the dead letters and
the ledger.
"""

import json
from itertools import groupby
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Set, Tuple, Union

from segment_bridge.delivery.batching import Batch

STATUSES = ("accepted", "rejected", "failed", "unsent", "duplicate", "dryrun")


class Outcome(NamedTuple):
    """What became of an event; the events of a batch that share their fate share it."""

    status: str
    reason: str = ""  # one of segment_bridge.reasons; empty for what was accepted
    http: Optional[int] = None  # status of the last answer
    error: str = ""
    batch: Optional[int] = None  # 1, 2, ... in a run
    attempts: int = 0


DUPLICATE = Outcome("duplicate", "duplicate", error="an earlier row has this messageId")
SENT_BEFORE = Outcome("duplicate", "sent_before", error="an earlier run sent it, and it was accepted")


class Settled(NamedTuple):
    """A batch whose fate is known, message by message."""

    batch: Batch
    outcomes: Sequence[Outcome]
    seconds: float

    def parts(self) -> Iterator[Tuple[Outcome, Batch]]:
        """The batch in parts whose messages share an outcome."""
        if self.outcomes.count(self.outcomes[0]) == len(self.outcomes):  # nearly always, and a tenth of the cost
            yield self.outcomes[0], self.batch
            return
        start = 0
        for outcome, alike in groupby(self.outcomes):
            end = start + sum(1 for _ in alike)
            yield outcome, self.batch[start:end]
            start = end


def id_of(payload: bytes) -> str:
    """Of a message, as it is sent."""
    found: str = json.loads(payload)["messageId"]
    return found


# --- Who has to know --------------------------------------------------------------------------------------------------


class Answers(Protocol):
    """Rows on their way back to the caller of the run."""

    def settle(self, rows: Sequence[int], outcome: Outcome) -> None: ...


class Counts(Protocol):
    def add(self, outcome: Outcome, number: int, example: Union[str, bytes]) -> None:
        """`example`: the id of a message, or itself."""


class Letters(Protocol):
    """Dead letters."""

    def keeps(self, outcome: Outcome) -> bool: ...
    def add(self, message_id: str, payload: str, outcome: Outcome) -> None: ...
    def accepted(self, payloads: Sequence[bytes]) -> None: ...
    def write(self) -> None: ...


class Ledger(Protocol):
    def accepted(self, rows: Sequence[int]) -> None: ...


# --- The one place ----------------------------------------------------------------------------------------------------


class Outcomes:
    """Settles the rows of a run, a piece at a time: from `begin` to `end`, rows are told by their numbers in a piece.

    Args:
        forget: is told the messageId of an event that did not get there: the next row that has it may.
    """

    def __init__(self, counts: Counts, letters: Letters, ledger: Ledger, forget: Callable[[str], None]):
        self._counts, self._letters, self._ledger, self._forget = counts, letters, ledger, forget
        self._made: Set[int] = set()
        self._twins: Dict[str, List[int]] = {}  # of earlier rows, by id

    def begin(self, answers: Answers) -> None:
        self._answers = answers
        self._made.clear()

    def made(self, rows: Iterable[int]) -> None:
        """The app made the messageIds of these rows: no other row has one of them."""
        self._made.update(rows)

    def withheld(self, row: int, message_id: str, outcome: Outcome, draft: str = "") -> None:
        """The row gives no message that could be sent. A duplicate shares its twin's outcome, if that is not accepted.

        Args:
            draft: what to keep of the row.
        """
        if outcome is DUPLICATE:
            self._twins.setdefault(message_id, []).append(row)
            return
        self._settle([row], outcome, message_id)
        if draft:
            self._letters.add(message_id, draft, outcome)

    def sent_before(self, row: int, message_id: str, payload: bytes) -> None:
        """An earlier run sent these, as the ledger knows."""
        self._settle([row], SENT_BEFORE, message_id)
        self._letters.accepted([payload])

    def sent(self, batch: Batch, outcome: Outcome) -> None:
        """Settles messages that share an outcome, whether the receiver answered or not."""
        self._settle(batch.rows, outcome, batch.payloads[0])
        if outcome.status == "accepted":
            self._ledger.accepted(batch.rows)
            self._letters.accepted(batch.payloads)
        elif outcome.status != "dryrun":
            for row, payload in zip(batch.rows, batch.payloads):
                self._lost(row, payload, outcome)

    def overturned(self, payload: bytes, outcome: Outcome) -> None:
        """An event whose row has gone back already: its dead letter gets this outcome."""
        if self._letters.keeps(outcome):
            self._letters.add(id_of(payload), payload.decode(), outcome)

    def end(self) -> None:
        """All rows of this piece are settled."""
        for twin in [*self._twins]:
            self._settle_twins(twin, DUPLICATE)
        self._letters.write()

    def _lost(self, row: int, payload: bytes, outcome: Outcome) -> None:
        lost = id_of(payload)
        if row not in self._made:
            self._forget(lost)
            self._settle_twins(lost, outcome)
        if self._letters.keeps(outcome):
            self._letters.add(lost, payload.decode(), outcome)

    def _settle_twins(self, message_id: str, outcome: Outcome) -> None:
        rows = self._twins.pop(message_id, [])
        if rows:
            self._settle(rows, outcome, message_id)

    def _settle(self, rows: Sequence[int], outcome: Outcome, example: Union[str, bytes]) -> None:
        self._answers.settle(rows, outcome)
        self._counts.add(outcome, len(rows), example)
