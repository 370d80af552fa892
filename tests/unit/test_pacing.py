"""How many requests may be in flight, from when on, and when more would not help."""

import heapq
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_bridge.delivery.pacing import FIRST, RECOVERY_S, Breaker, Pace

LIMIT = 16
OK, BUSY = "accepted", "busy"


class Receiver:
    """Answers after this many seconds, depending on the requests in flight. Counts those that it refused."""

    def __init__(self, answer):
        self._answer = answer
        self.accepted = self.refused = 0

    def __call__(self, under_way):
        outcome, seconds = self._answer(under_way)
        if outcome == OK:
            self.accepted += 1
        elif outcome != BUSY:
            self.refused += 1
        return outcome, seconds


def steady(seconds):
    return Receiver(lambda under_way: (OK, seconds))


def crowded(seconds, places):
    """Requests beyond its places wait in its queue."""
    return Receiver(lambda under_way: (OK, seconds * max(1, under_way / places)))


def strict(seconds, places, retry_after_s=1.0):
    """Refuses requests beyond its places, and says for how long."""
    return Receiver(lambda under_way: (OK, seconds) if under_way <= places else (retry_after_s, 0.01))


def run(receiver, seconds, limit=LIMIT, *, produce_s=0.0, max_eps=0.0, check=lambda pace, under_way: None):
    """Sends all requests allowed, at most one every `produce_s`, for this long. Returns (moment, level) at each
    answer.
    """
    pace = Pace(limit, max_eps)
    now = ready = 0.0
    flying, numbers, levels = [], itertools.count(), []
    while now < seconds:
        begins = max(now, pace.not_before(), ready)
        if len(flying) < pace.level and (not flying or begins <= flying[0][0]):
            now, ready = begins, begins + produce_s
            outcome, took_s = receiver(len(flying) + 1)
            heapq.heappush(flying, (now + took_s, next(numbers), outcome, now))
            pace.begins(now, 500, len(flying))
            check(pace, len(flying))
            continue
        now, _, outcome, began = heapq.heappop(flying)
        if outcome == OK:
            pace.answered(now, now - began)
        elif outcome == BUSY:
            pace.troubled()
        else:
            pace.throttled(now, outcome)
        check(pace, len(flying))
        levels.append((now, pace.level))
    return levels


def go_round(pace, times, seconds, now=0.0):
    """Takes all places, and has all requests accepted after this long."""
    for _ in range(times):
        level = pace.level
        for under_way in range(level):
            pace.begins(now, 500, under_way + 1)
        for _ in range(level):
            pace.answered(now, seconds)


# --- The level ---


def test_at_constant_latency_the_level_rises_to_the_limit():
    receiver = steady(0.2)
    levels = run(receiver, 10)
    assert levels[0][1] == FIRST and levels[-1][1] == LIMIT
    assert [level for _, level in levels] == sorted(level for _, level in levels)
    assert next(moment for moment, level in levels if level == LIMIT) < 1.6
    assert receiver.accepted > 1.7 * 10 / 0.2 * FIRST


@pytest.mark.parametrize("noise", [0.05, 0.2, 0.5])
def test_noise_does_not_keep_it_from_rising(noise):
    chance = random.Random(1)
    receiver = Receiver(lambda under_way: (OK, 0.2 * (1 + noise * chance.random())))
    levels = run(receiver, 10)
    assert levels[-1][1] >= LIMIT - 2
    assert receiver.accepted > 1.7 * 10 / (0.2 * (1 + noise / 2)) * FIRST


def test_a_sender_busy_making_requests_gets_no_more_places():
    """Without latency, the sender itself takes the time."""
    levels = run(steady(0.001), 2, produce_s=0.01)
    assert {level for _, level in levels} == {FIRST}


def test_it_does_not_rise_if_more_requests_only_wait_for_each_other():
    receiver = crowded(0.2, places=4)
    levels = run(receiver, 60)
    assert max(level for _, level in levels) <= 3 * FIRST
    assert receiver.accepted > 0.95 * 60 / 0.2 * 4


def test_a_surprise_takes_a_tenth_of_the_places_unless_it_lasts():
    pace = Pace(LIMIT)
    go_round(pace, 20, 0.2)
    go_round(pace, 1, 0.5)
    assert pace.level == 14
    go_round(pace, 10, 0.5)
    assert pace.level == 14


def test_a_limit_below_the_first_level_is_kept():
    for limit in (1, 3):
        assert {level for _, level in run(steady(0.2), 10, limit)} == {limit}


# --- Refusals ---


@pytest.mark.parametrize("places", range(1, LIMIT + 4))
def test_never_more_than_a_receiver_allows_except_for_occasional_trials(places):
    receiver = strict(0.2, places)
    levels = run(receiver, 120)
    settled = [level for moment, level in levels if moment > 15]
    assert max(settled) <= min(places + 1, LIMIT)
    assert receiver.refused <= 2 * LIMIT
    assert receiver.accepted > 0.8 * 120 / 0.2 * min(places, LIMIT)


def test_a_burst_of_refusals_halves_the_places_once():
    pace = Pace(LIMIT)
    for now in (10.0, 10.1, 10.2):
        pace.throttled(now, 5.0)
    assert pace.level == FIRST // 2 and pace.not_before() == 15.2
    pace.throttled(20.0, 5.0)
    pace.throttled(30.0, 5.0)
    assert pace.level == 1


def test_the_longest_requested_wait_counts():
    pace = Pace(LIMIT)
    pace.throttled(10.0, 5.0)
    pace.throttled(11.0, 1.0)
    assert pace.not_before() == 15.0


def test_a_refused_level_is_not_tried_again_for_a_minute():
    pace = Pace(LIMIT)
    go_round(pace, 3, 0.2)
    assert pace.level == 9
    pace.throttled(10.0, 1.0)
    go_round(pace, 20, 0.2, now=12.0)
    assert pace.level == 8
    go_round(pace, 20, 0.2, now=10.0 + RECOVERY_S)
    assert pace.level == LIMIT


def test_a_transient_failure_neither_takes_nor_gives_places():
    pace = Pace(LIMIT)
    for _ in range(50):
        pace.troubled()
        go_round(pace, 1, 0.2)
    assert pace.level == FIRST


# --- Any sequence of answers ---


@given(
    st.integers(1, LIMIT),
    st.lists(
        st.tuples(
            st.sampled_from([OK] * 6 + [BUSY, 0.0, 0.5, 300.0]),
            st.floats(0.0, 40.0, allow_subnormal=False),
        ),
        min_size=1,
        max_size=300,
    ),
)
def test_the_level_is_between_one_and_the_limit_and_no_request_begins_beyond_it(limit, answers):
    replies = itertools.cycle(answers)
    levels = []

    def check(pace, under_way):
        assert 1 <= pace.level <= pace.highest <= limit
        levels.append(pace.level)

    receiver = Receiver(lambda under_way: next(replies))
    run(receiver, 400, limit, produce_s=0.2, check=check)
    assert all(later <= before + max(before // 2, 1) for before, later in zip(levels, levels[1:]))


@given(st.integers(1, LIMIT), st.lists(st.floats(0.0, 40.0, allow_subnormal=False), min_size=1, max_size=300))
def test_latency_alone_does_not_lower_the_first_level(limit, seconds):
    """A receiver that becomes slower gets no fewer requests than it got before levels were adapted."""
    replies = itertools.cycle(seconds)

    def check(pace, under_way):
        assert pace.level >= min(FIRST, limit)

    run(Receiver(lambda under_way: (OK, next(replies))), 400, limit, produce_s=0.2, check=check)


@given(st.integers(2, LIMIT), st.floats(0.01, 2.0))
def test_after_a_refusal_nothing_begins_before_the_wait_is_over(limit, wait_s):
    pace = Pace(limit)
    pace.throttled(5.0, wait_s)
    assert pace.not_before() == 5.0 + wait_s
    assert pace.level == max(min(FIRST, limit) // 2, 1)


# --- Events per second, and the circuit breaker ---


def test_max_eps_spreads_the_events_over_time():
    pace = Pace(4, max_eps=1_000)
    begun = []
    now = 0.0
    for _ in range(5):
        now = max(now, pace.not_before())
        pace.begins(now, 500, 1)
        begun.append(now)
    assert begun == [0.0, 0.5, 1.0, 1.5, 2.0]
    pace.begins(100.0, 500, 1)
    assert pace.not_before() == 100.5


def test_max_eps_is_kept_whatever_the_level():
    receiver = steady(2.0)
    run(receiver, 60, max_eps=1_000)
    assert receiver.accepted * 500 <= 61 * 1_000


def test_the_breaker_opens_after_failures_in_a_row():
    breaker = Breaker(3)
    for answer in "ff.fff":
        assert not breaker.is_open
        breaker.failed() if answer == "f" else breaker.succeeded()
    assert breaker.is_open
