"""addinfo: adds information about the search.

Relies on: Search Reference, "addinfo".
"""

from typing import Iterator

from ...values import Results
from ..registry import Arguments, Context, command

_FIELDS = ("info_min_time", "info_max_time", "info_sid", "info_search_time")


@command("addinfo")
def addinfo(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """The bounds are those of the search as a whole, not those written in its first command."""
    arguments.nothing()
    host = context.host
    latest = "+Infinity" if host.latest is None else "%.3f" % host.latest
    info = dict(zip(_FIELDS, ("%.3f" % (host.earliest or 0), latest, host.sid, "%.3f" % host.clock.now())))
    return (Results(dict.fromkeys([*chunk.fields, *info]), ({**row, **info} for row in chunk.rows)) for chunk in chunks)
