"""The operators of eval expressions.

Values are compared as numbers if both look like numbers, else as texts, by code points and case. Arithmetic is in
double precision, and its results are written with no more digits than their operands: a sum with the fewest decimals, a
product or quotient with the fewest significant digits; whole numbers do not limit them. Anything else than numbers
gives null, except that + joins two texts. A null on either side gives null.

Relies on: Search Reference, "eval" (Numeric calculations, Rounding, Operators, Boolean expressions).
"""

import math
import operator
from typing import Any, Callable, Dict, Optional

from ..values import Decimals, Row, SplError, as_list, number, text

Evaluate = Callable[[Row], Any]
MOST_EXACT = 2**53


def truth(value: Any) -> Optional[bool]:
    """A predicate's value. Anything else is not a predicate."""
    if value is None or value is True or value is False:
        return value
    raise SplError("The expression is malformed. A predicate is expected, and a value was given.")


def negation(inner: Evaluate) -> Evaluate:
    def opposite(row: Row) -> Optional[bool]:
        value = truth(inner(row))
        return None if value is None else not value

    return opposite


def conjunction(left: Evaluate, right: Evaluate) -> Evaluate:
    def both(row: Row) -> Optional[bool]:
        one = left(row)
        if one is False:
            return False
        if one is not True:
            truth(one)
        other = right(row)
        if other is not True and other is not False:
            truth(other)
        return other if one or other is False else None

    return both


def disjunction(left: Evaluate, right: Evaluate) -> Evaluate:
    def either(row: Row) -> Optional[bool]:
        one = left(row)
        if one is True:
            return True
        if one is not False:
            truth(one)
        other = right(row)
        if other is not True and other is not False:
            truth(other)
        return other if one is False or other else None

    return either


def exclusion(left: Evaluate, right: Evaluate) -> Evaluate:
    def exactly_one(row: Row) -> Optional[bool]:
        one, other = truth(left(row)), truth(right(row))
        return None if one is None or other is None else one != other

    return exactly_one


_SIGNS: Dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def order(one: Any, other: Any) -> int:
    """Negative, 0 or positive."""
    if one == other and type(one) is type(other):
        return 0
    first, second = number(one), number(other)
    if first is None or second is None:
        first, second = written(one), written(other)
    return (first > second) - (first < second)


def written(value: Any) -> str:
    """A predicate is compared as the text that tostring gives it."""
    return ("True" if value else "False") if isinstance(value, bool) else text(value)


def comparison(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """With a multivalue field it holds if it holds for one of the values."""
    holds = _SIGNS[sign]

    def compare(row: Row) -> Optional[bool]:
        one, other = left(row), right(row)
        if one is None or other is None:
            return None
        if type(one) is list or type(other) is list:
            return any(holds(order(a, b), 0) for a in as_list(one) for b in as_list(other))
        return holds(order(one, other), 0)

    return compare


def comparison_with_text(sign: str, left: Evaluate, literal: str) -> Evaluate:
    """A comparison with a text that does not look like a number, which most compare with: it compares texts."""
    holds = _SIGNS[sign]

    def compare(row: Row) -> Optional[bool]:
        one = left(row)
        if type(one) is str:
            return holds(one, literal)
        return None if one is None else any(holds(written(each), literal) for each in as_list(one))

    return compare


def arithmetic(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    compute = _joined if sign == "." else _sum if sign == "+" else of_numbers(*_COMPUTE[sign])

    def apply(row: Row) -> Any:
        one, other = left(row), right(row)
        if one is None or other is None or type(one) is list or type(other) is list:
            return None
        return compute(one, other)

    return apply


def _joined(one: Any, other: Any) -> str:
    return written(one) + written(other)


Compute = Callable[[float, float], Optional[float]]


def of_numbers(compute: Compute, is_sum: bool = False) -> Callable[[Any, Any], Optional[float]]:
    """Applies the operation if its operands look like numbers. The result has the digits that they allow."""

    def apply(one: Any, other: Any) -> Optional[float]:
        first, second = number(one), number(other)
        if first is None or second is None:
            return None
        try:
            found = compute(first, second)
        except (OverflowError, ZeroDivisionError):
            return math.inf
        if found is None or isinstance(found, complex):
            return None
        if type(first) is int and type(second) is int:
            return float(found) if isinstance(found, int) and abs(found) > MOST_EXACT else found
        if type(one) in _UNLIMITED and type(other) in _UNLIMITED:
            return found
        limits = [limit for limit in map(_decimals if is_sum else _digits, (one, other)) if limit is not None]
        if not limits or not math.isfinite(found):
            return found
        return Decimals.of(found, min(limits) if is_sum else max(0, min(limits) - _digits_before_point(found)))

    return apply


_UNLIMITED = (int, float)
"""The types of numbers that were not written with a number of decimals."""


def _decimals(value: Any) -> Optional[int]:
    """How many decimals a number is written with. None for whole numbers and functions' results, which set no limit."""
    if isinstance(value, Decimals):
        return value.decimals
    is_written = isinstance(value, str) and "." in value and "e" not in value.lower()
    return len(value.partition(".")[2]) if is_written else None


def _digits(value: Any) -> Optional[int]:
    """The same for significant digits."""
    decimals = _decimals(value)
    return None if decimals is None else max(1, decimals + _digits_before_point(float(value)))


def _digits_before_point(amount: float) -> int:
    """2 for 12.3; 0 for 0.5; -1 for 0.05: the digits that do not count."""
    return math.floor(math.log10(abs(amount))) + 1 if amount else 1


_COMPUTE: Dict[str, tuple] = {
    "+": (lambda one, other: one + other, True),
    "-": (lambda one, other: one - other, True),
    "*": (lambda one, other: one * other, False),
    "/": (lambda one, other: one / other if other else None, False),
    "%": (lambda one, other: one - other * int(one / other) if other else None, True),
}
_number_sum = of_numbers(*_COMPUTE["+"])


def _sum(one: Any, other: Any) -> Any:
    found = _number_sum(one, other)
    return one + other if found is None and isinstance(one, str) and isinstance(other, str) else found
