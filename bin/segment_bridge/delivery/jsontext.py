"""Checks JSON objects without rewriting their text, and adds members to them; pure.

Checking an object and sending its text unchanged costs half of parsing and serialising it. It also keeps the spelling
of numbers: 2**70, 1.10 and 1e400 do not survive as a float.

Source: RFC 8259.
"""

import json
import re
from json.encoder import encode_basestring as quote
from typing import Any, Iterable, Sequence, Tuple

MAX_DEPTH = 200
"""Receivers' parsers give up somewhere between 500 and 10,000 levels, and then refuse the whole batch."""

NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def _no_json(constant: str) -> None:
    raise ValueError("%s is not JSON" % constant)


_decoder: Any = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_json)
_scan = _decoder.scan_once


def checked(text: str) -> str:
    """Returns the text of a JSON object in a form that every parser accepts.

    Removes white space around it, and replaces halves of surrogate pairs. Repeated keys stay; the receiver decides what
    they mean.

    Raises:
        ValueError: it is not a JSON object; says why.
    """
    if text[-1:] != "}" or text[:1] != "{":
        text = text.strip(" \t\r\n")
        if text[:1] != "{":
            raise ValueError("must be a JSON object, but begins with %s" % quote(text[:20]))
    return _checked(text)


def checked_value(text: str) -> str:
    """Like `checked`, for any JSON value."""
    return _checked(text.strip(" \t\r\n"))


def _checked(text: str) -> str:
    if (text.find("{", 1) > 0 or "[" in text) and text.count("{") + text.count("[") > MAX_DEPTH < _depth(text):
        raise ValueError("nested more than %d levels deep" % MAX_DEPTH)
    try:
        _, end = _scan(text, 0)
    except json.JSONDecodeError as error:
        raise ValueError("%s at character %d" % (error.msg, error.pos + 1)) from None
    except StopIteration as error:  # carries the position
        raise ValueError("a value is missing at character %d" % (error.value + 1)) from None
    if end != len(text):
        raise ValueError("more text after the value, at character %d" % (end + 1))
    if "\\" in text and ("\\ud" in text or "\\uD" in text):
        return _ESCAPE.sub(_whole, text)
    return text


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def _depth(text: str) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        deepest = max(depth, deepest)
    return deepest


_PAIR = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(r"\\(?:%s|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)" % _PAIR)


def _whole(escape: "re.Match[str]") -> str:
    """Replaces half of a surrogate pair, which logs leave when they cut texts, by the replacement character."""
    return r"\ufffd" if escape[1] else escape[0]


class _Written(str):
    """JSON text that is kept unchanged."""


def with_values(text: str, values: Iterable[Tuple[Sequence[str], str]]) -> str:
    """Puts JSON texts into a checked object at their paths, where they replace what is there.

    Raises:
        ValueError: a path leads through a value that is not an object, or ends at an object.
    """
    root = json.loads(text, parse_float=_Written, parse_int=_Written)
    for path, value in values:
        node = root
        for key in path[:-1]:
            node = node.setdefault(key, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict) or isinstance(node.get(path[-1]), dict):
            raise ValueError("%s is both an object and a value" % ".".join(path))
        node[path[-1]] = _Written(value)
    return _dump(root)


def merged(text: str, over: str) -> str:
    """Merges two checked objects, at every depth. Members of `over` win."""
    return _dump(_merged(*(json.loads(each, parse_float=_Written, parse_int=_Written) for each in (text, over))))


def _merged(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return {**under, **{key: _merged(under[key], each) if key in under else each for key, each in over.items()}}


_MARK = "\ud800"  # half of a surrogate pair, which no checked text contains


def _same(number: str) -> str:
    """Returns the same text for all equal numbers, and one that no other value has."""
    mantissa, _, exponent = number.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).rstrip("0")
    significant = digits.lstrip("0")
    if not significant:
        return _MARK + "0"
    if len(exponent) > 18:  # int() refuses thousands of digits
        return _MARK + number
    sign = "-" if number[0] == "-" else ""
    return "%s%s%se%d" % (_MARK, sign, significant, int(exponent or 0) + len(whole) - len(digits))


_read_same = json.JSONDecoder(parse_float=_same, parse_int=_same).raw_decode
_write_same = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def canonical(text: str) -> str:
    """Returns the same text for all checked texts that differ only in spaces, escapes, order of keys and zeros."""
    return _write_same(_read_same(text)[0])


def _dump(value: Any) -> str:
    if isinstance(value, dict):
        return "{%s}" % ",".join(["%s:%s" % (quote(key), _dump(each)) for key, each in value.items()])
    if isinstance(value, list):
        return "[%s]" % ",".join(map(_dump, value))
    if isinstance(value, str):
        return value if isinstance(value, _Written) else quote(value)
    return {True: "true", False: "false", None: "null"}[value]
