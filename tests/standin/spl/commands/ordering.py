"""The order of values that sort, dedup's sortby, chart and timechart share.

`auto` decides for each pair of values: as numbers if both are numbers, as addresses if both are, else as text by code
points. A row that lacks the field comes last, in either direction.

Relies on: Search Reference, "sort" (Usage, Sort field options).
"""

import ipaddress
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any, Callable, Iterable, List, Optional, Sequence, Tuple

from ...values import Row, Scalar, Value, number, text


def address(value: Scalar) -> Optional[Tuple[int, int]]:
    """An IPv4 or IPv6 address in a sortable form, or None."""
    try:
        ip = ipaddress.ip_address(text(value).strip())
    except ValueError:
        return None
    return ip.version, int(ip)


def compare(one: Scalar, other: Scalar) -> int:
    """Compares two values by `auto`: negative, 0 or positive."""
    for kind in (number, address, text):
        first, second = kind(one), kind(other)
        if first is not None and second is not None:
            return (first > second) - (first < second)
    raise AssertionError("every value has a text")


def _flat(value: Value) -> Scalar:
    """A multivalue field is compared as its values, one per line."""
    return "\n".join(map(text, value)) if isinstance(value, list) else value


def _kind_first(kind: Callable[[Scalar], Any]) -> Callable[[Scalar], Any]:
    """Orders by kind. Values of another kind come after all others, as text."""

    def key(value: Scalar) -> Any:
        amount = kind(value)
        return (1, text(value)) if amount is None else (0, amount)

    return key


def _automatic(values: Sequence[Scalar]) -> Callable[[Scalar], Any]:
    """A key function that orders these values like compare(), the cheapest one that can."""
    numbers = sum(number(value) is not None for value in values)
    if numbers == len(values):
        return number
    if not numbers and not any(address(value) for value in values):
        return text
    return cmp_to_key(compare)


KEYS = {"num": _kind_first(number), "ip": _kind_first(address), "str": text}


@dataclass(frozen=True)
class SortKey:
    field: str
    descending: bool = False
    kind: str = "auto"  # auto, num, ip or str


def sorted_rows(rows: Iterable[Row], keys: Sequence[SortKey]) -> List[Row]:
    """The rows in the order of the keys. Equal ones keep the order in which they came."""
    ordered = list(rows)
    for by in reversed(keys):
        present = [(_flat(row[by.field]), row) for row in ordered if by.field in row]
        key = KEYS.get(by.kind) or _automatic([value for value, _ in present])
        present.sort(key=lambda pair, key=key: key(pair[0]), reverse=by.descending)
        ordered = [row for _, row in present] + [row for row in ordered if by.field not in row]
    return ordered


def sorted_values(values: Iterable[Scalar]) -> List[Scalar]:
    return sorted(values, key=cmp_to_key(compare))
