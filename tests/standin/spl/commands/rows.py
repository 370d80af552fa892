"""Commands over all rows: makeresults, sort, dedup, stats, eventstats, tail.

Relies on: Search Reference, the pages of these commands.
"""
import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ...values import Results, Row, as_list, number, text
from ..expressions import truth
from ..registry import Arguments, Context, boolean, command, unquote
from .aggregates import Aggregate, aggregate
from .ordering import SortKey, sorted_rows

SORT_LIMIT = 10_000


@command("makeresults", generating=True)
def makeresults(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    count = arguments.options(count=int).get("count", 1)
    if arguments.words:
        raise arguments.error("Invalid argument: '%s'" % arguments.words[0])
    now = str(int(context.host.clock.now()))
    return iter([Results(["_time"], ({"_time": now} for _ in range(count)))])


@command("sort")
def sort(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    words = [word for word in arguments.words if word != ","]
    limit = SORT_LIMIT
    if words and re.fullmatch(r"\d+", words[0]):
        limit = int(words.pop(0))
    else:
        limit = arguments.options(limit=int).get("limit", limit) if any(w.startswith("limit=") for w in words) else limit
        words = [word for word in words if not word.startswith("limit=")]
    keys, descending = [], None
    for word in words:
        if word in ("-", "+"):
            descending = word == "-"
            continue
        sign = word[0] if word[0] in "+-" else ""
        body = word[1:] if sign else word
        typed = re.fullmatch(r"(auto|num|str|ip)\((.+)\)", body)
        keys.append(SortKey(unquote(typed.group(2) if typed else body), sign == "-" if sign else bool(descending),
                            typed.group(1) if typed else "auto"))
        if sign:
            descending = None
    if not keys:
        raise arguments.error("No sort fields were specified.")
    return _collected(chunks, lambda rows: sorted_rows(rows, keys)[:limit or None])


def _collected(chunks: Iterator[Results], change: Callable[[List[Row]], List[Row]]) -> Iterator[Results]:
    fields: Dict[str, None] = {}
    rows: List[Row] = []
    for chunk in chunks:
        fields.update(dict.fromkeys(chunk.fields))
        rows += chunk.rows
    yield Results(fields, change(rows))


@command("dedup")
def dedup(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    if arguments.clause("SORTBY") is not None:
        raise arguments.error("sortby is not known here.")
    options = arguments.options(keepempty=boolean, keepevents=boolean, consecutive=boolean)
    if options.get("keepevents") or options.get("consecutive"):
        raise arguments.error("keepevents and consecutive are not known here.")
    words = arguments.fields()
    limit = int(words.pop(0)) if words and words[0].isdigit() else 1
    if not words:
        raise arguments.error("Missing field list.")
    return _distinct(chunks, words, limit, options.get("keepempty", False))


def _distinct(chunks, names, limit, keep_empty):
    seen: Dict[tuple, int] = {}
    for chunk in chunks:
        rows = []
        for row in chunk.rows:
            if not all(name in row for name in names):
                if keep_empty:
                    rows.append(row)
                continue
            key = tuple(tuple(map(text, as_list(row[name]))) for name in names)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= limit:
                rows.append(row)
        yield Results(chunk.fields, rows)


class Statistic(NamedTuple):
    """One function of a stats command."""

    make: Callable[[], Aggregate]
    read: Optional[Callable[[Row], object]]
    name: str


def statistics(arguments: Arguments, context: Context) -> Tuple[List[Statistic], List[str]]:
    """The functions and the BY fields of stats and its kin."""
    by = arguments.fields(arguments.clause("BY") or [])
    found: List[Statistic] = []
    words = [word for word in arguments.words if word != ","]
    while words:
        word = words.pop(0)
        match = re.fullmatch(r"([A-Za-z_]\w*?[\d.]*)(?:\((.*)\))?", word, re.S)
        make = aggregate(match.group(1).lower()) if match else None
        if make is None:
            raise arguments.error("The argument '%s' is invalid." % word)
        read = _reader(match.group(2), context) if match.group(2) else None
        if read is None and match.group(1).lower() not in ("count", "c"):
            raise arguments.error("The argument '%s' is invalid." % word)
        name = word.replace('"', "")
        if len(words) > 1 and words[0].upper() == "AS":
            name, words = unquote(words[1]), words[2:]
        found.append(Statistic(make, read, name))
    if not found:
        raise arguments.error("No stats functions were specified.")
    return found, by


def _reader(inside: str, context: Context):
    inner = re.fullmatch(r"\s*eval\((.*)\)\s*", inside, re.S)
    if not inner:
        name = unquote(inside.strip())
        return lambda row: row.get(name)
    evaluate = context.expression(inner.group(1))

    def read(row):
        value = evaluate(row)
        return (1 if truth(value) else None) if isinstance(value, bool) else value
    return read


class Group:
    def __init__(self, found: List[Statistic]):
        self.found, self.aggregates = found, [each.make() for each in found]

    def add(self, row: Row) -> None:
        time = number(row.get("_time")) or 0.0
        for each, total in zip(self.found, self.aggregates):
            if each.read is None:
                total.add(1, time)
            else:
                for value in as_list(each.read(row)):
                    total.add(value, time)

    def results(self) -> Row:
        values = {each.name: total.result() for each, total in zip(self.found, self.aggregates)}
        return {name: value for name, value in values.items() if value is not None}


def _keys(row: Row, by: List[str]) -> List[tuple]:
    """The groups a row belongs to: none if it lacks a field, several if a field has several values."""
    keys: List[tuple] = [()]
    for name in by:
        keys = [(*key, value) for key in keys for value in map(text, as_list(row.get(name)))]
    return keys


@command("stats")
def stats(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    found, by = statistics(arguments, context)

    def summed():
        groups: Dict[tuple, Group] = {} if by else {(): Group(found)}
        for chunk in chunks:
            for row in chunk.rows:
                for key in _keys(row, by):
                    if key not in groups:
                        groups[key] = Group(found)
                    groups[key].add(row)
        rows = [{**dict(zip(by, key)), **group.results()} for key, group in groups.items()]
        yield Results([*by, *(each.name for each in found)], sorted_rows(rows, [SortKey(name) for name in by]))
    return summed()


@command("eventstats")
def eventstats(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    found, by = statistics(arguments, context)

    def extended():
        kept, groups = list(chunks), {}
        for chunk in kept:
            for row in chunk.rows:
                for key in _keys(row, by):
                    groups.setdefault(key, Group(found)).add(row)
        results = {key: group.results() for key, group in groups.items()}
        for chunk in kept:
            yield Results(dict.fromkeys([*chunk.fields, *(each.name for each in found)]),
                          ({**row, **(results[_keys(row, by)[0]] if _keys(row, by) else {})} for row in chunk.rows))
    return extended()


@command("tail")
def tail(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    words = arguments.fields()
    limit = int(words[0]) if words else 10
    return _collected(chunks, lambda rows: rows[::-1][:limit])
