"""Text functions.

Relies on: Search Reference, "Text functions".
"""

import re
from urllib.parse import unquote

from ...values import from_list, number, text
from ..jsontext import native, steps, value_of, walked
from ..patterns import compiled, replacement
from .registry import function, invalid

BLANKS = " \t"


@function("len", 1, takes="text")
def len_(value):
    """The number of code points. A multivalue field has no length."""
    return None if isinstance(value, list) else len(text(value))


@function("lower", 1, each=True, takes="text")
def lower(value):
    return text(value).lower()


@function("upper", 1, each=True, takes="text")
def upper(value):
    return text(value).upper()


def _trimming(name, cut):
    @function(name, 1, 2)
    def trim(value, characters=BLANKS):
        return None if isinstance(value, list) else cut(text(value), text(characters))


_trimming("trim", str.strip)
_trimming("ltrim", str.lstrip)
_trimming("rtrim", str.rstrip)


@function("replace", 3, each=True, takes="text")
def replace(value, pattern, by):
    return compiled(text(pattern)).sub(replacement(text(by)), text(value))


@function("substr", 2, 3, takes="text")
def substr(value, start, length=None):
    """Works like SQLite's: the first character is 1, a negative start counts from the end."""
    first, count = number(start), number(length) if length is not None else None
    if isinstance(value, list) or first is None or (length is not None and count is None):
        return None
    source, begin = text(value), int(first)
    if begin < 0:
        begin += len(source) + 1
    end = len(source) + 1 if count is None else begin + int(count)
    return source[max(begin, 1) - 1 : max(end - 1, 0)]


@function("urldecode", 1, each=True, takes="text")
def urldecode(value):
    return unquote(text(value))


@function("spath", 2)
def spath(value, path):
    """The values at a path in JSON. XML is not known here."""
    if isinstance(value, list):
        return None
    if text(value).lstrip().startswith("<"):
        raise invalid("spath")
    way = steps(re.sub(r"\{@[^}]*\}", "", text(path)))
    return None if way is None else from_list([native(each) for each in walked(value_of(value), way)])
