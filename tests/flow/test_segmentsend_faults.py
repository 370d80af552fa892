"""`segmentsend` while things go wrong between it and Segment.

Whatever happens: every row leaves with an outcome, a row that says `accepted` is at Segment, and when
the same rows are sent again by a run that nothing disturbs, every event is there exactly once.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import time
from collections import Counter

import pytest

from tests.fakes import faults
from tests.fakes.faults import Fault, always, at, first, in_turn, mix, status, when
from tests.fakes.segment import WRITE_KEY
from tests.flow.chunked import encode

STATUSES = {"accepted", "rejected", "failed", "unsent", "duplicate"}


def rows(count: int, **fields: str):
    return [
        {
            "_time": f"{1764000000 + number}.000",
            "messageId": f"id-{number:05}",
            "event": "Component created",
            "userId": f"0{number % 7}",
            "timestamp": f"2026-11-24T10:{number // 60 % 60:02}:{number % 60:02}.013998Z",
            "properties": json.dumps({"name": f"é-{number}", "count": number, "text": "007"}, ensure_ascii=False),
            "context": '{"userAgent":"kubectl"}',
            **fields,
        }
        for number in range(count)
    ]


def ids(some_rows, *wanted_statuses):
    return {row["messageId"] for row in some_rows if not wanted_statuses or row["segment_status"] in wanted_statuses}


def check(result, sent, segment):
    """What holds after every run."""
    assert [row["messageId"] for row in result.rows] == [row["messageId"] for row in sent]
    assert {row["segment_status"] for row in result.rows} <= STATUSES
    assert ids(result.rows, "accepted") <= segment.accepted.keys() <= ids(sent)
    assert not (segment.lost or segment.discarded or segment.vanished)
    for row, given in zip(result.rows, sent):
        assert {name: value for name, value in row.items() if not name.startswith("segment_")} == given
        assert (row["segment_status"] == "accepted") == ("segment_reason" not in row)
    assert WRITE_KEY not in result.stderr + repr(result.messages) + repr(result.rows)


def check_all_there(sent, segment):
    assert segment.accepted.keys() == ids(sent)
    for row in sent:
        message = segment.accepted[row["messageId"]].message
        assert message == {
            "type": "track",
            "messageId": row["messageId"],
            "event": row["event"],
            "userId": row["userId"],
            "timestamp": row["timestamp"],
            "properties": json.loads(row["properties"]),
            "context": json.loads(row["context"]),
        }


def statuses(result):
    return Counter(row["segment_status"] for row in result.rows)


def reasons(result):
    return Counter(row.get("segment_reason", "") for row in result.rows)


# Trouble that passes


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_a_run_through_bad_weather_the_next_one_makes_it_whole(segmentsend, segment, splunkd, seed):
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


PASSING = {
    "500": status(500),
    "503 with a date to wait for": status(503, retry_after=faults.http_date(1)),
    "408": status(408),
    "410": status(410),
    "460": status(460),
    "529": status(529),
    "429": status(429, retry_after=1),
    "429 by its other header": status(429, X_RateLimit_Reset="1"),
    "429 that does not say": status(429),
    "415 for gzip": when(lambda request: "Content-Encoding" in request.headers, status(415)),
    "reset": faults.reset(),
    "reset before the body": faults.reset(read=False),
    "closed without an answer": faults.close(),
    "answer lost": faults.lost_answer(),
    "half an answer": faults.half_answer(100),
    "half a head, for nothing": Fault(
        reply=status(200, '{"success":true}').reply, handled=False, cut=20, end=faults.CLOSE
    ),
    "half a body, for nothing": Fault(
        reply=status(200, '{"success":true}').reply, handled=False, cut=75, end=faults.CLOSE
    ),
    "an answer that takes too long": faults.slow(1.5),
    "an answer byte by byte": faults.slow_head(0.2),
    "no answer at all": faults.hang(),
    "a portal's page": faults.html(),
    "a connection that is stale": faults.stale(),
}


@pytest.mark.parametrize("name", PASSING)
def test_trouble_that_passes_costs_nothing(segmentsend, segment, name):
    sent = rows(100)
    segment.faults = first(1, PASSING[name])
    result = segmentsend(sent, "max_batch_events=40", "concurrency=1")
    check(result, sent, segment)
    assert statuses(result) == {"accepted": 100}
    assert result.exit_code == 0
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


# Trouble that stays


STAYING = {
    # name: (fault, status, reason, http)
    "500": (status(500), {"failed", "unsent"}, {"http_500", "circuit_open"}),
    "501": (status(501), {"failed"}, {"http_501"}),
    "success false": (status(200, '{"success":false}', content_type="application/json"), {"failed"}, {"success_false"}),
    "a portal's page": (faults.html(), {"failed", "unsent"}, {"unexpected_body", "circuit_open"}),
    "a redirect": (status(301, Location="https://example.com/"), {"failed", "unsent"}, {"redirect"}),
    "a redirect that keeps the method": (
        status(307, Location="https://example.com/"),
        {"failed", "unsent"},
        {"redirect"},
    ),
    "401": (status(401), {"failed", "unsent"}, {"auth"}),
    "403": (status(403), {"failed", "unsent"}, {"auth"}),
    "404": (status(404), {"failed", "unsent"}, {"wrong_url"}),
    "400 for everything": (status(400, "Bad Request"), {"failed", "unsent"}, {"http_400"}),
    "resets": (faults.reset(), {"failed", "unsent"}, {"network", "circuit_open"}),
    "lost answers": (faults.lost_answer(), {"failed", "unsent"}, {"network", "circuit_open"}),
}


@pytest.mark.parametrize("name", STAYING)
def test_trouble_that_stays_is_an_error_and_the_next_run_makes_it_whole(segmentsend, segment, name):
    sent = rows(400)
    fault, expected_statuses, expected_reasons = STAYING[name]
    segment.faults = always(fault)
    result = segmentsend(sent, "max_batch_events=40", "concurrency=2", "max_attempts=2")
    check(result, sent, segment)
    assert statuses(result).keys() <= expected_statuses
    assert reasons(result).keys() <= expected_reasons
    assert result.exit_code != 0
    assert result.texts("ERROR")
    segment.faults = None
    check(segmentsend(sent), sent, segment)
    check_all_there(sent, segment)


def test_segment_that_is_down_is_an_error_and_the_next_run_makes_it_whole(segmentsend, segment):
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


# Events that are refused


def test_only_the_bad_events_of_a_batch_are_rejected(segmentsend, segment):
    """Segment answers 400 for the whole batch; here by what proxies and receivers may dislike."""
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


def test_bad_events_are_isolated_in_bad_weather(segmentsend, segment):
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


def test_what_segment_would_silently_throw_away_is_rejected_here(segmentsend, segment):
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


def test_a_repeat_within_a_run_is_sent_once(segmentsend, segment):
    sent = rows(50) + rows(50)
    result = segmentsend(sent, chunk_rows=30)
    assert statuses(result) == {"accepted": 50, "duplicate": 50}
    assert not segment.duplicates


# Runs that end early, or meet


def test_after_a_kill_the_next_run_makes_it_whole(segmentsend, segment):
    sent = rows(300)
    segment.faults = at({5: faults.hang()})
    with segmentsend.start("max_batch_events=20", "concurrency=1") as command:
        command.getinfo()
        command.send({"action": "execute", "finished": False}, encode(sent))
        while len(segment.requests) < 5:
            time.sleep(0.01)
        os.kill(command.pid, signal.SIGKILL)
    assert len(segment.accepted) == 80
    segment.faults = None
    check(segmentsend(sent), sent, segment)
    check_all_there(sent, segment)


def test_two_runs_over_the_same_rows_at_once_send_every_event_once(segmentsend, segment):
    sent = rows(500)
    segment.latency_s = 0.02
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(segmentsend, sent, "max_batch_events=50") for _ in range(2)]
        for each in runs:
            check(each.result(), sent, segment)
    check_all_there(sent, segment)
