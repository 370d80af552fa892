"""Before `segmentsend` tells the search that events were not accepted, it puts them into segment_dead_letters."""

from __future__ import annotations

import json
import time

import pytest

from tests.integration.invariants import check, ids, rows, statuses
from tests.support.fakes.faults import always, status, when

COLLECTION = "segment_dead_letters"


@pytest.fixture
def letters(splunkd):
    return splunkd.collections[COLLECTION]


def test_events_not_accepted_are_kept_with_payload_and_reason(segmentsend, segment, letters):
    sent = [*rows(40), {**rows(1)[0], "messageId": "no-event", "event": ""}]
    segment.faults = when(lambda request: b"id-00003" in request.body, status(400, "Bad Request"))
    began = time.time()
    result = segmentsend(sent, "dead_letters=true", "onfail=warn")
    assert statuses(result) == {"accepted": 39, "rejected": 2}
    assert letters.keys() == {"segment/id-00003", "segment/no-event"}
    letter = letters["segment/id-00003"]
    assert began <= letter["first_time"] == letter["last_time"] <= time.time()
    assert {
        name: letter[name] for name in ("destination", "message_id", "event", "status", "reason", "http", "error")
    } == {
        "destination": "segment",
        "message_id": "id-00003",
        "event": "Component created",
        "status": "rejected",
        "reason": "http_400",
        "http": 400,
        "error": "HTTP 400: Bad Request",
    }
    assert letter["attempts"] >= 2
    assert json.loads(letter["payload"])["messageId"] == "id-00003"


def test_rows_that_the_app_rejects_are_kept_as_drafts(segmentsend, letters):
    row = {**rows(1)[0], "event": "", "properties.tags": ["a", "b"], "other": "x"}
    segmentsend([row], "dead_letters=true")
    (letter,) = letters.values()
    del row["other"], row["event"], row["_time"]
    properties = {**json.loads(row.pop("properties")), "tags": row.pop("properties.tags")}
    context = json.loads(row.pop("context"))
    assert json.loads(letter["payload"]) == {**row, "properties": properties, "context": context}
    assert (letter["reason"], letter["attempts"]) == ("event_not_defined", 0)
    assert "http" not in letter


def test_they_are_kept_before_the_search_fails_and_a_second_failure_adds_none(segmentsend, segment, letters):
    sent = rows(1_200)
    segment.faults = always(status(503))
    for run in (1, 2):
        result = segmentsend(sent, "dead_letters=true", "max_attempts=1", "max_batch_events=300", "concurrency=1")
        check(result, sent, segment)
        assert result.texts("ERROR")
        assert letters.keys() == {f"segment/{message_id}" for message_id in ids(sent)}
        assert {letter["attempts"] for letter in letters.values()} == {run}
    assert all(letter["first_time"] < letter["last_time"] for letter in letters.values())


def test_repeats_dry_runs_and_runs_without_the_option_leave_no_letters(segmentsend, segment, letters):
    segmentsend([*rows(3), *rows(3)], "dead_letters=true")
    segmentsend(rows(3, event=""), "dead_letters=true", "dryrun=true")
    segmentsend(rows(3, event=""))
    assert not letters


def test_a_destination_can_turn_them_on(segmentsend, splunkd, letters):
    splunkd.conf["segment_bridge"]["segment"]["dead_letters"] = "1"
    segmentsend(rows(3, event=""))
    assert len(letters) == 3
    segmentsend(rows(4, event=""), "dead_letters=false")
    assert len(letters) == 3


def test_a_letter_can_be_found_by_the_id_in_row_and_log(segmentsend, segment, letters):
    """A row without a messageId is rejected, corrected, and sent with its letter's id and its own time."""
    row = {"_time": "1764000000.500", "userId": "1", "event": "", "properties.plan": "pro"}
    (rejected,) = segmentsend([row], "dead_letters=true").rows
    ((key, letter),) = letters.items()
    message_id = rejected["segment_message_id"]
    assert key == f"segment/{message_id}" and letter["message_id"] == message_id
    log = (segmentsend.splunk_home / "var/log/splunk/segment_bridge.log").read_text(encoding="utf-8")
    assert f"message_id={message_id} " in log
    draft = json.loads(letter["payload"])
    corrected = {**draft, "event": "x", "properties": json.dumps(draft["properties"])}
    (again,) = segmentsend([corrected], "dead_letters=true").rows
    assert (again["segment_status"], again["segment_message_id"]) == ("accepted", message_id)
    message = segment.accepted[message_id].message
    assert message["timestamp"] == "2025-11-24T16:00:00.500Z" and message["properties"] == {"plan": "pro"}


def test_equal_rows_have_separate_letters_that_the_next_run_reuses(segmentsend, letters):
    sent = [{"_time": "1764000000", "userId": "1", "event": ""}] * 3
    for _ in range(2):
        result = segmentsend(sent, "dead_letters=true")
        assert len(letters) == 3
        assert {row["segment_message_id"] for row in result.rows} == {key.partition("/")[2] for key in letters}


def test_a_letter_that_can_never_be_sent_is_cut(segmentsend, letters):
    segmentsend(rows(1, properties=json.dumps({"x": "x" * 3_000_000})), "dead_letters=true")
    (letter,) = letters.values()
    assert letter["reason"] == "too_large" and len(letter["payload"]) < 40_000
    assert json.loads(letter["payload"])["messageId"] == "id-00000"


def test_events_returned_as_rejected_are_kept_as_failed_once_the_receiver_is_lost(segmentsend, segment, letters):
    segment.faults = lambda request: None if request.number == 1 else status(400, "no")
    options = ("dead_letters=true", "max_batch_events=1", "concurrency=1")
    result = segmentsend(rows(6), *options, chunk_rows=3)
    assert [row["segment_status"] for row in result.rows] == ["accepted", *["rejected"] * 2, "failed", *["unsent"] * 2]
    assert {letter["status"] for letter in letters.values()} == {"failed", "unsent"} and len(letters) == 5


def test_letters_that_cannot_be_kept_are_an_error(segmentsend, splunkd):
    del splunkd.collections[COLLECTION]
    sent = rows(700, event="")
    result = segmentsend(sent, "dead_letters=true")
    assert statuses(result) == {"rejected": 700}
    assert "700 events are not kept in segment_dead_letters" in " ".join(result.texts("ERROR"))
    log = (segmentsend.splunk_home / "var/log/splunk/segment_bridge.log").read_text(encoding="utf-8")
    end = log.splitlines()[-1]
    assert "event=run_end" in end and "status=failed" in end and "dead_letters=0 dead_letters_lost=700" in end
