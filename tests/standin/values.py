"""Values of search results, and how Splunk reads and writes them.

A field is null if a row has no such key. Stored and extracted data are texts; numbers exist where eval or stats have
made them. A list is a multivalue field with at least two values.

Relies on: Search Reference, "eval" (Numeric calculations, Rounding, Long numbers).
"""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Dict, Iterable, List, NamedTuple, Optional, Union

Scalar = Union[str, int, float]
Value = Union[Scalar, List[Scalar]]
Row = Dict[str, Value]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z")
_FIRST = frozenset("0123456789+-.")


class Results:
    """A chunk of rows and the order of their fields."""

    def __init__(self, fields: Iterable[str], rows: Iterable[Row]):
        self.fields, self.rows = list(fields), list(rows)


class Message(NamedTuple):
    level: str
    text: str


class SplError(Exception):
    """An error in a search, in splunkd's words."""


class Decimals(float):
    """A number written with this many decimals, because what it was computed from had no more."""

    decimals = 0

    @classmethod
    def of(cls, amount: float, decimals: int) -> "Decimals":
        made = cls(amount)
        made.decimals = decimals
        return made


def number(value: Optional[Value]) -> Optional[float]:
    """The number that a scalar is or looks like, else None. A text surrounded by blanks is not a number."""
    if isinstance(value, str):
        if value[:1] not in _FIRST or not (value.isdecimal() or _NUMBER.match(value)):
            return None
        try:
            return int(value)
        except ValueError:
            return float(value)
    if type(value) is float or type(value) is int:
        return value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def text(value: Scalar) -> str:
    """Splunk's rendering of a scalar: whole numbers without decimals, others with the fewest that distinguish them."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimals):
        return format(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-value.decimals), ROUND_HALF_UP), "f")
    if value != value or value in (float("inf"), float("-inf")):
        return repr(value)
    return str(int(value)) if value == int(value) and abs(value) < 1e17 else repr(value)


def from_list(values: List[Scalar]) -> Optional[Value]:
    """A field with these values: none, one, or several."""
    return values if len(values) > 1 else (values[0] if values else None)


def as_list(value: Optional[Value]) -> List[Scalar]:
    return [] if value is None else value if isinstance(value, list) else [value]
