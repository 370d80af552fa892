"""Turns dotted columns, such as traits.address.city, into JSON objects; pure.

| column | is sent as |
|---|---|
| `properties.plan` | text; the text `null` counts as no value |
| `properties.plan:string` | the text unchanged |
| `properties.amount:number` | a number, spelled as in the cell |
| `properties.paid:boolean` | true or false |
| `properties.address:json` | any JSON, unchanged |

Several values become an array; so does a single value if the column's name ends in `{}` (before the type). The name of
the column decides the type, never the look of a value. (In `integrations`, where Segment takes any text for true, a
column without a type is a boolean.) A colon followed by another word is part of the name, but a word that looks like a
type is rejected. So is `properties.products{}.sku`, which is spath's name for values from an array of objects, because
it no longer tells which value belongs to which object.

This module processes a block column by column; it reads only JSON texts row by row.
"""

import re
from itertools import repeat
from json.encoder import encode_basestring as quote
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from segment_bridge.delivery import jsontext

Columns = Sequence[Sequence[str]]
"""The cells of some rows, for each column of the chunk's header."""
Reject = Callable[[int, str, str], None]
"""Takes a row, the code of the reason without the object's name, and the reason in words."""
ToJson = Callable[[str], str]
"""Turns a text into JSON, or into "" if it means no value; raises ValueError."""


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
    return _none(text, 'must be true or false, for example by eval x=if(..., "true", "false")')


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
    reason: str  # the reason code of values that cannot become JSON
    is_array: bool


_Leaf = Tuple[Sequence[str], Sequence[str]]  # the path of a column's values, and the values

_APART = re.compile(r"\{\d*\}")


def _meaning(name: str) -> Tuple[str, ToJson, str, bool]:
    """What a column's name means: path, conversion to JSON, reason code if that fails, whether it is an array."""
    path, reason = name, "wrong_type"
    to_json: ToJson = _boolean if name.startswith("integrations.") else plain
    rest, colon, word = name.rpartition(":")
    if colon and not rest.endswith("."):
        if word in TYPES:
            path, to_json = rest, TYPES[word]
        elif word.strip(" {}").lower() in _NEARLY:
            reason = "unknown_type"
            to_json = _refusing(
                '"%s" is not a type: use %s:%s (or %s:string if it is part of the name)'
                % (word, rest, ", :".join(TYPES), name)
            )
    is_array = path.endswith("{}")
    path = path[:-2] if is_array else path
    if _APART.search(path):
        reason, whole = "array_apart", _APART.split(path)[0]
        to_json = _refusing(
            "an array that spath took apart cannot be joined again: send the whole array, for example by eval "
            '"%s:json"=json_extract(...)' % whole
        )
    return path, to_json, reason, is_array


def _refusing(error: str) -> ToJson:
    def refuse(text: str) -> str:
        raise ValueError(error)

    return refuse


# --- Objects --------------------------------------------------------------------------------------------------------


class Objects:
    """An object made from several columns: a node of the tree of their names."""

    def __init__(self, name: str, path: Tuple[str, ...] = ()):
        self._name, self._path = name, path
        self._columns: List[_Column] = []
        self._members: Dict[str, Objects] = {}

    def add(self, name: str, position: int, twin: Optional[int]) -> None:
        """Adds a column, such as traits.address.city of the object `traits`."""
        whole, to_json, reason, is_array = _meaning(name)
        _, *path = whole.split(".", jsontext.MAX_DEPTH)
        node = self
        for key in path:
            node = node._members.setdefault(key, Objects("%s.%s" % (node._name, key), (*node._path, key)))
        node._columns.append(_Column(name, position, twin, to_json, reason, is_array))

    def texts(self, columns: Columns, given: Sequence[str], reject: Reject) -> Sequence[str]:
        """Each row's object, or "" if it has no members. `given` are the rows' own, checked JSON texts."""
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
        """The values at this path, row by row: from one of the columns, or an object made from longer names."""
        given: List[Sequence[str]] = [_cells(column, columns, reject) for column in self._columns]
        if given:
            names = ", ".join(column.name for column in self._columns)
            given = [_only(given, "%s: only one of these may have a value in a row" % names, reject)]
            leaves.append((self._path, given[0]))
        if self._members:
            given.append(self._object(columns, reject, leaves))
        return _only(given, "%s is both an object and a value" % self._name, reject)


def _only(given: Sequence[Sequence[str]], error: str, reject: Reject) -> Sequence[str]:
    """Each row's only value. Rejects rows with more than one."""
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


_SAMPLE = 8


def converted(texts: Sequence[str], to_json: ToJson, refuse: Callable[[int, str, ValueError], None]) -> List[str]:
    """Converts these texts. A text that is refused becomes an empty one."""
    try:
        if len({*texts[:_SAMPLE]}) > _SAMPLE // 2:
            return [text and to_json(text) for text in texts]
        made_of = {text: text and to_json(text) for text in {*texts}}  # most columns repeat a few texts
        return [made_of[text] for text in texts]
    except ValueError:  # for at least one of them
        made = [""] * len(texts)
    for row, text in enumerate(texts):
        try:
            made[row] = text and to_json(text)
        except ValueError as error:
            refuse(row, text, error)
    return made


_VALUE = re.compile(r"\$((?:\$\$|[^$])*)\$(?:;|$)")


def values_of(twin: str) -> List[str]:
    """Splits the values of a multivalue column: $a$;$b$, where a $ inside a value is doubled."""
    return [value.replace("$$", "$") for value in _VALUE.findall(twin)]
