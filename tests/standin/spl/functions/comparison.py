"""Comparison and conditional functions.

Relies on: Search Reference, "Comparison and Conditional functions".
"""

import ipaddress
import re
from functools import lru_cache

from ...values import SplError, as_list, text
from ..jsontext import dumped, native, value_of
from ..operators import order, truth, written
from ..patterns import compiled
from .registry import MANY, function, invalid, lazy


@lazy("case", 2, MANY)
def case(arguments, host):
    if len(arguments) % 2:
        raise invalid("case")
    pairs = [(condition.evaluate, value.evaluate) for condition, value in zip(arguments[::2], arguments[1::2])]

    def evaluate(row):
        for condition, value in pairs:
            is_met = condition(row)
            if is_met is True:
                return value(row)
            if is_met is not False:
                truth(is_met)
        return None

    return evaluate


@lazy("validate", 2, MANY)
def validate(arguments, host):
    """The value for the first false condition. A null condition is not false."""
    if len(arguments) % 2:
        raise invalid("validate")
    pairs = [(condition.evaluate, value.evaluate) for condition, value in zip(arguments[::2], arguments[1::2])]

    def evaluate(row):
        return next((value(row) for condition, value in pairs if truth(condition(row)) is False), None)

    return evaluate


@lazy("if", 3)
def if_(arguments, host):
    condition, then, otherwise = (argument.evaluate for argument in arguments)

    def evaluate(row):
        is_met = condition(row)
        if is_met is True:
            return then(row)
        if is_met is not False:
            truth(is_met)
        return otherwise(row)

    return evaluate


@lazy("coalesce", 1, MANY)
def coalesce(arguments, host):
    choices = [argument.evaluate for argument in arguments]

    def evaluate(row):
        for choice in choices:
            value = choice(row)
            if value is not None:
                return value
        return None

    return evaluate


@lazy("null", 0)
def null(arguments, host):
    return lambda row: None


@lazy("true", 0)
def true(arguments, host):
    return lambda row: True


@lazy("false", 0)
def false(arguments, host):
    return lambda row: False


@function("nullif", 2, nulls=True)
def nullif(one, other):
    return None if one is not None and other is not None and text_of(one) == text_of(other) else one


def text_of(value):
    return "\n".join(map(text, as_list(value)))


@lazy("in", 2, MANY)
def in_(arguments, host):
    """Null if there is nothing to compare. A null choice is skipped."""
    value, *choices = [argument.evaluate for argument in arguments]
    texts = [choice({}) for choice, argument in zip(choices, arguments[1:]) if argument.is_plain_text]

    def is_one(row):
        one = value(row)
        if one is None:
            return None
        others = [each for choice in choices for each in as_list(choice(row))]
        return any(order(a, b) == 0 for a in as_list(one) for b in others)

    def is_text(row):
        one = value(row)
        return None if one is None else any(written(each) in texts for each in as_list(one))

    return is_text if len(texts) == len(choices) else is_one


@lru_cache(maxsize=1000)
def _like(pattern):
    return re.compile("".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern), re.S)


@function("like", 2, takes="text")
def like(value, pattern):
    expression = _like(text(pattern))
    return any(expression.fullmatch(text(one)) is not None for one in as_list(value))


@function("match", 2, takes="text")
def match(value, pattern):
    expression = compiled(text(pattern))
    return any(expression.search(text(one)) is not None for one in as_list(value))


@lru_cache(maxsize=1000)
def _network(cidr):
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def in_network(cidr: str, ip: str) -> bool:
    """Whether an address is in a subnet. False if either is invalid."""
    network = _network(cidr)
    try:
        return network is not None and ipaddress.ip_address(ip) in network
    except ValueError:
        return False


@function("cidrmatch", 2)
def cidrmatch(cidr, ip):
    return any(in_network(text(cidr), text(one)) for one in as_list(ip))


@lazy("searchmatch", 1, hosted=True, steady=False)
def searchmatch(arguments, host):
    from ..search import parse

    if arguments[0].kind != "string":
        raise invalid("searchmatch")
    return parse(arguments[0].evaluate({}), host.clock).matches


@lazy("lookup", 3, hosted=True)
def lookup(arguments, host):
    """A CSV lookup as a JSON object: lookup("name", json_object("field", value, ...), json_array("field", ...))."""
    name, given, wanted = arguments
    if name.kind != "string":
        raise invalid("lookup")
    table = host.lookup(name.evaluate({}))
    if table is None or table.kind != "csv":
        raise SplError("The lookup table '%s' does not exist or is not available." % name.evaluate({}))
    rows = list(table.rows())

    def evaluate(row):
        keys, fields = value_of(given.evaluate(row)), value_of(wanted.evaluate(row))
        if not isinstance(keys, dict) or not isinstance(fields, list):
            raise invalid("lookup")
        keys = {key: text(native(value)) for key, value in keys.items() if value is not None}
        found = [match for match in rows if all(match.get(key) == value for key, value in keys.items())]
        values = {field: [match[field] for match in found[: table.max_matches] if field in match] for field in fields}
        members = {field: each[0] if len(each) == 1 else each for field, each in values.items() if each}
        return dumped(members) if members else None

    return evaluate
