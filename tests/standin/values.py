"""Values of search results, and how Splunk reads and writes them.

A field is null where a row has no key. Stored and extracted data are texts; numbers exist where eval or stats made them. A
list is a multivalue field of two values or more.
"""
import re
from typing import Dict, Iterable, List, NamedTuple, Optional, Union

Scalar = Union[str, int, float]
Value = Union[Scalar, List[Scalar]]
Row = Dict[str, Value]

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*\Z")


class Results:
    """A chunk of rows and the order of their fields."""

    def __init__(self, fields: Iterable[str], rows: Iterable[Row]):
        self.fields, self.rows = list(fields), list(rows)


class Message(NamedTuple):
    level: str
    text: str


class SplError(Exception):
    """What is wrong with a search, in splunkd's words."""


def number(value: Optional[Value]) -> Optional[float]:
    """The number that a scalar is or looks like, else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str) and _NUMBER.match(value):
        try:
            return int(value)
        except ValueError:
            return float(value)
    return None


def text(value: Scalar) -> str:
    """Splunk's rendering of a scalar."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if value != value or value in (float("inf"), float("-inf")):
        return "nan" if value != value else ("inf" if value > 0 else "-inf")
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float("%.15g" % value))


def from_list(values: List[Scalar]) -> Optional[Value]:
    """A field of these values: none at all, one, or several."""
    return values if len(values) > 1 else (values[0] if values else None)


def as_list(value: Optional[Value]) -> List[Scalar]:
    return [] if value is None else value if isinstance(value, list) else [value]
