"""JSON functions.

Relies on: Search Reference, "JSON functions".
"""

from typing import Any, Callable, List

from ...values import SplError, as_list, from_list, text
from ..choices import MISSING_PATH, NESTED_ARRAY, NULL_ELEMENT
from ..host import Host
from ..jsontext import Steps, at_path, dumped, jsonable, native, parsed, steps, value_of
from ..operators import truth
from .registry import MANY, function, invalid


@function("json", 1)
def json(source):
    """The value, if it is JSON."""
    return source if _is_json(source) else None


@function("json_valid", 1)
def json_valid(source):
    return _is_json(source)


def _is_json(source) -> bool:
    try:
        parsed(text(source))
    except (ValueError, TypeError):
        return False
    return True


@function("json_extract", 1, MANY, chooses=True)
def json_extract(source, *paths, host):
    value = value_of(source)
    return _extracted(value, [at_path(value, text(path)) for path in paths], host)


@function("json_extract_exact", 1, MANY, chooses=True)
def json_extract_exact(source, *keys, host):
    value = value_of(source)
    return _extracted(value, [value.get(text(key)) if isinstance(value, dict) else None for key in keys], host)


def _extracted(value, found: List[Any], host: Host):
    """The value itself if no path is given, that at a single path, or an array of those at several."""
    if len(found) < 2:
        return native(found[0] if found else value)
    if MISSING_PATH in host.others:
        found = [each for each in found if each is not None]
    return dumped(found)


@function("json_has_key_exact", 2)
def json_has_key_exact(source, key):
    value = value_of(source)
    return isinstance(value, dict) and text(key) in value


@function("json_keys", 1)
def json_keys(source):
    value = value_of(source)
    return dumped(list(value)) if isinstance(value, dict) else None


@function("json_entries", 1)
def json_entries(source):
    value = value_of(source)
    if not isinstance(value, dict):
        return None
    return dumped([{"key": key, "value": member} for key, member in value.items()])


@function("json_array_to_mv", 1, 2, chooses=True)
def json_array_to_mv(source, keep_quotes=False, *, host):
    value = value_of(source)
    if not isinstance(value, list):
        return None
    if NESTED_ARRAY in host.others:
        value = [inner for each in value for inner in (each if isinstance(each, list) else [each])]
    quoted, null = truth(keep_quotes), "null" if NULL_ELEMENT in host.others else None
    found = (dumped(each) if quoted and type(each) is str else null if each is None else native(each) for each in value)
    return from_list([each for each in found if each is not None])


@function("json_object", 0, MANY, nulls=True)
def json_object(*members):
    if len(members) % 2 or None in members[::2]:
        raise SplError("The arguments to the 'json_object' function are invalid.")
    return dumped({text(key): jsonable(value) for key, value in zip(members[::2], members[1::2])})


@function("json_array", 0, MANY, nulls=True)
def json_array(*elements):
    return dumped([jsonable(element) for element in elements])


# Functions that change a JSON text make a new one; the parsed text stays unchanged.

Change = Callable[[Any], Any]


def _changed(value: Any, way: Steps, change: Change, create: bool = False) -> Any:
    """The value with a change at the path. A path that does not fit changes nothing.

    With `create`, missing keys on the way are created.
    """
    if not way:
        return change(value)
    step, rest = way[0], way[1:]
    if isinstance(step, str):
        if not isinstance(value, dict) or (step not in value and not create):
            return value
        return {**value, step: _changed(value.get(step, {} if rest else None), rest, change, create)}
    if not isinstance(value, list):
        return value
    return [_changed(each, rest, change, create) if step in (None, index) else each for index, each in enumerate(value)]


def _with_pairs(name: str, source: Any, pairs: tuple, changed: Callable[[Any, Steps, Any], Any]) -> Any:
    """Applies the pairs of path and value from left to right, each to the result of the one before."""
    if not pairs or len(pairs) % 2:
        raise invalid(name)
    value = value_of(source)
    if not isinstance(value, (dict, list)):
        return None
    for path, new in zip(pairs[::2], pairs[1::2]):
        way = steps(text(path)) if path is not None else None
        if way:
            value = changed(value, way, jsonable(new))
    return dumped(value)


@function("json_set", 3, MANY, nulls=True)
def json_set(source, *pairs):
    return _with_pairs(
        "json_set", source, pairs, lambda value, way, new: _changed(value, way, lambda old: new, create=True)
    )


@function("json_append", 3, MANY, nulls=True)
def json_append(source, *pairs):
    return _with_pairs(
        "json_append", source, pairs, lambda value, way, new: _changed(value, way, lambda old: [*_as_array(old), new])
    )


@function("json_extend", 3, MANY, nulls=True)
def json_extend(source, *pairs):
    return _with_pairs(
        "json_extend",
        source,
        pairs,
        lambda value, way, new: _changed(value, way, lambda old: [*_as_array(old), *_as_array(new)]),
    )


def _as_array(value: Any) -> List[Any]:
    return value if isinstance(value, list) else [value]


@function("json_set_exact", 3, MANY, nulls=True)
def json_set_exact(source, *pairs):
    if len(pairs) % 2 or None in pairs[::2]:
        raise invalid("json_set_exact")
    value = value_of(source)
    if not isinstance(value, dict):
        return None
    return dumped({**value, **{text(key): jsonable(new) for key, new in zip(pairs[::2], pairs[1::2])}})


@function("json_delete", 2, MANY, nulls=True)
def json_delete(source, *keys):
    """Removes the keys, which are names or paths of names, or JSON arrays of them. Arrays cannot be indexed."""
    value = value_of(source)
    if not isinstance(value, dict):
        return None
    for key in keys:
        listed = value_of(key)
        for path in listed if isinstance(listed, list) else as_list(key):
            value = _without(value, text(path).split("."))
    return dumped(value)


def _without(value: Any, names: List[str]) -> Any:
    if not isinstance(value, dict) or names[0] not in value:
        return value
    if len(names) == 1:
        return {key: member for key, member in value.items() if key != names[0]}
    return {**value, names[0]: _without(value[names[0]], names[1:])}
