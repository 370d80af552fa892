"""What became of each row's event, and the one place that settles it; pure.

| status | |
|---|---|
| accepted | the receiver accepted it |
| rejected | it cannot be sent as it is |
| failed | the receiver, or the connection to it, failed in all attempts |
| unsent | it was not tried |
| duplicate | an earlier row has its messageId, or an earlier run got it accepted |
| dryrun | it would have been sent |

Some events are withheld before they are sent, the ledger knows some, and the receiver's answer settles most. Each
passes through `Outcomes` once, which informs the row itself, the counts, the dead letters and the ledger.
"""

import json
from itertools import groupby
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Set, Tuple, Union

from segment_bridge.delivery.batching import Batch

STATUSES = ("accepted", "rejected", "failed", "unsent", "duplicate", "dryrun")


class Outcome(NamedTuple):
    """What became of an event. Events of a batch with the same fate share one instance."""

    status: str
    reason: str = ""  # one of segment_bridge.reasons; empty for accepted events
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
        """Yields the batch in parts whose messages share an outcome."""
        if self.outcomes.count(self.outcomes[0]) == len(self.outcomes):  # the usual case, at a tenth of the cost
            yield self.outcomes[0], self.batch
            return
        start = 0
        for outcome, alike in groupby(self.outcomes):
            end = start + sum(1 for _ in alike)
            yield outcome, self.batch[start:end]
            start = end


def id_of(payload: bytes) -> str:
    """The messageId of a serialised message."""
    found: str = json.loads(payload)["messageId"]
    return found


# --- Who is informed --------------------------------------------------------------------------------------------------


class Answers(Protocol):
    """The rows that go back to the caller of the run."""

    def settle(self, rows: Sequence[int], outcome: Outcome) -> None: ...


class Counts(Protocol):
    def add(self, outcome: Outcome, number: int, example: Union[str, bytes]) -> None:
        """`example`: a message, or its id."""


class Letters(Protocol):
    """Dead letters."""

    def keeps(self, outcome: Outcome) -> bool: ...
    def add(self, message_id: str, payload: str, outcome: Outcome) -> None: ...
    def accepted(self, payloads: Sequence[bytes]) -> None: ...
    def write(self) -> None: ...


class Ledger(Protocol):
    def accepted(self, rows: Sequence[int]) -> None: ...


# --- The one place that settles outcomes ------------------------------------------------------------------------------


class Outcomes:
    """Settles the rows of a run, a piece at a time. From `begin` to `end`, rows have their numbers in the piece.

    Args:
        forget: called with the messageId of an event that was not delivered, so that the next row with it can be sent.
    """

    def __init__(self, counts: Counts, letters: Letters, ledger: Ledger, forget: Callable[[str], None]):
        self._counts, self._letters, self._ledger, self._forget = counts, letters, ledger, forget
        self._made: Set[int] = set()
        self._twins: Dict[str, List[int]] = {}  # rows with the same id as an earlier one, by id

    def begin(self, answers: Answers) -> None:
        self._answers = answers
        self._made.clear()

    def made(self, rows: Iterable[int]) -> None:
        """Notes that the app made the messageIds of these rows, so no other row has the same."""
        self._made.update(rows)

    def withheld(self, row: int, message_id: str, outcome: Outcome, draft: str = "") -> None:
        """Settles a row without a message that could be sent. A duplicate shares its twin's outcome unless accepted.

        Args:
            draft: what to keep as a dead letter.
        """
        if outcome is DUPLICATE:
            self._twins.setdefault(message_id, []).append(row)
            return
        self._settle([row], outcome, message_id)
        if draft:
            self._letters.add(message_id, draft, outcome)

    def sent_before(self, row: int, message_id: str, payload: bytes) -> None:
        """Settles a row whose event an earlier run sent, according to the ledger."""
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
        """Gives this outcome to the dead letter of an event whose row has already gone back."""
        if self._letters.keeps(outcome):
            self._letters.add(id_of(payload), payload.decode(), outcome)

    def end(self) -> None:
        """Called once all rows of this piece are settled."""
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
