"""Mathematical functions in common use, and the statistical eval functions.

Relies on: Search Reference, "Mathematical functions", "Trigonometric and Hyperbolic functions", "Statistical eval functions".
"""
import math
import random as chance
from decimal import ROUND_HALF_UP, Decimal

from ...values import as_list, number, text
from .registry import MANY, function, invalid, lazy

PI = 3.14159265358
"""pi() has eleven digits after the point."""


def _of_number(names, compute, high=1):
    @function(names, 1, high)
    def apply(value, *others):
        amounts = [None if isinstance(each, list) else number(each) for each in (value, *others)]
        if None in amounts:
            return None
        try:
            found = compute(*amounts)
        except (ValueError, ZeroDivisionError):
            return None
        except OverflowError:
            return math.inf
        return None if isinstance(found, complex) else found


_of_number("abs", abs)
_of_number("ceiling ceil", math.ceil)
_of_number("floor", math.floor)
_of_number("exp", math.exp)
_of_number("ln", math.log)
_of_number("log", lambda amount, base=10: math.log10(amount) if base == 10 else math.log(amount, base), high=2)
_of_number("sqrt", math.sqrt)
_of_number("exact", float)
_of_number("sin", math.sin)
_of_number("cos", math.cos)
_of_number("tan", math.tan)


@function("pow", 2)
def pow_(base, exponent):
    one, other = number(base), number(exponent)
    if one is None or other is None:
        return None
    try:
        found = float(one) ** float(other)
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return None if isinstance(found, complex) else found


@function("round", 1, 2)
def round_(value, digits=0):
    """Halves away from zero, of the number as it is written."""
    amount, places = number(value), number(digits)
    if amount is None or places is None or places < 0:
        return None
    rounded = Decimal(repr(float(amount))).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP)
    # Decimals that were asked for are shown, zeros too.
    return format(rounded, "f") if places else int(rounded)


@lazy("pi", 0)
def pi(arguments, host):
    return lambda row: PI


@lazy("random", 0)
def random(arguments, host):
    return lambda row: chance.randrange(2 ** 31)


@lazy("sum", 1, MANY)
def sum_(arguments, host):
    if any(argument.is_literal for argument in arguments):
        raise invalid("sum")
    evaluates = [argument.evaluate for argument in arguments]

    def total(row):
        amounts = [number(each) for evaluate in evaluates for each in as_list(evaluate(row))]
        numbers = [amount for amount in amounts if amount is not None]
        return sum(numbers) if numbers else None
    return total


@lazy("avg", 1, MANY)
def avg(arguments, host):
    total = sum_(arguments, host)

    def mean(row):
        amounts = [number(each) for argument in arguments for each in as_list(argument.evaluate(row))]
        count = sum(amount is not None for amount in amounts)
        return total(row) / count if count else None
    return mean


def _extreme(value):
    amount = number(value)
    return (1, text(value)) if amount is None else (0, amount)


def _of_all(name, choose):
    @function(name, 1, MANY, nulls=True)
    def apply(*values):
        """Texts are greater than numbers; nulls do not count."""
        return choose((each for value in values for each in as_list(value)), key=_extreme, default=None)


_of_all("min", min)
_of_all("max", max)
