"""Decides how fast requests go out: how many at once, when the next one may begin, and when to give up; pure.

All connections of a run share one `Pace`. It adjusts its level, which is how many requests may be under way, between
one and a limit from the settings:

- A round is as many accepted requests as the level. After each round, the average time of a request is compared with
  the weighted mean of earlier rounds. If it is no longer, the level was used in full and nothing went wrong, the level
  rises by one; before the first sign of overload, it rises by half, because a run may be short. If the time is longer
  by more than its usual variation, requests wait in a queue at the receiver or on the way: the level falls by a tenth,
  but not below FIRST.
- An answer that asks to wait (429, or any with Retry-After) halves the level at once. The earlier level is not tried
  again for a minute.

The model is Vector's sinks, whose weights this uses. But Vector begins with one request, which would cost a short run
most of its time; it reacts to a refusal with a tenth, where TCP halves; and it soon returns to the refused level.

Sources: Vector, "Adaptive request concurrency", its RFC 1858, and src/sinks/util/adaptive_concurrency/controller.rs in
vectordotdev/vector; RFC 5681 (TCP congestion control); T. Finch, "Incremental calculation of weighted mean and
variance" (2009).
"""

import math

FIRST = 4
"""How many requests may be under way at first."""
RECOVERY_S = 60.0
"""How long to avoid a level that was too high."""
_ALPHA = 0.4
_DEVIATIONS = 2.5
_LEAST_DEVIATION = 0.05
"""As a part of the mean. If every answer took the same time, any noise would otherwise look like a queue."""
_FEWER = 0.9
_MOST_GROWTH = 2.0
"""If answers take this many times as long as at best, requests wait in a queue, so the level does not rise."""


class _Usual:
    """The weighted mean of numbers, in which later ones count more, and their deviation from it."""

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
        """`limit`: the highest level. `max_eps`: events per second; 0 means no limit."""
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
        """The earliest moment at which a request may begin."""
        return max(self._held_until, self._paced_until)

    def begins(self, now: float, events: int, under_way: int) -> None:
        """Notes that a request with this many events begins; `under_way` counts it, too."""
        self._was_full = self._was_full or under_way >= self.level
        if self._max_eps:
            self._paced_until = max(self._paced_until, now) + events / self._max_eps

    def throttled(self, now: float, wait_s: float) -> None:
        """Notes that the receiver asks to wait: no request begins for this long, and fewer are under way after that."""
        if now >= self._held_until:  # a burst of refusals counts once
            self._ceiling = max(self.level - 1, 1)
            self._ceiling_until = now + RECOVERY_S
            self.level = max(self.level // 2, 1)
            self._is_beginning = False
            self._begin_round()
        self._had_trouble = True
        self._held_until = max(self._held_until, now + wait_s)

    def troubled(self) -> None:
        """Notes that a request failed for a passing reason: the level does not rise in this round."""
        self._had_trouble = True

    def answered(self, now: float, seconds: float) -> None:
        """Notes that a request was accepted after this long."""
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
        """Adjusts the level after a round in which an answer took this many seconds on average."""
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
    """The circuit breaker. It opens when several batches in a row have failed in all attempts: the receiver is down."""

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
