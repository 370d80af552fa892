"""JSON values in fields: reading them, writing them, and following paths in them.

A path is a.b{0}.c: keys separated by dots, {n} for an element of an array (from 0), {} for all of them. A path cannot
name a key that contains a dot.

Relies on: Search Reference, "JSON functions", "spath".
"""

import json
import re
from functools import lru_cache
from typing import Any, Dict, List, Optional, Union

from ..values import Value, number, text
from . import meter

Steps = List[Union[str, int, None]]
"""A key, an index, or None for all elements."""


class Number:
    """A JSON number as it is written, if Python would not write it that way."""

    __slots__ = ("written",)

    def __init__(self, written: str):
        self.written = written

    def __str__(self) -> str:
        return self.written


def _whole(written: str) -> Union[int, Number]:
    return int(written) if len(written) < 100 and written != "-0" else Number(written)


def _not_json(name: str) -> None:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=Number, parse_constant=_not_json)
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))

# The functions for one event run one after another, each on the others' results: a cache of a few texts lets each be
# read once.
_MOST_TEXTS = 2_000
_texts: Dict[str, Any] = {}


def parsed(source: str) -> Any:
    """The value of a JSON text. Callers must not change it.

    Raises:
        ValueError: it is not valid JSON.
    """
    counts = meter.current()
    if counts:
        counts.json(source)
    if source in _texts:
        return _texts[source]
    try:
        return _known(source, _DECODER.decode(source))
    except RecursionError:
        raise ValueError("too deep") from None


def _known(source: str, value: Any) -> Any:
    if len(_texts) >= _MOST_TEXTS:
        _texts.clear()
    _texts[source] = value
    return value


def value_of(source: Optional[Value]) -> Any:
    """The JSON value of a field, or None if it is not JSON. A JSON null is None, too."""
    if source is None or isinstance(source, list):
        return None
    try:
        return parsed(source if isinstance(source, str) else text(source))
    except ValueError:
        return None


_encoded = _ENCODER.encode


def dumped(value: Any) -> str:
    """Compact JSON text. Numbers are written as they were."""
    try:
        return _encoded(value)
    except TypeError:
        return _with_numbers(value)


def _with_numbers(value: Any) -> str:
    """The same for values that the encoder cannot write."""
    if isinstance(value, dict):
        return "{" + ",".join(_encoded(key) + ":" + _with_numbers(member) for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_with_numbers, value)) + "]"
    return str(value) if isinstance(value, Number) else _encoded(value)


def native(value: Any) -> Optional[Value]:
    """What an eval field holds for a JSON value: null for null, and the text of objects and arrays."""
    if isinstance(value, Number):
        return number(value.written)
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (dict, list)):
        return value
    source = dumped(value)
    _known(source, value)
    return source


_STEP = re.compile(r"([^.{}]+)|\{(\d*)\}|\.")


@lru_cache(maxsize=1000)
def steps(path: str) -> Optional[Steps]:
    """The steps of a path, or None if it is not a path."""
    found: Steps = []
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if not step:
            return None
        position = step.end()
        if step.group(1) is not None:
            found.append(step.group(1))
        elif step.group(2) is not None:
            found.append(int(step.group(2)) if step.group(2) else None)
    return found


def at_path(value: Any, path: str) -> Any:
    """The value at a path, or None. With {} a flat list of all values; {} alone of an object is the object."""
    if path == "{}" and isinstance(value, dict):
        return value
    way = steps(path)
    if way is None:
        return None
    if None not in way:
        return _at(value, way)
    found = walked(value, way)
    return found or None


def _at(value: Any, way: Steps) -> Any:
    for step in way:
        if type(step) is str:
            value = value.get(step) if type(value) is dict else None
        else:
            value = value[step] if type(value) is list and step < len(value) else None
        if value is None:
            return None
    return value


def walked(value: Any, way: Steps) -> List[Any]:
    """Each value at a path, in order. JSON nulls are left out."""
    if None not in way:
        end = _at(value, way)
        return [] if end is None else [end]
    index = way.index(None)
    array = _at(value, way[:index])
    if not isinstance(array, list):
        return []
    return [one for element in array for one in walked(element, way[index + 1 :]) if one is not None]


def jsonable(value: Any) -> Any:
    """A field as a member of a new JSON text: what looks like a number, an object or an array becomes one."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list):
        return [jsonable(each) for each in value]
    if isinstance(value, (int, float)):
        return Number(text(value))
    if value[:1] not in _BEGINNINGS:
        return value
    found = value_of(value)
    return found if isinstance(found, (Number, int, dict, list)) else value


_BEGINNINGS = frozenset("-0123456789{[ \n\t\r")
