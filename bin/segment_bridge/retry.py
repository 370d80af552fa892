"""When to try again, and when not: attempts, waits that grow and vary, Retry-After, a deadline.

Waits double from attempt to attempt and are shortened by chance (up to half), so that many who failed together do not come
back together. Where the other side says how long it wants to be left alone, it gets at least that. Time and chance are
parameters; nothing here knows what is tried.

Source: AWS Architecture Blog, "Exponential Backoff and Jitter".
"""
import random
import time
from typing import Callable, Optional, TypeVar

from segment_bridge.errors import DeadlineExceeded, Unavailable

T = TypeVar("T")


class Retry:
    """How patient one run is; its deadline begins with it.

    Args:
        max_attempts: of each call; None is as many as the deadline allows.
        deadline_s: for all calls together; None is no deadline.
        first_wait_s, longest_wait_s: of the waits, which Retry-After may exceed.
    """

    def __init__(self, max_attempts: Optional[int] = None, deadline_s: Optional[float] = None, *,
                 first_wait_s: float = 1.0, longest_wait_s: float = 30.0, clock: Callable[[], float] = time.monotonic,
                 sleep: Callable[[float], None] = time.sleep, chance: Callable[[], float] = random.random):
        self._max_attempts = max_attempts
        self._first_wait_s, self._longest_wait_s = first_wait_s, longest_wait_s
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._ends = None if deadline_s is None else clock() + deadline_s

    def call(self, attempt: Callable[[], T]) -> T:
        """What `attempt` returns, which is called again where it raises Unavailable. It is called at least once.

        Raises:
            Unavailable: of the last attempt.
            DeadlineExceeded: the next attempt would be too late.
        """
        number = 1
        while True:
            try:
                return attempt()
            except Unavailable as error:
                if number == self._max_attempts:
                    raise
                wait_s = self.wait_s(number, error.retry_after_s)
                if self._ends is not None and self._clock() + wait_s > self._ends:
                    raise DeadlineExceeded("out of time after %d attempts: %s" % (number, error)) from None
            self._sleep(wait_s)
            number += 1

    def wait_s(self, attempts: int, retry_after_s: Optional[float] = None) -> float:
        """How long to wait after so many failed attempts."""
        longest = min(self._longest_wait_s, self._first_wait_s * 2 ** (attempts - 1))
        return max(longest * (1 - self._chance() / 2), retry_after_s or 0.0)
