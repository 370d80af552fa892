"""Dotted columns, such as traits.address.city, become the JSON objects that they are named after; pure.

| column | is sent as |
|---|---|
| `properties.plan` | a text; `null` counts as no value |
| `properties.plan:string` | just the text that is there |
| `properties.amount:number` | a number, as it is written |
| `properties.paid:boolean` | true or false |
| `properties.address:json` | any JSON, as it is given |

Several values become an array, and so does a column whose name ends in `{}` (before the type). Whoever names the column
chooses the type: the look of a value never does. (In `integrations`, where Segment takes any text for true, a column
without a type is a boolean.) A colon with another word behind it is part of the name, but a word that is nearly a type
is refused; and so is `properties.products{}.sku`, spath's name for values from an array of objects: nobody can tell any
more which value belongs to which object.

This module goes through a block column by column; it reads only JSON texts row by row.
"""

import re
from itertools import repeat
from json.encoder import encode_basestring as quote
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from segment_bridge.delivery import jsontext

Columns = Sequence[Sequence[str]]
"""Of some rows: the cells of each column of the chunk's header."""
Reject = Callable[[int, str, str], None]
"""Of a row: the reason's code, without the object's name, and the reason in words."""
ToJson = Callable[[str], str]
"""Makes JSON of a text, "" of what stands for no value; raises ValueError."""


# --- Types ----------------------------------------------------------------------------------------------------------


_NONE = "null"


def plain(text: str) -> str:
    return quote(text) if text != _NONE else ""


def _number(text: str) -> str:
    text = text.strip()
    if jsontext.NUMBER.fullmatch(text):
        return text
    return _none(text, "must be a number, such as 12.5 or -1e3")


def _boolean(text: str) -> str:
    text = text.strip()
    if text.lower() in ("true", "false"):  # eval's tostring() writes True
        return text.lower()
    return _none(text, 'must be true or false, by eval x=if(..., "true", "false"), say')


def _none(text: str, due: str) -> str:
    if text != _NONE:
        raise ValueError(due)
    return ""


TYPES = {"string": quote, "number": _number, "boolean": _boolean, "json": jsontext.checked_value}
_NEARLY = {
    *TYPES,
    "str",
    "text",
    "num",
    "numeric",
    "int",
    "integer",
    "long",
    "float",
    "double",
    "decimal",
    "bool",
    "object",
    "array",
    "list",
}


class _Column(NamedTuple):
    name: str
    position: int
    twin: Optional[int]
    to_json: ToJson
    reason: str  # for what cannot become JSON
    is_array: bool


_Leaf = Tuple[Sequence[str], Sequence[str]]  # the path of a column's values, and these

_APART = re.compile(r"\{\d*\}")


def _meaning(name: str) -> Tuple[str, ToJson, str, bool]:
    """What a column's name says: the values' path, how they become JSON, why they cannot, whether they are an array."""
    path, reason = name, "wrong_type"
    to_json: ToJson = _boolean if name.startswith("integrations.") else plain
    rest, colon, word = name.rpartition(":")
    if colon and not rest.endswith("."):
        if word in TYPES:
            path, to_json = rest, TYPES[word]
        elif word.strip(" {}").lower() in _NEARLY:
            reason = "unknown_type"
            to_json = _refusing(
                '"%s" is not a type: call it %s:%s (or %s:string, if it is part of the name)'
                % (word, rest, ", :".join(TYPES), name)
            )
    is_array = path.endswith("{}")
    path = path[:-2] if is_array else path
    if _APART.search(path):
        reason, whole = "array_apart", _APART.split(path)[0]
        to_json = _refusing(
            "an array that was taken apart cannot be put together again: send it as it is, by eval "
            '"%s:json"=json_extract(...), say' % whole
        )
    return path, to_json, reason, is_array


def _refusing(error: str) -> ToJson:
    def refuse(text: str) -> str:
        raise ValueError(error)

    return refuse


# --- Objects --------------------------------------------------------------------------------------------------------


class Objects:
    """An object that some columns make: a node of the tree of their names."""

    def __init__(self, name: str, path: Tuple[str, ...] = ()):
        self._name, self._path = name, path
        self._columns: List[_Column] = []
        self._members: Dict[str, Objects] = {}

    def add(self, name: str, position: int, twin: Optional[int]) -> None:
        """A column, such as traits.address.city of the object `traits`."""
        whole, to_json, reason, is_array = _meaning(name)
        _, *path = whole.split(".", jsontext.MAX_DEPTH)
        node = self
        for key in path:
            node = node._members.setdefault(key, Objects("%s.%s" % (node._name, key), (*node._path, key)))
        node._columns.append(_Column(name, position, twin, to_json, reason, is_array))

    def texts(self, columns: Columns, given: Sequence[str], reject: Reject) -> Sequence[str]:
        """Each row's object; empty where it has no member. `given` are checked JSON texts that rows have besides."""
        leaves: List[_Leaf] = []
        made = self._object(columns, reject, leaves)
        if any(given):
            made = [
                self._merged(row, text, leaves, reject) if text and own else text or own
                for row, (text, own) in enumerate(zip(given, made))
            ]
        return made

    def _merged(self, row: int, text: str, leaves: List[_Leaf], reject: Reject) -> str:
        try:
            return jsontext.with_values(text, [(path, values[row]) for path, values in leaves if values[row]])
        except ValueError as error:
            reject(row, "conflict", "%s.%s" % (self._name, error))
            return ""

    def _object(self, columns: Columns, reject: Reject, leaves: List[_Leaf]) -> Sequence[str]:
        parts: List[Iterable[str]] = []
        for key, member in self._members.items():
            values = member._values(columns, reject, leaves)
            prefix = ",%s:" % quote(key)
            parts += [repeat(prefix) if all(values) else [value and prefix for value in values], values]
        return [text and "{%s}" % text[1:] for text in map("".join, zip(*parts))]

    def _values(self, columns: Columns, reject: Reject, leaves: List[_Leaf]) -> Sequence[str]:
        """The values at this path, row by row: from one of the columns, or the object that longer names make."""
        given: List[Sequence[str]] = [_cells(column, columns, reject) for column in self._columns]
        if given:
            names = ", ".join(column.name for column in self._columns)
            given = [_only(given, "%s: one of these may have a value in a row" % names, reject)]
            leaves.append((self._path, given[0]))
        if self._members:
            given.append(self._object(columns, reject, leaves))
        return _only(given, "%s is both an object and a value" % self._name, reject)


def _only(given: Sequence[Sequence[str]], error: str, reject: Reject) -> Sequence[str]:
    """The values that are there, of which a row may have one."""
    if len(given) == 1:
        return given[0]
    for row, values in enumerate(zip(*given)):
        if len(values) - values.count("") > 1:
            reject(row, "conflict", error)
    return [*map("".join, zip(*given))]


def _cells(column: _Column, columns: Columns, reject: Reject) -> List[str]:
    """A column's values as JSON."""
    texts, to_json = columns[column.position], column.to_json
    twins = () if column.twin is None else columns[column.twin]
    if any(twins):
        texts = ["" if twin else text for text, twin in zip(texts, twins)]

    def refuse(row: int, text: str, error: ValueError) -> None:
        reject(row, column.reason, "%s: %s, got %s" % (column.name, error, quote(text[:40])))

    made = converted(texts, to_json, refuse)
    if column.is_array:
        made = [text and "[%s]" % text for text in made]
    for row, twin in enumerate(twins):
        values = values_of(twin) if twin else [""]
        if values != [""]:
            parts = []
            for value in values:
                try:
                    parts.append(to_json(value))
                except ValueError as error:
                    refuse(row, value, error)
            made[row] = ",".join(filter(None, parts))
            if made[row] and (column.is_array or len(values) > 1):
                made[row] = "[%s]" % made[row]
    return made


def converted(texts: Sequence[str], to_json: ToJson, refuse: Callable[[int, str, ValueError], None]) -> List[str]:
    """The values that there are; "" for one that is refused."""
    try:
        return [text and to_json(text) for text in texts]
    except ValueError:  # of one of them, or more
        made = [""] * len(texts)
    for row, text in enumerate(texts):
        try:
            made[row] = text and to_json(text)
        except ValueError as error:
            refuse(row, text, error)
    return made


_VALUE = re.compile(r"\$((?:\$\$|[^$])*)\$(?:;|$)")


def values_of(twin: str) -> List[str]:
    """The values of a multivalue column: $a$;$b$, where a $ inside a value is doubled."""
    return [value.replace("$$", "$") for value in _VALUE.findall(twin)]
