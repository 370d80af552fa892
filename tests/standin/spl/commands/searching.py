"""search: reads the indexes at the beginning of a search, filters rows anywhere else.

Relies on: Search Reference, "search"; Search Manual, "About subsearches".
"""
import re
from typing import Iterator, List

from ...values import Results, Row, text
from ..extraction import extracted
from ..registry import Arguments, Context, command
from ..search import Search, parse

CHUNK_ROWS = 2_500


@command("search")
def search(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    query = _query(arguments, context)
    return (Results(chunk.fields, filter(query.matches, chunk.rows)) for chunk in chunks)


def read_indexes(arguments: Arguments, context: Context) -> Iterator[Results]:
    """The search command where it comes first: events of the indexes, newest first."""
    return _scanned(_query(arguments, context), context)


def _query(arguments: Arguments, context: Context) -> Search:
    source = re.sub(r"\[(.*)\]", lambda inner: _formatted(inner.group(1), context), arguments.source, flags=re.S)
    return parse(source, context.host.clock)


def _formatted(source: str, context: Context) -> str:
    """A subsearch's rows as a search expression."""
    results = context.subsearch(source)
    rows = [" AND ".join('%s="%s"' % (name, text(value).replace('"', '\\"')) for name, value in row.items()
                         if not name.startswith("_") and not isinstance(value, list)) for row in results.rows]
    return "( %s )" % " OR ".join("( %s )" % row for row in rows) if rows else "NOT *"


def _scanned(query: Search, context: Context) -> Iterator[Results]:
    host = context.host
    earliest = host.earliest if query.earliest is None else query.earliest
    latest = host.latest if query.latest is None else query.latest
    rows: List[Row] = []
    for event in host.scan(query.indexes or ["main"], earliest, latest):
        row = extracted(event, host.props(event["sourcetype"], event["source"], event["host"]))
        if query.matches(row):
            rows.append(row)
            if len(rows) == CHUNK_ROWS:
                yield _chunk(rows)
                rows = []
    if rows:
        yield _chunk(rows)


def _chunk(rows: List[Row]) -> Results:
    fields = dict.fromkeys(["_time", "_raw"])
    for row in rows:
        fields.update(dict.fromkeys(row))
    return Results(fields, rows)
