"""A stand-in in the test's own process, whose clock the test moves."""

import time
from datetime import timezone, tzinfo
from typing import Iterator

import pytest

from tests.standin.clock import Clock
from tests.standin.splunkd import Splunkd

PASSWORD = "changeme"


_real_time = time.time  # whatever a test puts in its place for a while, which the scheduler's thread must not go by


class MovedClock(Clock):
    """Goes as the real one does, from where it was put."""

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
