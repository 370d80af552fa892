"""Mathematical functions in common use, and the statistical eval functions.

Relies on: Search Reference, "Mathematical functions", "Trigonometric and Hyperbolic functions", "Statistical eval
functions".
"""

import math
import random as chance
from decimal import ROUND_HALF_UP, Decimal

from ...values import as_list, number, text
from ..operators import of_numbers
from .registry import MANY, function, invalid, lazy

PI = 3.14159265358
"""pi() has eleven digits after the point."""


def _of_number(names, compute, high=1):
    @function(names, 1, high, takes="numbers")
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


@function("pow", 2, takes="numbers")
def pow_(base, exponent):
    """The power, with the digits that its operands allow, like a product."""
    return None if isinstance(base, list) or isinstance(exponent, list) else _power(base, exponent)


_power = of_numbers(lambda base, exponent: float(base) ** float(exponent))


@function("round", 1, 2, takes="numbers")
def round_(value, digits=0):
    """Rounds halves away from zero, in the number as it is written."""
    amount, places = number(value), number(digits)
    if amount is None or places is None or places < 0:
        return None
    rounded = Decimal(repr(float(amount))).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP)
    # Requested decimals are shown, including zeros.
    return format(rounded, "f") if places else int(rounded)


@lazy("pi", 0)
def pi(arguments, host):
    return lambda row: PI


@lazy("random", 0, steady=False)
def random(arguments, host):
    return lambda row: chance.randrange(2**31)


@lazy("sum", 1, MANY)
def sum_(arguments, host):
    if any(argument.kind == "string" for argument in arguments):
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


def _of_all(name, choose):
    @lazy(name, 1, MANY)
    def build(arguments, host):
        """Texts are greater than numbers, and a literal text is a text whatever it looks like. Nulls do not count."""

        def rank(pair):
            value, is_text = pair
            amount = None if is_text else number(value)
            return (1, text(value)) if amount is None else (0, amount)

        def evaluate(row):
            values = [
                (each, argument.kind == "string") for argument in arguments for each in as_list(argument.evaluate(row))
            ]
            return choose(values, key=rank)[0] if values else None

        return evaluate


_of_all("min", min)
_of_all("max", max)
