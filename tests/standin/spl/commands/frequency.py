"""top and rare: the most and the least frequent values.

Relies on: Search Reference, "top", "rare".
"""

from typing import Callable, Dict, Iterator, List, Tuple

from ...values import Results, Row
from ..registry import Arguments, Context, boolean, command, natural
from .chunks import cut
from .terms import by_fields, groups_of

LIMIT = 10
Counts = Dict[Tuple[str, ...], int]


@command("top")
def top(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    return _ranked(arguments, chunks, lambda count: -count)


@command("rare")
def rare(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    return _ranked(arguments, chunks, lambda count: count)


def _ranked(arguments: Arguments, chunks: Iterator[Results], rank: Callable[[int], int]) -> Iterator[Results]:
    options = arguments.options(
        limit=natural, showcount=boolean, showperc=boolean, useother=boolean, countfield=str, percentfield=str, otherstr=str
    )
    by = by_fields(arguments)
    words = arguments.fields()
    limit = options.get("limit", LIMIT)
    if words and words[0].isdecimal():
        limit = int(words.pop(0))
    if not words:
        raise arguments.error("You must specify a field.")
    shown = [
        name
        for name, option in ((options.get("countfield", "count"), "showcount"), (options.get("percentfield", "percent"), "showperc"))
        if options.get(option, True)
    ]
    for name in shown:
        if name in by + words:
            raise arguments.error("The output field '%s' is a field of the search as well." % name)

    def counted() -> Iterator[Results]:
        groups: Dict[Tuple[str, ...], Counts] = {}
        for chunk in chunks:
            for row in chunk.rows:
                for group in groups_of(row, by):
                    counts = groups.setdefault(group, {})
                    for key in groups_of(row, words):
                        counts[key] = counts.get(key, 0) + 1
        rows: List[Row] = []
        for group in sorted(groups):
            counts = groups[group]
            total = sum(counts.values())
            best = sorted(counts, key=lambda key: (rank(counts[key]), key))
            kept = best[:limit] if limit else best
            found = [({**dict(zip(words, key))}, counts[key]) for key in kept]
            if options.get("useother", False) and len(kept) < len(best):
                found.append((dict.fromkeys(words, options.get("otherstr", "OTHER")), sum(counts[key] for key in best[len(kept):])))
            for values, count in found:
                figures = {options.get("countfield", "count"): count, options.get("percentfield", "percent"): "%.6f" % (100 * count / total)}
                rows.append({**dict(zip(by, group)), **values, **{name: figures[name] for name in shown}})
        yield from cut(Results([*by, *words, *shown], rows))

    return counted()
