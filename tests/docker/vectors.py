"""The search language's vectors (tests/standin/vectors), run in a Splunk over its REST API.

eval makes the rows that a vector gives; its events are in an index, its lookups and macros in an app of our own. A
vector is not asked if it depends on what cannot be arranged there: the current time, a time zone, limits.conf, a
made-up endpoint, an index of a certain name.
"""

import contextlib
import json
import re
from datetime import datetime
from typing import Any, Dict, Iterator, List, NamedTuple, Optional
from urllib.parse import quote

from tests.docker.report import CHOICE, NOT_ASKED, OTHER, SAME
from tests.standin.vectors.host import NOW
from tests.standin.vectors.test_vectors import written
from tests.support.administrator import APP, Administrator

NAME = APP + "_vectors"
"""The name of the app, the index and the event collector."""
_NOT_THERE = {
    "rest": "a made-up endpoint",
    "limits": "its own limits.conf",
    "utc_offset_h": "another time zone",
    "others": "the other answer to a choice",
    "collected": "summary indexes",
}
_TIME = re.compile(r"\bnow\(\)|\btime\(\)|\brandom\(\)|\b(earliest|latest)=\"?(-|@|now|yesterday)")
_INDEX = re.compile(r"\bindex\s*=|\bsourcetype\s*=|\beventtype\s*=")
_SEARCH = re.compile(r"(^\s*|\[\s*)search\b")


class Finding(NamedTuple):
    """For the report: the vector, its result, and what differs or why it was not asked."""

    vector: str
    outcome: str
    why: str


def why_not(vector: Dict[str, Any]) -> str:
    """What the vector needs that cannot be arranged; "" if it can be asked."""
    needs = [what for key, what in _NOT_THERE.items() if key in vector]
    searches = [vector["search"], *(macro["definition"] for macro in vector.get("macros", {}).values())]
    made_now = "makeresults" in vector["search"] and '"_time"' in json.dumps(vector.get("result"))
    if made_now or "the search runs on" in vector["known_from"] or any(_TIME.search(search) for search in searches):
        needs.append("the current time")
    if "not known here" in vector.get("error", ""):
        needs.append("an error of our own stand-in")
    if "events" in vector and any(_INDEX.search(search) for search in searches):
        needs.append("its own index or source type")
    return ", ".join(needs)


def search_of(vector: Dict[str, Any], identity: str) -> str:
    """The search as it is dispatched."""
    if "given" in vector:
        return "%s | %s" % (_rows(vector["given"]), vector["search"])
    text = vector["search"].strip()
    if "events" in vector:
        text = _SEARCH.sub(lambda found: '%ssearch index="%s" source="%s"' % (found.group(1), NAME, identity), text)
    return text if text.startswith(("|", "search ")) else "| " + text


def _rows(rows: List[Dict[str, Any]]) -> str:
    """A search that makes the rows. Each field is written as its number, so that names may be odd."""
    if not rows:
        return "| makeresults | where false() | fields - _time"
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: name if name == "_time" else "c%d_" % number for number, name in enumerate(names)}
    values = [
        "%s=case(%s)"
        % (
            columns[name],
            ", ".join(
                "n_=%d, %s" % (number, _literal(row[name]))
                for number, row in enumerate(rows, 1)
                if row.get(name) is not None
            ),
        )
        for name in names
        if any(row.get(name) is not None for row in rows)
    ]
    made = "| makeresults count=%d | streamstats count AS n_" % len(rows)
    made += " | eval " + ", ".join(values) if values else ""
    made += " | fields - n_" + ("" if "_time" in names else ", _time")
    renamed = ['%s AS "%s"' % (column, name) for name, column in columns.items() if column != name]
    return made + (" | rename " + ", ".join(renamed) if renamed else "")


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return "mvappend(%s)" % ", ".join(map(_literal, value))
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"') if isinstance(value, str) else json.dumps(value)


class Examiner:
    """Runs vectors. A context manager that removes its app and index at the end."""

    def __init__(self, splunk):
        self._stack = contextlib.ExitStack()
        self._admin = Administrator(splunk.management, splunk.web, splunk.hec, splunk.password, splunk.user, NAME)
        self._service = self._admin.service

    def __enter__(self) -> "Examiner":
        self._service.post("/services/apps/local", name=NAME)
        self._service.indexes.create(NAME)
        self._service.post("data/inputs/http", name=NAME, index=NAME)
        reply = self._service.get("data/inputs/http/http%%3A%%2F%%2F%s" % NAME, output_mode="json")
        self._token = json.loads(reply.body.read())["entry"][0]["content"]["token"]
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()
        for path in ("data/inputs/http/http%%3A%%2F%%2F%s", "data/indexes/%s", "apps/local/%s"):
            self._service.delete(path % NAME)

    def index(self, vectors: Dict[str, Dict[str, Any]]) -> None:
        """Indexes the events of all vectors, a second apart, each vector's with a source named after it."""
        events = []
        for identity, vector in vectors.items():
            sourcetype = NAME + ":" + identity
            if vector.get("props"):
                self._stack.enter_context(self._stanza("props", sourcetype, vector["props"]))
            for number, event in enumerate(vector.get("events", ())):
                given = event if isinstance(event, dict) else {"_raw": event}
                events.append(
                    {
                        "time": float(given.get("_time", NOW - 1000 + number)),
                        "event": given["_raw"],
                        "source": identity,
                        "sourcetype": sourcetype,
                        "host": given.get("host", "h"),
                    }
                )
        self._admin.index_lines(self._token, [json.dumps(event).encode() for event in events])
        self._admin.wait_for_events(NAME, len(events))

    def ask(self, identity: str, vector: Dict[str, Any]) -> Finding:
        """The result of a vector whose events are indexed."""
        reason = why_not(vector)
        if reason:
            return Finding(identity, NOT_ASKED, "it needs " + reason)
        with contextlib.ExitStack() as stack:
            for name, macro in vector.get("macros", {}).items():
                stack.enter_context(self._stanza("macros", name, macro))
            for name, rows in vector.get("lookups", {}).items():
                if not name.endswith(".csv"):
                    stack.enter_context(self._stanza("transforms", name, {"filename": name + ".csv"}))
                self._results("%s | outputlookup %s" % (_rows(rows), name))
            difference = self._difference(vector, search_of(vector, identity))
        if not difference:
            return Finding(identity, SAME, "")
        outcome = CHOICE if vector["known_from"].startswith("choice:") else OTHER
        return Finding(identity, outcome, "%s (%s): %s" % (vector["about"], vector["known_from"], difference))

    def _difference(self, vector: Dict[str, Any], search: str) -> Optional[str]:
        try:
            fields, rows = self._results(search)
        except Failed as failed:
            return (
                None
                if vector.get("error", "\0") in str(failed)
                else "%s, and Splunk says: %s"
                % ("expected the error: " + vector["error"] if "error" in vector else "expected results", failed)
            )
        if "error" in vector:
            return "expected the error: %s, and Splunk gives %s" % (vector["error"], json.dumps(rows))
        if "fields" in vector and _in_order(fields) != _in_order(vector["fields"]):
            return "expected the fields %s, and Splunk gives %s" % (vector["fields"], fields)
        different = _differs(rows, vector["result"]) if "result" in vector else None
        for name, expected in vector.get("written", {}).items():
            different = different or _differs(self._results("| inputlookup " + name)[1], expected)
        return different

    def _results(self, search: str) -> tuple:
        """The fields in their order, and the rows."""
        outcome = self._admin.search(search, earliest_time="0", latest_time="")
        if outcome.failed:
            raise Failed("; ".join(text for _, text in outcome.messages))
        return self._admin.fields(outcome.sid), outcome.rows

    @contextlib.contextmanager
    def _stanza(self, conf: str, stanza: str, settings: Dict[str, Any]) -> Iterator[None]:
        """A stanza of one of the app's .conf files, which is removed afterwards."""
        self._service.post("configs/conf-" + conf, name=stanza, **{key: str(each) for key, each in settings.items()})
        yield
        self._service.delete("configs/conf-%s/%s" % (conf, quote(stanza, safe="")))


class Failed(Exception):
    """A search that Splunk refuses, or that ends with an error."""


def _in_order(fields: List[str]) -> tuple:
    """The order without internal fields, whose place is not part of the language."""
    return [name for name in fields if not name.startswith("_")], {name for name in fields if name.startswith("_")}


def _differs(rows: List[Dict[str, Any]], expected: List[Dict[str, Any]]) -> Optional[str]:
    """The difference, if any, in the fields that the vector names and the order of rows (as in
    tests/standin/vectors).
    """
    got = [{field: _shown(field, row[field]) for field in each if field in row} for row, each in zip(rows, expected)]
    wanted = [{field: _shown(field, value) for field, value in each.items() if value is not None} for each in expected]
    if len(rows) == len(expected) and got == wanted:
        return None
    return "expected %s, and Splunk gives %s" % (
        json.dumps(wanted),
        json.dumps(got if len(rows) == len(expected) else rows),
    )


def _shown(field: str, value: Any) -> Any:
    """The value as Splunk writes it. Its REST API shows _time as a date."""
    if field == "_time" and "T" in str(value):
        value = datetime.fromisoformat(value).timestamp()
    return written(value)
