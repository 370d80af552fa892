"""Commands that make rows from something other than events: makeresults, rest.

Relies on: Search Reference, "makeresults", "rest".
"""

import csv
import io
from typing import Any, Dict, Iterator, List

from ...values import Results, Row, SplError
from ..jsontext import native, value_of
from ..registry import Arguments, Context, command, natural, unquote

MAX_DATA_CHARS = 29_999


@command("makeresults", generating=True)
def makeresults(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(count=natural, format=str, data=str)
    if arguments.words and arguments.words[0].isdecimal():
        options["count"] = int(arguments.words.pop(0))
    arguments.nothing()
    now = int(context.host.clock.now())
    if not {"format", "data"} & set(options):
        return iter([Results(["_time"], ({"_time": now} for _ in range(options.get("count", 1))))])
    if not {"format", "data"} <= set(options):
        raise _inline_error(
            "You must specify both 'format' and 'data' arguments for 'makeresults' to read inline data."
        )
    if "count" in options:
        raise _inline_error(
            "When 'makeresults' generates events from inline data, it does not allow arguments other than 'format' and "
            "'data'."
        )
    if len(options["data"]) > MAX_DATA_CHARS:
        raise _inline_error("The inline data has more than %d characters." % MAX_DATA_CHARS)
    readers = {"json": _of_json, "csv": _of_csv}
    if options["format"].lower() not in readers:
        raise _inline_error(
            "An invalid 'format' was specified: %s. Valid 'format' options are 'csv' and 'json'." % options["format"]
        )
    return iter([readers[options["format"].lower()](options["data"], now)])


def _inline_error(says: str) -> SplError:
    return SplError("Error in 'MakeResultsProcessor': " + says)


def _of_json(data: str, now: int) -> Results:
    """A text that is not JSON gives no rows."""
    found = value_of(data)
    if found is None:
        return Results(["_raw", "_time"], [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise SplError(
            "Incorrectly-formatted JSON data detected. Make sure your JSON-formatted data starts with '[' "
            "and ends with ']' and consists of JSON objects."
        )
    rows: List[Row] = []
    for each in found:
        fields = {name: native(value) for name, value in each.items() if value is not None}
        rows.append({"_raw": native(each), "_time": now, **fields})
    return Results(dict.fromkeys(name for row in rows for name in row), rows)


def _of_csv(data: str, now: int) -> Results:
    """A row has no time, and lacks the fields whose cells are empty or missing."""
    lines = [line for line in csv.reader(io.StringIO(data.strip("\n")), skipinitialspace=True) if line]
    names = [name.strip() for name in lines[0]] if lines else []
    return Results(names, ({name: cell for name, cell in zip(names, line) if cell} for line in lines[1:]))


@command("rest", generating=True, orders=True)
def rest(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """A row for each entry of the endpoint. name=value words are passed to it as arguments."""
    words = [word for word in arguments.words if word != ","]
    paths = [word for word in words if "=" not in word]
    if len(paths) != 1 or not paths[0].startswith("/"):
        raise arguments.error(
            "The REST endpoint must be a path such as /services/server/info. Instead got '%s'." % (" ".join(paths))
        )
    pairs = [word.partition("=") for word in words if "=" in word]
    given: Dict[str, Any] = {name: unquote(value) for name, _, value in pairs}
    if given.pop("splunk_server", "local") not in ("local", "*"):
        raise arguments.error("There is one server here: splunk_server=local.")
    given.pop("timeout", None)
    rows = context.host.rest(paths[0], {"count": "0", **given})
    return iter([Results(dict.fromkeys(name for row in rows for name in row), rows)])
