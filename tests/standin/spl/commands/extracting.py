"""rex and spath: extract fields from a field's text.

Relies on: Search Reference, "rex", "spath"; limits.conf, [spath] extraction_cutoff, [rex] max_match.
"""

import re
from typing import Any, Callable, Dict, Iterator, List, Tuple

from ...values import Results, Row, SplError, as_list, from_list, text
from ..extraction import first_bytes, json_fields
from ..jsontext import native, steps, value_of, walked
from ..patterns import compiled, replacement
from ..registry import Arguments, Context, command, natural, unquote
from .chunks import with_fields

Change = Callable[[Row], Row]


@command("rex")
def rex(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(field=str, max_match=natural, offset_field=str, mode=str)
    field = options.get("field", "_raw")
    expression = unquote(arguments.only_word("A regular expression is expected."))
    try:
        if "mode" not in options:
            change, added = _extraction(expression, field, options, arguments)
        elif options["mode"] == "sed" and not {"max_match", "offset_field"} & set(options):
            change, added = _substitution(expression, field, arguments), []
        else:
            raise arguments.error("Invalid options: mode is sed or not given; sed has no max_match or offset_field.")
    except SplError as error:
        raise error if str(error).startswith("Error in") else arguments.error(str(error)) from None
    return _changed(chunks, change, added)


def _changed(chunks: Iterator[Results], change: Change, added: List[str]) -> Iterator[Results]:
    for chunk in chunks:
        rows = [change(row) for row in chunk.rows]
        yield Results(with_fields(chunk.fields, added, rows), rows)


def _extraction(expression: str, field: str, options: Dict[str, Any], arguments: Arguments) -> Tuple[Change, List[str]]:
    pattern = compiled(expression)
    names = sorted(pattern.groupindex, key=pattern.groupindex.__getitem__)
    if not names:
        raise arguments.error(
            "The regex '%s' does not extract anything. It should specify at least one named group. "
            "Format: (?<name>...)." % expression
        )
    most, offsets = options.get("max_match", 1), options.get("offset_field")

    def change(row: Row) -> Row:
        found: Dict[str, List[str]] = {}
        places: List[str] = []
        for value in as_list(row.get(field)):
            for count, match in enumerate(pattern.finditer(text(value)), 1):
                for name in names:
                    if match.group(name) is not None:
                        found.setdefault(name, []).append(match.group(name))
                        places.append("%s=%d-%d" % (name, match.start(name), match.end(name) - 1))
                if count == most:
                    break
        if not found:
            return row
        new = {**row, **{name: from_list(values) for name, values in found.items()}}
        return {**new, offsets: "&".join(places)} if offsets else new

    return change, [*names, *([offsets] if offsets else [])]


_SED = re.compile(
    r"(?P<command>[sy])(?P<mark>[^\w\s\\])(?P<one>(?:\\.|(?!(?P=mark)).)*)(?P=mark)"
    r"(?P<other>(?:\\.|(?!(?P=mark)).)*)(?P=mark)(?P<flags>\w*)\Z",
    re.S,
)


def _substitution(expression: str, field: str, arguments: Arguments) -> Change:
    """s/regex/replacement/flags or y/characters/characters/."""
    match = _SED.match(expression)
    if not match or not re.fullmatch(r"g|\d+|" if match.group("command") == "s" else "", match.group("flags")):
        raise arguments.error("Failed to initialize sed. Failed to parse the sed expression '%s'." % expression)
    one, other = (
        re.sub(r"\\" + re.escape(match.group("mark")), lambda _: match.group("mark"), match.group(name))
        for name in ("one", "other")
    )
    edit = (
        _translated(one, other, arguments)
        if match.group("command") == "y"
        else _replaced(one, other, match.group("flags"))
    )

    def change(row: Row) -> Row:
        return {**row, field: from_list([edit(text(value)) for value in as_list(row[field])])} if field in row else row

    return change


def _translated(one: str, other: str, arguments: Arguments) -> Callable[[str], str]:
    if len(one) != len(other):
        raise arguments.error("Failed to initialize sed. The two of y/%s/%s/ must have the same length." % (one, other))
    table = str.maketrans(one, other)
    return lambda value: value.translate(table)


def _replaced(expression: str, by: str, flags: str) -> Callable[[str], str]:
    """Replaces all matches with g, else the first, or the one with that number."""
    pattern, template = compiled(expression), replacement(by)
    if flags == "g":
        return lambda value: pattern.sub(template, value)
    wanted = int(flags or 1)

    def edit(value: str) -> str:
        for count, match in enumerate(pattern.finditer(value), 1):
            if count == wanted:
                return value[: match.start()] + match.expand(template) + value[match.end() :]
        return value

    return edit


@command("spath")
def spath(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """Handles JSON and refuses XML."""
    options = arguments.options(input=str, output=str, path=str)
    words = arguments.fields()
    path = options.get("path", words.pop(0) if words else None)
    if words:
        raise arguments.error("The argument '%s' is invalid." % words[0])
    source = options.get("input", "_raw")
    if path is None:
        if "output" in options:
            raise arguments.error("You have specified an output, but no path.")
        return _all_extracted(chunks, source, context.host.limits["spath", "extraction_cutoff"], arguments)
    way = steps(path)
    if way is None:
        raise arguments.error("The path '%s' is not known here: an index is a number, and XML is not known." % path)
    output = options.get("output", path)

    def change(row: Row) -> Row:
        found = from_list([native(each) for each in walked(value_of(_json(row, source, arguments)), way)])
        return row if found is None else {**row, output: found}

    return _changed(chunks, change, [output])


def _json(row: Row, source: str, arguments: Arguments) -> str:
    value = "" if source not in row else text(as_list(row[source])[0])
    if value.lstrip().startswith("<"):
        raise arguments.error("The field '%s' holds XML, which is not known here." % source)
    return value


def _all_extracted(chunks: Iterator[Results], source: str, cutoff: int, arguments: Arguments) -> Iterator[Results]:
    """Each leaf within the first bytes as a field of its own."""
    for chunk in chunks:
        rows, added = [], {}
        for row in chunk.rows:
            found: Dict[str, List[str]] = {}
            for name, value in json_fields(first_bytes(_json(row, source, arguments), cutoff)):
                found.setdefault(name, []).append(value)
            added.update(dict.fromkeys(found))
            rows.append({**row, **{name: from_list(values) for name, values in found.items()}})
        yield Results(with_fields(chunk.fields, added, rows), rows)
