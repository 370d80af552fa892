"""Decides whether to retry, and how long to wait: exponential backoff with jitter, Retry-After, and a deadline.

The longest wait doubles with each attempt, and a random part of it (jitter) is waited, so that clients that failed
together do not return together. If the other side asks for a longer wait, it gets it. No wait exceeds the deadline.
Clock and chance are parameters, and this module does not know what is tried.

Sources: AWS Architecture Blog, "Exponential Backoff and Jitter"; RFC 9110, "Retry-After".
"""

import email.utils
import math
import random
import time
from dataclasses import dataclass
from typing import Any, Callable, List, Mapping, Optional, TypeVar

from segment_bridge.errors import DeadlineExceeded, Unavailable

T = TypeVar("T")

LONGEST_RETRY_AFTER_S = 300.0
_EPOCH_S = 1e9
"""Larger numbers are points in time, not waits; from a thousand times this, points in time in milliseconds."""


@dataclass(frozen=True)
class Backoff:
    """Waits between attempts: at most `first_s`, then twice that, and so on, and never over `longest_s`."""

    first_s: float = 0.5
    longest_s: float = 60.0

    def wait_s(self, attempt: int, chance: float) -> float:
        """The wait after this attempt (1, 2, ...). `chance` is a random number from 0 to 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(attempt - 1, 30)) * chance


def retry_after_s(headers: Mapping[str, str], now: float) -> Optional[float]:
    """How long an answer asks to wait: Retry-After (seconds or a date), else X-RateLimit-Reset; None if it does not.

    A date is compared with the answer's own Date, as the server's clock may differ from this one. If a header is
    repeated, the longest wait counts.

    Args:
        headers: of the answer; must ignore the case of names. urllib3's also keep repeated headers apart.
        now: epoch seconds, for an answer without a Date.
    """
    dates = [*filter(None, map(date_s, _values(headers, "Date")))]
    now = dates[0] if dates else now
    for name in ("Retry-After", "X-RateLimit-Reset"):
        waits = [wait for wait in (_wait_s(text, now) for text in _values(headers, name)) if not math.isnan(wait)]
        if waits:
            return min(max(*waits, 0.0), LONGEST_RETRY_AFTER_S)
    return None


def _values(headers: Any, name: str) -> List[str]:
    values = headers.getlist(name) if hasattr(headers, "getlist") else [headers.get(name, "")]
    return [text.strip() for text in values]


def _wait_s(text: str, now: float) -> float:
    """The wait that a header's value means: seconds, or the time until a date or an epoch time; else nan."""
    try:
        seconds = float(text)
    except ValueError:
        moment = date_s(text)
        return math.nan if moment is None else moment - now
    if seconds < _EPOCH_S:
        return seconds
    return (seconds if seconds < 1_000 * _EPOCH_S else seconds / 1_000) - now


def date_s(text: str) -> Optional[float]:
    try:
        parsed = email.utils.parsedate_tz(text)
        return email.utils.mktime_tz(parsed) if parsed else None
    except (TypeError, ValueError, OverflowError):  # not a date, or a year out of range
        return None


class Retry:
    """Retries the calls of one run. The deadline counts from its creation.

    Args:
        max_attempts: for each call; None means as many as the deadline allows.
        deadline_s: for all calls together; None means no deadline.
        note: receives the error of each failed attempt.
    """

    def __init__(
        self,
        max_attempts: Optional[int] = None,
        deadline_s: Optional[float] = None,
        *,
        first_wait_s: float = 1.0,
        longest_wait_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        note: Callable[[Unavailable], None] = lambda error: None,
    ):
        self._max_attempts = max_attempts
        self._backoff = Backoff(first_wait_s, longest_wait_s)
        self._clock, self._sleep, self._chance, self._note = clock, sleep, chance, note
        self._ends = None if deadline_s is None else clock() + deadline_s

    def call(self, attempt: Callable[[], T]) -> T:
        """Calls `attempt` at least once, and again while it raises Unavailable. Returns its result.

        Raises:
            Unavailable: the last attempt failed.
            DeadlineExceeded: the next attempt would come after the deadline.
        """
        number = 1
        while True:
            try:
                return attempt()
            except Unavailable as error:
                self._note(error)
                if number == self._max_attempts:
                    raise
                wait_s = max(self._backoff.wait_s(number, self._chance()), error.retry_after_s or 0.0)
                if self._ends is not None and self._clock() + wait_s > self._ends:
                    why = error.reason if error.reason != Unavailable.reason else ""
                    raise DeadlineExceeded("out of time after %d attempts: %s" % (number, error), reason=why) from None
            self._sleep(wait_s)
            number += 1
