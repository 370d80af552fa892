"""Is a refusal about the message, or about all of them? Decides by what the receiver accepts before and after it; pure.

A receiver that refuses a message alone may have a reason to; or it may refuse everything, because of the key, the url
or the account.

| a receiver is | until |
|---|---|
| unknown: nothing was accepted yet | something is: trusted. So many messages are refused alone: lost |
| trusted | so many are refused alone in a row, and nothing is accepted in between: doubted |
| doubted | a witness, a message that it accepted before, is accepted once more: trusted. Or is refused: lost |
| lost | for good |

So the verdict on a message that is refused alone waits for what comes next: it is `rejected` where something is
accepted after it, and `failed` where the receiver is lost. A row cannot wait beyond its chunk. Where fewer than so many
are in doubt by then, they go back as rejected; if the receiver is lost later, these are `overturned`: what is kept of
them is kept as failed.

The witness costs a repeat, which Segment drops by its id. While a row of bad messages goes on, each doubt takes twice
as many of them as the one before.
"""

import math
from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Tuple, Union

from segment_bridge.delivery.batching import Batch
from segment_bridge.delivery.outcomes import Outcome, Settled

REFUSALS = 3
"""This many messages refused alone, with none accepted in between, raise a doubt."""


@dataclass(eq=False)
class Refusal:
    """A message that was refused alone. Until `is_decided`, its outcome supposes that the refusal is about the message.

    Args:
        answered: how many requests had begun by then.
        reason: why, if it is not about the message.
        is_about_message: whether such an answer is so mostly.
    """

    payload: bytes
    outcome: Outcome
    reason: str
    is_about_message: bool
    answered: int = 0
    is_decided: bool = False

    def fail(self, reason: str = "", error: str = "") -> None:
        self.outcome = self.outcome._replace(
            status="failed", reason=reason or self.reason, error=error or self.outcome.error
        )


Fate = Union[Outcome, Refusal]
"""Of a message; of one that was refused alone it may be decided later."""


class Delivered(NamedTuple):
    """A batch all of whose messages were sent, or are not going to be. What was refused alone may be undecided."""

    batch: Batch
    fates: List[Fate]
    seconds: float

    @property
    def is_decided(self) -> bool:
        return all(fate.is_decided for fate in self.fates if isinstance(fate, Refusal))

    def settled(self) -> Settled:
        outcomes = [fate.outcome if isinstance(fate, Refusal) else fate for fate in self.fates]
        return Settled(self.batch, outcomes, self.seconds)


class Trust:
    """What one run knows about its receiver."""

    def __init__(self) -> None:
        self.witness: Optional[bytes] = None
        self._loss: Optional[Tuple[str, str]] = None  # reason, error
        self.overturned: List[Refusal] = []
        self._limit = REFUSALS
        self._in_a_row: List[Refusal] = []

    @property
    def is_unknown(self) -> bool:
        return self.witness is None

    @property
    def is_doubted(self) -> bool:
        return len(self._in_a_row) >= self._limit

    def accepted(self, payload: bytes, begun: int) -> None:
        """A message was accepted, perhaps with others, in the request with this number.

        That says nothing about messages that were refused after the request began.
        """
        self.witness, self._limit = payload, REFUSALS
        self._decide(begun)

    def confirmed(self, begun: int) -> None:
        """The witness was accepted again."""
        self._limit *= 2
        self._decide(begun)

    def refused(self, refusal: Refusal) -> None:
        self._in_a_row.append(refusal)
        if self._loss:  # while this one was under way
            self.lose(*self._loss)

    def acquit(self, payload: bytes, begun: int) -> None:
        """A message was accepted because it was sent in another way: the old way was why the others were refused."""
        for refusal in self._in_a_row:
            refusal.fail()
        self.accepted(payload, begun)

    def lose(self, reason: str, error: str) -> None:
        """Nothing is accepted any more."""
        self._loss = reason, error
        for refusal in self._in_a_row:
            refusal.fail(reason, error)
        self.overturned += [refusal for refusal in self._in_a_row if refusal.is_decided]
        self._decide(math.inf)

    def close(self) -> None:
        """Rows go back now. Undecided messages are rejected, except in an unsettled doubt, or without any proof."""
        for refusal in self._in_a_row:
            if self.is_doubted or (self.is_unknown and not refusal.is_about_message):
                refusal.fail()
            refusal.is_decided = True

    def _decide(self, begun: float) -> None:
        for refusal in self._in_a_row:
            refusal.is_decided = refusal.is_decided or refusal.answered < begun
        self._in_a_row = [refusal for refusal in self._in_a_row if refusal.answered >= begun]
