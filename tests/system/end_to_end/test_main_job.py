"""The hourly job in a Splunk to which the package was uploaded: recorded audit events in, Segment messages out."""

import json

import pytest

from tests.support import pythons, recorded
from tests.support.administrator import JOB, RUN_END
from tests.support.environment import bridged, is_real


def counts(rows, *columns):
    return {tuple(row[column] for column in columns): int(row["count"]) for row in rows}


class TestTheRecordedHour:
    @pytest.fixture(scope="class")
    def run(self, bridge):
        return bridge.admin.run_saved_search(JOB)

    def test_segment_holds_exactly_the_expected_messages(self, bridge, run):
        assert recorded.as_expected(bridge.segment.accepted) == recorded.expected_messages()

    def test_the_results_are_the_numbers_by_journey_and_outcome(self, run):
        journeys = recorded.expected_counts()["journeys"]
        sent = {name.split(" ", 1)[1]: numbers["sent"] for name, numbers in journeys.items()}
        unknown = {name.split(" ", 1)[1]: numbers["events"] - numbers["sent"] for name, numbers in journeys.items()}
        by_outcome = counts(run.rows, "journey", "segment_status", "segment_reason")
        assert by_outcome == {
            **{(journey, "accepted", "-"): number for journey, number in sent.items()},
            **{(journey, "rejected", "no_user_anon_id"): number for journey, number in unknown.items() if number},
        }

    def test_the_job_did_not_fail(self, run):
        assert not run.failed

    def test_a_second_run_sends_the_same_messages_and_adds_none(self, bridge, run):
        before = recorded.as_expected(bridge.segment.accepted)
        bridge.admin.run_saved_search(JOB)
        assert recorded.as_expected(bridge.segment.accepted) == before

    def test_no_username_or_mail_address_is_sent(self, bridge, run):
        signups = recorded.usersignups()["items"]
        mails = {s["metadata"].get("annotations", {}).get("toolchain.dev.openshift.com/user-email") for s in signups}
        sent = json.dumps([event.message for event in bridge.segment.accepted.values()])
        assert not [mail for mail in mails if mail and mail in sent]
        user_ids = {event.message["userId"] for event in bridge.segment.accepted.values()}
        assert not user_ids & {s.get("status", {}).get("compliantUsername") for s in signups}

    def test_the_run_log_contains_the_counts(self, bridge, run):
        ends = bridge.admin.wait_for_rows(RUN_END % run.sid)
        total = recorded.expected_counts()["total"]
        assert (ends[0]["accepted"], ends[0]["rejected"]) == (str(total["sent"]), str(total["no_sso_user_id"]))

    def test_it_counts_as_the_jobs_success_everywhere(self, bridge, run):
        """By its search ID; the macro says what it relies on."""
        (kept,) = bridge.admin.search('| inputlookup segment_runs where sid="%s" | table status time' % run.sid).rows
        assert kept["status"] == "ok"
        (success,) = bridge.admin.search("| `segment_bridge_last_success` | table last_success").rows
        assert float(success["last_success"]) >= float(kept["time"])


@pytest.mark.skipif(is_real(), reason="Splunk itself chooses chunks and Pythons")
@pytest.mark.parametrize("chunk_rows", [1, 7, 50_000])
@pytest.mark.parametrize("splunk, python", [("9.4.3", "3.9"), ("10.4.2", "3.13")])
def test_each_event_is_sent_once_with_any_python_chunk_size_and_previews(package, splunk, python, chunk_rows):
    if not pythons.find(python):
        pytest.skip("Python %s is not installed" % python)
    with bridged(package, "--splunk-version", splunk, "--chunk-rows", str(chunk_rows), "--previews") as bridge:
        bridge.admin.set("commands", "segmentsend", {"run_in_preview": "true"})
        run = bridge.admin.run_saved_search(JOB)
        assert not run.failed, run.messages
        assert recorded.as_expected(bridge.segment.accepted) == recorded.expected_messages()
        assert bridge.segment.counts()["duplicates"] == 0
        assert sum(int(row["count"]) for row in run.rows) == recorded.expected_counts()["total"]["events"]


@pytest.mark.skipif(is_real(), reason="a real Splunk cannot be told to answer differently")
def test_undocumented_behaviour_of_splunk_makes_no_difference(package, bridge):
    expected = bridge.admin.run_saved_search(JOB)
    with bridged(package, "--other-answers") as other:
        run = other.admin.run_saved_search(JOB)
        assert not run.failed, run.messages
        assert recorded.as_expected(other.segment.accepted) == recorded.expected_messages()
        assert run.rows == expected.rows
