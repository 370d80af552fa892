"""KV store's query language: conditions, order and choice of fields.

Splunk REST API reference, "KV store endpoint descriptions", query, sort and fields.
"""
import re
from typing import Any, Callable, Dict, List, Tuple

from ..refusal import Refusal

Document = Dict[str, Any]
Test = Callable[[Document], bool]

_ORDERED = {
    "$gt": lambda value, other: value > other,
    "$gte": lambda value, other: value >= other,
    "$lt": lambda value, other: value < other,
    "$lte": lambda value, other: value <= other,
}


def matcher(query: Any) -> Test:
    """Whether a document matches.

    Raises:
        Refusal: an operator that KV store does not have, or a query of another shape.
    """
    if not isinstance(query, dict):
        raise Refusal(400, "The query is no JSON object.")
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
    return lambda document: all(test(document) for test in tests)


def _combined(some: Callable, name: str, parts: Any) -> Test:
    if not isinstance(parts, list) or not parts:
        raise Refusal(400, "The query operator %s takes an array that is not empty." % name)
    tests = [matcher(part) for part in parts]
    return lambda document: some(test(document) for test in tests)


def _not(test: Test) -> Test:
    return lambda document: not test(document)


def _equal(name: str, wanted: Any) -> Test:
    def test(document: Document) -> bool:
        value = _at(document, name)
        return _same(value, wanted) or (isinstance(value, list) and any(_same(each, wanted) for each in value))
    return test


def _comparison(name: str, operator: str, other: Any) -> Test:
    if operator == "$ne":
        return _not(_equal(name, other))
    if operator == "$regex":
        pattern = re.compile(other)
        return lambda document: isinstance(_at(document, name), str) and bool(pattern.search(_at(document, name)))
    if operator not in _ORDERED:
        raise Refusal(400, "Unknown query operator '%s'." % operator)
    compare = _ORDERED[operator]
    return lambda document: _kind(_at(document, name)) == _kind(other) and compare(_at(document, name), other)


def _at(document: Document, name: str) -> Any:
    """A field, or with dots one of an object's in it; None where there is none."""
    if name in document:
        return document[name]
    head, _, rest = name.partition(".")
    inner = document.get(head)
    return _at(inner, rest) if rest and isinstance(inner, dict) else None


def _same(value: Any, other: Any) -> bool:
    return _kind(value) == _kind(other) and value == other


def _kind(value: Any) -> int:
    """Values of different kinds are never equal, and sort in this order."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 5
    if isinstance(value, (int, float)):
        return 1
    return {str: 2, dict: 3, list: 4}[type(value)]


def order_key(value: Any) -> Tuple[int, Any]:
    kind = _kind(value)
    return kind, value if kind in (1, 2, 5) else repr(value)


def sort_keys(text: str) -> List[Tuple[str, int]]:
    """`a:-1,b:1` or `a`."""
    keys = []
    for part in filter(None, text.split(",")):
        name, _, direction = part.partition(":")
        if direction not in ("", "1", "-1"):
            raise Refusal(400, "Invalid sort order '%s'." % part)
        keys.append((name.strip(), int(direction or 1)))
    return keys


def projection(text: str) -> Callable[[Document], Document]:
    """`a,b` keeps these and _key, `a:0` leaves a out; only _key:0 goes with the first form."""
    wanted, unwanted = [], []
    for part in filter(None, text.split(",")):
        name, _, flag = part.partition(":")
        if flag not in ("", "0", "1"):
            raise Refusal(400, "Invalid field '%s'." % part)
        (unwanted if flag == "0" else wanted).append(name.strip())
    if wanted and set(unwanted) - {"_key"}:
        raise Refusal(400, "Fields to include and fields to exclude cannot be mixed.")
    kept = set(wanted) | {"_key"} if wanted else None

    def project(document: Document) -> Document:
        return {name: value for name, value in document.items()
                if (kept is None or name in kept) and name not in unwanted}
    return project
