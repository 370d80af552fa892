"""Cron schedules: minute, hour, day of the month, month, day of the week.

savedsearches.conf.spec, cron_schedule; inputs.conf.spec, interval: numbers only, no names; days of the week are 0 to 6,
and 0 is Sunday. If both kinds of days are restricted, a time need match only one (crontab(5)).
"""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import FrozenSet, List, NamedTuple

_RANGES = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6))
_PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_FARTHEST = timedelta(days=9 * 366)
"""There may be eight years between one 29 February and the next."""


class CronError(ValueError):
    """What is wrong with a schedule."""


class _Schedule(NamedTuple):
    minutes: FrozenSet[int]
    hours: FrozenSet[int]
    days: FrozenSet[int]
    months: FrozenSet[int]
    weekdays: FrozenSet[int]
    either_day: bool

    def has_day(self, moment: datetime) -> bool:
        days = (moment.day in self.days, moment.isoweekday() % 7 in self.weekdays)
        return moment.month in self.months and (any(days) if self.either_day else all(days))


def check(expression: str) -> None:
    """Checks a schedule.

    Raises:
        CronError: it is not a schedule, or matches no time at all.
    """
    next_time(expression, 0, timezone.utc)


def next_time(expression: str, after: float, zone: tzinfo) -> float:
    """The first time after `after` that a schedule matches, both in epoch seconds. `zone` is the schedule's.

    A schedule has no times in an hour that the clocks skip, and has them twice in an hour that they repeat.

    Raises:
        CronError: it is not a schedule, or matches no time at all.
    """
    schedule = _parsed(expression)
    seconds = after // 60 * 60 + 60
    end = seconds + _FARTHEST.total_seconds()
    while seconds < end:
        moment = datetime.fromtimestamp(seconds, zone)
        if not schedule.has_day(moment):
            tomorrow = moment.replace(hour=0, minute=0, fold=0) + timedelta(days=1)
            seconds = max(tomorrow.timestamp(), seconds + 60)
        elif moment.hour not in schedule.hours:
            seconds += 60 * (60 - moment.minute)
        elif moment.minute not in schedule.minutes:
            seconds += 60 * (
                min((each for each in schedule.minutes if each > moment.minute), default=60) - moment.minute
            )
        else:
            return seconds
    raise CronError("Invalid cron schedule '%s': there is no such day." % expression)


@lru_cache(maxsize=1_000)
def _parsed(expression: str) -> _Schedule:
    fields = expression.split()
    if len(fields) != len(_RANGES):
        raise CronError("Invalid cron schedule '%s': it has %d fields, five are expected." % (expression, len(fields)))
    sets = []
    for field, (name, least, most) in zip(fields, _RANGES):
        try:
            sets.append(frozenset(number for part in field.split(",") for number in _numbers(part, least, most)))
        except ValueError:
            raise CronError(
                "Invalid cron schedule '%s': '%s' is not a %s, which is %d to %d."
                % (expression, field, name, least, most)
            ) from None
    return _Schedule(*sets, either_day=not fields[2].startswith("*") and not fields[4].startswith("*"))


def _numbers(part: str, least: int, most: int) -> List[int]:
    match = _PART.fullmatch(part)
    if not match:
        raise ValueError(part)
    first, last, step = match.groups()
    start = int(first or least)
    end = int(last) if last else most if first is None or step else start
    if not least <= start <= end <= most or (step and int(step) < 1):
        raise ValueError(part)
    return list(range(start, end + 1, int(step or 1)))
