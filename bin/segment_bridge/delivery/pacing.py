"""How many requests may be under way at once, from when on the next one may begin, and when to give up; pure."""

import math


class Throttle:
    """How many requests may be under way at once, and from when on the next one may begin.

    All connections share one. After an answer that asks for patience only half as many requests may be under way; each
    round of good answers allows one more.
    """

    def __init__(self, concurrency: int, max_eps: float = 0.0):
        """`max_eps`: events per second, 0 is any number."""
        self.limit = concurrency
        self._concurrency = concurrency
        self._max_eps = max_eps
        self._good = 0
        self._held_until = -math.inf
        self._paced_until = -math.inf

    def not_before(self) -> float:
        """The moment from which on a request may begin."""
        return max(self._held_until, self._paced_until)

    def begins(self, now: float, events: int) -> None:
        """A request with so many events begins."""
        if self._max_eps:
            self._paced_until = max(self._paced_until, now) + events / self._max_eps

    def hold(self, now: float, wait_s: float, slow_down: bool) -> None:
        """No request begins for so long; with `slow_down`, fewer at once from then on."""
        if slow_down and now >= self._held_until:  # one burst of refusals counts once
            self.limit = max(self.limit // 2, 1)
            self._good = 0
        self._held_until = max(self._held_until, now + wait_s)

    def answered_well(self) -> None:
        self._good += 1
        if self._good >= self.limit:
            self.limit = min(self.limit + 1, self._concurrency)
            self._good = 0


class Breaker:
    """Opens when so many batches in a row have failed for good: the other side is down, and the rest is not tried."""

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
