"""Operations on chunks of rows: gathering them, cutting them, finding out which fields they have."""

from typing import Dict, Iterable, Iterator, List

from ...values import Results, Row

MAX_ROWS = 50_000  # limits.conf [searchresults] maxresultrows
CHUNK_ROWS = 2_500
BATCH_ROWS = 50
"""Few events at a time pass through all commands, so that what is cached about an event's text serves them all."""


def gathered(chunks: Iterable[Results]) -> Results:
    """All rows, and all fields in the order in which they first occur."""
    fields: Dict[str, None] = {}
    rows: List[Row] = []
    for chunk in chunks:
        fields.update(dict.fromkeys(chunk.fields))
        rows += chunk.rows
    return Results(fields, rows)


def cut(results: Results) -> Iterator[Results]:
    """The results in chunks of a size that commands may be given; at least one, to carry the fields."""
    for start in range(0, max(1, len(results.rows)), MAX_ROWS):
        yield Results(results.fields, results.rows[start : start + MAX_ROWS])


def merged(chunks: Iterable[Results]) -> Iterator[Results]:
    """The same rows in chunks large enough to be worth passing on."""
    waiting: List[Results] = []
    for chunk in chunks:
        waiting.append(chunk)
        if sum(len(each.rows) for each in waiting) >= CHUNK_ROWS:
            yield gathered(waiting)
            waiting = []
    if waiting:
        yield gathered(waiting)


def with_fields(fields: Iterable[str], added: Iterable[str], rows: Iterable[Row]) -> List[str]:
    """The fields, followed by those added ones that any row has: a field that is null everywhere does not exist."""
    known = dict.fromkeys(fields)
    new = [name for name in dict.fromkeys(added) if name not in known]
    return [*known, *(name for name in new if any(name in row for row in rows))]


def is_internal(field: str) -> bool:
    return field.startswith("_")
