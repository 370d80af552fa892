"""collect and tojson: rows as events.

Relies on: Search Reference, "collect", "tojson".
"""

from typing import Any, Callable, Dict, Iterator, List, Tuple

from ...values import Results, Row, as_list, number, text
from ..jsontext import Number, dumped, value_of
from ..registry import Arguments, Context, boolean, command, matching, unquote
from ..timeformat import written
from .chunks import is_internal, with_fields
from .terms import time_of

STASH = "stash"
_DEFAULT_FIELDS = ("host", "source", "sourcetype", "index", "splunk_server", "linecount", "punct")


@command("collect")
def collect(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """Writes rows to an index when the search is done, and passes them on."""
    options = arguments.options(
        index=str, source=str, sourcetype=str, host=str, marker=str, testmode=boolean, addtime=boolean
    )
    arguments.nothing()
    if "index" not in options:
        raise arguments.error("You must specify an index.")
    marker, host = options.get("marker", ""), context.host

    def event(row: Row) -> Row:
        if "_raw" in row:
            return row
        pairs = [
            '%s="%s"' % (name, "\n".join(map(text, as_list(value))).replace('"', '\\"'))
            for name, value in row.items()
            if not is_internal(name) and name not in _DEFAULT_FIELDS
        ]
        seconds = time_of(row) or float(int(host.clock.now()))
        stamp = [written(seconds, "%m/%d/%Y %H:%M:%S %z", host.clock.zone)] if options.get("addtime", True) else []
        return {**row, "_time": seconds, "_raw": ", ".join([*stamp, *([marker] if marker else []), *pairs])}

    def written_too() -> Iterator[Results]:
        kept = []
        for chunk in chunks:
            kept += map(event, chunk.rows)
            yield chunk
        host.collect(
            kept,
            options["index"],
            options.get("source", host.sid),
            options.get("sourcetype", STASH),
            options.get("host", "standin"),
            options.get("testmode", False),
        )

    return written_too()


SKIPPED = object()
"""Stands for a value that its type does not allow."""
_WORDS = {"true": True, "t": True, "yes": True, "false": False, "f": False, "no": False}


def _none(value: Any) -> Any:
    return value if number(value) is None else Number(text(value))


def _auto(value: Any) -> Any:
    if value in ("true", "false"):
        return value == "true"
    if value == "null":
        return None
    found = value_of(value)
    return found if isinstance(found, (dict, list)) else _none(value)


def _bool(value: Any) -> Any:
    amount = number(value)
    return amount != 0 if amount is not None else _WORDS.get(text(value).lower(), SKIPPED)


def _json(value: Any) -> Any:
    found = value_of(value)
    return SKIPPED if found is None and value != "null" else found


def _num(value: Any) -> Any:
    return SKIPPED if number(value) is None else Number(text(value))


TYPES: Dict[str, Callable[[Any], Any]] = {
    "auto": _auto,
    "bool": _bool,
    "json": _json,
    "none": _none,
    "num": _num,
    "str": text,
}


@command("tojson")
def tojson(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(default_type=str, fill_null=boolean, include_internal=boolean, output_field=str)
    default = options.get("default_type", "none")
    if default not in TYPES:
        raise arguments.error("The datatype '%s' is not one of %s." % (default, ", ".join(TYPES)))
    asked = [_typed_field(word, default, arguments) for word in arguments.words if word != ","] or [("*", default)]
    output, fill = options.get("output_field", "_raw"), options.get("fill_null", False)

    def converted(row: Row, fields: List[str]) -> Row:
        members: Dict[str, Any] = {}
        for name in sorted(fields):
            kind = next((kind for pattern, kind in asked if matching([name], pattern)), None)
            if kind is None or name not in row or (is_internal(name) and not options.get("include_internal", False)):
                continue
            value = row[name]
            found = [TYPES[kind](each) for each in value] if isinstance(value, list) else TYPES[kind](value)
            kept = (
                [each for each in found if each is not SKIPPED]
                if isinstance(found, list) and isinstance(value, list)
                else found
            )
            if kept is not SKIPPED or fill:
                members[name] = None if kept is SKIPPED else kept
        return {**row, output: dumped(members)}

    def all_converted() -> Iterator[Results]:
        for chunk in chunks:
            rows = [converted(row, chunk.fields) for row in chunk.rows]
            yield Results(with_fields(chunk.fields, [output], rows), rows)

    return all_converted()


def _typed_field(word: str, default: str, arguments: Arguments) -> Tuple[str, str]:
    """(field or pattern, datatype) from a name or from type(name)."""
    kind, parenthesis, rest = word.partition("(")
    if not parenthesis:
        return unquote(word), default
    if kind not in TYPES:
        raise arguments.error("The datatype function '%s' is not one of %s." % (kind, ", ".join(TYPES)))
    return unquote(rest[:-1].strip()), kind
