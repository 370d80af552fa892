"""Cron schedules: which times they match."""

from datetime import datetime, timedelta, timezone, tzinfo

import pytest

from tests.standin.cron import CronError, check, next_time

UTC = timezone.utc


class _Summer(tzinfo):
    """One hour ahead of UTC, or two from 01:00 UTC on 29 March 2026 until 01:00 UTC on 25 October 2026."""

    BEGIN, END = datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)

    def utcoffset(self, moment):
        wall = moment.replace(tzinfo=None)
        begins, ends = self.BEGIN + timedelta(hours=1), self.END + timedelta(hours=1)
        is_summer = begins <= wall < ends or (ends <= wall < ends + timedelta(hours=1) and not moment.fold)
        return timedelta(hours=1 + is_summer)

    def dst(self, moment):
        return self.utcoffset(moment) - timedelta(hours=1)

    def fromutc(self, moment):
        bare = moment.replace(tzinfo=None)
        offset = timedelta(hours=1 + (self.BEGIN <= bare < self.END))
        repeated = self.END <= bare < self.END + timedelta(hours=1)
        return (moment + offset).replace(fold=int(repeated))


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def after(expression, text, zone=UTC):
    return datetime.fromtimestamp(next_time(expression, at(text, zone), zone), zone).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    "expression, start, expected",
    [
        ("* * * * *", "2026-11-24T15:00:00", "2026-11-24T15:01"),
        ("* * * * *", "2026-11-24T15:00:59", "2026-11-24T15:01"),
        ("7 * * * *", "2026-11-24T15:07:00", "2026-11-24T16:07"),
        ("7 * * * *", "2026-11-24T15:06:59.900", "2026-11-24T15:07"),
        ("*/15 * * * *", "2026-11-24T15:31:00", "2026-11-24T15:45"),
        ("5-59/20 * * * *", "2026-11-24T15:26:00", "2026-11-24T15:45"),
        ("3/20 * * * *", "2026-11-24T15:26:00", "2026-11-24T15:43"),
        ("0,30 9-17 * * *", "2026-11-24T17:30:00", "2026-11-25T09:00"),
        ("0 0 * * *", "2026-12-31T00:00:00", "2027-01-01T00:00"),
        ("0 6 * * 1-5", "2026-11-27T06:00:00", "2026-11-30T06:00"),
        ("0 6 * * 0", "2026-11-24T06:00:00", "2026-11-29T06:00"),
        ("0 0 31 * *", "2026-11-24T00:00:00", "2026-12-31T00:00"),
        ("0 0 29 2 *", "2026-11-24T00:00:00", "2028-02-29T00:00"),
        ("0 0 29 2 *", "2096-03-01T00:00:00", "2104-02-29T00:00"),
        ("0 0 1 1,7 *", "2026-11-24T00:00:00", "2027-01-01T00:00"),
    ],
)
def test_the_next_time_is_later_than_now(expression, start, expected):
    assert after(expression, start) == expected


@pytest.mark.parametrize(
    "start, expected",
    [
        ("2026-11-24T00:00:00", "2026-11-27T00:00"),  # a Friday
        ("2026-12-11T00:00:00", "2026-12-13T00:00"),  # the 13th, a Sunday
    ],
)
def test_a_time_matches_either_of_two_restricted_days(start, expected):
    assert after("0 0 13 * 5", start) == expected


def test_a_day_with_a_step_from_all_does_not_restrict_the_other():
    assert after("0 0 */2 * 1", "2026-11-24T00:00:00") == "2026-12-07T00:00"  # an odd day, and a Monday


class TestZones:
    def test_hours_are_in_the_schedules_zone(self):
        assert next_time("0 6 * * *", at("2026-11-24T00:00:00"), timezone(timedelta(hours=5, minutes=30))) == at(
            "2026-11-24T00:30:00"
        )

    def test_an_hour_that_clocks_skip_has_no_times(self):
        assert after("30 2 * * *", "2026-03-28T12:00:00", _Summer()) == "2026-03-30T02:30"

    def test_hourly_times_continue_across_the_change(self):
        starts = [at("2026-03-28T23:30:00"), at("2026-10-24T22:30:00")]
        for start in starts:
            times = [start]
            for _ in range(6):
                times.append(next_time("0 * * * *", times[-1], _Summer()))
            assert [later - earlier for earlier, later in zip(times[1:], times[2:])] == [3600] * 5

    def test_an_hour_that_clocks_repeat_has_its_times_twice(self):
        first = next_time("30 2 * * *", at("2026-10-24T12:00:00"), _Summer())
        assert next_time("30 2 * * *", first, _Summer()) - first == 3600


@pytest.mark.parametrize(
    "expression, named",
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("@hourly", "1 fields"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * 32 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * jan *", "month"),
        ("* * * * 7", "day of week"),
        ("* * * * mon", "day of week"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("1- * * * *", "minute"),
        ("1.5 * * * *", "minute"),
        ("** * * * *", "minute"),
        ("0 0 30 2 *", "no such day"),
    ],
)
def test_an_invalid_schedule_is_refused_and_named(expression, named):
    with pytest.raises(CronError, match=named) as raised:
        check(expression)
    assert "Invalid cron schedule '%s'" % expression in str(raised.value)
