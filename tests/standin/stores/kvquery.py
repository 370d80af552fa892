"""KV store's query language: conditions, sorting and selection of fields.

Splunk REST API reference, "KV store endpoint descriptions", query, sort and fields.
"""

import json
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ..refusal import Refusal

Document = Dict[str, Any]
Test = Callable[[Document], bool]

_COMPARED = (1, 2)
"""Numbers and strings: see _kind."""
_ORDERED = {
    "$gt": lambda value, other: value > other,
    "$gte": lambda value, other: value >= other,
    "$lt": lambda value, other: value < other,
    "$lte": lambda value, other: value <= other,
}


_MAX_SQL_INTEGER = 2**63
_SQL = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


def matcher(query: Any) -> Test:
    """A test of whether a document matches.

    Raises:
        Refusal: an operator that KV store does not have, or a query with another structure.
    """
    if not isinstance(query, dict):
        raise Refusal(400, "The query is not a JSON object.")
    tests: List[Test] = []
    for name, wanted in query.items():
        if name in ("$and", "$or"):
            tests.append(_combined(all if name == "$and" else any, name, wanted))
        elif name == "$not":
            tests.append(_not(matcher(wanted)))
        elif name.startswith("$"):
            raise Refusal(400, "Unknown query operator '%s'." % name)
        elif isinstance(wanted, dict) and any(key.startswith("$") for key in wanted):
            tests += [_comparison(name, operator, other) for operator, other in wanted.items()]
        else:
            tests.append(_equal(name, wanted))
    if len(tests) == 1:
        return tests[0]
    return lambda document: all(test(document) for test in tests)


def _combined(some: Callable, name: str, parts: Any) -> Test:
    if not isinstance(parts, list) or not parts:
        raise Refusal(400, "The query operator %s takes an array that is not empty." % name)
    choice = _choice(parts) if name == "$or" else None
    if choice:
        wanted = {(_kind(value), value) for value in choice.values}
        return _any_of(choice.name, lambda value: _kind(value) in _COMPARED and (_kind(value), value) in wanted)
    tests = [matcher(part) for part in parts]
    return lambda document: some(test(document) for test in tests)


class _Choice(NamedTuple):
    """Alternatives that all compare the same field with a value, as in a lookup of many rows."""

    name: str
    values: List[Any]


def _choice(parts: List[Any]) -> Optional[_Choice]:
    names = {tuple(part) if isinstance(part, dict) else () for part in parts}
    (name, *others), *more = names if () not in names else [("", "")]
    if others or more or name.startswith("$") or not all(_kind(part[name]) in _COMPARED for part in parts):
        return None
    return _Choice(name, [part[name] for part in parts])


def _not(test: Test) -> Test:
    return lambda document: not test(document)


def _equal(name: str, wanted: Any) -> Test:
    is_one_of = _any_of(name, lambda value: _same(value, wanted))
    return lambda document: _same(_at(document, name), wanted) or is_one_of(document)


def _comparison(name: str, operator: str, other: Any) -> Test:
    if operator == "$ne":
        return _not(_equal(name, other))
    if operator == "$regex":
        try:
            pattern = re.compile(other)
        except (re.error, TypeError):
            raise Refusal(400, "Invalid regular expression '%s'." % other) from None
        return _any_of(name, lambda value: isinstance(value, str) and bool(pattern.search(value)))
    if operator not in _ORDERED:
        raise Refusal(400, "Unknown query operator '%s'." % operator)
    if _kind(other) not in _COMPARED:
        raise Refusal(400, "The query operator %s takes a number or a string." % operator)
    compare = _ORDERED[operator]
    return _any_of(name, lambda value: _kind(value) == _kind(other) and compare(value, other))


def _any_of(name: str, test: Callable[[Any], bool]) -> Test:
    """For an array, one matching element is enough."""

    def tested(document: Document) -> bool:
        value = _at(document, name)
        return any(map(test, value)) if isinstance(value, list) else test(value)

    return tested


def _at(document: Document, name: str) -> Any:
    """A field, or for a name with dots a field of a nested object; None if there is none."""
    if name in document:
        return document[name]
    head, _, rest = name.partition(".")
    inner = document.get(head)
    return _at(inner, rest) if rest and isinstance(inner, dict) else None


def _same(value: Any, other: Any) -> bool:
    return _kind(value) == _kind(other) and value == other


def _kind(value: Any) -> int:
    """The rank of a value's kind. Values of different kinds are never equal, and sort in this order."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 5
    if isinstance(value, (int, float)):
        return 1
    return {str: 2, dict: 3, list: 4}[type(value)]


def _path(name: str) -> str:
    return "'%s'" % ("$." + json.dumps(name, ensure_ascii=False)).replace("'", "''")


def condition(query: Dict[str, Any], fields: Dict[str, str]) -> Tuple[str, List[Any]]:
    """An SQL condition that is true of every document that the query matches, and of few others; and its values.

    The query must be valid (`matcher`). The condition covers equality and order of top-level fields, and uses an index
    if a field's type in `fields` rules out arrays.
    """
    found = [_necessary(name, wanted, fields) for name, wanted in query.items()]
    return _joined(" AND ", [each for each in found if each is not None]) or ("1", [])


def _necessary(name: str, wanted: Any, fields: Dict[str, str]) -> Optional[Tuple[str, List[Any]]]:
    if name == "$and":
        return _joined(" AND ", [condition(part, fields) for part in wanted])
    if name == "$or":
        choice = _choice(wanted)
        if choice and "." not in choice.name:
            return _either_array(
                "%s IN (SELECT value FROM json_each(?))" % column(choice.name),
                [json.dumps(choice.values)],
                choice.name,
                fields,
            )
        return _joined(" OR ", [condition(part, fields) for part in wanted])
    if name.startswith("$") or "." in name:
        return None
    if not isinstance(wanted, dict):
        return _compared(name, "=", wanted, fields)
    tests = [_compared(name, _SQL[operator], other, fields) for operator, other in wanted.items() if operator in _SQL]
    return _joined(" AND ", [test for test in tests if test is not None])


def _compared(name: str, sign: str, other: Any, fields: Dict[str, str]) -> Optional[Tuple[str, List[Any]]]:
    if _kind(other) not in _COMPARED or (isinstance(other, int) and abs(other) >= _MAX_SQL_INTEGER):
        return None
    return _either_array("%s %s ?" % (column(name), sign), [other], name, fields)


def _either_array(test: str, values: List[Any], name: str, fields: Dict[str, str]) -> Tuple[str, List[Any]]:
    if name == "_key" or fields.get(name) in ("number", "time", "string", "cidr"):
        return test, values
    return "(%s OR json_type(document, %s) = 'array')" % (test, _path(name)), values


def column(name: str) -> str:
    """A top-level field of a document, in SQL."""
    return "key" if name == "_key" else "json_extract(document, %s)" % _path(name)


def _joined(word: str, parts: List[Tuple[str, List[Any]]]) -> Optional[Tuple[str, List[Any]]]:
    if not parts:
        return None
    return "(%s)" % word.join(text for text, _ in parts), [value for _, values in parts for value in values]


def order_key(value: Any) -> Tuple[int, Any]:
    kind = _kind(value)
    return kind, value if kind in (1, 2, 5) else repr(value)


def sort_keys(text: str) -> List[Tuple[str, int]]:
    """Parses `a:-1,b:1` or `a`."""
    keys = []
    for part in filter(None, text.split(",")):
        name, _, direction = part.partition(":")
        if direction not in ("", "1", "-1") or name.startswith(("-", "+")):  # a sign sorts elsewhere in Splunk's REST
            raise Refusal(400, "Invalid sort order '%s'." % part)
        keys.append((name.strip(), int(direction or 1)))
    return keys


def projection(text: str) -> Callable[[Document], Document]:
    """`a,b` keeps these fields and _key; `a:0` omits a. With the first form, _key:0 or _id:0 may omit the key."""
    wanted, unwanted = [], []
    for part in filter(None, text.split(",")):
        name, _, flag = part.partition(":")
        if flag not in ("", "0", "1"):
            raise Refusal(400, "Invalid field '%s'." % part)
        name = {"_id": "_key"}.get(name.strip(), name.strip())  # the key's name in the underlying database
        (unwanted if flag == "0" else wanted).append(name)
    if wanted and set(unwanted) - {"_key"}:
        raise Refusal(400, "Fields to include and fields to exclude cannot be mixed.")
    if not unwanted and not wanted:
        return dict
    kept = set(wanted) | {"_key"} if wanted else None

    def project(document: Document) -> Document:
        return {
            name: value for name, value in document.items() if (kept is None or name in kept) and name not in unwanted
        }

    return project
