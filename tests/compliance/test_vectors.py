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

from tests.compliance.host import Host, Lookup
from tests.standin.spl import pipeline
from tests.standin.spl import run as run_search
from tests.standin.spl.host import Macro
from tests.standin.values import Results, SplError, text

FOLDER = Path(__file__).parent


def host_of(vector):
    """splunkd as the vector describes it."""
    macros = {name: Macro(stanza["definition"], [arg.strip() for arg in stanza.get("args", "").split(",") if arg.strip()],
                          stanza.get("iseval", False), stanza.get("validation", ""), stanza.get("errormsg", ""))
              for name, stanza in vector.get("macros", {}).items()}
    lookups = {name: Lookup(dict.fromkeys(field for row in rows for field in row), rows)
               for name, rows in vector.get("lookups", {}).items()}
    return Host(macros, lookups, vector.get("events", ()), vector.get("props"), vector.get("rest"), vector.get("saved"))


def vectors():
    for file in sorted(FOLDER.glob("*.json")):
        for number, vector in enumerate(json.loads(file.read_text("utf-8")), 1):
            yield pytest.param(vector, id="%s-%d" % (file.stem, number))


def results(vector):
    host = host_of(vector)
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
