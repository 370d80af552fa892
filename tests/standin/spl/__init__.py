"""Splunk's search language, as far as the app, its alerts and the documentation's examples use it."""
from typing import Iterator

from ..values import Results, SplError
from . import (
    commands,
    functions,
)
from .expressions import Parser, truth
from .host import Host
from .pipeline import stages
from .registry import COMMANDS, GENERATING, Arguments, Context
from .search import parse as parse_search


def run(search: str, host: Host) -> Results:
    """The search's final results.

    Raises:
        SplError: in splunkd's words.
    """
    fields, rows = [], []
    for chunk in pipeline(search, host, iter(())):
        fields += [field for field in chunk.fields if field not in fields]
        rows += chunk.rows
    return Results(fields, rows)


def pipeline(search: str, host: Host, chunks: Iterator[Results], inner: bool = False) -> Iterator[Results]:
    """The search's results as they come; an `inner` pipeline begins with the given chunks and not with a search."""
    context = Context(
        host=host,
        expression=lambda source: _compiled(source),
        condition=lambda source: parse_search(source, host.clock).matches,
        subsearch=lambda source: run(source, host),
        pipeline=lambda source, given: pipeline("| " + source, host, given, inner=True))
    for index, (name, source) in enumerate(stages(search, host)):
        first = index == 0 and not inner
        external = None if name in COMMANDS else host.command(name)
        if name not in COMMANDS and external is None:
            raise SplError("Unknown search command '%s'." % name)
        generating = name in GENERATING or (external is not None and external.generating)
        if first != generating and name != "search":
            raise SplError("Error in '%s' command: This command must be the first command of a search." % name if generating
                           else "Error in '%s' command: This command cannot be the first command of a search." % name)
        arguments = Arguments(name, source)
        if external is not None:
            chunks = external.run(arguments.words, chunks)
        elif name == "search" and first:
            chunks = commands.searching.read_indexes(arguments, context)
        else:
            chunks = COMMANDS[name](arguments, chunks, context)
    return chunks


def _compiled(source: str):
    return Parser(source, functions).whole()


__all__ = ["pipeline", "run", "truth"]
