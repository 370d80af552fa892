"""Everything that a user does who has only the role segment_bridge_sender: sending their own events from any app."""

import pytest
from splunklib.binding import HTTPError

from tests.support.administrator import APP, Administrator

ROWS = '| makeresults count=3 | streamstats count | eval event="Page opened", userId="%s-".count | fields - count '


@pytest.fixture(scope="module", params=[APP, "search"])
def sender(request, bridge):
    """The sender, working in the app itself, and in Splunk's own search app."""
    name, splunk = "%s_sender_in_%s" % (APP, request.param), bridge.splunk
    bridge.admin.add_user(name, "fake-password", "segment_bridge_sender")
    return Administrator(splunk.management, splunk.web, splunk.hec, "fake-password", name, request.param)


def test_a_dry_run_sends_nothing(bridge, sender):
    before = len(bridge.segment.requests)
    outcome = sender.search(ROWS % "looked-at" + "| segmentsend dryrun=true payload=true")
    assert not outcome.failed, outcome.messages
    assert [row["segment_status"] for row in outcome.rows] == ["dryrun"] * 3
    assert all("looked-at-" in row["segment_payload"] for row in outcome.rows)
    assert len(bridge.segment.requests) == before


def test_the_sender_sends(bridge, sender):
    outcome = sender.search(ROWS % sender.user + "| segmentsend")
    assert not outcome.failed, outcome.messages
    assert [row["segment_status"] for row in outcome.rows] == ["accepted"] * 3
    users = {event.message["userId"] for event in bridge.segment.accepted.values()}
    assert users >= {"%s-%d" % (sender.user, number) for number in (1, 2, 3)}


def test_a_failure_is_an_error_and_can_be_sent_again(bridge, sender):
    search = ROWS % ("again-" + sender.user) + "| segmentsend max_attempts=1"
    bridge.segment.down()
    try:
        failed = sender.search(search)
    finally:
        bridge.segment.up()
    assert failed.failed
    assert not sender.search(search).failed


@pytest.mark.parametrize("sender", [APP], indirect=True)
def test_the_sender_looks_up_users(sender):
    outcome = sender.search("| inputlookup usersignups | stats count")
    assert not outcome.failed, outcome.messages
    assert int(outcome.rows[0]["count"]) > 0


def test_the_sender_reads_no_secret_and_changes_no_setting(sender):
    with pytest.raises(HTTPError):
        sender.service.storage_passwords.list()
    with pytest.raises((HTTPError, KeyError)):
        sender.set_destination("segment", region="eu")
