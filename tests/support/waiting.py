"""Waits for what other processes do."""

import time
from typing import Iterator


def attempts(seconds: float) -> Iterator[None]:
    """Yields at once, and again after pauses that begin short and grow, until the time is over."""
    deadline, pause_s = time.monotonic() + seconds, 0.02
    yield
    while time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, 0.25)
        yield
