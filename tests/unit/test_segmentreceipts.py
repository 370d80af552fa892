"""The search command segmentreceipts, between a double of splunkd and whatever answers for Segment's Public API."""

import datetime
import json
import time

import pytest

from segment_bridge import exchange
from segment_bridge.splunk.receipts import SegmentReceipts
from tests.support.commands import search
from tests.support.splunkd import CONFS, DATA

RECEIVED, FAILED, FILTERED = (
    "/delivery-overview/" + name for name in ("successfully-received", "failed-on-ingest", "filtered-at-source")
)
VOLUME = "/events/volume"
HOUR = int(time.time()) // 3_600 * 3_600 - 3_600


@pytest.fixture
def splunkd(splunkd):
    splunkd.conf["segment_bridge"].update(
        (name, {"region": "us", "source_id": "src-" + name}) for name in ("one", "two")
    )
    splunkd.conf["segment_bridge"]["three"] = {"region": "us"}
    splunkd.passwords.update({"one:api": "token-of-one", "two:api": "token-of-two"})
    return splunkd


def source(is_enabled=True):
    return {"source": {"id": "x", "name": "Konflux", "enabled": is_enabled}}


def counts(rows, **numbers):
    """Counts of an hour, by event name."""
    moment = datetime.datetime.fromtimestamp(HOUR, datetime.timezone.utc).isoformat()
    return {
        rows: [
            {"eventName": name, "discardReason": "", "series": [{"time": moment, "count": number}]}
            for name, number in numbers.items()
        ]
    }


@pytest.fixture(autouse=True)
def api(monkeypatch):
    """The answers of the API by path: data, or a status and a message."""
    known = {
        "/sources/src-one": source(),
        "/sources/src-two": source(),
        RECEIVED: counts("dataset", Build=3),
        FAILED: counts("dataset", Build=1),
        FILTERED: counts("dataset", Build=2),
        VOLUME: counts("result", Build=4),
    }

    class Asker:
        def __init__(self, way, service, secrets=(), most_bytes=0):
            pass

        def ask(self, method, url, headers):
            path = url.partition("segmentapis.com")[2].partition("?")[0]
            answer = known[path](headers) if callable(known[path]) else known[path]
            status, content = (200, {"data": answer}) if isinstance(answer, dict) else (answer[0], _errors(answer[1]))
            return exchange.Said(status, "", {}, json.dumps(content).encode())

    monkeypatch.setattr(exchange, "Asker", Asker)
    return known


def _errors(text):
    return {"errors": [{"type": "x", "message": text}]}


def of_one(answer, other):
    """An answer to the token of the destination "one", and another to that of "two"."""
    return lambda headers: answer if headers["Authorization"].endswith("one") else other


@pytest.fixture
def ask(splunkd, tmp_path):
    """Each destination's counts, by event; and the warnings that the user sees."""

    def run(*names):
        found = search(SegmentReceipts, [{"destination": name} for name in names] or [{"x": "1"}])
        assert found.error == ""
        assert all(level == "WARN" for level, _ in found.messages)
        columns = ("received", "discarded", "filtered")
        rows = {row["destination"]: tuple(int(row[column]) for column in columns) for row in found.rows}
        return rows, [text for _, text in found.messages]

    run.log = lambda: (tmp_path / "var/log/splunk/segment_bridge.log").read_text(encoding="utf-8")
    return run


ALL = {"one": (3, 1, 2), "two": (3, 1, 2)}


def test_all_destinations_that_have_a_source_are_asked_about(ask, splunkd):
    assert ask() == (ALL, [])
    assert {each["destination"] for each in splunkd.records("segment_receipts")} == {"one", "two"}


@pytest.mark.parametrize("argument", ["destination=one", "one", "{x}"])
def test_it_takes_no_arguments(splunkd, argument):
    found = search(SegmentReceipts, [{"destination": "one"}], argument)
    assert found.error == "segmentreceipts takes no arguments: the field destination says what to ask for"
    assert found.rows == [] and not splunkd.requests


def test_a_preview_asks_nothing(splunkd):
    """Splunk shows previews of a search that is still running (commands.conf.spec, run_in_preview)."""
    assert search(SegmentReceipts, [{"destination": "one"}], preview=True) == ([], [], "")
    assert not splunkd.requests


@pytest.mark.parametrize("fault", [500, "cut"])
def test_splunkd_does_not_list_the_destinations(splunkd, fault):
    splunkd.fault = lambda method, path: fault if path == CONFS + "segment_bridge" else None
    found = search(SegmentReceipts, [{"x": "1"}])
    assert found.error.startswith("splunkd ") and found.error.endswith(" (reason=splunkd)")


def test_a_destination_without_a_source_is_named_if_somebody_asked_for_it(ask):
    text = (
        "segmentreceipts: segment_bridge.conf [three] has no source_id: set it, so that Segment can be asked about it"
    )
    assert ask("three", "two") == ({"two": ALL["two"]}, [text + " (reason=settings setting=source_id)"])


@pytest.mark.parametrize("status", [403, 404, 422])
def test_counts_in_beta_that_segment_refuses(ask, api, status):
    """Then there is only the number of the events received, from the stable part of the API."""
    for path in (RECEIVED, FAILED, FILTERED):
        api[path] = (status, "not in your plan")
    assert ask() == ({"one": (4, 0, 0), "two": (4, 0, 0)}, [])
    assert ask.log().count("Segment's Public API answered %d: not in your plan. To do: " % status) == 6


def test_a_token_that_stops_being_valid(ask, api, splunkd):
    ask()
    before = splunkd.records("segment_receipts")
    api[FAILED] = of_one((401, "The token {0} is not valid"), counts("dataset", Build=1))
    rows, (text,) = ask()
    assert rows == {"two": ALL["two"]}
    assert "answered 401: The token (0) is not valid. To do: make a token in Segment" in text
    assert text.endswith(" (reason=api_token)")
    assert " ERROR event=error component=segmentreceipts " in ask.log()
    kept = [each for each in splunkd.records("segment_receipts") if each["destination"] == "one"]
    assert kept == [each for each in before if each["destination"] == "one"] != []


@pytest.mark.parametrize(("status", "name", "code"), [(401, "token", "api_token"), (404, "source", "no_source")])
def test_a_source_that_segment_does_not_give(ask, api, splunkd, status, name, code):
    api["/sources/src-one"] = (status, "no")
    rows, (text,) = ask()
    assert rows == {"two": ALL["two"]}
    assert "Segment's Public API answered %d: no. To do: " % status in text
    (check,) = [each for each in splunkd.records("segment_checks") if each["destination"] == "one"]
    assert (check["check"], check["status"], check["code"]) == (name, "warn", code)


def test_an_answer_about_the_source_that_is_none(ask, api, splunkd):
    api["/sources/src-one"] = {"html": "Sign in"}
    assert ask() == (ALL, [])
    (check,) = [each for each in splunkd.records("segment_checks") if each["destination"] == "one"]
    assert (check["check"], check["status"], check["code"]) == ("source", "unknown", "unexpected_body")
    assert check["text"].endswith("is a proxy in between?")


def test_a_source_that_is_disabled_is_asked_about_all_the_same(ask, api, splunkd):
    api["/sources/src-one"] = source(is_enabled=False)
    assert ask("one") == ({"one": ALL["one"]}, [])
    assert "reason=source_disabled" in ask.log()


def test_a_missing_token(ask, splunkd):
    del splunkd.passwords["one:api"]
    rows, (text,) = ask()
    assert rows == {"two": ALL["two"]}
    assert (
        'there is no token of the Public API for [one] in the password store: save it as realm "segment_bridge"' in text
    )


@pytest.mark.parametrize("collection", ["segment_receipts", "segment_runs"])
def test_a_collection_that_refuses(ask, splunkd, collection):
    splunkd.fault = lambda method, path: (403, "no") if path.startswith(DATA + collection) else None
    rows, texts = ask()
    assert rows == {}
    assert ["collection %s: splunkd answered 403" % collection in text for text in texts] == [True, True]


@pytest.mark.parametrize("status", [403, 500])
def test_checks_that_cannot_be_kept_cost_nothing(ask, splunkd, monkeypatch, status):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    splunkd.fault = lambda method, path: status if path.startswith(DATA + "segment_checks") else None
    assert ask() == (ALL, [])


def test_an_unforeseen_error_leaves_the_other_destinations(ask, splunkd):
    splunkd.conf["segment_bridge"]["one"]["region"] = ["secret"]  # splunkd returns texts
    rows, (text,) = ask()
    assert rows == {"two": ALL["two"]}
    assert text.startswith("segmentreceipts: internal error: AttributeError in segment_bridge.settings:")
    assert "secret" not in text + ask.log()
