"""Informational functions.

A field's value is a number if it looks like one. A quoted text in the search is a text, whatever it looks like.

Relies on: Search Reference, "Informational functions".
"""

from ...values import number
from ..jsontext import value_of
from .registry import function, lazy


@function("isnull", 1, nulls=True)
def isnull(value):
    return value is None


@function("isnotnull", 1, nulls=True)
def isnotnull(value):
    return value is not None


@function("isbool", 1, nulls=True)
def isbool(value):
    return isinstance(value, bool)


@function("ismv", 1, nulls=True)
def ismv(value):
    return isinstance(value, list)


@function("isarray", 1, nulls=True)
def isarray(value):
    return isinstance(value_of(value), list)


@function("isobject", 1, nulls=True)
def isobject(value):
    return isinstance(value_of(value), dict)


def _of_number(name, claim):
    @lazy(name, 1)
    def build(arguments, host):
        evaluate, is_text = arguments[0].evaluate, arguments[0].kind == "string"
        return lambda row: claim(None if is_text else number(evaluate(row)))


_of_number("isnum", lambda amount: amount is not None)
_of_number("isint", lambda amount: amount is not None and amount == int(amount))
_of_number("isdouble", lambda amount: isinstance(amount, float) and amount != int(amount))


@lazy("isstr", 1)
def isstr(arguments, host):
    evaluate, is_text = arguments[0].evaluate, arguments[0].kind == "string"

    def claim(row):
        value = evaluate(row)
        return value is not None and not isinstance(value, (bool, list)) and (is_text or number(value) is None)

    return claim


@lazy("typeof", 1)
def typeof(arguments, host):
    evaluate, is_text = arguments[0].evaluate, arguments[0].kind == "string"

    def name(row):
        value = evaluate(row)
        if value is None:
            return "Invalid"
        if isinstance(value, bool):
            return "Bool"
        if isinstance(value, list):
            return "Multivalue"
        return "String" if is_text or number(value) is None else "Number"

    return name
