"""search: reads the indexes if it is a search's first command, else filters rows.

Relies on: Search Reference, "search", "Time modifiers".
"""

from typing import Dict, Iterator, List, Tuple

from ...values import Results, Row, SplError
from .. import meter
from ..choices import INDEX_LATEST
from ..extraction import extracted
from ..registry import Arguments, Context, command
from ..search import INDEXED, Search, parse
from .chunks import BATCH_ROWS

DEFAULT_INDEX = "main"


@command("search")
def search(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    query = parse(arguments.source, context.host.clock)
    if query.index_earliest is not None or query.index_latest is not None:
        raise SplError("Error in 'search' command: index times are not known here except at the beginning of a search.")
    matches = query.matches
    return (Results(chunk.fields, filter(matches, chunk.rows)) for chunk in chunks)


def read_indexes(arguments: Arguments, context: Context) -> Iterator[Results]:
    """The search command in first place: reads events from the indexes, newest first."""
    return _read(parse(arguments.source, context.host.clock), context)


def scanned(query: Search, context: Context) -> Iterator[Row]:
    """The events in a search's indexes and time range, newest first, whatever its other terms say.

    A time in the search replaces the job's time range. Without a latest time, it ends now.
    """
    host = context.host
    earliest, latest = host.earliest, host.latest
    if query.earliest is not None or query.latest is not None:
        earliest, latest = query.earliest, host.clock.now() if query.latest is None else query.latest
    for event in host.scan(query.indexes or [DEFAULT_INDEX], earliest, latest):
        if _is_of_index_time(query, event, INDEX_LATEST in host.others):
            yield event


def _read(query: Search, context: Context) -> Iterator[Results]:
    """Tests first what an event has before its fields are extracted. Fields that nobody asks for are not extracted."""
    host, counts = context.host, meter.current()
    quick = [term.holds for term in query.terms if term.fields <= INDEXED]
    slow = [term.holds for term in query.terms if not term.fields <= INDEXED]
    needs_fields = bool(slow) or context.wanted is None or not context.wanted <= INDEXED
    props: Dict[Tuple, Dict[str, str]] = {}
    rows: List[Row] = []
    for event in scanned(query, context):
        if not all(holds(event) for holds in quick):
            continue
        if counts:
            counts.event(event["_raw"])
        if needs_fields:
            kind = event["sourcetype"], event["source"], event["host"]
            if kind not in props:
                props[kind] = host.props(*kind)
            event = extracted(event, props[kind], host.limits)
            if not all(holds(event) for holds in slow):
                continue
        rows.append(event)
        if len(rows) == BATCH_ROWS:
            yield _chunk(rows)
            rows = []
    yield _chunk(rows)


def _is_of_index_time(query: Search, event: Row, includes_latest: bool) -> bool:
    """Index times are whole seconds: _indextime has no fraction, and Splunk's own searches round to seconds."""
    earliest, latest = query.index_earliest, query.index_latest
    if earliest is None and latest is None:
        return True
    seconds = float(event["_indextime"])
    return (earliest is None or seconds >= earliest) and (
        latest is None or seconds < latest or (includes_latest and seconds == latest)
    )


def _chunk(rows: List[Row]) -> Results:
    fields = dict.fromkeys(["_time", "_raw"])
    for row in rows:
        fields.update(dict.fromkeys(row))
    return Results(fields, rows)
