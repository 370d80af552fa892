"""What is retried and what is not, with a clock and a random source that the test controls."""

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3._collections import HTTPHeaderDict

from segment_bridge.errors import DeadlineExceeded, SplunkdError, Unavailable
from segment_bridge.retry import LONGEST_RETRY_AFTER_S, Backoff, Retry, retry_after_s

NOW = 1_764_000_000.0


def dated(moment):
    return email.utils.formatdate(moment, usegmt=True)


class Clock:
    """Time that passes by sleeping, or by attempts that take some."""

    def __init__(self):
        self.now = 0.0
        self.waits = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def failing(times, error=None, takes_s=0.0, clock=None):
    """An attempt that fails this often, then returns how often it was made."""
    made = []

    def attempt():
        made.append(1)
        if clock:
            clock.now += takes_s
        if len(made) <= times:
            raise error or Unavailable("busy")
        return len(made)

    return attempt


def patience(clock, chance=1.0, **options):
    return Retry(clock=clock, sleep=clock.sleep, chance=lambda: chance, **options)


def test_waits_double_up_to_a_maximum():
    backoff = Backoff(0.5, 60.0)
    assert [backoff.wait_s(attempt, 1.0) for attempt in range(1, 10)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.wait_s(10_000, 1.0) == 60


@given(st.integers(1, 100), st.floats(0, 1))
def test_jitter_may_take_any_part_of_a_wait(attempt, chance):
    backoff = Backoff()
    assert backoff.wait_s(attempt, chance) == backoff.wait_s(attempt, 1.0) * chance


def test_it_is_tried_until_it_succeeds(clock):
    assert patience(clock).call(failing(3)) == 4
    assert clock.waits == [1, 2, 4]


def test_attempts_are_counted_for_each_call(clock):
    retry = patience(clock, max_attempts=3)
    assert retry.call(failing(2)) == 3
    assert retry.call(failing(2)) == 3
    with pytest.raises(Unavailable, match="busy"):
        retry.call(failing(3))


def test_the_requested_wait_is_granted_but_never_less_than_the_backoff(clock):
    retry = patience(clock)
    retry.call(failing(1, Unavailable("busy", 20.0)))
    retry.call(failing(1, Unavailable("busy", 0.1)))
    assert clock.waits == [20.0, 1.0]


def test_no_wait_exceeds_the_deadline(clock):
    retry = patience(clock, deadline_s=10)
    with pytest.raises(DeadlineExceeded, match="out of time after 4 attempts: busy"):
        retry.call(failing(99))
    assert clock.waits == [1, 2, 4]
    assert clock.now <= 10


def test_the_deadline_is_shared_by_all_calls_but_each_has_one_attempt(clock):
    retry = patience(clock, deadline_s=10)
    retry.call(failing(0, takes_s=20, clock=clock))
    assert retry.call(failing(0)) == 1
    with pytest.raises(DeadlineExceeded):
        retry.call(failing(1))


def test_other_errors_are_not_retried(clock):
    with pytest.raises(SplunkdError):
        patience(clock).call(failing(1, SplunkdError("no")))
    assert clock.waits == []


# --- Retry-After ---


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "3600"}, LONGEST_RETRY_AFTER_S),
        ({"Retry-After": dated(NOW + 9)}, 9),
        ({"Retry-After": dated(NOW - 9)}, 0),
        ({"Retry-After": dated(NOW + 9e6)}, LONGEST_RETRY_AFTER_S),
        ({"Retry-After": "inf"}, LONGEST_RETRY_AFTER_S),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "4"}, 4),
        ({"Retry-After": "", "X-RateLimit-Reset": "4"}, 4),
        ({"Retry-After": "2", "X-RateLimit-Reset": "4"}, 2),
        ({"Retry-After": "Tue, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"Retry-After": "Mon, 01 Jan 20260 00:00:00 GMT"}, None),
        ({"Retry-After": dated(NOW + 9), "Date": dated(NOW + 2)}, 7),
        ({"Retry-After": dated(NOW - 3_591), "Date": dated(NOW - 3_600)}, 9),
        ({"Retry-After": dated(NOW + 9), "Date": "yesterday"}, 9),
        ({"X-RateLimit-Reset": str(NOW + 12)}, 12),
        ({"X-RateLimit-Reset": "%d" % ((NOW + 12) * 1_000)}, 12),
        ({"X-RateLimit-Reset": str(NOW - 12)}, 0),
        ({"X-RateLimit-Reset": str(NOW + 12), "Date": dated(NOW + 10)}, 2),
        (HTTPHeaderDict([("Retry-After", "2"), ("retry-after", "5")]), 5),
        (HTTPHeaderDict([("Retry-After", "soon"), ("Retry-After", dated(NOW + 4))]), 4),
        (HTTPHeaderDict([("X-RateLimit-Reset", "2"), ("X-RateLimit-Reset", "1")]), 2),
        (HTTPHeaderDict(), None),
    ],
)
def test_how_long_an_answer_asks_to_wait(headers, expected):
    assert retry_after_s(headers, NOW) == expected


@given(st.text())
def test_no_header_is_too_odd(text):
    found = retry_after_s({"Retry-After": text}, NOW)
    assert found is None or 0 <= found <= LONGEST_RETRY_AFTER_S
