"""`segmentsend` while things go wrong between it and Segment.

Whatever happens: every row leaves with an outcome, Segment has every row that says `accepted`, and when an undisturbed
run sends the same rows again, every event is there exactly once.

tests.integration.test_fault_matrix tests the faults one by one.
"""

from __future__ import annotations

import json
import time

import pytest

from tests.integration.invariants import check, check_all_there, ids, reasons, rows, statuses
from tests.support.fakes import faults
from tests.support.fakes.faults import always, in_turn, mix, status, when

# Transient faults


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_next_run_recovers_from_a_run_with_many_faults(segmentsend, segment, splunkd, seed):
    sent = rows(600)
    segment.faults = mix(
        seed,
        (0.10, status(500)),
        (0.04, status(429, retry_after=1)),
        (0.03, status(503, retry_after=faults.http_date(1))),
        (0.10, faults.reset()),
        (0.05, faults.reset(read=False)),
        (0.05, faults.close()),
        (0.08, faults.lost_answer()),
        (0.05, faults.half_answer(60, faults.RESET)),
        (0.04, faults.hang()),
    )
    stormy = segmentsend(sent, "max_batch_events=25", "onfail=warn", "max_attempts=2", "timeout=0.5", chunk_rows=250)
    check(stormy, sent, segment)
    assert stormy.exit_code == 0
    segment.faults = None
    calm = segmentsend(sent)
    check(calm, sent, segment)
    assert statuses(calm) == {"accepted": len(sent)}
    check_all_there(sent, segment)


def test_retry_after_holds_every_connection(segmentsend, segment):
    segment.faults = in_turn(status(429, retry_after=2))
    started = time.monotonic()
    result = segmentsend(rows(400), "max_batch_events=50", "concurrency=4")
    assert statuses(result) == {"accepted": 400}
    throttled = segment.requests[0]
    begun_in_between = [
        exchange
        for exchange in segment.requests[1:]
        if throttled.ended_s + 0.5 < exchange.started_s < throttled.ended_s + 1.9
    ]
    assert not begun_in_between
    assert time.monotonic() - started >= 2


def test_a_receiver_with_limited_concurrency_is_not_exceeded_for_long(segmentsend, segment):
    places = 6

    def is_too_much(request):
        return sum(exchange.status is None for exchange in segment.requests) > places

    segment.latency_s = 0.05
    segment.faults = when(is_too_much, status(429, retry_after=1))
    sent = rows(3_000)
    result = segmentsend(sent, "max_batch_events=20")
    check(result, sent, segment)
    assert statuses(result) == {"accepted": len(sent)}
    refused = [exchange for exchange in segment.requests if exchange.status == 429]
    assert len(refused) <= 16
    assert len(segment.requests) == 150 + len(refused)


# Permanent faults


def test_segment_being_down_is_an_error_and_the_next_run_recovers(segmentsend, segment):
    sent = rows(300)
    segment.down()
    result = segmentsend(sent, "max_batch_events=20", "max_attempts=2")
    check(result, sent, segment)
    assert statuses(result).keys() <= {"failed", "unsent"}
    assert reasons(result).keys() <= {"network", "circuit_open"}
    assert "refused" in " ".join(result.texts("ERROR"))
    segment.up()
    check(segmentsend(sent), sent, segment)
    check_all_there(sent, segment)


def test_a_run_ends_at_its_deadline(segmentsend, segment):
    segment.faults = always(status(429, retry_after=60))
    started = time.monotonic()
    result = segmentsend(rows(10), "deadline=2")
    assert time.monotonic() - started < 10
    assert statuses(result) == {"unsent": 10}
    assert reasons(result) == {"deadline": 10}
    assert result.exit_code != 0


def test_one_batch_that_fails_does_not_stop_the_others(segmentsend, segment):
    sent = rows(200)
    segment.faults = when(lambda request: b"id-00042" in request.body, status(500))
    result = segmentsend(sent, "max_batch_events=20", "max_attempts=2")
    check(result, sent, segment)
    assert statuses(result) == {"accepted": 180, "failed": 20}
    assert ids(result.rows, "failed") == {f"id-{number:05}" for number in range(40, 60)}


# Refused events


def test_only_the_bad_events_of_a_batch_are_rejected(segmentsend, segment):
    """Segment answers 400 for the whole batch; here for reasons that proxies and receivers may have."""
    sent = rows(700)
    poison = {"id-00003", "id-00500"}
    segment.faults = when(
        lambda request: any(each.encode() in request.body for each in poison), status(400, "Bad Request")
    )
    result = segmentsend(sent)
    check(result, sent, segment)
    assert ids(result.rows, "rejected") == poison
    assert ids(result.rows, "accepted") == ids(sent) - poison
    assert reasons(result)["http_400"] == 2


def test_bad_events_are_isolated_despite_faults(segmentsend, segment):
    sent = rows(700)
    poison = {"id-00003", "id-00500"}
    segment.faults = faults.either(
        mix(5, (0.10, status(500)), (0.10, faults.reset()), (0.02, status(429))),
        when(lambda request: any(each.encode() in request.body for each in poison), status(400, "Bad Request")),
        mix(6, (0.05, faults.lost_answer())),
    )
    result = segmentsend(sent, "max_attempts=10", "onfail=warn")
    check(result, sent, segment)
    assert ids(result.rows, "rejected") == poison
    assert segment.accepted.keys() == ids(sent) - poison


def test_a_proxy_with_a_smaller_limit_gets_smaller_batches(segmentsend, segment):
    sent = rows(1_000)
    segment.faults = when(lambda request: len(request.body) > 60_000, status(413))
    result = segmentsend(sent)
    check(result, sent, segment)
    assert statuses(result) == {"accepted": 1_000}
    check_all_there(sent, segment)


def test_events_that_segment_would_silently_discard_are_rejected_here(segmentsend, segment):
    sent = rows(5)
    bad = [
        ({"userId": ""}, "no_user_anon_id"),
        ({"event": ""}, "event_not_defined"),
        ({"properties": "[1]"}, "properties_not_object"),
        ({"properties": json.dumps({"x": "x" * 40_000})}, "too_large"),
        ({"type": "trak"}, "invalid_type"),
    ]
    for number, (fields, _) in enumerate(bad):
        sent.append({**rows(1)[0], "messageId": f"bad-{number}", **fields})
    result = segmentsend(sent)
    assert [row.get("segment_reason") for row in result.rows] == [None] * 5 + [reason for _, reason in bad]
    assert len(segment.requests) == 1
    assert not (segment.discarded or segment.lost)


@pytest.mark.parametrize("code", [400, 402, 409, 422, 403, 404, 501])
def test_a_receiver_that_turns_bad_after_its_first_success_loses_nothing(segmentsend, segment, splunkd, code):
    """Once, 1,900 of 2,000 events were rejected, in 3,782 requests, and the search reported success."""
    sent = rows(2_000)
    segment.faults = lambda request: None if request.number == 1 else status(code, "no")
    result = segmentsend(sent, "max_batch_events=100", "concurrency=4", "dead_letters=true")
    check(result, sent, segment)
    assert set(statuses(result)) <= {"accepted", "failed", "unsent"} and statuses(result)["accepted"] == 100
    assert result.exit_code != 0
    assert "and one that it accepted before" in " ".join(result.texts("ERROR"))
    assert len(segment.requests) < 60
    assert {letter["status"] for letter in splunkd.collections["segment_dead_letters"].values()} <= {"failed", "unsent"}
    segment.faults = None
    check(segmentsend(sent), sent, segment)
    check_all_there(sent, segment)


@pytest.mark.parametrize("code", [400, 403, 404, 406, 501])
def test_one_event_that_a_filter_forbids_is_rejected_alone(segmentsend, segment, code):
    """Whether it is in the first request or in a later one."""
    sent = rows(500)
    poison = (b"id-00003", b"id-00321")
    segment.faults = when(lambda request: any(each in request.body for each in poison), status(code, "no"))
    result = segmentsend(sent, "max_batch_events=100")
    check(result, sent, segment)
    assert statuses(result) == {"accepted": 498, "rejected": 2}
    assert [row["messageId"] for row in result.rows if row["segment_status"] == "rejected"] == ["id-00003", "id-00321"]
    assert reasons(result)[f"http_{code}"] == 2
    assert result.exit_code == 0


@pytest.mark.parametrize("stray", [status(401), status(403), status(404), status(302, Location="/login")])
def test_a_stray_answer_after_successes_costs_nothing(segmentsend, segment, stray):
    sent = rows(1_000)
    segment.faults = faults.at({3: stray, 7: stray})
    result = segmentsend(sent, "max_batch_events=100")
    check(result, sent, segment)
    assert statuses(result) == {"accepted": 1_000} and result.exit_code == 0


def test_a_receiver_that_cannot_gunzip_is_reported(segmentsend, segment):
    segment.faults = when(lambda request: "Content-Encoding" in request.headers, status(400, "invalid JSON"))
    sent = rows(500)
    result = segmentsend(sent, "max_batch_events=100", "concurrency=1")
    check(result, sent, segment)
    assert statuses(result) == {"accepted": 500} and result.exit_code == 0
    assert "set gzip = false" in " ".join(result.texts("WARN"))
    log = (segmentsend.splunk_home / "var/log/splunk/segment_bridge.log").read_text(encoding="utf-8")
    assert "reason=no_gzip" in log


@pytest.mark.parametrize("chunk_rows", [10, 100])
def test_a_row_whose_first_twin_was_not_accepted_is_not_a_duplicate(segmentsend, segment, chunk_rows):
    """In the same chunk it shares its twin's outcome; in a later one it is sent."""
    sent = rows(50) + rows(50)
    segment.faults = when(lambda request: b"id-00007" in request.body, status(400, "no"))
    result = segmentsend(sent, chunk_rows=chunk_rows)
    check(result, sent, segment)
    assert statuses(result) == {"accepted": 49, "duplicate": 49, "rejected": 2}
    segment.accepted.clear()
    segment.faults = always(status(503))
    result = segmentsend(sent, "max_attempts=1", chunk_rows=chunk_rows)
    check(result, sent, segment)
    assert statuses(result).keys() <= {"failed", "unsent"} and statuses(result)["failed"] >= min(2 * chunk_rows, 50)


def test_a_repeat_within_a_run_is_sent_once(segmentsend, segment):
    sent = rows(50) + rows(50)
    result = segmentsend(sent, chunk_rows=30)
    assert statuses(result) == {"accepted": 50, "duplicate": 50}
    assert not segment.duplicates
