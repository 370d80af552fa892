"""The reports that people look for."""

import json

import pytest

from tests.system.operations.site import HOUR, JOB, START

REPORT = "Segment Bridge - Report - "


def test_how_often_each_user_did_what(bridge):
    for seconds, user in ((60, "alice"), (120, "alice"), (180, "bob"), (240, "stranger")):
        bridge.act(START + seconds, user)
    rows = bridge.run(REPORT + "Events by user and journey", START + HOUR)
    assert (rows[0]["userId"], rows[0]["journey"]) == ("sso-alice", "Application created")
    assert {row["userId"]: row["events"] for row in rows} == {"sso-alice": 2, "sso-bob": 1, "(no SSO user ID)": 1}
    assert (rows[0]["first"], rows[0]["last"]) == ("2026-11-04 00:01:00", "2026-11-04 00:02:00")
    assert not bridge.segment.requests


def test_what_would_and_would_not_be_sent(bridge):
    message_id = bridge.act(START + 60)
    bridge.act(START + 120, "stranger")
    rows = {row["segment_status"]: row for row in bridge.run(REPORT + "What would be sent", START + HOUR)}
    assert set(rows) == {"dryrun", "rejected"}
    assert json.loads(rows["dryrun"]["segment_payload"])["messageId"] == message_id
    assert rows["rejected"]["segment_reason"] == "no_user_anon_id"
    assert not bridge.segment.requests
    assert not bridge.documents("segment_dead_letters")


def test_how_long_it_takes_from_action_to_acceptance(bridge):
    bridge.act(START + 10 * 60)
    bridge.act(START + 30 * 60)
    bridge.segment.down()
    assert not bridge.try_to_run(JOB, START + HOUR + 7 * 60)
    bridge.segment.up()
    assert bridge.try_to_run(JOB, START + 2 * HOUR + 7 * 60)
    (row,) = bridge.run(REPORT + "From action to acceptance", START + 3 * HOUR)
    assert (row["journey"], row["events"]) == ("Application created", 2)
    assert float(row["median"]) == pytest.approx(107, abs=1)
    assert float(row["longest"]) == pytest.approx(117, abs=1)
