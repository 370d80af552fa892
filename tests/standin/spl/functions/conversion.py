"""Conversion functions.

Relies on: Search Reference, "Conversion functions".
"""

import math
import re

from ...values import SplError, as_list, from_list, number, text
from ..jsontext import Number, dumped, jsonable, native, value_of
from .registry import MANY, function, invalid, lazy


@lazy("tonumber", 1, 2)
def tonumber(arguments, host):
    """A literal text that is not a number is an error; a field's is null."""
    evaluate = arguments[0].evaluate
    base = arguments[1].evaluate if len(arguments) > 1 else lambda row: 10

    def convert(row):
        value = evaluate(row)
        return None if value is None or isinstance(value, list) else _in_base(value, base(row))

    if arguments[0].kind == "string" and arguments[0].is_literal and len(arguments) == 1 and convert({}) is None:
        raise invalid("tonumber")
    return convert


def _in_base(value, base):
    radix = number(base)
    if radix is None or not 2 <= radix <= 36:
        raise invalid("tonumber")
    if radix == 10 or not isinstance(value, str):
        return number(value)
    try:
        return int(value, int(radix)) if re.fullmatch("[0-9A-Za-z]+", value) else None
    except ValueError:
        return None


def _converting(name, finish):
    @lazy(name, 1, 2)
    def build(arguments, host):
        evaluate = arguments[0].evaluate
        base = arguments[1].evaluate if len(arguments) > 1 else lambda row: 10

        def convert(row):
            value = evaluate(row)
            amount = None if value is None or isinstance(value, (list, bool)) else _in_base(value, base(row))
            return None if amount is None else finish(amount)

        return convert


_converting("todouble", float)
_converting("toint", math.floor)


@function("tobool", 1)
def tobool(value):
    if isinstance(value, bool):
        return value
    if value in ("true", "True", "false", "False"):
        return value in ("true", "True")
    return None if isinstance(value, list) or number(value) is None else number(value) != 0


@function("toarray", 1)
def toarray(value):
    if isinstance(value, list):
        return dumped([_inferred(each) for each in value])
    found = value_of(value)
    return dumped([_plain(each) for each in found]) if isinstance(found, list) else None


def _inferred(value):
    return _plain(jsonable(text(value).strip()))


def _plain(value):
    return Number(text(number(str(value)))) if isinstance(value, Number) else value


@function("toobject", 1)
def toobject(value):
    found = value_of(value)
    return dumped(found) if isinstance(found, dict) else None


@function("tomv", 1)
def tomv(value):
    if isinstance(value, list):
        return value
    found = value_of(value)
    return from_list([native(each) for each in found if each is not None]) if isinstance(found, list) else None


@lazy("tostring", 1, 2)
def tostring(arguments, host):
    """A null gives the text "Null". A text that is not a number stays unchanged in every format."""
    evaluate = arguments[0].evaluate
    style = arguments[1].evaluate({}) if len(arguments) > 1 else None
    if len(arguments) > 1 and style not in _STYLES:
        raise invalid("tostring")

    def convert(row):
        value = evaluate(row)
        if value is None:
            return "Null"
        if isinstance(value, bool):
            return "True" if value else "False"
        if isinstance(value, list):
            return value
        amount = number(value)
        return text(value) if style is None or amount is None else _STYLES[style](amount)

    return convert


def _duration(amount):
    """[D+]HH:MM:SS, with a fraction if there is one."""
    seconds = math.floor(abs(amount))
    days, rest = divmod(seconds, 86400)
    fraction = ("%.6f" % (abs(amount) - seconds))[1:] if abs(amount) != seconds else ""
    return "%s%s%02d:%02d:%02d%s" % (
        "-" if amount < 0 else "",
        "%d+" % days if days else "",
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
        fraction,
    )


_STYLES = {
    "binary": lambda amount: "{:b}".format(int(amount)),
    "hex": lambda amount: "0x%X" % int(amount),
    "commas": lambda amount: format(int(amount), ",") if amount == int(amount) else format(amount, ",.2f"),
    "duration": _duration,
}


@function("ipmask", 2)
def ipmask(mask, ip):
    parts = [_octets(text(each)) for each in (mask, ip)]
    return None if None in parts else ".".join(str(one & other) for one, other in zip(*parts))


def _octets(address):
    found = [int(part) for part in address.split(".")] if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", address) else None
    return found if found and max(found) < 256 else None


_SPECIFIER = re.compile(r"%(?P<flags>['\-0+ #]*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d+|\*)?)?(?P<kind>[a-zA-Z%])")
_ALIASES = {"i": "d", "u": "d", "z": "s", "p": "X"}


@function("printf", 1, MANY, nulls=True)
def printf(template, *values):
    """Like C's sprintf. A null is the text Null, or 0; %c of a text is its first character."""
    left = list(values)

    def taken():
        return left.pop(0) if left else None

    def taken_size():
        return int(number(taken()) or 0)

    def filled(match):
        if match.group() == "%d":  # as most are
            return _formatted("d", "", None, None, taken())
        kind = match.group("kind")
        if kind == "%":
            return "%"
        kind = _ALIASES.get(kind, kind)
        if kind not in "aAcdeEfFgGosxX":
            raise SplError("The conversion specifier '%s' of the 'printf' function is not supported." % match.group())
        width, precision = (
            taken_size() if match.group(name) == "*" else match.group(name) and int(match.group(name))
            for name in ("width", "precision")
        )
        if precision is None and "." in match.group():
            precision = 0
        return _formatted(kind, match.group("flags"), width, precision, taken())

    if template is None:
        return None
    return _SPECIFIER.sub(filled, text(template))


def _formatted(kind, flags, width, precision, value):
    given = "Null" if value is None else text(as_list(value)[0])
    options = "".join(flag for flag in flags if flag != "'") + ("" if width is None else str(width))
    if kind == "s":
        return "%{}{}s".format(options, "" if precision is None else ".%d" % precision) % given
    amount = number(given)
    if kind == "c":
        return ("%" + options + "s") % (chr(int(amount)) if amount is not None else given[:1])
    amount = 0 if amount is None else amount
    if kind in "aA":
        return _hexadecimal(kind, precision, float(amount))
    if kind in "doxX":
        amount = int(amount)
        if kind == "d" and "'" in flags:
            return format(amount, ",").rjust(width or 0)
    shown = "%{}{}{}".format(options, "" if precision is None else ".%d" % precision, kind) % amount
    return shown.replace("0o", "0", 1) if kind == "o" else shown


def _hexadecimal(kind, precision, amount):
    """%a: sign, 0x1., that many digits, p, exponent."""
    if precision is None:
        shown = amount.hex()
    else:
        mantissa, exponent = math.frexp(amount)
        whole, fraction = divmod(round(mantissa * 2 * 16**precision), 16**precision)
        shown = "0x%d%sp%+d" % (whole, ".%0*x" % (precision, fraction) if precision else "", exponent - 1)
    return shown.upper() if kind == "A" else shown
