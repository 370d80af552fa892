"""Conformance vectors for the search language: given rows, a search, and its results or its error.

A file holds a group of vectors, each an object:

    {"about": "...",                     what it shows
     "known_from": "Search Reference, dedup, example 1",   or "recorded behaviour: ...", or "choice: why"
     "given": [{"field": "value", ...}], the rows before the search, which then continues after a pipe; or
     "events": ["raw text", ...],        an index's events, oldest first, for a search that begins with the search
                                         command; an object may set more: _time, index, ...
     "props": {"KV_MODE": "none"},       props.conf for those events
     "limits": {"kv": {"limit": "0"}},    limits.conf
    "lookups": {"name": [{...}]},       CSV lookups
     "macros": {"name(1)": {"args": "x", "definition": "..."}},
     "rest": {"/services/x": [{...}]},   the rows of an endpoint
     "utc_offset_h": -7,                 the time zone
    "others": ["NULL_IN_LOOKUP"],       the choices that are answered the other way (see spl/choices.py)
     "search": "eval ...",
     "result": [{...}],                  all rows; null means that the field must be absent; and, or
     "fields": ["a", "b"],               the order of the fields,
     "written": {"name": [{...}]},       the lookups afterwards,
     "collected": [{...}],               what was written to indexes; or
     "error": "..."}                     part of the error's text

The time is 2023-11-14T22:13:20Z. Values are compared as Splunk writes them. If the manual prints a result, known_from
names the example; if its rows are not in the manual, the vector says so. The manual is that of Splunk 9.x and 10.0.
"""

import json
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from tests.standin.clock import Clock
from tests.standin.spl import choices, pipeline
from tests.standin.spl import run as run_search
from tests.standin.spl.host import Macro
from tests.standin.values import Results, SplError, text
from tests.standin.vectors.host import NOW, Host, Lookup

FOLDER = Path(__file__).parent


def host_of(vector):
    """The splunkd that the vector describes."""
    macros = {name: macro(stanza) for name, stanza in vector.get("macros", {}).items()}
    lookups = {
        name: Lookup(dict.fromkeys(field for row in rows for field in row), rows)
        for name, rows in vector.get("lookups", {}).items()
    }
    hours = vector.get("utc_offset_h", 0)
    zone = timezone(timedelta(hours=hours)) if hours else timezone.utc
    return Host(
        macros,
        lookups,
        vector.get("events", ()),
        vector.get("props"),
        vector.get("rest"),
        clock=Clock(lambda: float(NOW), zone),
        limits=vector.get("limits"),
        others=[getattr(choices, name) for name in vector.get("others", ())],
    )


def macro(stanza):
    args = [arg.strip() for arg in stanza.get("args", "").split(",") if arg.strip()]
    return Macro(
        stanza["definition"],
        args,
        stanza.get("iseval", False),
        stanza.get("validation", ""),
        stanza.get("errormsg", ""),
    )


def vectors():
    for file in sorted(FOLDER.glob("*.json")):
        for number, vector in enumerate(json.loads(file.read_text("utf-8")), 1):
            yield pytest.param(vector, id="%s-%d" % (file.stem, number))


def results(vector, host):
    if "given" not in vector:
        return run_search(vector["search"], host)
    given = vector["given"]
    chunk = Results(
        dict.fromkeys(field for row in given for field in row),
        [{field: value for field, value in row.items() if value is not None} for row in given],
    )
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
            results(vector, host_of(vector))
        assert vector["error"] in str(raised.value)
        return
    host = host_of(vector)
    got = results(vector, host)
    assert "result" in vector or "fields" in vector
    if "fields" in vector:
        assert got.fields == vector["fields"]
    if "result" in vector:
        same(got.rows, vector["result"])
    for name, rows in vector.get("written", {}).items():
        same(host.lookup(name).rows(), rows)
    if "collected" in vector:
        same(host.collected, vector["collected"])


def same(rows, expected):
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected):
        assert {field: written(row[field]) for field in wanted if field in row} == {
            field: written(value) for field, value in wanted.items() if value is not None
        }
