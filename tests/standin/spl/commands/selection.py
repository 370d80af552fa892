"""Commands that select and order rows: head, tail, sort, dedup, reverse.

Relies on: Search Reference, the pages of these commands; limits.conf.
"""

import re
from typing import Dict, Iterator, List, Optional, Tuple

from ...values import Results, Row, text
from ..registry import Arguments, Context, boolean, command, natural, unquote
from .calculation import compiled
from .chunks import cut, gathered
from .ordering import SortKey, sorted_rows

SORT_LIMIT = 10_000
_HEAD_OPTION = re.compile(r"\b(limit|null|keeplast)\s*=\s*(?!=)(\S+)")
_SORT_FIELD = re.compile(r"(auto|num|ip|str)\((.*)\)\Z", re.S)


@command("head")
def head(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """The first rows: a number of them, or those before an expression turns false."""
    options = Arguments(arguments.name, " ".join(map("=".join, _HEAD_OPTION.findall(arguments.source)))).options(
        limit=natural, null=boolean, keeplast=boolean
    )
    rest = _HEAD_OPTION.sub(" ", arguments.source).strip()
    if re.fullmatch(r"[-+]?\d+", rest):
        if "limit" in options or int(rest) <= 0:
            raise arguments.error("The number of results must be a positive number.")
        return _first(int(rest), chunks)
    if not rest:
        return _first(options.get("limit", 10), chunks)
    if re.fullmatch(r'"[^"]*"|[\w.]+', rest):
        raise arguments.error("The argument must be a positive number or a boolean expression.")
    condition = compiled(rest, arguments, context)

    def while_true() -> Iterator[Results]:
        for chunk in chunks:
            rows: List[Row] = []
            for row in chunk.rows:
                value = condition(row)
                if value is True or (value is None and options.get("null", False)):
                    rows.append(row)
                else:
                    yield Results(chunk.fields, rows + [row] if options.get("keeplast", False) else rows)
                    return
            yield Results(chunk.fields, rows)

    found = while_true()
    return _first(options["limit"], found) if "limit" in options else found


def _first(count: int, chunks: Iterator[Results]) -> Iterator[Results]:
    for chunk in chunks:
        yield Results(chunk.fields, chunk.rows[:count])
        count -= len(chunk.rows)
        if count <= 0:
            return


@command("tail")
def tail(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """The last rows, in reverse order."""
    words = arguments.fields()
    if len(words) > 1 or (words and (not words[0].isdecimal() or int(words[0]) == 0)):
        raise arguments.error("The number of results must be a positive number.")
    count = int(words[0]) if words else 10

    def last() -> Iterator[Results]:
        results = gathered(chunks)
        yield from cut(Results(results.fields, results.rows[-count:][::-1]))

    return last()


@command("reverse")
def reverse(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    if arguments.words:
        raise arguments.error("The argument '%s' is invalid." % arguments.words[0])

    def reversed_() -> Iterator[Results]:
        results = gathered(chunks)
        yield from cut(Results(results.fields, results.rows[::-1]))

    return reversed_()


@command("sort")
def sort(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    limit: int = arguments.options(limit=natural).get("limit", SORT_LIMIT)
    words = [word for word in arguments.words if word != ","]
    if words and words[0].isdecimal():
        limit = int(words.pop(0))
    turned = len(words) > 1 and words[-1].lower() in ("d", "desc")
    keys = _sort_keys(words[:-1] if turned else words, arguments)
    if not keys:
        raise arguments.error("You must specify fields to sort.")
    if turned:
        keys = [SortKey(key.field, not key.descending, key.kind) for key in keys]

    def ordered() -> Iterator[Results]:
        results = gathered(chunks)
        rows = sorted_rows(results.rows, keys)
        yield from cut(Results(results.fields, rows[:limit] if limit else rows))

    return ordered()


def _sort_keys(words: List[str], arguments: Arguments) -> List[SortKey]:
    """Fields with an optional sign before them, which may stand alone, and an optional type around them."""
    keys, sign = [], ""
    for word in words:
        if word in ("+", "-"):
            sign = word
            continue
        if word[0] in "+-":
            sign, word = word[0], word[1:]
        typed = _SORT_FIELD.match(word)
        kind, field = typed.groups() if typed else ("auto", word)
        keys.append(SortKey(unquote(field.strip()), sign == "-", kind))
        sign = ""
    return keys


@command("dedup")
def dedup(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """Keeps the first rows of each combination of values. A multivalue field counts as a single value."""
    options = arguments.options(keepevents=boolean, keepempty=boolean, consecutive=boolean)
    sortby = arguments.clause("SORTBY")
    words = arguments.fields()
    count = int(words.pop(0)) if words and re.fullmatch(r"-?\d+", words[0]) else 1
    if count <= 0:
        raise arguments.error("The number of results must be a positive number.")
    if not words:
        raise arguments.error("The required argument <field-list> is missing.")
    keep = _Duplicates(words, count, **options).kept
    if sortby is None:
        return (Results(chunk.fields, filter(None, map(keep, chunk.rows))) for chunk in chunks)
    keys = _sort_keys([word for word in sortby if word != ","], arguments)

    def whole() -> Iterator[Results]:
        results = gathered(chunks)
        rows = map(keep, sorted_rows(results.rows, keys))
        yield from cut(Results(results.fields, filter(None, rows)))

    return whole()


class _Duplicates:
    """Which combinations were seen, and how often."""

    def __init__(
        self,
        fields: List[str],
        count: int,
        keepevents: bool = False,
        keepempty: bool = False,
        consecutive: bool = False,
    ):
        self.fields, self.count = fields, count
        self.keepevents, self.keepempty, self.consecutive = keepevents, keepempty, consecutive
        self.seen: Dict[Tuple, int] = {}

    def kept(self, row: Row) -> Optional[Row]:
        """What remains of a row: all of it, a part, or None."""
        if any(field not in row for field in self.fields):
            return row if self.keepempty else None
        key = tuple(
            tuple(map(text, value)) if isinstance(value, list) else text(value) for value in map(row.get, self.fields)
        )
        if self.consecutive and key not in self.seen:
            self.seen.clear()
        times = self.seen[key] = self.seen.get(key, 0) + 1
        if times <= self.count:
            return row
        return {name: value for name, value in row.items() if name not in self.fields} if self.keepevents else None
