"""Past hours are planned, sent, and not forgotten when something goes wrong on the way."""

import pytest

from tests.support.fakes import faults
from tests.system.operations.bridge import BACKFILL
from tests.system.operations.site import HOUR, JOB, START

DAY = 24 * HOUR


def plan(bridge, earliest, latest):
    return bridge.search("| `segment_bridge_plan_backfill(%s,%s)`" % (earliest, latest))


def slices(bridge):
    return {
        (document["start"] - START) // HOUR: document["state"]
        for document in bridge.documents("segment_backfill")
        if document.get("kind") == "event"
    }


@pytest.fixture
def missed(bridge):
    """Three hours, two days ago, with an event in the first, in the second and at the end of the last."""
    return [bridge.act(START + 60), bridge.act(START + HOUR + 60, "bob"), bridge.act(START + 3 * HOUR - 1)]


@pytest.mark.parametrize(("at_once", "runs"), [("24", 1), ("2", 2), ("1", 3)])
def test_planned_hours_are_sent_in_order_in_the_configured_number(bridge, missed, at_once, runs):
    bridge.set_macro("segment_bridge_slices_at_once", at_once)
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T03:00")
    assert slices(bridge) == {0: "waiting", 1: "waiting", 2: "waiting"}
    for number in range(runs):
        assert set(slices(bridge).values()) != {"done"}
        assert bridge.try_to_run(BACKFILL, START + 2 * DAY + number * 300)
        assert list(bridge.segment.accepted) == missed[: int(at_once) * (number + 1)]
    assert slices(bridge) == {0: "done", 1: "done", 2: "done"}


def test_hours_that_are_not_adjacent_are_not_sent_at_once(bridge, missed):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    plan(bridge, "2026-11-04T02:00", "2026-11-04T03:00")
    for number, sent in enumerate(([missed[0]], [missed[0], missed[2]])):
        assert bridge.try_to_run(BACKFILL, START + 2 * DAY + number * 300)
        assert list(bridge.segment.accepted) == sent


def test_its_progress_can_be_seen(bridge, missed):
    bridge.act(START + 120, "stranger")
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    bridge.try_to_run(BACKFILL, START + 2 * DAY)
    (row,) = bridge.search("| `segment_bridge_backfill` | table state events accepted not_sent")
    assert row == {"state": "done", "events": 2, "accepted": 1, "not_sent": 0}


def test_an_hour_without_events_is_also_done(bridge):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    assert bridge.try_to_run(BACKFILL, START + 2 * DAY)
    assert slices(bridge) == {0: "done"}


def test_failed_hours_are_taken_again(bridge, missed):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T02:00")
    bridge.segment.down()
    assert not bridge.try_to_run(BACKFILL, START + 2 * DAY)
    assert slices(bridge) == {0: "next", 1: "next"}
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


@pytest.mark.parametrize(
    ("earliest", "latest", "says"),
    [
        ("yesterday", "today", "Give two times such as"),
        ("2026-11-04T00:00", "2026-11-31T00:00", "Give two times such as"),
        ("2026-11-05T00:00", "2026-11-04T00:00", "must be before"),
        ("2026-11-04T05:00", "2026-11-04T05:00", "must be before"),
        ("2025-11-04T00:00", "2026-11-04T00:00", "more than 31 days"),
        ("2026-11-07T00:00", "2026-11-08T00:00", "must be over"),
    ],
)
def test_times_that_make_no_sense_are_refused_and_nothing_is_planned(bridge, earliest, latest, says):
    bridge.clock.move_to(START + 2 * DAY)
    with pytest.raises(Exception, match=says):
        plan(bridge, earliest, latest)
    assert slices(bridge) == {}


def test_blanks_around_a_time_are_ignored(bridge):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, " 2026-11-04T00:00", "  2026-11-04T01:00 ")
    assert slices(bridge) == {0: "waiting"}


def test_hours_that_are_not_over_are_not_planned(bridge):
    bridge.clock.move_to(START + 2 * DAY + 900)
    plan(bridge, "2026-11-05T22:00", "2026-11-07T00:00")
    assert slices(bridge) == {46: "waiting", 47: "waiting"}


def test_overlapping_windows_give_each_hour_once(bridge):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:30", "2026-11-04T02:30")
    plan(bridge, "2026-11-04T01:00", "2026-11-04T03:15")
    assert slices(bridge) == dict.fromkeys(range(4), "waiting")
    assert {document["start"] % HOUR for document in bridge.documents("segment_backfill")} == {0}


def test_a_plan_can_be_cancelled_and_made_again(bridge, missed):
    bridge.set_macro("segment_bridge_slices_at_once", "1")
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T03:00")
    assert bridge.try_to_run(BACKFILL, START + 2 * DAY)
    bridge.search("| `segment_bridge_cancel_backfill`")
    assert slices(bridge) == {0: "done", 1: "cancelled", 2: "cancelled"}
    assert bridge.try_to_run(BACKFILL, START + 2 * DAY + 300)
    assert list(bridge.segment.accepted) == missed[:1]
    plan(bridge, "2026-11-04T00:00", "2026-11-04T02:00")
    assert slices(bridge) == {0: "done", 1: "waiting", 2: "cancelled"}


def test_an_hour_that_cannot_succeed_does_not_block_others(bridge, missed):
    """Its run breaks off before it can report a failure: the attempt was counted when it began."""
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T03:00")
    bridge.segment.faults = faults.when(lambda request: missed[0].encode() in request.body, faults.status(500))
    tries = [bridge.try_to_run(BACKFILL, START + 2 * DAY + number * 300) for number in range(5)]
    assert tries == [False, False, True, True, False]
    assert set(bridge.segment.accepted) == set(missed[1:])
    assert slices(bridge) == {0: "next", 1: "done", 2: "done"}
    (first,) = (document for document in bridge.documents("segment_backfill") if document["_key"] == str(START))
    assert first["attempts"] == 3
    bridge.segment.faults = None
    assert bridge.try_to_run(BACKFILL, START + 2 * DAY + 6 * 300 + HOUR)
    assert slices(bridge) == {0: "done", 1: "done", 2: "done"}


@pytest.mark.parametrize(
    "poison",
    [
        {"_key": "x", "state": "waiting"},
        {"_key": "y", "state": "waiting", "start": START, "end": START + HOUR},
        {"_key": str(START), "state": "waiting", "start": START},
        {"_key": "z", "start": START + 5, "end": START},
        {"_key": str(START), "state": "waiting", "start": START, "end": START + 900 * HOUR},
        {"_key": "a"},
    ],
    ids=str,
)
def test_a_malformed_plan_is_skipped_and_shown(bridge, missed, poison):
    bridge.save("segment_backfill", poison)
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T01:00", "2026-11-04T02:00")
    assert bridge.try_to_run(BACKFILL, START + 2 * DAY)
    assert list(bridge.segment.accepted) == missed[1:2]
    rows = bridge.search("| `segment_bridge_backfill` | table _key state")
    assert {row["_key"]: row["state"] for row in rows} == {poison["_key"]: "malformed", str(START + HOUR): "done"}


def test_without_planned_hours_no_event_is_read(bridge):
    bridge.act(START + 60)
    bridge.clock.move_to(START + 2 * DAY)
    job = bridge.start(BACKFILL)
    assert (job.is_failed, job.scanned) == (False, 0)


def test_the_hours_outcome_is_kept_for_the_dashboard(bridge, missed):
    bridge.clock.move_to(START + 2 * DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    bridge.try_to_run(BACKFILL, START + 2 * DAY)
    (hour,) = bridge.documents("segment_activity")
    assert (hour["time"], hour["journey"], hour["accepted"], hour["users"]) == (START, "Application created", 1, 1)


def test_a_planned_hour_replaces_its_earlier_outcome(bridge):
    """For example of events that could not be attributed for lack of a user map."""
    bridge.set_map()
    bridge.act(START + 60)
    assert bridge.try_to_run(JOB, START + HOUR)
    (before,) = activity(bridge)
    assert (before["events"], before["without_user"], before["accepted"]) == (1, 1, 0)
    bridge.set_map("alice")
    bridge.clock.move_to(START + DAY)
    plan(bridge, "2026-11-04T00:00", "2026-11-04T01:00")
    for number in range(2):  # what the job left behind goes first
        assert bridge.try_to_run(BACKFILL, START + DAY + number * 300)
    (after,) = activity(bridge)
    assert (after["events"], after["without_user"], after["accepted"]) == (1, 0, 1)


def activity(bridge):
    return bridge.search("| `segment_bridge_activity`")
