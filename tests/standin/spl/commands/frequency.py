"""top and rare: the most and the least frequent values.

Of equally frequent values, top puts the lexicographically last one first, rare the first one.

Relies on: Search Reference, "top" (Lexicographic order of results), "rare".
"""

from typing import Any, Dict, Iterator, List, Tuple

from ...values import Results, Row
from ..registry import Arguments, Context, boolean, command, natural
from .chunks import cut
from .terms import by_fields, groups_of

LIMIT = 10
Counts = Dict[Tuple[str, ...], int]


@command("top", orders=True)
def top(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    return _ranked(arguments, chunks, is_reverse=True)


@command("rare", orders=True)
def rare(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    return _ranked(arguments, chunks, is_reverse=False)


def _ranked(arguments: Arguments, chunks: Iterator[Results], is_reverse: bool) -> Iterator[Results]:
    options = arguments.options(
        limit=natural, showcount=boolean, showperc=boolean, useother=boolean,
        countfield=str, percentfield=str, otherstr=str,
    )  # fmt: skip
    by, words = by_fields(arguments), arguments.fields()
    limit = options.get("limit", LIMIT)
    if words and words[0].isdecimal():
        limit = int(words.pop(0))
    if not words:
        raise arguments.error("You must specify a field.")
    figures = _figures(options)
    for name in figures:
        if name in by + words:
            raise arguments.error("The output field '%s' cannot have the same name as a field of the list." % name)

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
            best = sorted(counts, key=lambda key: (counts[key], key), reverse=is_reverse)
            kept = best[:limit] if limit else best
            found = [(dict(zip(words, key)), counts[key]) for key in kept]
            if options.get("useother", False) and len(kept) < len(best):
                others = sum(counts[key] for key in best[len(kept) :])
                found.append((dict.fromkeys(words, options.get("otherstr", "OTHER")), others))
            total = sum(counts.values())
            for values, count in found:
                shown = {
                    name: count if kind == "count" else "%.6f" % (100 * count / total) for name, kind in figures.items()
                }
                rows.append({**dict(zip(by, group)), **values, **shown})
        yield from cut(Results([*by, *words, *figures], rows))

    return counted()


def _figures(options: Dict[str, Any]) -> Dict[str, str]:
    """The added columns: count or percent by column name."""
    named = (("count", "countfield", "showcount"), ("percent", "percentfield", "showperc"))
    return {options.get(field, kind): kind for kind, field, shown in named if options.get(shown, True)}
