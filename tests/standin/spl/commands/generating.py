"""Commands that make rows of nothing: makeresults.

Relies on: Search Reference, "makeresults".
"""
from typing import Iterator

from ...values import Results
from ..registry import Arguments, Context, command, natural


@command("makeresults", generating=True)
def makeresults(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    count = arguments.options(count=natural).get("count", 1)
    if arguments.words:
        raise arguments.error("The argument '%s' is invalid." % arguments.words[0])
    now = int(context.host.clock.now())
    return iter([Results(["_time"], ({"_time": now} for _ in range(count)))])
