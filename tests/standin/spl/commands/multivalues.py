"""makemv and mvexpand.

Relies on: Search Reference, the pages of these commands.
"""

from operator import methodcaller
from typing import Callable, Iterator, List

from ...values import Results, Row, SplError, as_list, from_list, text
from ..patterns import compiled
from ..registry import Arguments, Context, boolean, command, natural, unquote
from .chunks import is_internal


@command("makemv")
def makemv(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(delim=str, tokenizer=str, allowempty=boolean)
    field = unquote(arguments.only_word("A field name is expected."))
    if "delim" in options and "tokenizer" in options:
        raise arguments.error("You can specify delim or tokenizer, not both.")
    if is_internal(field):
        return chunks
    if "tokenizer" in options:
        parts = _tokens(options["tokenizer"], arguments)
    elif options.get("delim", " "):
        delimiter = options.get("delim", " ")
        parts = methodcaller("split", delimiter)
    else:
        raise arguments.error("The delimiter is empty.")
    allow_empty = options.get("allowempty", False)

    def changed(row: Row) -> Row:
        if field not in row:
            return row
        found = [part for value in as_list(row[field]) for part in parts(text(value)) if part or allow_empty]
        return {**row, field: from_list(found) if found else ""}

    return (Results(chunk.fields, map(changed, chunk.rows)) for chunk in chunks)


def _tokens(expression: str, arguments: Arguments) -> Callable[[str], List[str]]:
    try:
        pattern = compiled(expression)
    except SplError as error:
        raise arguments.error(str(error)) from None
    if not pattern.groups:
        raise arguments.error("The tokenizer '%s' needs a capturing group." % expression)
    return lambda value: [match.group(1) or "" for match in pattern.finditer(value)]


@command("mvexpand")
def mvexpand(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """A row that lacks the field remains a single row."""
    limit = arguments.options(limit=natural).get("limit", 0)
    field = unquote(arguments.only_word("A field name is expected."))
    if is_internal(field):
        raise arguments.error("The internal field '%s' cannot be expanded." % field)

    def expanded(rows: List[Row]) -> Iterator[Row]:
        for row in rows:
            if field not in row:
                yield row
            for value in as_list(row.get(field))[: limit or None]:
                yield {**row, field: value}

    return (Results(chunk.fields, expanded(chunk.rows)) for chunk in chunks)
