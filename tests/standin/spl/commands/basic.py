"""search, and the commands that look at one row at a time: eval, where, fields, table, rename, fillnull, head.

Relies on: Search Reference, the pages of these commands.
"""
import re
from typing import Iterator, List, Optional

from ...values import Results, SplError, number, text
from ..expressions import truth
from ..extraction import extracted
from ..registry import Arguments, Context, command, matching, unquote
from ..search import parse

CHUNK_ROWS = 2_500
INTERNAL = "_*"


@command("search", generating=False)
def search(arguments: Arguments, chunks: Optional[Iterator[Results]], context: Context) -> Iterator[Results]:
    """Without chunks it reads the indexes, newest events first."""
    source = re.sub(r"\[(.*)\]", lambda inner: _formatted(inner.group(1), context), arguments.source, flags=re.S)
    query = parse(source, context.host.clock)
    if chunks is not None:
        return (Results(chunk.fields, filter(query.matches, chunk.rows)) for chunk in chunks)
    return _scanned(query, context)


def _formatted(source: str, context: Context) -> str:
    """A subsearch's rows as a search expression."""
    results = context.subsearch(source)
    rows = [" AND ".join('%s="%s"' % (name, text(value).replace('"', '\\"')) for name, value in row.items()
                         if not name.startswith("_") and not isinstance(value, list)) for row in results.rows]
    return "( %s )" % " OR ".join("( %s )" % row for row in rows) if rows else "NOT *"


def _scanned(query, context: Context) -> Iterator[Results]:
    host = context.host
    earliest = host.earliest if query.earliest is None else query.earliest
    latest = host.latest if query.latest is None else query.latest
    rows: list = []
    for event in host.scan(query.indexes or ["main"], earliest, latest):
        row = extracted(event, host.props(event["sourcetype"], event["source"], event["host"]))
        if query.matches(row):
            rows.append(row)
            if len(rows) == CHUNK_ROWS:
                yield _chunk(rows)
                rows = []
    if rows:
        yield _chunk(rows)


def _chunk(rows: list) -> Results:
    fields = dict.fromkeys(["_time", "_raw"])
    for row in rows:
        fields.update(dict.fromkeys(row))
    return Results(fields, rows)


@command("eval")
def eval_(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    assignments = [_assignment(part, arguments, context) for part in _split(arguments.source)]
    names = [name for name, _ in assignments]

    def rows(chunk):
        for row in chunk.rows:
            row = dict(row)
            for name, evaluate in assignments:
                value = evaluate(row)
                if isinstance(value, bool):
                    raise arguments.error("Fields cannot be assigned a boolean result. Instead, try if([bool expr], [expr], "
                                          "[expr]).")
                if value is None:
                    row.pop(name, None)
                else:
                    row[name] = value
            yield row
    return (Results([*chunk.fields, *(name for name in dict.fromkeys(names) if name not in chunk.fields)], rows(chunk))
            for chunk in chunks)


def _assignment(part: str, arguments: Arguments, context: Context):
    match = re.match(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s=]+)\s*=(?!=)(.*)\Z""", part, re.S)
    if not match:
        raise arguments.error("The expression is malformed. Expected =.")
    try:
        return unquote(match.group(1)), context.expression(match.group(2))
    except SplError as error:
        raise arguments.error(str(error)) from None


def _split(source: str) -> List[str]:
    """At the commas between assignments."""
    parts, depth, last = [], 0, 0
    for match in re.compile(r"""\"(?:[^"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[(),]""").finditer(source):
        sign = match.group()
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            parts.append(source[last:match.start()])
            last = match.end()
    return [*parts, source[last:]]


@command("where")
def where(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    try:
        condition = context.expression(arguments.source)
    except SplError as error:
        raise arguments.error(str(error)) from None
    return (Results(chunk.fields, (row for row in chunk.rows if truth(condition(row)))) for chunk in chunks)


@command("fields")
def fields(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    words = arguments.fields()
    drop = bool(words) and words[0] == "-"
    words = [word for word in words if word not in ("-", "+")]

    def kept(names: List[str]) -> List[str]:
        named = [name for word in words for name in matching(names, word)]
        if drop:
            return [name for name in names if name not in named]
        return [*dict.fromkeys([*named, *(name for name in names if name.startswith("_"))])]
    return _projected(chunks, kept)


def _projected(chunks, kept):
    for chunk in chunks:
        names = kept(chunk.fields)
        yield Results(names, ({name: row[name] for name in names if name in row} for row in chunk.rows))


@command("table")
def table(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    words = arguments.fields()
    return _projected(chunks, lambda names: [*dict.fromkeys(
        name for word in words for name in (matching(names, word) if "*" in word else [word]))])


@command("rename")
def rename(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    words = arguments.fields()
    if len(words) % 3 or any(word.upper() != "AS" for word in words[1::3]):
        raise arguments.error("Usage: rename [old_name AS/TO/-> new_name]+.")
    names = dict(zip(words[::3], words[2::3]))
    return (Results([names.get(field, field) for field in chunk.fields if field not in names.values()],
                    ({names.get(field, field): value for field, value in row.items()
                      if field not in names.values() or field in names} for row in chunk.rows)) for chunk in chunks)


@command("fillnull")
def fillnull(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    value = arguments.options(value=str).get("value", "0")
    named = arguments.fields()
    for chunk in chunks:
        names = named or [field for field in chunk.fields if not field.startswith("_")]
        fill = dict.fromkeys(names, value)
        yield Results([*chunk.fields, *(name for name in named if name not in chunk.fields)],
                      ({**fill, **row} for row in chunk.rows))


@command("head")
def head(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    limit = int(number(arguments.fields()[0])) if arguments.words else 10
    return _first(limit, chunks)


def _first(limit: int, chunks: Iterator[Results]) -> Iterator[Results]:
    for chunk in chunks:
        yield Results(chunk.fields, chunk.rows[:limit])
        limit -= len(chunk.rows)
        if limit <= 0:
            return
