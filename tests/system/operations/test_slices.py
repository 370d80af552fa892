"""Events are read once, by arrival time: none is late, left out or counted twice, whatever breaks."""

import json

import pytest

from tests.standin.stores.kvstore import READY, STARTING
from tests.support import recorded
from tests.support.fakes import faults
from tests.system.operations.bridge import AGAIN, BACKFILL
from tests.system.operations.site import ALERT, HOUR, JOB, START
from tests.system.operations.test_backfill import activity

DAY = 24 * HOUR


def arrives(bridge, at, happened=None, user="alice"):
    """A user's action is indexed at a time, and happened then or earlier. Returns its messageId."""
    message_id = bridge.act(at if happened is None else happened, user)
    bridge.arrive(at)
    return message_id


def states(bridge):
    """The states of the hours of index time."""
    return {
        (document["start"] - START) // HOUR: document["state"]
        for document in bridge.documents("segment_backfill")
        if document["kind"] == "index"
    }


def sends(bridge):
    """How often Segment received the events."""
    return len(bridge.segment.accepted) + len(bridge.segment.duplicates)


def kill_the_last_run(bridge):
    """Kills the last run: it leaves its slices, and no record of its end."""
    bridge.splunkd.kvstore.collection("segment_bridge", "segment_runs", "nobody").delete({"component": "segmentsend"})


class TestWhatArrives:
    @pytest.mark.parametrize("late_s", [60, 5 * HOUR, 6 * DAY, -HOUR])
    def test_is_sent_by_the_next_run_however_late(self, bridge, late_s):
        assert bridge.try_to_run(JOB, START + 420)
        late = arrives(bridge, START + 1800, START + 1800 - late_s)
        assert bridge.try_to_run(JOB, START + HOUR + 420)
        assert list(bridge.segment.accepted) == [late]

    def test_is_read_once(self, bridge):
        for hour in range(4):
            arrives(bridge, START + hour * HOUR + 1200)
            assert bridge.try_to_run(JOB, START + (hour + 1) * HOUR + 420)
        assert sends(bridge) == len(bridge.segment.accepted) == 4
        assert states(bridge) == {**dict.fromkeys(range(-2, 4), "done"), 4: "waiting"}

    def test_is_read_by_four_runs_with_the_overlap_of_version_1(self, bridge):
        bridge.set_macro("segment_bridge_overlap", "3")
        arrives(bridge, START + 1200)
        for hour in range(1, 7):
            assert bridge.try_to_run(JOB, START + hour * HOUR + 420)
        assert sends(bridge) == 4
        (hour,) = activity(bridge)
        assert hour["events"] == 1

    def test_is_read_again_for_as_long_as_clocks_may_differ(self, bridge):
        """An indexer's clock is behind, or an event could not be found at once."""
        assert bridge.try_to_run(JOB, START + 420)
        late = arrives(bridge, START + 420 - 240)
        assert bridge.try_to_run(JOB, START + HOUR + 420)
        assert list(bridge.segment.accepted) == [late]

    def test_at_an_indexer_whose_clock_is_ahead_is_not_lost(self, bridge):
        ahead = arrives(bridge, START + 480)
        assert bridge.try_to_run(JOB, START + 420)
        assert bridge.try_to_run(JOB, START + HOUR + 420)
        assert set(bridge.segment.accepted) == {ahead}

    def test_up_to_this_moment_is_sent_when_the_job_is_run_by_hand(self, bridge):
        first = arrives(bridge, START + 1200)
        rows = bridge.run(JOB, START + 1210)
        assert [(row["journey"], row["segment_status"], row["count"]) for row in rows] == [
            ("Application created", "accepted", 1)
        ]
        second = arrives(bridge, START + 1800, user="bob")
        assert bridge.try_to_run(JOB, START + HOUR + 420)
        assert list(bridge.segment.accepted) == [first, second]
        (hour,) = activity(bridge)
        assert (hour["events"], hour["accepted"]) == (2, 2)

    def test_is_sent_within_minutes_by_a_job_of_every_five(self, bridge):
        for minute in range(0, 20, 5):
            assert bridge.try_to_run(JOB, START + HOUR + minute * 60)
            arrives(bridge, START + HOUR + minute * 60 + 60, user="bob")
        assert len(bridge.segment.accepted) == 3
        assert states(bridge)[1] == "waiting"
        (hour,) = activity(bridge)
        assert (hour["events"], hour["accepted"]) == (3, 3)

    def test_before_the_app_was_turned_on_is_sent_for_the_last_hours_only(self, bridge):
        arrives(bridge, START - 5 * HOUR)
        since = arrives(bridge, START - 2 * HOUR)
        assert bridge.try_to_run(JOB, START)
        assert list(bridge.segment.accepted) == [since]
        assert set(states(bridge)) == {-3, -2, -1, 0}

    def test_after_an_upgrade_from_version_1_is_sent_from_its_last_success_on(self, bridge):
        bridge.job(START - 6 * HOUR, takes_slices=False)
        missed = arrives(bridge, START - 5 * HOUR)
        bridge.clock.move_to(START)
        for run in (JOB, BACKFILL):
            assert bridge.try_to_run(run, START)
        assert list(bridge.segment.accepted) == [missed]


class TestActivity:
    def test_of_late_events_counts_in_their_own_hour(self, bridge):
        arrives(bridge, START + 60)
        assert bridge.try_to_run(JOB, START + HOUR + 420)
        arrives(bridge, START + 2 * HOUR, START + 120, "bob")
        arrives(bridge, START + 2 * HOUR, START + 180, "stranger")
        assert bridge.try_to_run(JOB, START + 3 * HOUR)
        (hour,) = activity(bridge)
        assert {name: hour[name] for name in ("time", "events", "accepted", "without_user", "users")} == {
            "time": START, "events": 3, "accepted": 2, "without_user": 1, "users": 1}  # fmt: skip

    def test_of_the_second_in_which_a_run_begins_is_counted_by_the_next_run(self, bridge):
        sent = arrives(bridge, START + 420)
        assert bridge.try_to_run(JOB, START + 420)
        assert list(bridge.segment.accepted) == [sent]
        assert not activity(bridge)
        assert bridge.try_to_run(JOB, START + HOUR + 420)
        (hour,) = activity(bridge)
        assert (hour["events"], hour["accepted"], sends(bridge)) == (1, 1, 2)

    def test_after_a_failed_run_is_that_of_the_successful_one(self, bridge):
        arrives(bridge, START + 60)
        bridge.segment.down()
        assert not bridge.try_to_run(JOB, START + 420)
        assert not bridge.documents("segment_activity")
        bridge.segment.up()
        arrives(bridge, START + 1200, user="bob")
        assert bridge.try_to_run(JOB, START + HOUR + 420)
        (hour,) = activity(bridge)
        assert (hour["events"], hour["accepted"], hour["users"]) == (2, 2, 2)


class TestAGap:
    @pytest.mark.parametrize("hours", [1, 5, 30, 160])
    def test_is_made_up_for_whatever_was_down(self, bridge, hours):
        """Splunk, the scheduler or the app was down: there was no run at all."""
        assert bridge.try_to_run(JOB, START)
        missed = {arrives(bridge, START + hour * HOUR + 1200) for hour in range(0, hours, 5)}
        back = START + hours * HOUR + 420
        assert bridge.try_to_run(JOB, back)
        runs = 0
        while bridge.start(BACKFILL, back + runs * 300).scanned:
            runs += 1
        assert set(bridge.segment.accepted) == missed
        assert sends(bridge) == len(missed)
        assert runs == (hours + 20) // 24  # 24 hours of index time at once
        assert set(states(bridge).values()) == {"done", "waiting"}

    def test_of_more_than_a_week_is_made_up_for_a_week(self, bridge):
        assert bridge.try_to_run(JOB, START)
        lost, missed = arrives(bridge, START + HOUR), arrives(bridge, START + 2 * DAY)
        back = START + 8 * DAY
        for number, run in enumerate((JOB, *[BACKFILL] * 8)):
            assert bridge.try_to_run(run, back + number * 300)
        assert list(bridge.segment.accepted) == [missed]
        assert lost not in bridge.segment.accepted

    def test_of_segment_is_made_up_for_once_the_job_succeeds(self, bridge):
        assert bridge.try_to_run(JOB, START)
        bridge.segment.down()
        missed = []
        for hour in range(0, 8, 2):
            missed.append(arrives(bridge, START + hour * HOUR + 1200))
            assert not bridge.try_to_run(JOB, START + (hour + 1) * HOUR + 420)
        assert bridge.start(BACKFILL, START + 7 * HOUR + 600).scanned == 0
        bridge.segment.up()
        back = START + 9 * HOUR + 420
        assert bridge.try_to_run(JOB, back)
        for number in range(1, 6):
            assert bridge.try_to_run(BACKFILL, back + number * 300)
        assert set(bridge.segment.accepted) == set(missed)
        assert bridge.try_to_run(AGAIN, back + HOUR)
        assert not bridge.documents("segment_dead_letters")

    def test_of_kv_store_is_made_up_for(self, bridge):
        assert bridge.try_to_run(JOB, START)
        missed = arrives(bridge, START + 1200)
        bridge.splunkd.kvstore.status = STARTING
        assert not bridge.try_to_run(JOB, START + HOUR)
        assert not bridge.try_to_run(BACKFILL, START + HOUR + 300)
        bridge.splunkd.kvstore.status = READY
        assert bridge.try_to_run(JOB, START + 2 * HOUR)
        assert list(bridge.segment.accepted) == [missed]

    def test_of_a_poisoned_hour_does_not_block_others(self, bridge):
        """A slice that always fails is run alone, after the others."""
        assert bridge.try_to_run(JOB, START)
        poison = arrives(bridge, START + 1200)
        bridge.segment.faults = faults.when(lambda request: poison.encode() in request.body, faults.status(500))
        others = set()
        for hour in range(1, 7):
            others.add(arrives(bridge, START + hour * HOUR + 1200, user="bob"))
            bridge.try_to_run(JOB, START + (hour + 1) * HOUR + 420)
            bridge.try_to_run(BACKFILL, START + (hour + 1) * HOUR + 600)
        assert set(bridge.segment.accepted) == others
        assert {hour for hour, state in states(bridge).items() if state == "next"} <= {0}


class TestARun:
    def test_that_was_killed_is_taken_for_dead_after_half_an_hour(self, bridge):
        missed = arrives(bridge, START + 60)
        bridge.segment.down()
        assert not bridge.try_to_run(JOB, START + 420)
        kill_the_last_run(bridge)
        bridge.segment.up()
        early = bridge.start(JOB, START + 420 + 1700)
        assert early.is_failed and "another_run_is_at_work" in str(early.messages)
        assert not bridge.segment.accepted
        assert bridge.try_to_run(JOB, START + 420 + 1900)
        assert list(bridge.segment.accepted) == [missed]

    def test_of_backfill_that_was_killed_is_taken_for_dead_too(self, bridge):
        assert bridge.try_to_run(JOB, START)
        missed = arrives(bridge, START + HOUR)
        assert bridge.try_to_run(JOB, START + 9 * HOUR)
        bridge.segment.down()
        assert not bridge.try_to_run(BACKFILL, START + 9 * HOUR + 120)
        kill_the_last_run(bridge)
        bridge.segment.up()
        assert "another_run_is_at_work" in str(bridge.start(BACKFILL, START + 9 * HOUR + 600).messages)
        assert bridge.try_to_run(BACKFILL, START + 9 * HOUR + 2_000)
        assert list(bridge.segment.accepted) == [missed]

    def test_that_ends_late_does_not_finish_slices_that_another_took(self, bridge):
        """It was wrongly taken for dead; or a member does not yet see what another one wrote."""
        arrives(bridge, START + 60)
        bridge.segment.down()
        assert not bridge.try_to_run(JOB, START + 420)
        bridge.clock.move_to(START + 4_000)
        bridge.search(
            '| makeresults | eval new=1, accepted=1, not_sent=0, slice="i%d" | fields - _time '
            "| appendpipe [ `segment_bridge_taken(job)` ] | appendpipe [ `segment_bridge_keep_slices` ]" % START
        )
        assert states(bridge)[0] == "next"

    def test_plans_what_it_could_not_send_for_the_next_run(self, bridge):
        missed = arrives(bridge, START + 60)
        bridge.segment.down()
        assert not bridge.try_to_run(JOB, START + 420)
        bridge.segment.up()
        assert bridge.try_to_run(JOB, START + 421)
        assert list(bridge.segment.accepted) == [missed]
        assert not bridge.documents("segment_dead_letters")


@pytest.mark.parametrize(
    "poison",
    [
        {"_key": "i5", "kind": "index", "state": "waiting"},
        {"_key": "i6", "kind": "index", "state": "done", "start": START, "end": START + 90 * DAY},
        {"_key": "x", "kind": "of some other kind", "state": "done", "start": START, "end": START + HOUR},
        {"_key": "job", "kind": "run", "state": "next"},
        {"_key": "j", "state": "next"},
    ],
    ids=str,
)
def test_a_malformed_slice_is_skipped(bridge, poison):
    bridge.save("segment_backfill", poison)
    missed = arrives(bridge, START + 60)
    assert bridge.try_to_run(JOB, START + 420)
    assert list(bridge.segment.accepted) == [missed]


class TestAPullRequest:
    def report(self, bridge, at, number, url=None):
        """The build service reports a pull request, with a new auditID."""
        line = next(line.raw for line in recorded.audit_lines() if "16d75726-1501" in line.raw)
        event = json.loads(line)
        event["auditID"] = "report-%d" % number
        event["objectRef"]["namespace"] = event["responseObject"]["metadata"]["namespace"] = "alice-tenant"
        stamp = event["responseObject"]["metadata"]["annotations"]
        if url:
            stamp["build.appstudio.openshift.io/status"] = json.dumps({"pac": {"state": "enabled", "merge-url": url}})
        bridge.audit_event(at, json.dumps(event))
        bridge.arrive(at)

    @pytest.fixture
    def tenant(self, bridge):
        bridge.splunkd.confs.write("props", "search", "kube:audit", {"TRUNCATE": "0"})
        bridge.save("tenant_namespaces", {"_key": "host/alice-tenant", "namespace": "alice-tenant",
                                          "workspace": "alice", "cluster": "host", "updated": START})  # fmt: skip
        return bridge

    def test_counts_once_whichever_slice_sees_it_again(self, tenant):
        for number, at in enumerate((START + 60, START + 5 * HOUR, START + 3 * DAY)):
            self.report(tenant, at, number)
            assert tenant.try_to_run(JOB, at + HOUR)
        self.report(tenant, START + 4 * DAY, 9, "https://example.com/another")
        assert tenant.try_to_run(JOB, START + 4 * DAY + HOUR)
        assert list(tenant.segment.accepted) == ["report-0", "report-9"]
        assert sum(row["events"] for row in activity(tenant)) == 2

    def test_that_was_not_sent_is_sent_again_as_the_same_message(self, tenant):
        self.report(tenant, START + 60, 0)
        tenant.segment.down()
        assert not tenant.try_to_run(JOB, START + 420)
        tenant.segment.up()
        self.report(tenant, START + 1200, 1)
        assert tenant.try_to_run(JOB, START + HOUR + 420)
        assert list(tenant.segment.accepted) == ["report-0"]


class TestHowLateEventsAre:
    SILENCE = ALERT + "No audit events arrive"

    def late_s(self, bridge):
        (found,) = [run["late_s"] for run in bridge.documents("segment_runs") if run["component"] == "audit"]
        return found

    def test_is_seen_without_reading_them(self, bridge):
        for minute in range(30):
            arrives(bridge, START + minute * 60 + 300, START + minute * 60)
        assert bridge.run(self.SILENCE, START + HOUR) == []
        assert self.late_s(bridge) == pytest.approx(300, abs=60)
        (said,) = bridge.search("| `segment_bridge_lateness`")
        assert "seconds" in said["news"] and "base search" not in said["news"]

    def test_late_events_are_not_silence(self, bridge):
        arrives(bridge, START + HOUR, START - 3 * DAY)
        assert bridge.run(self.SILENCE, START + 2 * HOUR) == []

    def test_with_a_base_search_that_asks_for_more_only_its_indexes_count_and_the_page_says_so(self, bridge):
        for base in ('index="k8s_audit" log_type=audit', 'index=k8s_audit ("a" OR kube)', "`elsewhere`"):
            bridge.set_macro("segment_bridge_audit", base)
            arrives(bridge, START + HOUR)
            assert bridge.run(self.SILENCE, START + HOUR + 600) == []
            (said,) = bridge.search("| `segment_bridge_lateness`")
            assert "the base search filters by more" in said["news"]

    @pytest.mark.parametrize(
        "base",
        [
            'index="k8s_audit" sourcetype="kube:audit"',
            "(index=k8s_audit OR index=other*) NOT source=x",
            'index IN (k8s_audit, "other") host!=y',
            "index=federated:k8s OR index=k8s_audit",
        ],
    )
    def test_is_exact_for_any_base_search_of_indexed_fields(self, bridge, base):
        bridge.set_macro("segment_bridge_audit", base)
        (found,) = bridge.search("| `segment_bridge_audit_indexed`")
        assert (found["is_exact"], found["search"]) == (1, "(%s)" % base)
