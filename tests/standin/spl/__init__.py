"""Splunk's search language, as far as the app, its alerts and the examples in the documentation use it.

A search's text becomes stages (pipeline). Each stage is a command (commands) that turns chunks of results into chunks.
Expressions are compiled into functions of a row (expressions for eval, search for the search command).
"""

from typing import FrozenSet, Iterator, List, Optional

from ..values import Results, SplError
from . import commands, meter
from .commands.chunks import MAX_ROWS, gathered, merged
from .commands.columns import named_fields
from .commands.subsearches import formatted
from .host import Host
from .pipeline import Stage, stages, with_subsearches
from .registry import APPENDING, COMMANDS, GENERATING, ORDERING, TAKING_SEARCHES, Arguments, Context, not_first


def run(search: str, host: Host) -> Results:
    """The search's final results.

    Raises:
        SplError: in splunkd's words.
    """
    return gathered(pipeline(search, host, iter(())))


def pipeline(search: str, host: Host, chunks: Iterator[Results], inner: bool = False) -> Iterator[Results]:
    """The search's results as they come. An `inner` pipeline begins with the given chunks instead of a search.

    Raises:
        SplError: at once if the search is wrong in itself, or later, while the results are read.
    """
    context = Context(
        host,
        lambda source, most=None: _subsearch(source, host, most),
        lambda source, given: pipeline("| " + source.strip().lstrip("|"), host, given, inner=True),
    )
    found = stages(search, host)
    counts = meter.current()
    first_central = next((index for index, stage in enumerate(found) if stage.name not in meter.DISTRIBUTABLE), None)
    reads_events = found[0].name == "search"  # rows of inputlookup, makeresults and rest come from the search head
    for index, stage in enumerate(found):
        if counts and not inner and reads_events and index == first_central:
            chunks = counts.leaving(chunks)
        wanted = _wanted(found[index + 1 :])
        chunks = _started(stage, chunks, context._replace(wanted=wanted, is_first=index == 0 and not inner))
    if inner:
        return chunks
    is_ordered = any(stage.name in ORDERING for stage in found)
    return (Results(chunk.fields if is_ordered else sorted(chunk.fields), chunk.rows) for chunk in merged(chunks))


def _started(stage: Stage, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    name, source = stage
    context.host.allow(name)
    external = None if name in COMMANDS else context.host.command(name)
    if name not in COMMANDS and external is None:
        raise SplError("Unknown search command '%s'." % name)
    generating = name in GENERATING or (external is not None and external.generating)
    if context.is_first and not generating and name != "search":
        raise SplError("Error in '%s' command: This command cannot be the first command of a search." % name)
    if generating and not context.is_first and name not in APPENDING:
        raise not_first(name)
    if name not in TAKING_SEARCHES:
        source = with_subsearches(source, lambda inner: formatted(context.subsearch(inner)))
    arguments = Arguments(name, source)
    if external is not None:
        return external.run(arguments.words, merged(chunks))
    if name == "search" and context.is_first:
        return commands.searching.read_indexes(arguments, context)
    return COMMANDS[name](arguments, chunks, context)


def _subsearch(source: str, host: Host, most: Optional[int] = None) -> Results:
    """The results of the text in brackets, which begins with a command or with terms for the search command.

    Returns at most `most` rows, or the number that limits.conf allows.
    """
    source = source.strip()
    first = source.split(None, 1)[0].lower() if source else ""
    if first != "search" and (first in COMMANDS or (first.isidentifier() and host.command(first) is not None)):
        source = "| " + source
    results = run(source, host)
    most = min(host.limits["subsearch", "maxout"], MAX_ROWS) if most is None else most
    if len(results.rows) > most:
        host.message(
            "WARN", "[subsearch]: Subsearch produced %d results, truncating to maxout %d." % (len(results.rows), most)
        )
    return Results(results.fields, results.rows[:most])


def _wanted(following: List[Stage]) -> Optional[FrozenSet[str]]:
    """The fields that a fields or table command right after this one keeps, if it names each of them."""
    if not following or following[0].name not in ("fields", "table"):
        return None
    return named_fields(Arguments(*following[0]))


__all__ = ["pipeline", "run"]
