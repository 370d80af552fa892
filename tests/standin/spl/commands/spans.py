"""Spans: how bin, chart and timechart cut numbers and times into sets.

A time span below a day counts from the epoch (or from aligntime). Days and weeks count from 1970-01-01 in the search's
time zone, so a plain week begins on a Thursday. Months, quarters and years follow the calendar.

Relies on: Search Reference, "bin" and "timechart" (Span options, Default time spans, Subsecond bin time spans).
"""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Optional, Union

SECONDS = {
    "us": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "cs": Decimal("0.01"),
    "ds": Decimal("0.1"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
DAYS = {"d": 1, "w": 7}
MONTHS = {"mon": 1, "q": 3, "y": 12}
UNITS = {
    **{name: name for name in ("us", "ms", "cs", "ds")},
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
    **dict.fromkeys(("mon", "month", "months"), "mon"),
    **dict.fromkeys(("q", "qtr", "qtrs", "quarter", "quarters"), "q"),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), "y"),
}
TIME = re.compile(r"(\d*)([a-z]+)(?:@w([0-6]))?\Z")
NUMBER = re.compile(r"\d+(?:\.\d+)?\Z")
LOGARITHM = re.compile(r"(\d+(?:\.\d+)?)?log(\d+(?:\.\d+)?)?\Z")
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Seconds:
    """A fixed number of seconds, counted from `align` (epoch seconds)."""

    length: Decimal
    align: float = 0.0

    def start(self, time: float) -> float:
        length = float(self.length)
        if self.length < 1:
            return float(math.floor(Decimal(repr(time)) / self.length) * self.length)
        return math.floor((time - self.align) / length) * length + self.align

    def next(self, start: float) -> float:
        return float(Decimal(repr(start)) + self.length)


@dataclass(frozen=True)
class Days:
    """Whole days in the time zone. `weekday` (0 is Sunday) moves the start of a span of weeks."""

    count: int
    zone: tzinfo
    weekday: Optional[int] = None

    def start(self, time: float) -> float:
        day = (datetime.fromtimestamp(time, self.zone).date() - EPOCH).days
        shift = 0 if self.weekday is None else self.weekday - 4  # the epoch was a Thursday
        return self._midnight((day - shift) // self.count * self.count + shift)

    def next(self, start: float) -> float:
        return self._midnight((datetime.fromtimestamp(start, self.zone).date() - EPOCH).days + self.count)

    def _midnight(self, day: int) -> float:
        at = EPOCH + timedelta(days=day)
        return datetime(at.year, at.month, at.day, tzinfo=self.zone).timestamp()


@dataclass(frozen=True)
class Months:
    count: int
    zone: tzinfo

    def start(self, time: float) -> float:
        at = datetime.fromtimestamp(time, self.zone)
        return self._first((at.year * 12 + at.month - 1) // self.count * self.count)

    def next(self, start: float) -> float:
        at = datetime.fromtimestamp(start, self.zone)
        return self._first(at.year * 12 + at.month - 1 + self.count)

    def _first(self, month: int) -> float:
        return datetime(month // 12, month % 12 + 1, 1, tzinfo=self.zone).timestamp()


TimeSpan = Union[Seconds, Days, Months]


@dataclass(frozen=True)
class Range:
    """Sets of equal length: with span=10, 25 is in "20-30"."""

    length: Decimal

    def label(self, amount: float) -> str:
        start = math.floor(Decimal(repr(amount)) / self.length) * self.length
        return "%s-%s" % (start, start + self.length)


@dataclass(frozen=True)
class Logarithm:
    """Sets that grow by the base: with log2, 5 is in "4-8"; 0 is a set of its own, and negative numbers are in none."""

    coefficient: float
    base: float

    def label(self, amount: float) -> Optional[str]:
        if amount <= 0:
            return None if amount < 0 else "0"
        power = math.floor(math.log(amount / self.coefficient, self.base) + 1e-12)
        return "%g-%g" % (self.coefficient * self.base**power, self.coefficient * self.base ** (power + 1))


def time_span(spec: str, zone: tzinfo, align: float = 0.0) -> Optional[TimeSpan]:
    """`30s`, `5m`, `1d`, `mon`, `w@w1`, ... or None if the text is not a time span. A plain number is in seconds."""
    if NUMBER.match(spec):
        return Seconds(Decimal(spec), align) if Decimal(spec) > 0 else None
    match = TIME.match(spec)
    if not match or match.group(2) not in UNITS:
        return None
    count, unit, weekday = int(match.group(1) or 1), UNITS[match.group(2)], match.group(3)
    if count == 0 or (weekday is not None and unit != "w"):
        return None
    if unit in SECONDS:
        length = count * SECONDS[unit]
        # "Subsecond spans should be numbers that divide evenly into a second", and 1000ms is not one.
        return Seconds(length, align) if SECONDS[unit] >= 1 or (length < 1 and 1 % length == 0) else None
    if unit in DAYS:
        return Days(count * DAYS[unit], zone, None if weekday is None else int(weekday))
    return Months(count * MONTHS[unit], zone)


def number_span(spec: str) -> Union[Range, Logarithm, None]:
    """`10`, `0.5`, `log2`, `2log10`, or None."""
    if NUMBER.match(spec):
        return Range(Decimal(spec)) if Decimal(spec) > 0 else None
    match = LOGARITHM.match(spec)
    if not match:
        return None
    coefficient, base = float(match.group(1) or 1), float(match.group(2) or 10)
    return Logarithm(coefficient, base) if base > 1 and 1 <= coefficient < base else None


# The spans to choose from if none is given, with their seconds.
STEPS = {
    "1s": 1,
    "5s": 5,
    "10s": 10,
    "30s": 30,
    "1m": 60,
    "5m": 300,
    "10m": 600,
    "30m": 1800,
    "1h": 3600,
    "1d": 86400,
    "1mon": 2592000,
}


def default_span(duration_s: float, bins: int, zone: tzinfo, least_s: float = 0.0, align: float = 0.0) -> TimeSpan:
    """The smallest of the steps that is at least `least_s` long and cuts `duration_s` into at most `bins` sets."""
    fitting = (step for step, length in STEPS.items() if length >= least_s and duration_s <= length * bins)
    span = time_span(next(fitting, "1mon"), zone, align)
    assert span is not None
    return span
