"""The state in one word, and what is in trouble, by the same definitions as the alerts."""

import re

import pytest

from tests.standin.stores.kvstore import STARTING
from tests.system.operations.site import ALERT, APP, HOUR, JOB, NOT_SENT, START, Problem, ordinary_hour

STATE = "Segment Bridge - Operations - State"
BLIND = "Segment Bridge - Operations - State without KV store"
FAILED = "failed"


@pytest.fixture
def on(site):
    """A site where the app is on, after an ordinary hour."""
    site.users(100)
    site.enable_alerts()
    # On, but with no runs of its own in these hours: the tests write the runs' results.
    site.splunkd.confs.write("savedsearches", APP, JOB, {"enableSched": "1", "cron_schedule": "7 0 1 1 *"})
    ordinary_hour(site, 0)
    site.clock.move_to(START + HOUR - 60)
    return site


def state(site, at=None, name=STATE):
    """The word, and the troubles: (level, alert, news)."""
    rows = [row for row in site.run(name, at) if row["part"] == "trouble"]
    (word,) = {row["state"] for row in rows}
    return word, [(row["level"], row["alert"], row["news"]) for row in rows if row["level"] != "-"]


def test_healthy(on):
    assert state(on) == ("healthy", [])


def test_off_if_the_job_is_not_scheduled(site):
    word, troubles = state(site)
    assert word == "off"
    assert troubles[0] == ("off", "-", "the job is not scheduled: nothing is sent")


def test_degraded_while_some_events_are_not_accepted(on):
    on.job(
        START + HOUR - 120,
        "failed",
        problems=[Problem("rejection", "rejected", "too_large", 2, "40,000 bytes"), NOT_SENT],
    )
    assert state(on) == ("degraded", [("degraded", "Events were not accepted", "2 events rejected (too_large)")])


def test_failing_if_the_job_has_not_succeeded(on):
    on.end_of_hour(0)
    word, troubles = state(on, START + 6 * HOUR)
    assert word == "failing"
    (news,) = (news for level, alert, news in troubles if (level, alert) == ("failing", "The job has not succeeded"))
    assert re.match(r"5\.9 hours behind.*: the job has not run since 2026-11-04 00:", news)


def test_troubles_that_need_the_events_are_as_the_alert_found_them(on):
    on.end_of_hour(0)
    for hour in range(1, 4):
        ordinary_hour(on, hour, audit=False)
        on.end_of_hour(hour)
    word, troubles = state(on)
    assert (word, troubles) == ("failing", [("failing", "No audit events arrive", "no audit events for two hours")])
    row = next(row for row in on.run(STATE) if row["part"] == "trouble")
    assert START + 2 * HOUR < float(row["since"]) < START + 4 * HOUR


@pytest.mark.parametrize(("status", "word"), [(FAILED, "failing"), (STARTING, "failing")])
def test_without_kv_store_nothing_else_is_known(on, status, word):
    on.splunkd.kvstore.status = status
    found, troubles = state(on, name=BLIND)
    assert (found, [alert for _, alert, _ in troubles]) == (word, ["KV store is not up"])


def test_with_kv_store_state_and_alert_agree(on):
    assert state(on, name=BLIND) == state(on)


def test_a_starting_kv_store_is_not_a_failure(on):
    on.splunkd.kvstore.status = STARTING
    on.splunkd.started = on.clock.now() - 120
    found, troubles = state(on, name=BLIND)
    assert (found, [alert for _, alert, _ in troubles]) == ("degraded", ["KV store is not up"])


@pytest.mark.parametrize(
    "alert", ["Dead letters are waiting", "The user map is out of date", "Many users are not known"]
)
def test_each_alert_agrees_with_the_state(on, alert):
    """At the same moment."""
    on.letter("a", "rejected", START)
    on.users(10, "other")
    on.activity(START, events=100, without_user=60)
    at = START + 2 * HOUR
    told = [row["news"] for row in on.run(ALERT + alert, at)]
    assert told
    assert told == [news for _, each, news in state(on, at)[1] if each == alert]
