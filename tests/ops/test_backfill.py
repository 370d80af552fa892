"""Past hours are planned, sent one by one, and not forgotten when something goes wrong on the way."""
import pytest

from tests.ops.bridge import BACKFILL
from tests.ops.site import HOUR, JOB, START

DAY = 24 * HOUR


def plan(bridge, earliest, latest):
    return bridge.search("| `segment_bridge_plan_backfill(%s, %s)`" % (earliest, latest))


def slices(bridge):
    return {(document["start"] - START) // HOUR: document["state"] for document in bridge.documents("segment_backfill")}


@pytest.fixture
def missed(bridge):
    """Three hours with an event in the first, in the second and in the last one's end, two days ago."""
    return [bridge.act(START + 60), bridge.act(START + HOUR + 60, "bob"), bridge.act(START + 3 * HOUR - 1)]


def test_planned_hours_are_sent_one_a_run(bridge, missed):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T03:00")
    assert slices(bridge) == {0: "waiting", 1: "waiting", 2: "waiting"}
    for number in range(3):
        assert bridge.try_to_run(BACKFILL, START + 2 * DAY + number * 300)
        assert list(bridge.segment.accepted) == missed[:number + 1]
    assert slices(bridge) == {0: "done", 1: "done", 2: "done"}


def test_its_progress_can_be_seen(bridge, missed):
    bridge.act(START + 120, "stranger")
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    bridge.try_to_run(BACKFILL, START + 2 * DAY)
    row, = bridge.search("| inputlookup segment_backfill | table state events accepted not_sent")
    assert row == {"state": "done", "events": 2, "accepted": 1, "not_sent": 0}


def test_an_hour_without_events_is_done_too(bridge):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    assert bridge.try_to_run(BACKFILL, START + 2 * DAY)
    assert slices(bridge) == {0: "done"}


def test_an_hour_that_fails_goes_on_waiting_and_is_sent_later(bridge, missed):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T02:00")
    bridge.segment.down()
    assert not bridge.try_to_run(BACKFILL, START + 2 * DAY)
    assert slices(bridge) == {0: "waiting", 1: "waiting"}
    bridge.segment.up()
    for number in (1, 2):
        assert bridge.try_to_run(BACKFILL, START + 2 * DAY + number * 300)
    assert list(bridge.segment.accepted) == missed[:2]
    assert slices(bridge) == {0: "done", 1: "done"}


def test_without_planned_hours_nothing_is_sent(bridge):
    bridge.act(START + 2 * DAY - 60)
    assert bridge.try_to_run(BACKFILL, START + 2 * DAY)
    assert not bridge.segment.requests
    assert slices(bridge) == {}


def test_an_hour_that_was_done_is_not_planned_again(bridge, missed):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    bridge.try_to_run(BACKFILL, START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T02:00")
    assert slices(bridge) == {0: "done", 1: "waiting"}


def test_hours_that_are_planned_later_come_later(bridge, missed):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T01:00", "2026-11-04T02:00")
    bridge.clock.move_to(START + 2 * DAY + 60)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    bridge.try_to_run(BACKFILL, START + 2 * DAY + 300)
    assert slices(bridge) == {0: "waiting", 1: "done"}


def test_a_time_that_is_none_is_refused_with_an_example(bridge):
    with pytest.raises(Exception, match="Give two times such as"):
        plan(bridge, "yesterday", "today")


def test_what_became_of_the_hour_is_kept_for_the_dashboard(bridge, missed):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    bridge.try_to_run(BACKFILL, START + 2 * DAY)
    hour, = bridge.documents("segment_activity")
    assert (hour["time"], hour["journey"], hour["accepted"], hour["users"]) == (START, "Application created", 1, 1)


def test_a_run_replaces_what_an_earlier_one_said_of_the_same_hour(bridge):
    bridge.act(START + 60)
    bridge.segment.down()
    bridge.try_to_run(JOB, START + 600)
    bridge.segment.up()
    bridge.act(START + 1200, "stranger")
    bridge.act(START + 1300, "bob")
    bridge.try_to_run(JOB, START + HOUR + 420)
    hour, = bridge.documents("segment_activity")
    assert {name: hour[name] for name in ("events", "accepted", "without_user", "not_accepted", "users")} == {
        "events": 3, "accepted": 2, "without_user": 1, "not_accepted": 0, "users": 2}
