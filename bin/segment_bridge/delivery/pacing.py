"""How fast requests go out: how many at once, from when on the next one may begin, and when to give up; pure.

All connections of a run share one `Pace`. How many requests may be under way finds its level by itself, between one and
a limit that is a setting:

- A round is as many accepted requests as there are places. After each round, the average time of a request is compared
  with the weighted mean of earlier rounds. If it is no longer, all places were taken and nothing went wrong, there is
  one place more; until the first sign of too much, half as many again, as a run may be short. If it is longer by more
  than its usual variation, there are a tenth fewer places, but no fewer than FIRST: requests wait in a queue, at the
  receiver or on the way.
- An answer that asks for patience (429, or any with Retry-After) takes away half of the places at once. The level at
  which it came is not tried again for a minute.

Vector's sinks are the model: these are their weights. But they begin with one request, which would cost a short run
most of its time; give way to a refusal by a tenth, where TCP gives way by half; and are back at the refused level soon.

Sources: Vector, "Adaptive request concurrency", its RFC 1858, and src/sinks/util/adaptive_concurrency/controller.rs in
vectordotdev/vector; RFC 5681 (TCP congestion control); T. Finch, "Incremental calculation of weighted mean and
variance" (2009).
"""

import math

FIRST = 4
"""How many requests may be under way at first."""
RECOVERY_S = 60.0
"""How long a level that was too much is not tried again."""
_ALPHA = 0.4
_DEVIATIONS = 2.5
_LEAST_DEVIATION = 0.05
"""Of the mean: where every answer takes the same time, any noise would be a sign."""
_FEWER = 0.9
_MOST_GROWTH = 2.0
"""There is no place more where an answer takes so many times as long as at best: what is sent waits in a queue."""


class _Usual:
    """The weighted mean of numbers, of which the later ones count more, and how much they deviate from it."""

    def __init__(self) -> None:
        self.mean = self._variance = 0.0
        self.is_known = False

    @property
    def deviation(self) -> float:
        return math.sqrt(self._variance)

    def add(self, number: float) -> None:
        difference = number - self.mean
        weight = _ALPHA if self.is_known else 1.0
        self.mean += weight * difference
        self._variance = (1 - weight) * (self._variance + weight * difference * difference)
        self.is_known = True


class Pace:
    """
    Attributes:
        level: how many requests may be under way at once.
        highest: the highest level so far.
    """

    def __init__(self, limit: int, max_eps: float = 0.0):
        """`limit`: of the level. `max_eps`: events per second, 0 is any number."""
        self.level = self.highest = min(FIRST, limit)
        self._limit = self._ceiling = limit
        self._ceiling_until = math.inf
        self._max_eps = max_eps
        self._held_until = self._paced_until = -math.inf
        self._usual, self._best = _Usual(), math.inf
        self._is_beginning = True
        self._begin_round()

    def _begin_round(self) -> None:
        self._answers, self._seconds = 0, 0.0
        self._was_full = self._had_trouble = False

    def not_before(self) -> float:
        """The moment from which on a request may begin."""
        return max(self._held_until, self._paced_until)

    def begins(self, now: float, events: int, under_way: int) -> None:
        """A request with this many events begins; `under_way` counts it, too."""
        self._was_full = self._was_full or under_way >= self.level
        if self._max_eps:
            self._paced_until = max(self._paced_until, now) + events / self._max_eps

    def throttled(self, now: float, wait_s: float) -> None:
        """The receiver asks for patience: no request begins for this long, and fewer run at once from then on."""
        if now >= self._held_until:  # one burst of refusals counts once
            self._ceiling = max(self.level - 1, 1)
            self._ceiling_until = now + RECOVERY_S
            self.level = max(self.level // 2, 1)
            self._is_beginning = False
            self._begin_round()
        self._had_trouble = True
        self._held_until = max(self._held_until, now + wait_s)

    def troubled(self) -> None:
        """A request failed, in a way that may pass: no further place in this round."""
        self._had_trouble = True

    def answered(self, now: float, seconds: float) -> None:
        """A request was accepted, after this long."""
        self._answers += 1
        self._seconds += seconds
        if self._answers < self.level:
            return
        current = self._seconds / self._answers
        if self._usual.is_known:
            self._adjust(now, current)
        self._usual.add(current)
        self._best = min(self._best, self._usual.mean)
        self._begin_round()

    def _adjust(self, now: float, current: float) -> None:
        """Called once a round, in which an answer took this many seconds on average."""
        if now >= self._ceiling_until:
            self._ceiling, self._ceiling_until = self._limit, math.inf
        usual, noise = self._usual.mean, max(self._usual.deviation, _LEAST_DEVIATION * self._usual.mean)
        if current > usual + _DEVIATIONS * noise:
            self._is_beginning = False
            self.level = min(self.level, max(int(self.level * _FEWER), FIRST))
        elif current <= min(usual + noise, _MOST_GROWTH * self._best) and self._was_full and not self._had_trouble:
            more = self.level // 2 if self._is_beginning else 1
            self.level = min(self.level + max(more, 1), self._ceiling)
            self.highest = max(self.highest, self.level)


class Breaker:
    """Opens when a number of batches in a row have failed for good: the receiver is down, so do not try the rest."""

    def __init__(self, failures: int = 5):
        self.failures = failures
        self._in_a_row = 0

    @property
    def is_open(self) -> bool:
        return self._in_a_row >= self.failures

    def failed(self) -> None:
        self._in_a_row += 1

    def succeeded(self) -> None:
        self._in_a_row = 0
