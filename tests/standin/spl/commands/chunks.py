"""What commands do with chunks of rows: gather them, cut them, tell which fields they have."""

from typing import Dict, Iterable, Iterator, List

from ...values import Results, Row

MAX_ROWS = 50_000  # limits.conf [searchresults] maxresultrows
CHUNK_ROWS = 2_500
BATCH_ROWS = 50
"""As events are read, few go through all commands together: what is kept of an event's text is there for them all."""


def gathered(chunks: Iterable[Results]) -> Results:
    """All rows, and all fields in the order in which they first come up."""
    fields: Dict[str, None] = {}
    rows: List[Row] = []
    for chunk in chunks:
        fields.update(dict.fromkeys(chunk.fields))
        rows += chunk.rows
    return Results(fields, rows)


def cut(results: Results) -> Iterator[Results]:
    """The results in chunks that a command may be given; at least one, so that the fields are known without rows."""
    for start in range(0, max(1, len(results.rows)), MAX_ROWS):
        yield Results(results.fields, results.rows[start : start + MAX_ROWS])


def merged(chunks: Iterable[Results]) -> Iterator[Results]:
    """The same rows in chunks of a size worth handing on."""
    waiting: List[Results] = []
    for chunk in chunks:
        waiting.append(chunk)
        if sum(len(each.rows) for each in waiting) >= CHUNK_ROWS:
            yield gathered(waiting)
            waiting = []
    if waiting:
        yield gathered(waiting)


def with_fields(fields: Iterable[str], added: Iterable[str], rows: Iterable[Row]) -> List[str]:
    """The fields, and at their end those added ones that a row has: a field that is null everywhere does not exist."""
    known = dict.fromkeys(fields)
    new = [name for name in dict.fromkeys(added) if name not in known]
    return [*known, *(name for name in new if any(name in row for row in rows))]


def is_internal(field: str) -> bool:
    return field.startswith("_")
