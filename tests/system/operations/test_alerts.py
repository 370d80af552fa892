"""Each alert fires in its situation, at its hour, and none in a healthy week with its ordinary hiccups."""

import json

import pytest

from segment_bridge.errors import SuddenShrinkage
from segment_bridge.users.objects import USERS
from segment_bridge.users.reconcile import Source, Tally, reconcile
from tests.standin.stores.kvstore import READY, STARTING
from tests.support import recorded
from tests.system.operations.site import ALERT, CLUSTER, HOUR, NOT_SENT, REFUSED, START, Fired, Problem, hours

DEAD_LETTERS, JOB, NOT_ACCEPTED = "Dead letters are waiting", "The job has not succeeded", "Events were not accepted"
UNREADABLE, SILENCE = "Audit events cannot be read", "No audit events arrive"
KEY = "A key or source is not right"
ARRIVAL = "Events did not arrive at Segment"
KV_STORE, FAILED = "KV store is not up", "failed"
MAP, UNKNOWN = "The user map is out of date", "Many users are not known"
JOURNEY = "A journey is wrong"


@pytest.fixture
def watched(site):
    """A site with a user map, and the alerts turned on."""
    site.users(100)
    site.enable_alerts()
    return site


def pass_by(site, first, last, **what):
    for _ in hours(site, first, last, **what):
        pass


def test_every_alert_is_tested(site):
    assert {
        name[len(ALERT) :]
        for name in site.splunkd.confs.stanzas("savedsearches", "segment_bridge")
        if name.startswith(ALERT)
    } == {DEAD_LETTERS, KEY, ARRIVAL, JOB, JOURNEY, KV_STORE, NOT_ACCEPTED, UNREADABLE, SILENCE, MAP, UNKNOWN}


def test_a_healthy_week_with_ordinary_hiccups_is_silent(watched):
    site = watched
    for hour in hours(site, 0, 24):
        if hour == 5:  # events in a batch that took three attempts
            with site.run_log(START + hour * HOUR + 440, "segmentsend", "1", destination="segment") as log:
                log.info("batch", batch=1, events=100, bytes=60_000, accepted=100, http=200, attempts=3, seconds=9.0)
        if hour == 8:  # an event that came twice
            site.job(
                START + hour * HOUR + 440,
                problems=[Problem("outcome", "duplicate", "duplicate", 1, "an earlier row has the same messageId")],
                duplicate=1,
            )
        if hour == 9:  # a run that corrected a record
            with site.run_log(START + hour * HOUR + 440, "segmentsend", "2", destination="segment") as log:
                log.warning("warning", reason="no_gzip", error="the receiver takes no gzip")
                site.keep(log, status="ok", accepted=5)
        if hour == 11:  # somebody experiments
            site.rehearsal(
                START + hour * HOUR + 100, [Problem("rejection", "rejected", "event_not_defined", 3, "no event")]
            )
    pass_by(site, 24, 27, job="skipped")
    pass_by(site, 27, 48)
    pass_by(site, 48, 51, job="")  # a restart, and a run that took long
    pass_by(site, 51, 72)
    pass_by(site, 72, 75, inputs="failed")
    pass_by(site, 75, 96)
    pass_by(site, 96, 97, audit=False)
    pass_by(site, 97, 120)
    for hour in hours(site, 120, 168):
        if hour == 130:
            site.input(START + hour * HOUR + 300, users=950)  # some users have left
    assert site.fired == []


class TestTheJobHasNotSucceeded:
    def test_after_four_runs_in_a_row_and_when_it_is_over(self, watched):
        pass_by(watched, 0, 6)
        pass_by(watched, 6, 18, job="skipped")
        pass_by(watched, 18, 24)
        assert [each for each in watched.fired if each.name == JOB] == [Fired(9, JOB), Fired(18, JOB, "over")]
        assert {each.name for each in watched.fired} == {JOB}

    @pytest.mark.parametrize("job", ["failed", ""])
    def test_whatever_kind_of_failure(self, watched, job):
        pass_by(watched, 0, 2)
        pass_by(watched, 2, 7, job=job)
        assert [each for each in watched.fired if each.name == JOB] == [Fired(5, JOB)]

    def test_a_run_that_succeeded_for_the_scheduler_but_not_for_the_command(self, watched):
        pass_by(watched, 0, 2)
        for hour in hours(watched, 2, 7, job="failed"):
            watched.scheduled(START + hour * HOUR + 430, 'status=success, sid="sid%d"' % hour)
        assert [each for each in watched.fired if each.name == JOB] == [Fired(5, JOB)]

    @pytest.mark.parametrize(
        "other",
        [
            {"name": "Segment Bridge - Send dead letters again"},
            {"owner": "bob", "user": "bob"},
            {"owner": "admin"},
            {"name": "Segment Bridge - Send user journeys 2"},
        ],
        ids=str,
    )
    def test_a_run_of_another_search_is_not_a_success(self, watched, other):
        """A run of another search, and anybody's private search with the job's name."""
        pass_by(watched, 0, 2)
        for hour in hours(watched, 2, 7, job=""):
            watched.job(START + hour * HOUR + 240, **other)
        assert [each for each in watched.fired if each.name == JOB] == [Fired(5, JOB)]

    def test_a_dry_run_of_the_job_is_not_a_success(self, watched):
        pass_by(watched, 0, 2)
        for hour in hours(watched, 2, 7, job=""):
            watched.rehearsal(START + hour * HOUR + 420, [])
        assert [each for each in watched.fired if each.name == JOB] == [Fired(5, JOB)]

    def test_the_job_run_by_hand_is_a_success(self, watched):
        pass_by(watched, 0, 2)
        for hour in hours(watched, 2, 7, job=""):
            watched.job(START + hour * HOUR + 240, user="admin")
        assert watched.fired == []

    def test_a_job_that_never_ran(self, watched):
        pass_by(watched, 0, 7, job="")
        assert [each.name for each in watched.fired if each.name == JOB] == [JOB]
        assert watched.fired[0].hour >= 4

    def test_failures_before_the_alert_was_on_do_not_count(self, watched):
        pass_by(watched, 0, 2)
        watched.unschedule(ALERT + JOB)
        watched.clock.move_to(START + 200 * HOUR)
        watched.enable_alerts()
        pass_by(watched, 200, 203, job="")
        assert not [each for each in watched.fired if each.name == JOB]

    def test_if_this_member_lacks_the_internal_index(self, watched, monkeypatch):
        """Members do not search each other: help.splunk.com, "Connect the search heads in clusters to search peers"."""
        monkeypatch.setattr(watched, "_index", lambda *_: None)
        pass_by(watched, 0, 8)
        assert watched.fired == []
        pass_by(watched, 8, 9, job="failed")
        assert watched.fired == [Fired(8, NOT_ACCEPTED)]


class TestKVStoreIsNotUp:
    @pytest.mark.parametrize("status", [STARTING, FAILED])
    def test_in_the_hour_when_it_is_down_and_when_it_is_up_again(self, watched, status):
        pass_by(watched, 0, 2)
        watched.splunkd.kvstore.status = status
        for hour in range(2, 9):
            watched.tick(hour, 58 * 60)
        watched.splunkd.kvstore.status = READY
        pass_by(watched, 9, 10)
        assert watched.fired == [Fired(2, KV_STORE), Fired(9, KV_STORE, "over")]
        assert watched.run(ALERT + KV_STORE) == []

    def test_each_time_that_it_is_down(self, watched):
        for hour in range(2, 6):
            watched.splunkd.kvstore.status = FAILED if hour % 2 == 0 else READY
            watched.tick(hour, 58 * 60)
        assert [each for each in watched.fired if each.name == KV_STORE] == [
            Fired(2, KV_STORE),
            Fired(3, KV_STORE, "over"),
            Fired(4, KV_STORE),
            Fired(5, KV_STORE, "over"),
        ]

    def test_not_while_splunk_starts(self, watched):
        watched.splunkd.kvstore.status = STARTING
        watched.clock.move_to(START + HOUR)
        watched.splunkd.started = START + HOUR - 120
        assert watched.run(ALERT + KV_STORE) == []
        watched.splunkd.kvstore.status = FAILED
        assert [row["status"] for row in watched.run(ALERT + KV_STORE)] == [FAILED]


class TestEventsWereNotAccepted:
    def test_in_the_hour_of_a_failed_run(self, watched):
        pass_by(watched, 0, 2)
        pass_by(watched, 2, 3, job="failed")
        pass_by(watched, 3, 6)
        assert watched.fired == [Fired(2, NOT_ACCEPTED), Fired(3, NOT_ACCEPTED, "over")]

    def test_once_for_as_long_as_it_lasts_and_once_more_for_another_reason(self, watched):
        pass_by(watched, 0, 1)
        for hour in hours(watched, 1, 4, job="failed"):
            if hour == 2:
                watched.job(
                    START + hour * HOUR + 500,
                    "failed",
                    problems=[Problem("rejection", "rejected", "too_large", 2, "40,000 bytes")],
                )
        told = [each for each in watched.fired if each.name == NOT_ACCEPTED]
        assert told == [Fired(1, NOT_ACCEPTED), Fired(2, NOT_ACCEPTED), Fired(3, NOT_ACCEPTED, "over")]

    def test_it_names_reasons_with_an_example_the_most_frequent_first(self, site):
        site.job(
            START,
            "failed",
            problems=[
                Problem("rejection", "rejected", "too_large", 2, "40,000 bytes"),
                Problem("outcome", "unsent", "circuit_open", 70, "5 batches in a row have failed"),
                NOT_SENT,
            ],
        )
        rows = site.run(ALERT + NOT_ACCEPTED, START + 900)
        assert [(row["status"], row["reason"], float(row["events"]), row["example"]) for row in rows] == [
            ("unsent", "circuit_open", 70, "5 batches in a row have failed"),
            ("rejected", "too_large", 2, "40,000 bytes"),
        ]

    def test_all_problems_of_the_last_runs(self, site):
        """The view Operations shows these in full."""
        site.job(START, "failed", problems=[Problem("rejection", "rejected", "too_large", 2, "40,000 bytes"), NOT_SENT])
        site.job(START + 60)
        site.input(START, "failed", error=REFUSED)
        rows = site.run("Segment Bridge - Operations - Runs", START + HOUR)
        assert [row["status"] for row in rows] == ["ok", "failed", "failed"]
        assert {(row["component"], each["reason"]) for row in rows for each in json.loads(row["problems"])} == {
            ("segmentsend", "too_large"),
            ("segmentsend", "not_sent"),
            ("usersignups", "cluster"),
        }

    def test_a_wrong_setting(self, site):
        text = "there is no write key of [segment] in the password store"
        site.job(START, "failed", problems=[Problem("error", "", "secret", 0, text)], accepted=0)
        (row,) = site.run(ALERT + NOT_ACCEPTED, START + 900)
        assert (row["status"], row["reason"], row["example"]) == ("error", "secret", text)

    def test_dead_letters_that_did_not_fit(self, site):
        site.job(
            START,
            "failed",
            problems=[Problem("dropped", "dropped", "number", 5, "dead letters that were too many were removed")],
            failed=9,
            dead_letters=0,
            dead_letters_lost=9,
        )
        rows = site.run(ALERT + NOT_ACCEPTED, START + 900)
        assert [(row["status"], row["reason"], float(row["events"])) for row in rows] == [
            ("not kept", "letters_lost", 9),
            ("dropped", "number", 5),
        ]


class TestAKeyOrSourceIsNotRight:
    def check(self, site, name, status, code, at=START):
        document = {"_key": "segment/" + name, "destination": "segment", "check": name, "status": status}
        site.save("segment_checks", {**document, "code": code, "text": "what to do", "time": at})

    def test_after_todays_checks(self, watched):
        for hour in hours(watched, 0, 48):
            if hour == 4:
                self.check(watched, "key", "warn", "key_unknown", START + hour * HOUR)
                self.check(watched, "region", "unknown", "key_unknown", START + hour * HOUR)
        assert watched.fired == [Fired(5, KEY), Fired(29, KEY, "over")]

    def test_not_if_a_receiver_was_down_for_a_moment(self, site):
        self.check(site, "receiver", "warn", "network")
        self.check(site, "certificate", "ok", "")
        assert site.run(ALERT + KEY) == []


def test_a_journey_is_wrong_while_its_row_is(watched):
    """The page refuses to save such a row, but whoever may write the collection can create it."""
    for hour in hours(watched, 0, 9):
        if hour == 2:
            watched.save(
                "segment_journeys", {"_key": "own", "journey": "Snapshot created", "verb": "make", "enabled": 1}
            )
        if hour == 6:
            watched.delete("segment_journeys", "own")
    assert watched.fired == [Fired(2, JOURNEY), Fired(6, JOURNEY, "over")]


class TestEventsDidNotArriveAtSegment:
    def receipt(self, site, hour, event="Build done", **counts):
        document = {"_key": "segment/%d/%s" % (hour, event), "destination": "segment", "hour": hour, "event": event}
        counts = {**dict.fromkeys(("accepted", "repeats", "received", "discarded", "filtered"), 0), **counts}
        site.save("segment_receipts", {**document, "reasons": "{}", "updated": hour, **counts})

    def test_when_fewer_were_received_than_accepted(self, watched):
        for hour in hours(watched, 0, 9):
            if hour == 4:
                self.receipt(watched, START + 3 * HOUR, accepted=100, repeats=20, received=70)
            if hour == 7:
                self.receipt(watched, START + 3 * HOUR, accepted=100, repeats=20, received=80)
        assert watched.fired == [Fired(5, ARRIVAL), Fired(7, ARRIVAL, "over")]

    def test_not_for_repeats_or_late_or_filtered_events(self, site):
        site.clock.move_to(START + 10 * HOUR)
        self.receipt(site, START + 5 * HOUR, accepted=100, repeats=30, received=50)
        self.receipt(site, START + 6 * HOUR, received=15)
        self.receipt(site, START + 7 * HOUR, "Release done", filtered=5)
        self.receipt(site, START + 9 * HOUR, accepted=1000)
        assert site.run(ALERT + ARRIVAL) == []

    def test_when_segment_discards_events_with_the_remedy_for_each_reason(self, site):
        site.clock.move_to(START + 10 * HOUR)
        reasons = json.dumps({"source_disabled": 7, "id_not_string": 3, "new.reason": 1})
        self.receipt(site, START + 9 * HOUR, accepted=11, discarded=11, reasons=reasons)
        rows = site.run(ALERT + ARRIVAL)
        assert [(row["problem"], row["event"], row["reason"], float(row["events"])) for row in rows] == [
            ("thrown away", "Build done", "source_disabled", 7),
            ("thrown away", "Build done", "id_not_string", 3),
            ("thrown away", "Build done", "new.reason", 1),
        ]
        assert "Enable the source" in rows[0]["cure"] and "userId" in rows[1]["cure"] and "Delivery" in rows[2]["cure"]
        assert "7 events were thrown away" in rows[0]["news"]


class TestDeadLettersAreWaiting:
    def test_a_refused_one(self, watched):
        for hour in hours(watched, 0, 30):
            if hour == 3:
                watched.letter("a", "rejected", START + hour * HOUR + 430)
            if hour == 28:
                watched.delete("segment_dead_letters", "segment/a")
        assert watched.fired == [Fired(3, DEAD_LETTERS), Fired(28, DEAD_LETTERS, "over")]

    def test_one_that_should_have_been_sent_again(self, watched):
        for hour in hours(watched, 0, 9):
            if hour == 3:
                watched.letter("a", "failed", START + hour * HOUR + 430)
        assert watched.fired == [Fired(7, DEAD_LETTERS)]

    def test_what_they_are_waiting_for(self, site):
        week = 7 * 24 * HOUR
        site.letter("refused", "rejected", START)
        site.letter("old", "failed", START)
        site.letter("young", "unsent", START + week)
        site.letter("done with", "dropped", START)
        site.clock.move_to(START + week + 5 * HOUR)
        rows = site.run(ALERT + DEAD_LETTERS)
        assert sorted((row["status"], row["waits_for"], row["events"]) for row in rows) == [
            ("failed", "a person", 1),
            ("rejected", "a person", 1),
            ("unsent", "the next try", 1),
        ]

    def test_not_those_that_were_accepted_in_the_meantime(self, watched):
        for hour in hours(watched, 0, 9):
            if hour == 3:
                watched.letter("a", "failed", START + hour * HOUR + 430)
            if hour == 5:
                watched.delete("segment_dead_letters", "segment/a")
        assert watched.fired == []


class TestTheUserMapIsOutOfDate:
    @pytest.mark.parametrize("inputs", ["failed", ""])
    def test_when_no_run_has_succeeded_for_four_hours(self, watched, inputs):
        pass_by(watched, 0, 3)
        pass_by(watched, 3, 9, inputs=inputs)
        assert watched.fired == [Fired(6, MAP)]

    def test_of_one_cluster_among_others(self, watched):
        watched.users(10, "other")
        for hour in hours(watched, 0, 8):
            if hour < 2:
                watched.input(START + hour * HOUR, cluster="other")
        assert watched.fired == [Fired(5, MAP)]
        (row,) = watched.run(ALERT + MAP)
        assert (row["cluster"], row["problem"]) == ("other", "it is stale")

    def test_when_a_list_was_refused(self, watched):
        for hour in hours(watched, 0, 4):
            if hour == 2:
                watched.input(START + hour * HOUR + 46 * 60, "failed", error=refusal())
        assert watched.fired == [Fired(2, MAP), Fired(3, MAP, "over")]

    def test_when_it_has_shrunk_within_a_day(self, watched):
        pass_by(watched, 0, 2)
        for hour in range(2, 4):
            watched.input(START + hour * HOUR, users=700)
            watched.end_of_hour(hour)
        (row,) = watched.run(ALERT + MAP)
        assert (row["problem"], row["users"], row["most"]) == ("it has shrunk", 700, 1000)

    def test_when_there_is_none(self, site):
        (row,) = site.run(ALERT + MAP, START + HOUR)
        assert row["problem"] == "there is no user map, and no input has run for a day"

    def test_not_for_a_cluster_that_was_removed_with_its_records(self, site):
        site.users(10)
        site.input(START, cluster="former")
        site.input(START + 6 * HOUR)
        assert site.run(ALERT + MAP, START + 7 * HOUR) == []


def refusal() -> SuddenShrinkage:
    """The error of a list in which everybody is missing."""

    class Collection:
        def read(self, query):
            return [
                {"_key": "host/u%d" % each, "username": "u%d" % each, "sso_user_id": "1", "cluster": CLUSTER}
                for each in range(3)
            ]

        def save(self, documents):
            assert not documents

    with pytest.raises(SuddenShrinkage) as raised:
        reconcile(Source(USERS, CLUSTER, lambda: iter([[]]), lambda page, skipped: []), Collection(), 0, 50, Tally())
    return raised.value


class TestManyUsersAreNotKnown:
    def test_above_a_share_of_the_last_whole_hours(self, watched):
        pass_by(watched, 0, 6)
        for hour in hours(watched, 6, 12):
            watched.activity(START + (hour - 1) * HOUR, events=100, without_user=60)
        assert watched.fired == [Fired(7, UNKNOWN)]

    def test_not_for_a_handful_of_events(self, site):
        site.activity(START, events=10, without_user=10)
        assert site.run(ALERT + UNKNOWN, START + 2 * HOUR) == []

    def test_the_share_is_a_macro(self, site):
        site.activity(START, events=100, without_user=20)
        assert site.run(ALERT + UNKNOWN, START + 2 * HOUR) == []
        site.splunkd.confs.write("macros", "segment_bridge", "segment_bridge_max_without_user", {"definition": "15"})
        assert [float(row["percent"]) for row in site.run(ALERT + UNKNOWN, START + 2 * HOUR)] == [20]


class TestAuditEvents:
    def test_that_cannot_be_read(self, watched):
        for hour in hours(watched, 0, 5):
            if hour == 2:
                watched.audit_event(START + hour * HOUR + 60, recorded.case("metadata-application-created"))
        assert watched.fired == [Fired(2, UNREADABLE), Fired(3, UNREADABLE, "over")]
        (row,) = watched.run(ALERT + UNREADABLE, START + 3 * HOUR)
        assert (row["kind"], row["events"]) == ("level", 1)
        assert "RequestResponse" in row["cure"]

    def test_that_do_not_arrive(self, watched):
        pass_by(watched, 0, 3)
        pass_by(watched, 3, 12, audit=False)
        pass_by(watched, 12, 13)
        assert watched.fired == [Fired(4, SILENCE), Fired(12, SILENCE, "over")]
