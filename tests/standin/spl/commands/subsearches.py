"""append, appendpipe, and the commands that turn a subsearch into a part of the outer search: format and return.

Relies on: Search Reference, the pages of these commands; Search Manual, "About subsearches".
"""

from typing import Iterator, List, NamedTuple, Optional, Tuple

from ...values import Results, Row, as_list, text
from ..registry import Arguments, Context, boolean, command, natural, unquote
from .chunks import gathered, is_internal

MAX_OUT = 50_000  # Search Reference, append: maxout
_VERBATIM = ("search", "query")
"""Fields whose values become part of a search unchanged."""


class Format(NamedTuple):
    """The texts around and between rows and columns."""

    row_prefix: str = "("
    column_prefix: str = "("
    column_separator: str = "AND"
    column_end: str = ")"
    row_separator: str = "OR"
    row_end: str = ")"
    mv_separator: str = "OR"
    empty: str = "NOT ( )"


def formatted(results: Results) -> str:
    """What a subsearch turns into: the text that format or return made, else a search expression."""
    if len(results.rows) == 1 and list(results.rows[0]) == ["search"]:
        return text(as_list(results.rows[0]["search"])[0])
    return _expression(results.rows, Format())


def _expression(given: List[Row], style: Format) -> str:
    rows = [terms for row in given if (terms := _terms(row, style))]
    if not rows:
        return style.empty
    between = " %s " % style.column_separator
    inside = (" %s " % style.row_separator).join(
        "%s %s %s" % (style.column_prefix, between.join(terms), style.column_end) for terms in rows
    )
    return "%s %s %s" % (style.row_prefix, inside, style.row_end)


def _terms(row: Row, style: Format) -> List[str]:
    """name="value" for each field, in alphabetical order of the names."""
    found = []
    for name in sorted(row):
        if is_internal(name):
            continue
        values = list(map(text, as_list(row[name])))
        terms = values if name in _VERBATIM else ['%s="%s"' % (name, _escaped(value)) for value in values]
        found.append(terms[0] if len(terms) == 1 else "( %s )" % (" %s " % style.mv_separator).join(terms))
    return found


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


@command("format", orders=True)
def format_(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(mvsep=str, maxresults=natural, emptystr=str)
    parts = arguments.fields()
    if len(parts) not in (0, 6):
        raise arguments.error("You must specify all six of the row and column options, or none. Got %d." % len(parts))
    style = Format(*parts)
    style = style._replace(
        mv_separator=options.get("mvsep", style.mv_separator), empty=options.get("emptystr", style.empty)
    )

    def one_row() -> Iterator[Results]:
        results = gathered(chunks)
        names = [name for name in results.fields if not is_internal(name) and name != "search"]
        rows = results.rows[: options.get("maxresults", 0) or None]
        yield Results([*names, "search"], [{"search": _expression(rows, style)}])

    return one_row()


@command("return", orders=True)
def return_(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    words = [word for word in arguments.words if word != ","]
    count = int(words.pop(0)) if words and words[0].isdecimal() else 1
    outputs = [_output(word) for word in words]
    if not outputs:
        raise arguments.error("You must specify at least one field.")

    def one_row() -> Iterator[Results]:
        rows = [terms for row in gathered(chunks).rows[:count] if (terms := _returned(row, outputs))]
        is_value = all(name is None for name, _ in outputs)
        distinct = list(dict.fromkeys(" ".join(terms) for terms in rows))
        search = distinct[0] if is_value and len(distinct) == 1 else " OR ".join("(%s)" % each for each in distinct)
        yield Results(["search"], [{"search": search}])

    return one_row()


def _output(word: str) -> Tuple[Optional[str], str]:
    """(name, field) for alias=field, field, or (None, field) for $field."""
    if word.startswith("$"):
        return None, unquote(word[1:])
    alias, equals, field = word.partition("=")
    return (unquote(alias), unquote(field)) if equals else (unquote(word), unquote(word))


def _returned(row: Row, outputs: List[Tuple[Optional[str], str]]) -> List[str]:
    return [
        text(value) if name is None else '%s="%s"' % (name, text(value))
        for name, field in outputs
        for value in as_list(row.get(field))[:1]
    ]


def _in_brackets(arguments: Arguments) -> str:
    """The only remaining argument: the text in brackets."""
    word = arguments.only_word("A subsearch in brackets is expected.")
    if not word.startswith("["):
        raise arguments.error("A subsearch in brackets is expected. Instead got '%s'." % word)
    return word[1:-1]


@command("append", takes_searches=True)
def append(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(extendtimerange=boolean, maxtime=natural, maxout=natural)
    found = context.subsearch(_in_brackets(arguments), options.get("maxout", MAX_OUT))

    def both() -> Iterator[Results]:
        yield from chunks
        yield found

    return both()


@command("appendpipe", takes_searches=True)
def appendpipe(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    arguments.options(run_in_preview=boolean)
    source = _in_brackets(arguments)
    if not source.strip():
        raise arguments.error("The subpipeline is empty.")
    given: List[Results] = []
    appended = context.pipeline(source, iter(given))

    def both() -> Iterator[Results]:
        given.append(gathered(chunks))
        yield from given
        yield from appended

    return both()
