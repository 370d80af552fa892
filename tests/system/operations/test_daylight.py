"""The job on a server whose clocks change. It runs every hour, and misses no event."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.system.operations.bridge import bridge
from tests.system.operations.site import HOUR, JOB, START

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize("change", [datetime(2026, 11, 1, 6), datetime(2026, 3, 8, 7)], ids=["back", "forward"])
def test_no_hour_is_left_out(tmp_path, package, change):
    changes = int((change.replace(tzinfo=ZoneInfo("UTC")).timestamp() - START) // HOUR)
    with bridge(tmp_path, package, NEW_YORK) as running:
        running.clock.move_to(START + (changes - 2) * HOUR)
        running.schedule(JOB)
        acted, ran = [], []
        for hour in range(changes - 2, changes + 2):
            acted += [running.act(START + hour * HOUR + minute * 60) for minute in (1, 31, 59)]
            jobs = running.tick(hour + 1, HOUR - 60)
            assert not [job.messages for job in jobs if job.is_failed]
            ran += [job.saved for job in jobs]
        assert ran == [JOB] * 4
        assert sorted(running.segment.accepted) == sorted(acted)
