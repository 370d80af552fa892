"""The statistical functions of stats, eventstats, streamstats, chart and timechart: one object per function and group.

An aggregate receives the values of its field one at a time, in the order of the events (each value of a multivalue
field separately), and returns a value, or None for "no field". Numeric functions skip values that are not numbers.
Refused by name because not known: sparkline, estdc_error, rate.

Relies on: Search Reference, "Aggregate functions", "Event order functions", "Multivalue stats and chart functions",
"Time functions"; limits.conf, [stats].
"""

import math
import re
from typing import Callable, Dict, List, Optional, Type

from ...values import Scalar, Value, from_list, number, text

LIST_MAXSIZE = 100  # limits.conf [stats] list_maxsize


class Aggregate:
    """What one function knows so far about one group."""

    def add(self, value: Scalar, time: float) -> None:
        """Takes a value of the field, and the _time of its event in epoch seconds."""
        raise NotImplementedError

    def result(self) -> Optional[Value]:
        raise NotImplementedError


class Count(Aggregate):
    count = 0

    def add(self, value: Scalar, time: float) -> None:
        self.count += 1

    def result(self) -> Optional[Value]:
        return self.count


class DistinctCount(Aggregate):
    """Also estdc, whose estimate is exact below 1,000 values; here it is always exact."""

    def __init__(self) -> None:
        self.seen = set()

    def add(self, value: Scalar, time: float) -> None:
        self.seen.add(text(value))

    def result(self) -> Optional[Value]:
        return len(self.seen)


class Values(DistinctCount):
    """The distinct values in lexicographical order."""

    def result(self) -> Optional[Value]:
        return from_list(sorted(self.seen))


class ListOf(Aggregate):
    """The first hundred values, in the order of the events."""

    def __init__(self) -> None:
        self.values: List[Scalar] = []

    def add(self, value: Scalar, time: float) -> None:
        if len(self.values) < LIST_MAXSIZE:
            self.values.append(text(value))

    def result(self) -> Optional[Value]:
        return from_list(self.values)


class Mode(Aggregate):
    """The most frequent value. Of equally frequent ones, the one seen first."""

    def __init__(self) -> None:
        self.counts: Dict[str, int] = {}

    def add(self, value: Scalar, time: float) -> None:
        key = text(value)
        self.counts[key] = self.counts.get(key, 0) + 1

    def result(self) -> Optional[Value]:
        return max(self.counts, key=self.counts.__getitem__) if self.counts else None


class First(Aggregate):
    value: Optional[Scalar] = None

    def add(self, value: Scalar, time: float) -> None:
        if self.value is None:
            self.value = value

    def result(self) -> Optional[Value]:
        return self.value


class Last(First):
    def add(self, value: Scalar, time: float) -> None:
        self.value = value


class Latest(First):
    """Among events with the same time, the first seen is the latest, the last seen the earliest (newest first)."""

    time = -math.inf

    def add(self, value: Scalar, time: float) -> None:
        if self.value is None or time > self.time:
            self.value, self.time = value, time


class Earliest(First):
    time = math.inf

    def add(self, value: Scalar, time: float) -> None:
        if self.value is None or time <= self.time:
            self.value, self.time = value, time


class LatestTime(Latest):
    def result(self) -> Optional[Value]:
        return None if self.value is None else self.time


class EarliestTime(Earliest):
    def result(self) -> Optional[Value]:
        return None if self.value is None else self.time


class Extreme(Aggregate):
    """The maximum of the numbers if there are any, else of the texts. The value keeps its notation."""

    sign = 1
    best: Optional[Scalar] = None
    is_number = False
    value: Optional[Scalar] = None

    def add(self, value: Scalar, time: float) -> None:
        amount = number(value)
        if (amount is None) and self.is_number:
            return
        one = text(value) if amount is None else amount
        is_first = self.best is None or (amount is not None and not self.is_number)
        if is_first or (one > self.best if self.sign > 0 else one < self.best):
            self.best, self.value, self.is_number = one, value, amount is not None

    def result(self) -> Optional[Value]:
        return self.value


class Minimum(Extreme):
    sign = -1


class Numeric(Aggregate):
    """The base of numeric functions. `all_numbers` implements allnum=true."""

    count = 0
    all_numbers = True

    def add(self, value: Scalar, time: float) -> None:
        amount = number(value)
        if amount is None:
            self.all_numbers = False
        else:
            self.count += 1
            self.take(float(amount))

    def take(self, amount: float) -> None:
        raise NotImplementedError


class Sums(Numeric):
    """Running sums in double precision, as splunkd keeps them: the last digits of its results show it."""

    sum = 0.0
    sum_of_squares = 0.0

    def take(self, amount: float) -> None:
        self.sum += amount
        self.sum_of_squares += amount * amount

    def variance(self, sample: bool) -> float:
        divisor = self.count - 1 if sample else self.count
        return max(0.0, self.sum_of_squares - self.sum * (self.sum / self.count)) / divisor if divisor else 0.0


def of_sums(formula: Callable[[Sums], float]) -> Type[Sums]:
    class OfSums(Sums):
        def result(self) -> Optional[Value]:
            return formula(self) if self.count else None

    return OfSums


class Range(Numeric):
    low, high = math.inf, -math.inf

    def take(self, amount: float) -> None:
        self.low, self.high = min(self.low, amount), max(self.high, amount)

    def result(self) -> Optional[Value]:
        return self.high - self.low if self.count else None


class Percentile(Numeric):
    """Interpolates between the two nearest ranks, like the manual's examples. Exact for any number of values."""

    def __init__(self, percent: float) -> None:
        self.percent = percent
        self.amounts: List[float] = []

    def take(self, amount: float) -> None:
        self.amounts.append(amount)

    def result(self) -> Optional[Value]:
        if not self.amounts:
            return None
        self.amounts.sort()
        rank, hundredths = divmod(self.percent * (len(self.amounts) - 1), 100)
        below, above = self.amounts[int(rank)], self.amounts[int(rank) + (hundredths > 0)]
        return below + (above - below) * hundredths / 100


class Median(Percentile):
    """For an even number of values, the mean of the two in the middle, with a half rounded up."""

    def __init__(self) -> None:
        super().__init__(50)

    def result(self) -> Optional[Value]:
        middle = super().result()
        return middle + 0.5 if middle is not None and middle % 1 == 0.5 and len(self.amounts) % 2 == 0 else middle


FUNCTIONS: Dict[str, Type[Aggregate]] = {
    "median": Median,
    "count": Count,
    "c": Count,
    "distinct_count": DistinctCount,
    "dc": DistinctCount,
    "estdc": DistinctCount,
    "values": Values,
    "list": ListOf,
    "mode": Mode,
    "first": First,
    "last": Last,
    "earliest": Earliest,
    "latest": Latest,
    "earliest_time": EarliestTime,
    "latest_time": LatestTime,
    "max": Extreme,
    "min": Minimum,
    "sum": of_sums(lambda sums: sums.sum),
    "sumsq": of_sums(lambda sums: sums.sum_of_squares),
    "avg": of_sums(lambda sums: sums.sum / sums.count),
    "mean": of_sums(lambda sums: sums.sum / sums.count),
    "stdev": of_sums(lambda sums: math.sqrt(sums.variance(sample=True))),
    "stdevp": of_sums(lambda sums: math.sqrt(sums.variance(sample=False))),
    "var": of_sums(lambda sums: sums.variance(sample=True)),
    "varp": of_sums(lambda sums: sums.variance(sample=False)),
    "range": Range,
}
PERCENTILE = re.compile(r"(?:exactperc|upperperc|perc|p)(\d+(?:\.\d+)?)\Z")


def aggregate(name: str) -> Optional[Callable[[], Aggregate]]:
    """A factory for the aggregate that `name` denotes (perc95, p99.9, median, dc, ...), or None."""
    percentile = PERCENTILE.match(name)
    if percentile and float(percentile.group(1)) < 100:
        return lambda: Percentile(float(percentile.group(1)))
    return FUNCTIONS.get(name)
