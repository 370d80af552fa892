"""Each message gets its outcome, whatever the answers to its batches are."""

import itertools
import json
import random
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_bridge.delivery import attempts, isolation
from segment_bridge.delivery.batching import Batch
from segment_bridge.delivery.client import Answer, Kind
from segment_bridge.delivery.engine import DryRun, Engine
from segment_bridge.delivery.options import Destination
from segment_bridge.delivery.outcomes import Outcome
from segment_bridge.retry import Backoff
from tests.conftest import thorough

ACCEPTED = Answer(Kind.ACCEPTED, http=200)
REFUSED = Answer(Kind.REFUSED, "http_400", 400, "Bad Request")
TOO_LARGE = Answer(Kind.TOO_LARGE, "http_413", 413, "Too Large")
BUSY = Answer(Kind.TRANSIENT, "http_503", 503, "busy")
FAILED = Answer(Kind.DENIED, "http_501", 501, "no")
UNTRUSTED = Answer(Kind.MISCONFIGURED, "tls", None, "no")
UNAUTHORIZED = Answer(Kind.DENIED, "auth", 401, "no")
FORBIDDEN = Answer(Kind.DENIED, "auth", 403, "no")
NOT_FOUND = Answer(Kind.DENIED, "wrong_url", 404, "no")
REDIRECT = Answer(Kind.DENIED, "redirect", 302, "leads to nowhere")
NOT_ACCEPTED = Answer(Kind.DENIED, "success_false", 200, '{"ok":false}')
ENCODED = Answer(Kind.ENCODED, "http_415", 415, "no gzip")


def throttled(retry_after_s=None):
    return Answer(Kind.THROTTLED, "http_429", 429, "slow down", retry_after_s)


class Client:
    """Answers by a function of the ids in the batch. Remembers what it accepted, and each call."""

    def __init__(self, answer):
        self.gzip = True
        self.requests = self.body_bytes = self.wire_bytes = 0
        self.accepted = []
        self.made = []  # ids
        self.calls = []  # (ids, retries)
        self.most_at_once = 0
        self._answer = answer
        self._lock = threading.Lock()
        self._at_once = 0

    def prepare(self, body):
        self.made.append(json.loads(body)["batch"])
        return self.made[-1]

    def send(self, ids, retries):
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.calls.append((ids, retries))
        answer = self._answer(ids)
        with self._lock:
            self._at_once -= 1
            if answer.kind is Kind.ACCEPTED:
                self.accepted += ids
        return answer


def batches(count, size):
    numbers = itertools.count()
    for number in range(1, count + 1):
        rows = [next(numbers) for _ in range(size)]
        yield Batch(number, [b"%d" % row for row in rows], rows)


def deliver(answer, count=1, size=10, chance=lambda: 1.0, **options):
    """Returns the outcome of each row, the client, and the delivery."""
    client = answer if isinstance(answer, Client) else Client(answer)
    outcomes = {}

    def settled(found):
        assert len(found.outcomes) == len(found.batch)
        assert not outcomes.keys() & set(found.batch.rows)
        outcomes.update(zip(found.batch.rows, found.outcomes))

    destination = Destination("segment", url="https://example.com/v1/batch", **{"concurrency": 1, **options})
    with Engine(client, destination, settled, backoff=Backoff(0.001, 0.002), chance=chance) as run:
        run.resume()
        for batch in batches(count, size):
            run.submit(batch)
        run.drain()
    assert outcomes.keys() == set(range(count * size))
    assert sorted(set(client.accepted)) == [
        row for row, outcome in sorted(outcomes.items()) if outcome.status == "accepted"
    ]
    return [outcomes[row] for row in range(count * size)], client, run


def statuses(outcomes):
    return "".join(outcome.status[0] for outcome in outcomes)  # a, r, f, u


@pytest.fixture(autouse=True)
def no_long_holds(monkeypatch):
    monkeypatch.setattr(attempts, "SHORTEST_HOLD_S", 0.01)


def in_turn(*answers, then=ACCEPTED):
    left = list(answers)
    return lambda ids: left.pop(0) if left else then


def test_an_accepted_batch_is_one_call():
    outcomes, client, _ = deliver(in_turn(), count=3)
    assert [outcome[:3] for outcome in outcomes] == [("accepted", "", 200)] * 30
    assert [outcome.batch for outcome in outcomes] == [1] * 10 + [2] * 10 + [3] * 10
    assert [calls for _, calls in client.calls] == [0, 0, 0]


@pytest.mark.parametrize("answer", [BUSY, Answer(Kind.TRANSIENT, "network", None, "reset"), throttled(), ENCODED])
def test_a_transient_failure_is_retried_with_the_same_messages(answer):
    outcomes, client, run = deliver(in_turn(answer))
    assert statuses(outcomes) == "a" * 10
    assert client.calls == [(list(range(10)), 0), (list(range(10)), 1)]
    assert {outcome.attempts for outcome in outcomes} == {2}
    assert run.traffic.retries == 1


@pytest.mark.parametrize(("answers", "made"), [([BUSY, throttled()], 1), ([BUSY, ENCODED], 2)])
def test_a_retry_repeats_the_prepared_request(answers, made):
    _, client, _ = deliver(in_turn(*answers))
    assert len(client.calls) == 3
    assert client.made == [list(range(10))] * made


def test_a_batch_that_keeps_failing_fails_and_the_next_is_sent():
    outcomes, _, _ = deliver(in_turn(*[BUSY] * 3), count=2, max_attempts=3)
    assert statuses(outcomes) == "f" * 10 + "a" * 10
    assert outcomes[0][:4] == ("failed", "http_503", 503, "busy")
    assert outcomes[0].attempts == 3


def test_waits_that_an_answer_asks_for_are_not_attempts():
    patient = Answer(Kind.TRANSIENT, "http_503", 503, "busy", 0.0)
    outcomes, _, _ = deliver(in_turn(*[throttled(), patient] * 5), max_attempts=1)
    assert statuses(outcomes) == "a" * 10
    assert outcomes[0].attempts == 11


def test_gzip_is_given_up_once_and_a_second_415_ends_the_run():
    outcomes, client, _ = deliver(in_turn(ENCODED, ENCODED, then=ENCODED), count=2)
    assert statuses(outcomes) == "f" * 10 + "u" * 10
    assert outcomes[0].reason == "http_415"
    assert len(client.calls) == 2
    assert client.gzip is False


@pytest.mark.parametrize("answer", [UNTRUSTED, UNAUTHORIZED])
def test_an_answer_that_no_retry_can_change_ends_the_run(answer):
    outcomes, client, _ = deliver(in_turn(then=answer), count=3)
    assert statuses(outcomes) == "f" * 10 + "u" * 20
    assert {outcome.reason for outcome in outcomes} == {answer.reason}
    assert len(client.calls) == 1


# --- Refusals ---


def poisoned(*poison, refusal=REFUSED):
    return lambda ids: refusal if set(ids) & set(poison) else ACCEPTED


POISON = [{0}, {9}, {4, 5}, {0, 3, 9}, {1, 2, 3}, {0, 1, 2, 3, 4, 6, 7, 8, 9}, {0, 1, 2, 3, 4, 6, 7, 8}]


@pytest.mark.parametrize("poison", POISON)
def test_the_messages_to_blame_are_rejected_and_the_others_are_sent(poison):
    outcomes, client, _ = deliver(poisoned(*poison), count=3)
    assert statuses(outcomes) == "".join("r" if row in poison else "a" for row in range(30))
    assert len(client.accepted) <= len(set(client.accepted)) + 2  # perhaps with a witness
    assert {outcomes[row][1:4] for row in poison} == {("http_400", 400, "Bad Request")}


@pytest.mark.parametrize("poison", POISON)
def test_the_others_keep_their_order_while_the_receiver_is_not_in_doubt(poison):
    _, client, _ = deliver(poisoned(*[10 + row for row in poison]), count=3)
    assert [*dict.fromkeys(client.accepted)] == [row for row in range(30) if row - 10 not in poison]


def test_halving_costs_few_calls():
    outcomes, client, _ = deliver(poisoned(1_234), count=1, size=2_000)
    assert statuses(outcomes).count("r") == 1
    assert len(client.calls) <= 30


def test_three_single_refusals_without_an_acceptance_are_not_about_the_events():
    outcomes, client, _ = deliver(lambda ids: REFUSED, count=5, size=100)
    assert statuses(outcomes) == "f" * 100 + "u" * 400
    assert {outcome.reason for outcome in outcomes} == {"http_400"}
    assert "check the write key" in outcomes[0].error
    assert len(client.calls) == 5  # one of them without gzip


def test_three_refused_batches_of_one_without_an_acceptance_are_not_about_the_events():
    outcomes, client, _ = deliver(lambda ids: REFUSED, count=10, size=1)
    assert statuses(outcomes) == "fff" + "u" * 7
    assert {outcome.error for outcome in outcomes} == {outcomes[0].error} and "check the write key" in outcomes[0].error
    assert len(client.calls) == 4  # one of them without gzip


def test_two_bad_events_are_to_blame_themselves():
    outcomes, _, _ = deliver(poisoned(0, 1), count=2, size=2)
    assert statuses(outcomes) == "rraa"


def test_the_first_three_of_a_batch_may_be_too_large_for_a_proxy():
    outcomes, _, _ = deliver(poisoned(0, 1, 2, refusal=TOO_LARGE), count=1, size=8)
    assert statuses(outcomes) == "rrraaaaa"


def test_probes_that_fail_otherwise_settle_nothing_and_halving_continues():
    """The probes' answers are lost; halving finds out what they would have said."""
    answers = in_turn(REFUSED, REFUSED, BUSY, REFUSED, then=None)
    outcomes, client, _ = deliver(lambda ids: answers(ids) or poisoned(0, 9)(ids), max_attempts=1)
    assert statuses(outcomes) == "raaaafaaar"
    assert len(client.calls) < 12


def test_many_threads_probe_once():
    outcomes, client, _ = deliver(lambda ids: REFUSED, count=8, size=50, concurrency=4)
    assert set(statuses(outcomes)) == {"f", "u"}
    assert sum(len(ids) == 1 for ids, _ in client.calls) == 4  # one of them without gzip


def test_a_smaller_limit_found_during_a_run_makes_later_batches_smaller():
    outcomes, _, run = deliver(lambda ids: TOO_LARGE if len(ids) > 1_000 else ACCEPTED, size=20_000)
    assert statuses(outcomes) == "a" * 20_000
    assert run.max_batch_bytes < 60_000


def test_the_limit_is_not_lowered_below_the_largest_event():
    _, _, run = deliver(lambda ids: TOO_LARGE if len(ids) > 1 else ACCEPTED, size=100)
    assert run.max_batch_bytes == isolation.SMALLEST_BATCH_BYTES


# --- Are the events to blame, or the receiver? -----------------------------------------------------------------------


def turning(bad, after=1):
    """A receiver that accepts this many requests, and answers all others alike."""
    left = [after]

    def answer(ids):
        left[0] -= 1
        return ACCEPTED if left[0] >= 0 else bad

    return answer


def refused(code):
    return Answer(Kind.REFUSED, f"http_{code}", code, f"HTTP {code}: no")


ALIKE = [*map(refused, (400, 402, 406, 409, 418, 422, 431, 451)), TOO_LARGE, FAILED, NOT_ACCEPTED, UNAUTHORIZED,
         FORBIDDEN, NOT_FOUND, REDIRECT]  # fmt: skip


@pytest.mark.parametrize("bad", ALIKE, ids=lambda answer: answer.reason)
@pytest.mark.parametrize(("count", "size"), [(20, 100), (2, 1_000), (200, 10), (2_000, 1)])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_receiver_that_turns_bad_costs_few_requests_and_no_event(bad, count, size, concurrency):
    outcomes, client, run = deliver(turning(bad), count, size, concurrency=concurrency)
    assert {"a", "f"} <= set(statuses(outcomes)) <= {"a", "f", "u"}
    assert statuses(outcomes).count("a") == size
    assert run.stopped.reason == bad.reason and "check the write key" in run.stopped.error
    assert {outcome.reason for outcome in outcomes if outcome.status != "accepted"} == {bad.reason}
    assert len(client.calls) <= 20 * concurrency


@pytest.mark.parametrize("bad", ALIKE, ids=lambda answer: answer.reason)
@pytest.mark.parametrize("after", [3, 10, 50])
def test_whenever_the_receiver_turns_bad_no_event_is_lost(bad, after):
    outcomes, client, _ = deliver(turning(bad, after), count=100, size=20)
    assert statuses(outcomes) == "a" * 20 * after + "f" * (2_000 - 20 * after - statuses(outcomes).count("u")) + (
        "u" * statuses(outcomes).count("u")
    )
    assert len(client.calls) <= after + 15


@pytest.mark.parametrize("bad", ALIKE, ids=lambda answer: answer.reason)
@pytest.mark.parametrize("poison", [{12}, {0}, {29}, {3, 4}, {10, 19, 20}])
def test_an_event_refused_while_others_are_accepted_is_rejected(bad, poison):
    """Whatever the answer is, and whether it comes first or later. (Except that a first 401 concerns the key.)"""
    if bad is UNAUTHORIZED:
        poison = {10 + row % 20 for row in poison}
    outcomes, client, run = deliver(poisoned(*poison, refusal=bad), count=3)
    assert statuses(outcomes) == "".join("r" if row in poison else "a" for row in range(30))
    assert {outcomes[row].reason for row in poison} == {bad.reason_of_event} and bad.reason_of_event != "auth"
    assert not run.stopped
    assert len(client.calls) <= 3 + 12 * len(poison)


@pytest.mark.parametrize("bad", [UNAUTHORIZED, FORBIDDEN, NOT_FOUND, REDIRECT, FAILED, NOT_ACCEPTED])
@pytest.mark.parametrize("number", range(1, 12))
def test_a_stray_answer_costs_nothing(bad, number):
    numbers = itertools.count()
    outcomes, _, _ = deliver(lambda ids: bad if next(numbers) == number else poisoned(55)(ids), count=10)
    assert statuses(outcomes) == "a" * 55 + "r" + "a" * 44


@pytest.mark.parametrize("bad", ALIKE, ids=lambda answer: answer.reason)
def test_many_bad_events_in_a_row_are_rejected_if_the_receiver_proves_sound(bad):
    poison = set(range(300, 900))
    outcomes, client, run = deliver(poisoned(*poison, refusal=bad), count=20, size=100)
    assert statuses(outcomes) == "a" * 300 + "r" * 600 + "a" * 1_100
    assert not run.stopped
    repeats = len(client.accepted) - 1_400
    assert repeats <= 10 + 6 * (bad.kind is Kind.DENIED)  # the witness


def test_events_refused_before_the_receiver_was_lost_also_failed():
    """Two were refused alone before the receiver was in doubt."""
    answers = in_turn(ACCEPTED, REFUSED, REFUSED, then=FORBIDDEN)
    outcomes, _, _ = deliver(answers, count=8, size=1)
    assert statuses(outcomes) == "afffuuuu"
    assert {outcome.reason for outcome in outcomes[1:]} == {"auth"}


def test_a_witness_that_gets_no_answer_decides_nothing():
    answers = in_turn(ACCEPTED, REFUSED, REFUSED, REFUSED, BUSY, then=ACCEPTED)
    outcomes, _, _ = deliver(answers, count=6, size=1, max_attempts=1)
    assert statuses(outcomes) == "arrraa"
    outcomes, _, _ = deliver(in_turn(ACCEPTED, REFUSED, REFUSED, REFUSED, then=BUSY), count=4, size=1, max_attempts=1)
    assert statuses(outcomes) == "afff"


@pytest.mark.parametrize(
    ("bad", "status"), [(REFUSED, "r"), (refused(422), "r"), (FORBIDDEN, "f"), (NOT_ACCEPTED, "f")]
)
def test_a_single_event_is_judged_by_the_usual_cause_of_its_answer(bad, status):
    outcomes, _, _ = deliver(in_turn(then=bad), count=1, size=1)
    assert statuses(outcomes) == status
    assert outcomes[0].reason == bad.reason


def chunks(answer, *counts, **options):
    """Outcomes by chunk, each of this many batches of one event, and what was overturned after it."""
    client = Client(answer)
    destination = Destination("segment", url="https://example.com/v1/batch", concurrency=1, gzip=False)
    client.gzip = False
    found, overturned, numbers = [], [], itertools.count(1)

    def settled(each):
        found[-1].append((each.batch.number, *each.outcomes))

    with Engine(client, destination, settled, backoff=Backoff(0.001, 0.002)) as run:
        for count in counts:
            found.append([])
            run.resume()
            for _ in range(count):
                number = next(numbers)
                run.submit(Batch(number, [b"%d" % number], [number]))
            run.drain()
            overturned.append([(refusal.payload, refusal.outcome) for refusal in run.overturned()])
    return [statuses(outcome for _, outcome in sorted(outcomes)) for outcomes in found], overturned


def test_returned_rows_are_overturned_when_the_receiver_is_lost():
    found, overturned = chunks(turning(REFUSED), 3, 2)
    assert found == ["arr", "fu"]
    assert not overturned[0]
    assert [payload for payload, _ in overturned[1]] == [b"2", b"3"]
    assert {outcome[:3] for _, outcome in overturned[1]} == {("failed", "http_400", 400)}


def test_returned_rows_stand_when_something_is_accepted():
    assert chunks(in_turn(ACCEPTED, REFUSED, REFUSED), 3, 2) == (["arr", "aa"], [[], []])


def test_events_that_an_answer_names_are_rejected_and_the_others_not_sent_again():
    some = Answer(Kind.ACCEPTED, http=200, excepted=("Message ID: id-3: no", "Message ID: id-7: no"))
    found = []
    client = Client(lambda messages: some)
    destination = Destination("segment", url="https://example.com/v1/batch")
    with Engine(client, destination, found.append) as run:
        run.resume()
        run.submit(Batch(1, [b'{"messageId":"id-%d"}' % number for number in range(10)], list(range(10))))
        run.drain()
    assert statuses(found[0].outcomes) == "aaaraaaraa"
    assert found[0].outcomes[3][1:4] == ("success_false", 200, "Message ID: id-3: no")
    assert len(client.calls) == 1


def test_an_unforeseen_error_loses_no_row():
    def answer(ids):
        raise KeyError("s3cret")

    outcomes, _, run = deliver(answer, count=3)
    assert statuses(outcomes) == "f" * 10 + "u" * 20
    assert {outcome.reason for outcome in outcomes} == {"internal"}
    assert "KeyError in tests.unit.test_engine:" in run.stopped.error and "s3cret" not in run.stopped.error


# --- gzip ---


def no_gzip(bad):
    """A receiver that cannot read compressed requests, and says only that they are bad."""
    client = Client(lambda ids: bad if client.gzip else poisoned(7)(ids))
    return client


@pytest.mark.parametrize("bad", [REFUSED, refused(422), FAILED, FORBIDDEN])
def test_gzip_is_tried_without_when_everything_is_refused(bad):
    client = no_gzip(bad)
    outcomes, _, run = deliver(client, count=3)
    assert statuses(outcomes) == "a" * 7 + "r" + "a" * 22
    assert client.gzip is False and not run.stopped


def test_gzip_is_tried_without_when_all_batches_of_one_are_refused():
    client = no_gzip(REFUSED)
    outcomes, _, _ = deliver(client, count=10, size=1)
    assert statuses(outcomes) == "ff" + "a" * 5 + "r" + "aa"  # the first two went unread


def test_a_batch_refused_with_and_without_gzip_does_not_switch_gzip_off():
    outcomes, client, _ = deliver(lambda ids: REFUSED, count=3)
    assert client.gzip is True
    assert statuses(outcomes) == "f" * 10 + "u" * 20


# --- Ends ---


def test_the_breaker_spares_a_receiver_that_is_down():
    outcomes, client, _ = deliver(lambda ids: BUSY, count=10, max_attempts=2)
    assert statuses(outcomes) == "f" * 50 + "u" * 50
    assert outcomes[-1].reason == "circuit_open"
    assert "5 batches in a row have failed, the last one: busy" in outcomes[-1].error
    assert len(client.calls) == 10


def test_a_wait_beyond_the_deadline_is_not_begun():
    began = time.monotonic()
    outcomes, client, _ = deliver(in_turn(throttled(30.0)), count=3, deadline=1.0)
    assert time.monotonic() - began < 0.9
    assert statuses(outcomes) == "u" * 30
    assert outcomes[0][:3] == ("unsent", "deadline", 429)
    assert "last answer: slow down" in outcomes[0].error
    assert outcomes[29][:3] == ("unsent", "deadline", None)
    assert len(client.calls) == 1


def test_time_between_chunks_does_not_count_against_the_deadline():
    clock = [0.0]
    destination = Destination("segment", url="https://example.com/v1/batch", deadline=10.0)
    found = []
    client = Client(in_turn())
    with Engine(client, destination, found.append, clock=lambda: clock[0]) as run:
        for batch in batches(3, 1):
            run.resume()
            run.submit(batch)
            run.drain()
            clock[0] += 100.0
    assert [each.outcomes[0].status for each in found] == ["accepted"] * 3


def test_a_cancelled_run_sends_nothing_more():
    sending, going_on = threading.Event(), threading.Event()

    def answer(ids):
        sending.set()
        going_on.wait(5)
        return ACCEPTED

    found = []
    client = Client(answer)
    destination = Destination("segment", url="https://example.com/v1/batch", concurrency=1)
    with Engine(client, destination, found.append) as run:
        run.resume()
        for batch in batches(2, 5):
            run.submit(batch)
        sending.wait(5)
        run.stop("cancelled", "the search was cancelled")
        going_on.set()
        run.drain()
    found.sort(key=lambda settled: settled.batch.number)
    assert statuses([outcome for each in found for outcome in each.outcomes]) == "aaaaauuuuu"
    assert len(client.calls) == 1


def test_a_run_that_ends_early_leaves_no_thread_behind():
    before = threading.active_count()
    destination = Destination("segment", url="https://example.com/v1/batch")
    with pytest.raises(ZeroDivisionError), Engine(Client(in_turn()), destination, lambda settled: None) as run:
        run.resume()
        for batch in batches(5, 5):
            run.submit(batch)
        raise ZeroDivisionError
    assert threading.active_count() == before


# --- All together ---


def test_as_many_calls_are_in_flight_as_allowed():
    def slow(ids):
        time.sleep(0.02)
        return ACCEPTED

    for concurrency in (1, 3):
        _, client, _ = deliver(slow, count=12, size=1, concurrency=concurrency)
        assert client.most_at_once == concurrency


def test_at_constant_latency_more_calls_are_in_flight_up_to_the_limit():
    def slow(ids):
        time.sleep(0.01)
        return ACCEPTED

    client, found = Client(slow), []
    destination = Destination("segment", url="https://example.com/v1/batch", concurrency=9)
    with Engine(client, destination, found.append, clock=lambda: 0.0) as run:  # every call takes the same time
        run.resume()
        for batch in batches(120, 1):
            run.submit(batch)
        run.drain()
    assert client.most_at_once == run.traffic.concurrency == 9
    assert len(found) == 120


def test_the_next_call_is_prepared_while_others_are_in_flight():
    def answer(ids):
        until = time.monotonic() + 5
        while len(client.made) < 3 and time.monotonic() < until:
            time.sleep(0.001)
        in_time.append(len(client.made) >= 3)
        return ACCEPTED

    client, in_time = Client(answer), []
    deliver(client, count=3, concurrency=2)
    assert in_time == [True] * 3
    assert client.most_at_once == 2


def test_a_wait_for_one_call_holds_all_calls():
    began = []

    def answer(ids):
        began.append(time.monotonic())
        return throttled(0.3) if len(began) == 1 else ACCEPTED

    deliver(answer, count=8, size=1, concurrency=4)
    after = [moment - began[0] for moment in began[1:] if moment - began[0] > 0.1]
    assert len(began) - 1 - len(after) <= 3  # already in flight
    assert min(after) >= 0.3


def test_max_eps_is_kept():
    began = time.monotonic()
    deliver(in_turn(), count=5, size=10, max_eps=100.0, concurrency=4)
    assert 0.4 <= time.monotonic() - began < 2


@settings(max_examples=thorough(60), deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 30),
    st.sets(st.integers(0, 180), max_size=6),
    st.integers(1, 4),
    st.integers(0, 2**32),
)
def test_whatever_happens_every_message_has_one_outcome(count, size, poison, concurrency, seed):
    lots = random.Random(seed)

    def answer(ids):
        lot = lots.random()
        if lot < 0.3:
            return lots.choice([BUSY, throttled(), throttled(0.0), FAILED, ENCODED])
        return poisoned(*poison)(ids)

    outcomes, _, run = deliver(answer, count, size, concurrency=concurrency, max_attempts=4, chance=lots.random)
    assert {outcome.status for outcome in outcomes} <= {"accepted", "rejected", "failed", "unsent"}
    assert all(
        row in poison or outcome.reason in ("http_501", "http_415")  # alone twice, by chance
        for row, outcome in enumerate(outcomes)
        if outcome.status == "rejected"
    )
    assert not any(row in poison for row, outcome in enumerate(outcomes) if outcome.status == "accepted")
    assert run.stopped or all(outcome.status != "unsent" for outcome in outcomes)


# --- Without sending ---


def test_a_dry_run_settles_each_batch_at_once_and_sends_none():
    found = []
    run = DryRun(Destination("segment", url="https://example.com/v1/batch"), found.append)
    for batch in batches(2, 3):
        run.submit(batch)
    assert [each.batch.number for each in found] == [1, 2]
    assert {outcome for each in found for outcome in each.outcomes} == {
        Outcome("dryrun", batch=1),
        Outcome("dryrun", batch=2),
    }
    assert not any(run.traffic)
