"""The search language against conformance vectors: given rows, a search, and its results or its error.

A file holds a group of vectors, each an object:

    {"about": "...",                     what is shown
     "known_from": "Search Reference, dedup, example 1",   or "recorded behaviour: ...", or "choice: why"
     "given": [{"field": "value", ...}], the rows before the search, which then begins with a pipe's command; or
     "events": ["raw text", ...],        an index's events, oldest first, for a search that begins with the search command
     "lookups": {"name": [{...}]},       CSV lookups
     "macros": {"name(1)": {"args": "x", "definition": "..."}},
     "search": "eval ...",
     "result": [{...}],                  all rows; null is a field that must not be there; or
     "fields": ["a", "b"],               the order of the fields; or
     "error": "..."}                     part of the error's text

Numbers in results are compared as Splunk writes them.
"""
import json
from pathlib import Path

import pytest

from tests.standin.clock import Clock
from tests.standin.spl import pipeline
from tests.standin.spl import run as run_search
from tests.standin.spl.host import Macro
from tests.standin.values import Results, SplError, text

NOW = 1_700_000_000  # 2023-11-14T22:13:20Z
FOLDER = Path(__file__).parent


class Lookup:
    """A CSV lookup in memory."""

    kind, max_matches, case_sensitive = "csv", 1_000, True

    def __init__(self, rows):
        self._rows, self.fields = rows, list(dict.fromkeys(field for row in rows for field in row))

    def rows(self, query=None):
        return self._rows


class Host:
    """splunkd, as far as a vector needs it."""

    app, owner, sid, search, earliest, latest = "search", "admin", "1", "", None, None

    def __init__(self, vector):
        self._vector, self.clock = vector, Clock(lambda: float(NOW))

    def scan(self, indexes, earliest, latest):
        for number, raw in reversed(list(enumerate(self._vector.get("events", [])))):
            yield {"_raw": raw, "_time": "%.3f" % (NOW - 1000 + number), "index": "main", "host": "h", "source": "s",
                   "sourcetype": "st", "_cd": "1:%d" % number}

    def props(self, sourcetype, source, host):
        return {}

    def macro(self, name, arguments):
        found = self._vector.get("macros", {}).get("%s(%d)" % (name, arguments) if arguments else name)
        args = [each.strip() for each in found["args"].split(",")] if found and found.get("args") else []
        return found and Macro(found["definition"], args, found.get("iseval", False), found.get("validation", ""),
                               found.get("errormsg", ""))

    def lookup(self, name):
        rows = self._vector.get("lookups", {}).get(name)
        return Lookup(rows) if rows is not None else None

    def command(self, name):
        return None


def vectors():
    for file in sorted(FOLDER.glob("*.json")):
        for number, vector in enumerate(json.loads(file.read_text("utf-8")), 1):
            yield pytest.param(vector, id="%s-%d" % (file.stem, number))


def results(vector):
    host = Host(vector)
    if "given" not in vector:
        return run_search(vector["search"], host)
    given = vector["given"]
    chunk = Results(dict.fromkeys(field for row in given for field in row),
                    [{field: value for field, value in row.items() if value is not None} for row in given])
    chunks = list(pipeline("| " + vector["search"], host, iter([chunk]), inner=True))
    fields = list(dict.fromkeys(field for each in chunks for field in each.fields))
    return Results(fields, [row for each in chunks for row in each.rows])


def written(value):
    return [text(each) for each in value] if isinstance(value, list) else text(value)


@pytest.mark.parametrize("vector", vectors())
def test_vector(vector):
    assert vector["about"] and vector["known_from"]
    if "error" in vector:
        with pytest.raises(SplError) as raised:
            results(vector)
        assert vector["error"] in str(raised.value)
        return
    got = results(vector)
    assert "result" in vector or "fields" in vector
    if "fields" in vector:
        assert got.fields == vector["fields"]
    if "result" in vector:
        assert len(got.rows) == len(vector["result"])
        for row, wanted in zip(got.rows, vector["result"]):
            assert {field: written(row[field]) for field in wanted if field in row} == {
                field: written(value) for field, value in wanted.items() if value is not None}
