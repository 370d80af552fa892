"""JSON values in fields: read, written, and walked by paths.

A path is a.b{0}.c: keys between dots, {n} an element of an array (from 0), {} all of them. A key with a dot in it
cannot be named by a path.

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
    """A JSON number as it is written, where that is not how Python writes a whole number."""

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

# An event's functions come one after another, and take what others gave: a few texts are enough to read each once.
_MOST_TEXTS = 2_000
_texts: Dict[str, Any] = {}


def parsed(source: str) -> Any:
    """The value of a JSON text, which nobody may change.

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
    """The JSON value of a field, or None where it is none; so a JSON null is none, too."""
    if source is None or isinstance(source, list):
        return None
    try:
        return parsed(source if isinstance(source, str) else text(source))
    except ValueError:
        return None


_encoded = _ENCODER.encode


def dumped(value: Any) -> str:
    """Compact JSON text; numbers as they were written."""
    try:
        return _encoded(value)
    except TypeError:
        return _with_numbers(value)


def _with_numbers(value: Any) -> str:
    """The same of what the encoder cannot write."""
    if isinstance(value, dict):
        return "{" + ",".join(_encoded(key) + ":" + _with_numbers(member) for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_with_numbers, value)) + "]"
    return str(value) if isinstance(value, Number) else _encoded(value)


def native(value: Any) -> Optional[Value]:
    """What an eval field can hold of a JSON value: null is null, objects and arrays are their text."""
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
    """The steps of a path, or None where it is none."""
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
    """The value at a path, or None; with {} a flat list of all that there are; {} alone of an object is the object."""
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
    """Each value at a path, in order; JSON nulls are left out."""
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
