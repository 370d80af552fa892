"""`segmentsend` with each possible fault between it, Segment and splunkd, with one batch and with many.

After each run every row has an outcome, Segment has what says `accepted`, the job's message says what happened, and the
run log has the same numbers. If answers were lost, Segment may have more, which the next run settles.
"""

from __future__ import annotations

import concurrent.futures
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.integration.chunked import encode
from tests.integration.conftest import made_place
from tests.integration.invariants import STATUSES, check, check_all_there, ids, reasons, rows, statuses
from tests.support.fakes import faults
from tests.support.fakes.faults import Fault, always, at, first, status, when
from tests.support.fakes.proxy import FakeProxy
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.fakes.tls import Authority

BATCHES = (100, 20)
"""The number of events in a batch: one batch, or many."""

SENT = rows(100)
JSON = "application/json"
SUCCESS = status(200, '{"success":true}', content_type=JSON).reply

TWICE = ("max_attempts=2",)
SLOW = ("timeout=0.2", "max_attempts=1")


def log_facts(home, event):
    """The facts of the last line for this event."""
    log = (home / "var/log/splunk/segment_bridge.log").read_text(encoding="utf-8")
    last = [line for line in log.splitlines() if f" event={event} " in line][-1]
    return {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', last)}


def check_report(result, home):
    """Checks that the run log has the same numbers as the rows."""
    facts = log_facts(home, "run_end")
    for each in STATUSES:
        assert int(facts[each]) == statuses(result)[each]
    assert int(facts["rows"]) == len(result.rows)
    failed = statuses(result)["failed"] + statuses(result)["unsent"]
    assert facts["status"] == ("failed" if failed else "ok")
    assert {"sid", "destination", "requests", "bytes", "waited_s", "duration_s", "earliest", "latest"} <= facts.keys()
    log = (home / "var/log/splunk/segment_bridge.log").read_text(encoding="utf-8")
    assert WRITE_KEY not in log


@pytest.fixture
def in_both(splunk_home, tmp_path, start_process):
    """Calls a function of a place and of each of BATCHES, in separate places and at once."""

    def call(story, events):
        with made_place(splunk_home, tmp_path / str(events), start_process) as place:
            story(place, events)

    def in_both(story):
        with concurrent.futures.ThreadPoolExecutor(len(BATCHES)) as pool:
            for done in [pool.submit(call, story, events) for events in BATCHES]:
                done.result()

    return in_both


# --- Transient faults ------------------------------------------------------------------------------------------------

PASSING: dict[str, Fault | Callable] = {
    "408": status(408),
    "410": status(410),
    "460": status(460),
    "500": status(500),
    "502": status(502),
    "503 with a date to wait for": lambda request: status(503, retry_after=faults.http_date(1)),
    "504 with seconds to wait for": status(504, retry_after=1),
    "529": status(529),
    "429": status(429, retry_after=1),
    "429 by its other header": status(429, X_RateLimit_Reset="1"),
    "429 that does not say": status(429),
    "429 with a date that is none": status(429, retry_after="Mon, 01 Jan 20260 00:00:00 GMT"),
    "413 for a batch": when(lambda request: len(request.body) > 4_000, status(413)),
    "415 for gzip": when(lambda request: "Content-Encoding" in request.headers, status(415)),
    "reset": faults.reset(),
    "reset before the body": faults.reset(read=False),
    "closed without an answer": faults.close(),
    "answer lost": faults.lost_answer(),
    "answer lost by a reset": faults.lost_answer(faults.RESET),
    "half an answer": faults.half_answer(100),
    "half a head, for nothing": Fault(reply=SUCCESS, handled=False, cut=20, end=faults.CLOSE),
    "half a body, for nothing": Fault(reply=SUCCESS, handled=False, cut=75, end=faults.CLOSE),
    "an answer that takes too long": faults.slow(0.6),
    "an answer byte by byte": faults.slow_head(0.05),
    "a body byte by byte": faults.slow_body(0.1),
    "no answer at all": faults.hang(),
    "a portal's page": faults.html(),
    "a page in place of an error": faults.html(502),
    "an answer that is no HTTP": Fault(reply=SUCCESS, handled=False, cut=3, end=faults.CLOSE),
    "a connection that goes stale": faults.stale(),
    "an interim answer first": faults.early_hints(),
    "Segment's own 200, late": faults.slow(0.1),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_transient_fault_costs_nothing(in_both, name):
    def story(place, events):
        segmentsend, _, segment = place
        segment.faults = first(1, PASSING[name])
        result = segmentsend(SENT, f"max_batch_events={events}", "concurrency=2", "timeout=0.3")
        check(result, SENT, segment)
        assert statuses(result) == {"accepted": 100}
        assert (result.exit_code, result.texts("ERROR"), result.stderr) == (0, [], "")
        assert "100 rows: 100 accepted" in " ".join(result.texts("INFO"))
        check_all_there(SENT, segment)
        check_report(result, segmentsend.splunk_home)

    in_both(story)


# --- Permanent faults ------------------------------------------------------------------------------------------------


class Staying(NamedTuple):
    fault: Fault | Callable
    reasons: set[str]  # of the rows
    says: str  # the job's message
    arguments: tuple[str, ...] = TWICE
    statuses: frozenset[str] = frozenset({"failed", "unsent"})
    is_handled: bool = False  # Segment may have more events than the rows say


STAYING = {
    "301": Staying(
        status(301, Location="https://example.com/"), {"redirect"}, "HTTP 301 leads to https://example.com/"
    ),
    "302": Staying(status(302, Location="/elsewhere"), {"redirect"}, "HTTP 302 leads to /elsewhere"),
    "304": Staying(status(304), {"redirect"}, "HTTP 304 leads to nowhere"),
    "307": Staying(status(307, Location="http://127.0.0.1:1/"), {"redirect"}, "HTTP 307"),
    "308": Staying(status(308, Location="http://127.0.0.1:1/"), {"redirect"}, "HTTP 308"),
    "400": Staying(status(400, "Bad Request"), {"http_400"}, "check the write key and the url; HTTP 400: Bad Request"),
    "401": Staying(status(401), {"auth"}, "HTTP 401: Unauthorized"),
    "403": Staying(status(403, "Forbidden by policy"), {"auth"}, "HTTP 403: Forbidden by policy"),
    "404": Staying(status(404), {"wrong_url"}, "HTTP 404"),
    "405": Staying(status(405), {"wrong_url"}, "HTTP 405"),
    "407": Staying(status(407), {"auth"}, "HTTP 407"),
    "408": Staying(status(408), {"http_408", "circuit_open"}, "HTTP 408"),
    "410": Staying(status(410), {"http_410", "circuit_open"}, "HTTP 410"),
    "413": Staying(status(413), {"http_413"}, "HTTP 413"),
    "415": Staying(status(415), {"http_415"}, "HTTP 415"),
    "422": Staying(status(422, "no"), {"http_422"}, "check the write key and the url; HTTP 422: no"),
    "429": Staying(status(429, retry_after=60), {"deadline"}, "exceed the deadline of the run; last answer: HTTP 429"),
    "460": Staying(status(460), {"http_460", "circuit_open"}, "HTTP 460"),
    "500": Staying(status(500, "oops"), {"http_500", "circuit_open"}, "HTTP 500: oops"),
    "503 that asks for too much": Staying(status(503, retry_after=3600), {"deadline"}, "last answer: HTTP 503"),
    "501": Staying(status(501), {"http_501"}, "HTTP 501"),
    "505": Staying(status(505), {"http_505"}, "HTTP 505"),
    "511": Staying(status(511), {"http_511"}, "HTTP 511"),
    "529": Staying(status(529), {"http_529", "circuit_open"}, "HTTP 529"),
    "success false": Staying(status(200, '{"success":false}', content_type=JSON), {"success_false"}, '"success":false'),
    "a portal's page": Staying(faults.html(), {"unexpected_body", "circuit_open"}, "Sign in to the network"),
    "resets": Staying(faults.reset(), {"network", "circuit_open"}, "reset"),
    "resets before the body": Staying(faults.reset(read=False), {"network", "circuit_open"}, "network|circuit_open"),
    "closed connections": Staying(faults.close(), {"network", "circuit_open"}, "network|circuit_open"),
    "lost answers": Staying(faults.lost_answer(), {"network", "circuit_open"}, "network|circuit_open", is_handled=True),
    "half answers": Staying(faults.half_answer(75), {"network", "circuit_open"}, "broke off", is_handled=True),
    "half heads": Staying(faults.half_answer(20), {"network", "circuit_open"}, "broke off", is_handled=True),
    "slow answers": Staying(faults.slow(0.8), {"network", "circuit_open"}, "timed out", SLOW, is_handled=True),
    "slow heads": Staying(faults.slow_head(0.05), {"network", "circuit_open"}, "timed out", SLOW, is_handled=True),
    "slow bodies": Staying(faults.slow_body(0.1), {"network", "circuit_open"}, "timed out", SLOW, is_handled=True),
    "no answers": Staying(faults.hang(), {"network", "circuit_open"}, "timed out", SLOW),
}


def check_trouble(result, segment, expected: Staying, home):
    check(result, SENT, segment)
    assert statuses(result).keys() <= expected.statuses
    assert reasons(result).keys() <= expected.reasons
    assert expected.is_handled or not segment.accepted
    assert result.exit_code != 0
    assert re.search(expected.says, " ".join(result.texts("ERROR")))
    said = '100 of 100 events did not reach destination "segment"'
    assert said in " ".join(result.texts("ERROR"))
    error = log_facts(home, "error")
    assert error["reason"] == "not_sent" and said.replace('"', "'") in error["error"]
    check_report(result, home)


@pytest.mark.parametrize("name", STAYING)
def test_a_permanent_fault_is_an_error_that_says_so(in_both, name):
    def story(place, events):
        segmentsend, _, segment = place
        expected = STAYING[name]
        segment.faults = always(expected.fault)
        result = segmentsend(SENT, f"max_batch_events={events}", "concurrency=2", "deadline=5", *expected.arguments)
        check_trouble(result, segment, expected, segmentsend.splunk_home)
        if expected.is_handled:
            segment.faults = None
            check(segmentsend(SENT), SENT, segment)
            check_all_there(SENT, segment)

    in_both(story)


@pytest.mark.parametrize("name", ["refused", "unknown name", "proxy that is down", "proxy that wants a password"])
def test_a_blocked_route_is_an_error_that_says_so(in_both, name):
    def story(place, events):
        segmentsend, splunkd, segment = place
        settings = splunkd.conf["segment_bridge"]["segment"]
        says, reason = "refused", {"network", "circuit_open"}
        with FakeProxy(user="a", password="b") as proxy:
            if name == "refused":
                segment.down()
            elif name == "unknown name":
                settings["url"] = "https://no-such-host.invalid/v1/batch"
                says = "not known|resolution"
            elif name == "proxy that is down":
                settings["proxy_url"] = proxy.url
                proxy.down()
            else:
                settings["proxy_url"] = proxy.url
                says, reason = "HTTP 407", {"auth"}
            result = segmentsend(SENT, f"max_batch_events={events}", "max_attempts=2")
        check_trouble(result, segment, Staying(Fault(), reason, says), segmentsend.splunk_home)

    in_both(story)


@pytest.mark.parametrize("name", ["expired", "self-signed", "for another name"])
def test_an_invalid_certificate_is_an_error_that_says_so(in_both, name):
    def story(place, events):
        segmentsend, splunkd, _ = place
        authority = Authority()
        context = {
            "expired": lambda: authority.server(expired=True),
            "self-signed": lambda: Authority().server(),
            "for another name": lambda: authority.server("example.com"),
        }[name]()
        says = {"expired": "expired", "self-signed": "self", "for another name": "match"}[name]
        with FakeSegment(tls=context) as segment:
            settings = splunkd.conf["segment_bridge"]["segment"]
            settings.update(url=f"{segment.url}/v1/batch", ca_file=str(authority.ca_file))
            result = segmentsend(SENT, f"max_batch_events={events}")
            check_trouble(result, segment, Staying(Fault(), {"tls"}, says), segmentsend.splunk_home)

    in_both(story)


# --- Faults on Splunk's side -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("started")
def test_a_full_disk_for_the_log_ends_no_run(in_both):
    def story(place, events):
        segmentsend, _, segment = place
        (segmentsend.splunk_home / "var/log/splunk/segment_bridge.log").symlink_to("/dev/full")
        result = segmentsend(SENT, f"max_batch_events={events}")
        check(result, SENT, segment)
        assert statuses(result) == {"accepted": 100}
        assert result.exit_code == 0
        assert len(result.stderr.splitlines()) == 1 and "No space left" in result.stderr
        check_all_there(SENT, segment)

    in_both(story)


@pytest.mark.usefixtures("started")
def test_sending_does_not_need_a_splunkd_that_goes_away(in_both):
    def story(place, events):
        segmentsend, splunkd, segment = place
        with segmentsend.start(f"max_batch_events={events}") as command:
            command.getinfo()
            replies = [command.execute(SENT[:50])]
            splunkd.down()
            replies += [command.execute(SENT[50:]), command.execute([], finished=True)]
            result = command.finish()
        result.rows = [row for reply in replies for row in reply.rows]
        check(result, SENT, segment)
        assert result.exit_code == 0
        check_all_there(SENT, segment)

    in_both(story)


@pytest.mark.usefixtures("started")
def test_a_splunkd_that_does_not_answer_at_first_is_an_error_that_says_so(segmentsend, segment, splunkd):
    splunkd.down()
    result = segmentsend(SENT)
    assert not segment.requests and result.exit_code != 0
    assert "splunkd cannot be reached at https://127.0.0.1" in " ".join(result.texts("ERROR"))


@pytest.mark.usefixtures("started")
def test_sigterm_settles_what_was_begun_and_begins_nothing_new(in_both):
    def story(place, events):
        segmentsend, _, segment = place
        segment.latency_s = 0.3
        with segmentsend.start(f"max_batch_events={events}", "concurrency=1") as command:
            command.getinfo()
            command.send({"action": "execute", "finished": False}, encode(SENT))
            while not segment.requests:
                time.sleep(0.01)
            os.kill(command.pid, signal.SIGTERM)
            reply = command.receive()
            result = command.finish()
        result.rows = reply.rows
        check(result, SENT, segment)
        assert statuses(result) == +Counter(accepted=events, unsent=100 - events)
        assert ids(result.rows, "accepted") == segment.accepted.keys()
        assert log_facts(segmentsend.splunk_home, "run_end")["status"] == "cancelled"
        segment.latency_s = 0
        check(segmentsend(SENT), SENT, segment)
        check_all_there(SENT, segment)

    in_both(story)


@pytest.mark.usefixtures("started")
def test_the_next_run_recovers_from_a_kill(in_both):
    def story(place, events):
        segmentsend, _, segment = place
        last = 100 // events
        segment.faults = at({last: faults.hang()})
        with segmentsend.start(f"max_batch_events={events}", "concurrency=1") as command:
            command.getinfo()
            command.send({"action": "execute", "finished": False}, encode(SENT))
            while len(segment.requests) < last:
                time.sleep(0.01)
            os.kill(command.pid, signal.SIGKILL)
        assert len(segment.accepted) == 100 - events
        segment.faults = None
        check(segmentsend(SENT), SENT, segment)
        check_all_there(SENT, segment)

    in_both(story)


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("where", ["between chunks", "in the middle of one"])
def test_an_early_end_of_input_ends_the_run_and_settles_what_was_read(in_both, where):
    def story(place, events):
        segmentsend, _, segment = place
        with segmentsend.start(f"max_batch_events={events}") as command:
            command.getinfo()
            command.execute(SENT[:60])
            if where == "in the middle of one":
                body = encode(SENT[60:])
                command.send({"action": "execute", "finished": True}, body[: len(body) // 2], claimed_bytes=len(body))
            result = command.finish()
        assert result.exit_code == 0 and not result.stderr
        facts = log_facts(segmentsend.splunk_home, "run_end")
        assert facts["status"] == "cancelled"
        assert sum(int(facts[each]) for each in STATUSES) == int(facts["rows"]) >= 60
        assert int(facts["accepted"]) == len(segment.accepted) == 60
        check(segmentsend(SENT), SENT, segment)
        check_all_there(SENT, segment)

    in_both(story)


@pytest.mark.usefixtures("started")
def test_a_splunkd_that_stops_reading_ends_the_run(segmentsend, segment):
    with segmentsend.start() as command:
        command.getinfo()
        command.close_output()
        command.send({"action": "execute", "finished": False}, encode(SENT))
        command.finish()
    assert log_facts(segmentsend.splunk_home, "run_end")["status"] == "cancelled"
    assert segment.accepted.keys() == ids(SENT)


def test_two_runs_over_the_same_rows_at_once_send_every_event_once(in_both):
    def story(place, events):
        segmentsend, _, segment = place
        segment.latency_s = 0.02
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for each in [pool.submit(segmentsend, SENT, f"max_batch_events={events}") for _ in range(2)]:
                check(each.result(), SENT, segment)
        check_all_there(SENT, segment)

    in_both(story)
