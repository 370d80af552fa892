"""The server's time zone is the one of searches, schedules, logs and apps' programs."""

import json
import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import splunklib.client

from tests.standin.clients import connect
from tests.standin.conftest import PASSWORD, MovedClock
from tests.standin.process import StandinProcess
from tests.standin.splunkd import Splunkd
from tests.support.administrator import Administrator

NEW_YORK = ZoneInfo("America/New_York")
FALLS_BACK = datetime(2026, 11, 1, 2, tzinfo=NEW_YORK).timestamp()
"""Here the clocks go back from two to one, and show that hour again."""
NOON = 1793552400
"""2026-11-01T17:00:00Z, noon in New York"""


@pytest.fixture
def clock():
    return MovedClock(NEW_YORK)


@pytest.fixture
def splunkd(tmp_path, clock):
    with Splunkd(tmp_path / "splunk", PASSWORD, clock=clock) as running:
        clock.move_to(NOON)
        yield running


def oneshot(splunkd, search, **options):
    answer = connect(splunkd).jobs.oneshot(search, output_mode="json", **options).read()
    return json.loads(answer)["results"][0]


def test_searches_use_it(splunkd):
    row = oneshot(
        splunkd,
        """| makeresults | addinfo
        | eval day=relative_time(%d, "@d"), hour=strftime(%d, "%%H %%z %%Z"),
        read=strptime("2026-11-01 12", "%%Y-%%m-%%d %%H")"""
        % (NOON, NOON),
        earliest_time="-1d@d",
    )
    assert float(row["day"]) == NOON - 13 * 3600  # that day has 25 hours
    assert (row["hour"], float(row["read"])) == ("12 -0500 EST", NOON)
    assert float(row["info_min_time"]) == NOON - 36 * 3600 - 3600
    assert row["_time"].endswith("-05:00")


def test_schedules_use_it(splunkd):
    search = connect(splunkd, owner="nobody", app="search").saved_searches.create(
        "s", "| makeresults", is_scheduled="1", cron_schedule="30 1 * * *"
    )
    assert search["next_scheduled_time"] == "2026-11-02 01:30:00 EST"
    times = search.scheduled_times(earliest_time="-13h", latest_time="now")
    assert [each.hour for each in times] == [5, 6]  # in UTC: half past one occurs twice that day


def test_logs_contain_it(splunkd, clock):
    splunkd.logs.splunkd("INFO", "X", "at noon")
    clock.move_to(FALLS_BACK - 7200)
    splunkd.logs.splunkd("INFO", "X", "before")
    lines = (splunkd.home / "var/log/splunk/splunkd.log").read_text().splitlines()
    assert [line[:10] + line[23:29] for line in lines[-2:]] == ["11-01-2026 -0500", "11-01-2026 -0400"]
    splunkd.monitor.poll()
    row = oneshot(splunkd, 'search index=_internal "at noon" | eval at=_time | table at', earliest_time="0")
    assert NOON <= float(row["at"]) < NOON + 60


def test_apps_programs_receive_it(splunkd):
    hour = subprocess.run(
        [sys.executable, "-c", "import time; print(time.localtime(%d).tm_hour)" % NOON],
        env=splunkd.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert hour.stdout == "12\n"


def test_the_option_sets_it(tmp_path):
    with StandinProcess(tmp_path / "splunk", "--timezone", "Asia/Kolkata") as splunk:
        admin = Administrator(splunk.management, splunk.web, splunk.hec, splunk.password)
        admin.service.namespace = splunklib.client.namespace(app="search")
        assert admin.search('| makeresults | eval zone=strftime(0, "%z")').rows[0]["zone"] == "+0530"


def test_an_unknown_zone_is_reported(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "tests.standin", "--timezone", "Mars/Olympus"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, "there is no time zone 'Mars/Olympus'" in ended.stderr) == (2, True)
