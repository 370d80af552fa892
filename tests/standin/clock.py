"""The time, and Splunk's time modifiers.

Relies on: Search Reference, "Time modifiers"; Search Manual, "Specify time modifiers in your search".
"""

import re
import time
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Callable, Optional

from .values import SplError, number

_STEP = re.compile(r"([-+])(\d*)([a-z]+)|@([a-z]+\d?)")
_HOURS = {"s": 1, "m": 60, "h": 3600}  # seconds
_DAYS = {"d": 1, "w": 7}
UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
    **dict.fromkeys(("mon", "month", "months"), "mon"),
    **dict.fromkeys(("q", "qtr", "qtrs", "quarter", "quarters"), "q"),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), "y"),
}


class Clock:
    """`now()` is in epoch seconds. Tests pass in their own clock."""

    def __init__(self, now: Callable[[], float] = time.time, zone: tzinfo = timezone.utc):
        self.now, self.zone = now, zone

    def modified(self, modifier: str, now: Optional[float] = None) -> float:
        """The epoch seconds that a time modifier such as -4h@h, now, 1700000000 or 11/24/2026:01:00:00 means.

        Raises:
            SplError: it is not a time modifier.
        """
        start = self.now() if now is None else now
        text = modifier.strip()
        if text in ("now", "now()", ""):
            return start
        if number(text) is not None and not text.startswith(("-", "+")):
            return float(text)
        try:
            return datetime.strptime(text, "%m/%d/%Y:%H:%M:%S").replace(tzinfo=self.zone).timestamp()
        except ValueError:
            pass
        try:
            return (
                datetime.fromisoformat(re.sub("Z$", "+00:00", text)).timestamp()
                if "T" in text
                else self._relative(text, start)
            )
        except ValueError:
            raise SplError('Invalid value "%s" for time term' % modifier) from None

    def _relative(self, text: str, start: float) -> float:
        at, moment = 0, datetime.fromtimestamp(start, self.zone)
        if text.startswith("now"):
            at = 3
        while at < len(text):
            step = _STEP.match(text, at)
            if not step:
                raise ValueError(text)
            at = step.end()
            if step.group(4):
                moment = _snapped(moment, step.group(4))
            else:
                moment = _moved(moment, int(step.group(1) + (step.group(2) or "1")), step.group(3))
        return moment.timestamp()


def _unit(name: str) -> str:
    if name not in UNITS:
        raise ValueError(name)
    return UNITS[name]


def _moved(moment: datetime, amount: int, name: str) -> datetime:
    unit = _unit(name)
    if unit in _HOURS:  # hours count elapsed time; days remain days even when a clock is set forward
        return datetime.fromtimestamp(moment.timestamp() + amount * _HOURS[unit], moment.tzinfo)
    if unit in _DAYS:
        return moment + timedelta(days=amount * _DAYS[unit])
    months = moment.year * 12 + moment.month - 1 + amount * {"mon": 1, "q": 3, "y": 12}[unit]
    year, month = divmod(months, 12)
    for day in (moment.day, 30, 29, 28):
        try:
            return moment.replace(year=year, month=month + 1, day=min(day, moment.day))
        except ValueError:
            continue
    raise ValueError(name)


def _snapped(moment: datetime, name: str) -> datetime:
    week = re.fullmatch(r"w([0-7])", name)
    if week or UNITS.get(name) == "w":
        day = int(week.group(1)) % 7 if week else 0
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=(midnight.isoweekday() - day) % 7)
    unit = _unit(name)
    zeros = {"microsecond": 0}
    for finer, field, least in (
        ("m", "second", 0),
        ("h", "minute", 0),
        ("d", "hour", 0),
        ("mon", "day", 1),
        ("y", "month", 1),
    ):
        if unit == "s":
            break
        zeros[field] = least
        if unit == finer:
            break
        if unit == "q" and finer == "mon":
            zeros["month"] = (moment.month - 1) // 3 * 3 + 1
            break
    return moment.replace(**zeros)
