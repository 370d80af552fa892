"""Commands that make rows of something else than events: makeresults, rest.

Relies on: Search Reference, "makeresults", "rest".
"""
import csv
import io
from typing import Any, Dict, Iterator, List

from ...values import Results, Row
from ..jsontext import native, value_of
from ..registry import Arguments, Context, command, natural, unquote

MAX_DATA_CHARS = 29_999


@command("makeresults", generating=True)
def makeresults(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(count=natural, format=str, data=str)
    if ("format" in options) != ("data" in options):
        raise arguments.error("The arguments 'format' and 'data' need each other.")
    if arguments.words and arguments.words[0].isdecimal():
        options["count"] = int(arguments.words.pop(0))
    arguments.nothing()
    now = int(context.host.clock.now())
    if "data" not in options:
        return iter([Results(["_time"], ({"_time": now} for _ in range(options.get("count", 1))))])
    data = options["data"]
    if len(data) > MAX_DATA_CHARS:
        raise arguments.error("Inline data cannot exceed %d characters." % MAX_DATA_CHARS)
    readers = {"json": _of_json, "csv": _of_csv}
    if options["format"] not in readers:
        raise arguments.error("The format '%s' is not supported: it is csv or json." % options["format"])
    return iter([readers[options["format"]](data, now, arguments)])


def _of_json(data: str, now: int, arguments: Arguments) -> Results:
    found = value_of(data)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise arguments.error("Failed to parse the data as JSON: a JSON array of objects is expected.")
    rows: List[Row] = []
    for each in found:
        fields = {name: native(value) for name, value in each.items() if value is not None}
        rows.append({"_raw": native(each), "_time": now, **fields})
    return Results(dict.fromkeys(name for row in rows for name in row), rows)


def _of_csv(data: str, now: int, arguments: Arguments) -> Results:
    lines = [line for line in csv.reader(io.StringIO(data.strip("\n")), skipinitialspace=True) if line]
    if not lines:
        raise arguments.error("Failed to parse the data as CSV: the line of field names is missing.")
    names = [name.strip() for name in lines[0]]
    return Results(names, ({name: cell for name, cell in zip(names, line) if cell} for line in lines[1:]))


@command("rest", generating=True)
def rest(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """A row an entry of the endpoint; name=value words go to it as arguments."""
    words = [word for word in arguments.words if word != ","]
    paths = [word for word in words if "=" not in word]
    if len(paths) != 1 or not paths[0].startswith("/"):
        raise arguments.error("The REST endpoint must be a path such as /services/server/info. Instead got '%s'." % (
            " ".join(paths)))
    given: Dict[str, Any] = {name: unquote(value) for name, _, value in (word.partition("=") for word in words if "=" in word)}
    if given.pop("splunk_server", "local") not in ("local", "*"):
        raise arguments.error("There is one server here: splunk_server=local.")
    given.pop("timeout", None)
    rows = context.host.rest(paths[0], {"count": "0", **given})
    return iter([Results(dict.fromkeys(name for row in rows for name in row), rows)])


