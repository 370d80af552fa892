"""A stand-in in the test's own process, whose clock the test can move."""

import time
from datetime import timezone, tzinfo
from typing import Iterator

import pytest

from tests.standin.clock import Clock
from tests.standin.splunkd import Splunkd

PASSWORD = "changeme"


_real_time = time.time  # tests may replace time.time for a while; the scheduler's thread must not follow that


class MovedClock(Clock):
    """Runs like the real clock, from the time it was set to."""

    def __init__(self, zone: tzinfo = timezone.utc) -> None:
        super().__init__(lambda: _real_time() + self.ahead_s, zone)
        self.ahead_s = 0.0

    def move_to(self, seconds: float) -> None:
        self.ahead_s = seconds - _real_time()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def splunkd(tmp_path, clock) -> Iterator[Splunkd]:
    with Splunkd(tmp_path / "splunk", PASSWORD, clock=clock) as running:
        yield running
