"""Commands that select and name columns: fields, table, rename, fillnull, transpose, addtotals.

Relies on: Search Reference, the pages of these commands.
"""

import re
from typing import Dict, FrozenSet, Iterator, List, Optional, Tuple

from ...values import Results, Row, as_list, number, text
from ..registry import Arguments, Context, boolean, command, matching
from .chunks import cut, gathered, is_internal, with_fields


def named(fields: List[str], patterns: List[str]) -> List[str]:
    """The fields that a list of names and wildcards matches. A leading asterisk matches no internal fields."""
    return list(
        dict.fromkeys(
            name
            for pattern in patterns
            for name in matching(fields, pattern)
            if is_internal(pattern) or not is_internal(name)
        )
    )


def named_fields(arguments: Arguments) -> Optional[FrozenSet[str]]:
    """The fields that fields or table keep, if each is named; None if there are wildcards, or if fields are removed."""
    sign, words = _signed(arguments)
    return None if sign == "-" or any("*" in word for word in words) else frozenset(words)


def _signed(arguments: Arguments) -> Tuple[str, List[str]]:
    """+ or -, and the names after it. The sign may stand alone or right before the first name."""
    words = arguments.fields()
    if words and words[0] in ("+", "-"):
        return words[0], words[1:]
    if words and words[0][0] in "+-":
        return words[0][0], [words[0][1:], *words[1:]]
    return "+", words


@command("fields", orders=True)
def fields(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    sign, words = _signed(arguments)
    if not words:
        raise arguments.error("Must specify at least one valid field name (can contain wildcards).")

    def kept(known: List[str]) -> List[str]:
        found = named(known, words)
        if sign == "-":
            return [name for name in known if name not in found]
        return [*found, *(name for name in known if is_internal(name) and name not in found)]

    return (_projected(chunk, kept(chunk.fields)) for chunk in chunks)


def _projected(chunk: Results, names: List[str]) -> Results:
    return Results(names, ({name: row[name] for name in names if name in row} for row in chunk.rows))


@command("table", orders=True)
def table(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """Wildcards match fields in alphabetical order. If none of the fields exists, there are no rows."""
    words = arguments.fields()
    if not words:
        raise arguments.error("Must specify at least one valid field name (can contain wildcards).")

    def tabulated() -> Iterator[Results]:
        results = gathered(chunks)
        known = sorted(results.fields)
        names = [name for word in words for name in (named(known, [word]) if "*" in word else [word])]
        found = _projected(results, list(dict.fromkeys(names)))
        if results.rows and not any(found.rows):
            context.host.message("INFO", "No matching fields exist.")
            found.rows = []
        yield from cut(found)

    return tabulated()


@command("rename")
def rename(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    words = arguments.fields()
    if not words or len(words) % 3 or any(word.upper() not in ("AS", "TO", "->") for word in words[1::3]):
        raise arguments.error("Usage: rename [old_name AS/TO/-> new_name]+.")
    renames = list(zip(words[::3], words[2::3]))
    for old, new in renames:
        if old.count("*") != new.count("*"):
            raise arguments.error("Wildcard mismatch: '%s' as '%s'." % (old, new))

    def renamed(chunk: Results) -> Results:
        known, rows = chunk.fields, chunk.rows
        for old, new in renames:
            names = _names(old, new, known)
            replaced = {to for to in names.values() if to not in names}
            known = [names.get(field, field) for field in known if field not in replaced]
            rows = [
                {names.get(field, field): value for field, value in row.items() if field not in replaced}
                for row in rows
            ]
        return Results(known, rows)

    return map(renamed, chunks)


def _names(old: str, new: str, known: List[str]) -> Dict[str, str]:
    """The name of each field after the rename. A name without a wildcard is renamed even if no such field exists."""
    if "*" not in old:
        return {old: new}
    return {field: filled(new, captured(old, field)) for field in named(known, [old])}


def captured(pattern: str, name: str) -> Tuple[str, ...]:
    """What the asterisks of a pattern stand for in a name that it matches."""
    match = re.fullmatch("(.*)".join(map(re.escape, pattern.split("*"))), name, re.S)
    assert match, (pattern, name)
    return match.groups()


def filled(pattern: str, parts: Tuple[str, ...]) -> str:
    """The pattern with its asterisks replaced by these parts."""
    found = iter(parts)
    return re.sub(r"\*", lambda star: next(found), pattern)


@command("fillnull")
def fillnull(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """Without arguments, fills every field that at least one row has, which is known only after the last row."""
    value = arguments.options(value=str).get("value", "0")
    names = arguments.fields()
    for index, name in enumerate(names):
        if name in names[:index]:
            raise arguments.error("Field '%s' cannot be specified multiple times." % name)

    def filled_in(results: Results, wanted: List[str]) -> Results:
        rows = [{**dict.fromkeys((name for name in wanted if name not in row), value), **row} for row in results.rows]
        return Results(with_fields(results.fields, wanted, rows), rows)

    def whole() -> Iterator[Results]:
        results = gathered(chunks)
        existing = with_fields([], results.fields, results.rows)
        yield from cut(filled_in(results, [name for name in existing if not is_internal(name)]))

    return (filled_in(chunk, names) for chunk in chunks) if names else whole()


@command("transpose", orders=True)
def transpose(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(column_name=str, header_field=str, include_empty=boolean)
    words = arguments.fields()
    if len(words) > 1 or (words and not words[0].isdecimal()):
        raise arguments.error("The argument '%s' is invalid." % words[-1])
    limit = int(words[0]) if words else 5
    column, header = options.get("column_name", "column"), options.get("header_field")

    def transposed() -> Iterator[Results]:
        results = gathered(chunks)
        rows = results.rows[:limit] if limit else results.rows
        heads = [text(as_list(row[header])[0]) for row in rows if header in row] if header else []
        if len(heads) < len(rows):
            heads = ["row %d" % (index + 1) for index in range(len(rows))]
        found: List[Row] = []
        for field in results.fields:
            values = {head: row[field] for head, row in zip(heads, rows) if field in row}
            if field != header and not is_internal(field) and (values or options.get("include_empty", True)):
                found.append({column: field, **values})
        yield Results([column, *heads], found)

    return transposed()


@command("addtotals")
def addtotals(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(row=boolean, col=boolean, labelfield=str, label=str, fieldname=str)
    patterns = arguments.fields() or ["*"]
    total = options.get("fieldname", "Total")

    def with_row_totals(results: Results) -> Results:
        summed = named(results.fields, patterns)
        rows = []
        for row in results.rows:
            amounts = [number(value) for name in summed for value in as_list(row.get(name))]
            numbers = [amount for amount in amounts if amount is not None]
            rows.append({**row, total: sum(numbers)} if numbers else row)
        return Results(with_fields(results.fields, [total], rows), rows)

    def with_column_totals() -> Iterator[Results]:
        results = gathered(chunks)
        if options.get("row", True):
            results = with_row_totals(results)
        summary: Row = {}
        for name in named(results.fields, [*patterns, total]):
            amounts = [number(row[name]) for row in results.rows if name in row and not isinstance(row[name], list)]
            if any(amount is not None for amount in amounts):
                summary[name] = sum(amount for amount in amounts if amount is not None)
        label = options.get("labelfield")
        if label is not None:
            summary[label] = options.get("label", "Total")
        yield from cut(Results(with_fields(results.fields, summary, [summary]), [*results.rows, summary]))

    if options.get("col", False):
        return with_column_totals()
    return map(with_row_totals, chunks) if options.get("row", True) else chunks
