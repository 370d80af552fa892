"""Decides whether a refusal is about one message or about all of them, by what the receiver accepts around it; pure.

If a receiver refuses a message that was sent alone, the message may be bad. Or the receiver refuses everything, because
of the key, the URL or the account.

| the receiver is | until |
|---|---|
| unknown: it has accepted nothing yet | it accepts a message: trusted; or refuses REFUSALS messages alone: lost |
| trusted | it refuses REFUSALS messages alone, one after the other, and accepts none in between: doubted |
| doubted | it accepts the witness, a message that it accepted before: trusted; or refuses it: lost |
| lost | the run ends |

So the verdict on a message that was refused alone has to wait: it is `rejected` if the receiver accepts another one
later, and `failed` if the receiver is lost. A row cannot wait beyond its chunk. If the receiver is not doubted at that
point, undecided messages become `rejected`. If it is lost later, they are `overturned`: their dead letters become
`failed`.

The witness costs a repeat, which Segment drops by its messageId. While bad messages follow each other, each doubt takes
twice as many of them as the one before.
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
    """A message that was refused alone. Until `is_decided`, its outcome assumes that the refusal is about the message.

    Args:
        reason: the reason code if the refusal is not about the message.
        is_about_message: whether this kind of answer usually is.
        answered: the number of requests begun before the answer.
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
"""What became of a message: an outcome, or a refusal that may be undecided."""


class Delivered(NamedTuple):
    """A batch whose messages have all been sent or given up. Messages refused alone may still be undecided."""

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
        if self._loss:  # the receiver was lost while this request was under way
            self.lose(*self._loss)

    def acquit(self, payload: bytes, begun: int) -> None:
        """A message was accepted after it was sent differently, so the others were refused for how they were sent."""
        for refusal in self._in_a_row:
            refusal.fail()
        self.accepted(payload, begun)

    def lose(self, reason: str, error: str) -> None:
        """The receiver refuses everything."""
        self._loss = reason, error
        for refusal in self._in_a_row:
            refusal.fail(reason, error)
        self.overturned += [refusal for refusal in self._in_a_row if refusal.is_decided]
        self._decide(math.inf)

    def close(self) -> None:
        """Decides all messages, as their rows go back now: rejected, unless the receiver is doubted or unproven."""
        for refusal in self._in_a_row:
            if self.is_doubted or (self.is_unknown and not refusal.is_about_message):
                refusal.fail()
            refusal.is_decided = True

    def _decide(self, begun: float) -> None:
        for refusal in self._in_a_row:
            refusal.is_decided = refusal.is_decided or refusal.answered < begun
        self._in_a_row = [refusal for refusal in self._in_a_row if refusal.answered >= begun]
