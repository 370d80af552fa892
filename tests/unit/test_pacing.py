"""How many requests may be under way, from when on, and when there is no use in more."""

from segment_bridge.delivery.pacing import Breaker, Throttle


def test_a_hold_concerns_everybody_and_the_longest_counts():
    throttle = Throttle(4)
    throttle.hold(10.0, 5.0, slow_down=False)
    throttle.hold(11.0, 1.0, slow_down=False)
    assert throttle.not_before() == 15.0
    assert throttle.limit == 4


def test_one_burst_of_refusals_halves_once_and_good_rounds_bring_it_back():
    throttle = Throttle(8)
    for now in (10.0, 10.1, 10.2):
        throttle.hold(now, 5.0, slow_down=True)
    assert throttle.limit == 4
    throttle.hold(20.0, 5.0, slow_down=True)
    throttle.hold(30.0, 5.0, slow_down=True)
    throttle.hold(40.0, 5.0, slow_down=True)
    assert throttle.limit == 1
    limits = []
    for _ in range(40):
        throttle.answered_well()
        limits.append(throttle.limit)
    assert limits[:3] == [2, 2, 3]
    assert limits[-1] == 8


def test_max_eps_spreads_the_events_over_time():
    throttle = Throttle(4, max_eps=1_000)
    begun = []
    now = 0.0
    for _ in range(5):
        now = max(now, throttle.not_before())
        throttle.begins(now, 500)
        begun.append(now)
    assert begun == [0.0, 0.5, 1.0, 1.5, 2.0]
    throttle.begins(100.0, 500)
    assert throttle.not_before() == 100.5


def test_the_breaker_opens_after_failures_in_a_row():
    breaker = Breaker(3)
    for answer in "ff.fff":
        assert not breaker.is_open
        breaker.failed() if answer == "f" else breaker.succeeded()
    assert breaker.is_open
