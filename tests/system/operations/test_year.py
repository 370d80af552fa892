"""A year of hours in which everything breaks once. Afterwards Segment has what users did, and the alerts fired in time.

The job, dead letters, backfill and alerts are the app's own, on their own schedules, with a moved clock. Weeks in which
nothing happens pass as lines in the logs; the hours around each failure are lived through, with users' actions in each.
"""

import pytest

from segment_bridge.splunk import run_records
from tests.standin.stores.kvstore import READY, STARTING
from tests.support.fakes import faults
from tests.support.fakes.segment import WRITE_KEY
from tests.system.operations import overview
from tests.system.operations.bridge import AGAIN, BACKFILL, bridge
from tests.system.operations.site import APP, HOUR, JOB, START, ordinary_hour
from tests.system.operations.test_alerts import DEAD_LETTERS, MAP, NOT_ACCEPTED, UNREADABLE
from tests.system.operations.test_alerts import JOB as JOB_ALERT
from tests.system.operations.test_alerts import KV_STORE as KV_STORE_ALERT

YEAR = 365 * 24
TICKS = (8 * 60, 14 * 60, 58 * 60)
"""The job, and dead letters; Backfill, which takes what the job leaves behind; the alerts, and the latter two again.

Everything due by a tick runs at once, and an alert must not race with the run that removes its cause.
"""
SETTLING = 3
"""The number of hours that are lived through after a failure has ended."""
SEGMENT_1H, SEGMENT_6H, SEGMENT_3D, CLUSTER, KV_STORE, WRONG_KEY, TRUNCATED = range(1_000, 8_000, 1_000)


class Year:
    """Hours after START, one after another."""

    def __init__(self, site):
        self.site, self.hour = site, 0
        self.done, self.cut = [], []  # messageIds of what users did, and of events cut before they were indexed

    def pass_quietly(self, until: int) -> None:
        """Passes with runs that are only written down: nothing done before is waiting for them."""
        self.live(1, is_idle=True)
        while self.hour < until:
            ordinary_hour(self.site, self.hour)
            self.hour += 1

    def live(self, hours: int, inputs: str = "ok", cut: int = 0, is_idle: bool = False) -> None:
        for _ in range(hours):
            begins = START + self.hour * HOUR
            ordinary_hour(self.site, self.hour, job="", inputs=inputs)
            for seconds, user in () if is_idle else ((300, "alice"), (2_400, "bob")):
                (self.cut if cut else self.done).append(self.site.act(begins + seconds, user, cut))
            for seconds in TICKS:
                self.site.tick(self.hour, seconds)
            self.hour += 1

    def break_at(self, hour: int, hours: int, **what) -> None:
        """Lives through the hours of a failure, from just before it."""
        self.pass_quietly(hour - 2)
        self.live(2)
        assert self.hour == hour
        self.live(hours, **what)


def live_through(year: Year) -> None:
    site, segment = year.site, year.site.segment
    year.live(4)

    for hour, lasts in ((SEGMENT_1H, 1), (SEGMENT_6H, 6), (SEGMENT_3D, 72)):
        year.pass_quietly(hour - 2)
        year.live(2)
        segment.down()
        year.live(lasts)
        segment.up()
        year.live(SETTLING)

    year.break_at(CLUSTER, 6, inputs="failed")
    year.live(SETTLING)

    year.pass_quietly(KV_STORE - 2)
    year.live(2)
    site.splunkd.kvstore.status = STARTING
    year.live(7)
    site.splunkd.kvstore.status = READY
    year.live(SETTLING)

    year.pass_quietly(WRONG_KEY - 2)
    year.live(2)
    site.splunkd.secrets.change(APP, "segment_bridge:segment:", "wrong" + WRITE_KEY[5:])
    right = segment.authorizations[-1]
    # Like a receiver that checks the key. (Segment answers 200; the README says so.)
    segment.faults = faults.when(lambda request: request.headers.get("Authorization") != right, faults.status(401))
    year.live(5)
    site.splunkd.secrets.change(APP, "segment_bridge:segment:", WRITE_KEY)
    year.live(SETTLING)

    year.break_at(TRUNCATED, 3, cut=40)
    year.live(SETTLING)
    year.pass_quietly(YEAR)


@pytest.fixture(scope="module")
def year(tmp_path_factory, package):
    with bridge(tmp_path_factory.mktemp("year"), package) as site:
        site.schedule(JOB, AGAIN, BACKFILL)
        site.enable_alerts()
        year = Year(site)
        live_through(year)
        yield year


pytestmark = pytest.mark.timeout(1_800)


def test_it_lasts_a_year(year):
    assert year.hour == YEAR


def test_segment_has_all_that_users_did_once(year):
    assert set(year.site.segment.accepted) == set(year.done)
    assert not (year.site.segment.vanished or year.site.segment.discarded or year.site.segment.lost)


def test_no_dead_letter_is_left(year):
    assert year.site.documents("segment_dead_letters") == []


def test_no_hour_is_left(year):
    assert {document["state"] for document in year.site.documents("segment_backfill")} <= {"done", "waiting"}
    (behind,) = year.site.search("| `segment_bridge_behind`")
    assert (float(behind["slices"]), float(behind["hours"]) < 2) == (0, True)


def test_the_overview_shows_the_year_in_a_few_points(year):
    year.site.clock.move_to(START + YEAR * HOUR)
    tables = overview.results(year.site, START, START + YEAR * HOUR)
    shown = sum(float(row.get("ok") or 0) for row in tables["runs_status"].rows)
    assert shown == run_records.KEPT_S / HOUR  # of runs; users' actions are kept longer
    charts = [name for name, shown in overview.definition()["dataSources"].items() if "timechart" in str(shown)]
    assert len(charts) == 8
    assert all(100 <= len(tables[name].rows) <= 400 for name in charts)


def test_the_right_alerts_fired_at_the_right_hours_and_no_others(year):
    fired, over = {}, {}
    for hour, name, change in year.site.fired:
        {"began": fired, "over": over}[change].setdefault(name, []).append(hour)
    outages = ((SEGMENT_1H, 1), (SEGMENT_6H, 6), (SEGMENT_3D, 72), (WRONG_KEY, 5))
    long = [(begins, lasts) for begins, lasts in outages if lasts > 4]
    assert fired == {
        NOT_ACCEPTED: [begins for begins, _ in outages],
        JOB_ALERT: [begins + 3 for begins, _ in long],
        DEAD_LETTERS: [begins + 4 for begins, _ in long],
        KV_STORE_ALERT: [KV_STORE],
        UNREADABLE: [TRUNCATED],
        MAP: [CLUSTER + 3],
    }
    assert over == {
        NOT_ACCEPTED: [begins + lasts + 1 for begins, lasts in outages],  # covers the last hour's failures
        JOB_ALERT: [begins + lasts + (begins == SEGMENT_3D) for begins, lasts in long],  # 24 hours a run of Backfill
        DEAD_LETTERS: [begins + lasts for begins, lasts in long],
        KV_STORE_ALERT: [KV_STORE + 7],
        UNREADABLE: [TRUNCATED + 4],
        MAP: [CLUSTER + 6],
    }
