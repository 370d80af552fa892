"""The alert action between a double of splunkd and Segment: what goes wrong, and what the alert's owner then reads.

splunkd copies the action's stderr to splunkd.log, and takes an exit status other than 0 as a failure. Sources: Splunk's
"Create a custom alert action script", for the payload and the results file; alert_actions.conf.spec, for maxtime,
maxresults and payload_format, which is xml by default; savedsearches.conf.spec, for action.<name>.<parameter>.
"""

import gzip
import io
import json
import os
import random
import re
import signal

import pytest

from segment_bridge.splunk import alert_action, rest
from tests.support.chunked import encode_rows
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.splunkd import DATA, NAMESPACE, PASSWORDS, SplunkdDouble

ACTION = NAMESPACE + "configs/conf-alert_actions/segment_bridge_send"
SAVED = "/servicesNS/ann/search/saved/searches/Late orders"
LETTERS, RUNS = (DATA + name + "/batch_save" for name in ("segment_dead_letters", "segment_runs"))
DEFAULTS = {"maxtime": "12m", "param.destination": "segment", "param.type": "track", "param.user": "$result.userId$"}
RESULTS = [{"userId": "u%d" % number, "_time": str(1_764_000_000 + number)} for number in range(3)]


@pytest.fixture(scope="module")
def segments():
    with FakeSegment() as server:
        yield server


@pytest.fixture
def segment(segments):
    yield segments
    segments.faults = None
    segments.requests.clear()
    segments.accepted.clear()


@pytest.fixture
def splunkd(monkeypatch, segment):
    double = SplunkdDouble()
    double.conf["segment_bridge"]["segment"] = {"url": segment.url + "/v1/batch", "timeout": "1", "max_attempts": "1"}
    double.conf["alert_actions"] = {"segment_bridge_send": dict(DEFAULTS)}
    double.saved_searches[SAVED] = {
        "action.segment_bridge_send": True,
        "action.segment_bridge_send.param.event": "Late",
    }
    double.passwords["segment"] = WRITE_KEY
    monkeypatch.setattr(rest, "connect", lambda uri, key: double.service())
    return double


@pytest.fixture
def run(monkeypatch, tmp_path, capsys, splunkd):
    """Runs the action as splunkd does. Returns its exit status, its complaints in splunkd.log, and its `run_end`."""
    (tmp_path / "var/log/splunk").mkdir(parents=True)
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path))
    file = tmp_path / "results.csv.gz"

    def start(results=RESULTS, *, arguments=("--execute",), stdin=None, **changes):
        if isinstance(results, bytes):
            file.write_bytes(results)
        elif results is not None:
            file.write_bytes(gzip.compress(encode_rows([*results[0]], results), mtime=0))
        payload = {
            "app": "search",
            "owner": "ann",
            "results_file": str(file),
            "results_link": "http://sh1:8000/app/search/@go?sid=1",
            "search_uri": SAVED.replace(" ", "+"),
            "server_host": "sh1",
            "server_uri": "https://127.0.0.1:8089",
            "session_key": "key",
            "sid": "scheduler__ann__search__1",
            "search_name": "Late orders",
            "configuration": {"destination": "segment", "event": "Late", "user": "first"},  # with the first's fields
            "result": {},
            **changes,
        }
        stdin = json.dumps(payload).encode() if stdin is None else stdin
        handler = signal.getsignal(signal.SIGTERM)
        try:
            status = alert_action.main(arguments, io.BytesIO(stdin))
        finally:
            signal.signal(signal.SIGTERM, handler)
        out, err = capsys.readouterr()
        assert out == ""
        end = (log("run_end") or [{}])[-1]
        return status, [line for line in err.splitlines() if not line.startswith("INFO ")], end

    def log(event):
        """The run log's lines of an event, as facts."""
        path = tmp_path / "var/log/splunk/segment_bridge.log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        facts = [{name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', line)} for line in lines]
        return [each for each in facts if each["event"] == event]

    start.log = log
    return start


def stop(*_):
    """Sends SIGTERM, as splunkd does when it stops."""
    os.kill(os.getpid(), signal.SIGTERM)


def at(method, path, do):
    """Does something when splunkd is asked for this."""
    return lambda *asked: do() if asked == (method, path) else None


def users(segment):
    return sorted(event.message["userId"] for event in segment.accepted.values())


def test_each_result_is_sent_and_nothing_complained_of(run, segment):
    assert run()[:2] == (0, [])
    assert users(segment) == ["u0", "u1", "u2"]


# --- What splunkd passes ---


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--execute", "x")])
def test_only_splunkd_starts_it(run, splunkd, arguments):
    said = "ERROR segment_bridge_send: only splunkd starts this program, with --execute (reason=settings)"
    assert run(arguments=arguments) == (1, [said], {})
    assert not splunkd.requests


def test_a_payload_that_is_not_json(run, splunkd):
    said = "stdin does not hold JSON: alert_actions.conf [segment_bridge_send] must have payload_format = json"
    for stdin in (b"<?xml version='1.0'?>\n<alert><session_key>secret</session_key></alert>", b"", b'{"app": "\xff"}'):
        said_to = ["ERROR segment_bridge_send: %s (reason=settings setting=payload_format)" % said]
        assert run(stdin=stdin) == (1, said_to, {})
    assert not splunkd.requests


@pytest.mark.parametrize("stdin", [b"[]", b"null", b'"secret"', b'{"configuration": ["secret"]}'])
def test_json_that_is_not_an_alert(run, splunkd, stdin):
    said = "ERROR segment_bridge_send: stdin does not hold an alert from splunkd, but other JSON (reason=splunkd)"
    assert run(stdin=stdin) == (1, [said], {})
    assert not splunkd.requests


@pytest.mark.parametrize("name", ["server_uri", "session_key", "sid", "app", "owner", "results_file"])
def test_a_payload_that_lacks_a_field(run, splunkd, name):
    fields = dict.fromkeys(["server_uri", "session_key", "sid", "app", "owner", "results_file"], "x")
    del fields[name]
    said = (
        "ERROR segment_bridge_send: stdin does not hold an alert from splunkd: it has no '%s' (reason=splunkd)" % name
    )
    assert run(stdin=json.dumps(fields).encode()) == (1, [said], {})
    assert not splunkd.requests


# --- The results ---


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"userId\nu1\n", "Not a gzipped file"),
        (gzip.compress(b"userId\nu1\n")[:-9], "Compressed file ended before the end-of-stream marker was reached"),
        (gzip.compress(b"userId\nu1\n")[:10] + b"\xff" * 20, "Error -3 while decompressing data"),
        (gzip.compress(b"userId\nu1\n")[:-8] + bytes(8), "CRC check failed"),
    ],
    ids=["missing", "plain", "cut", "garbage", "altered"],
)
def test_results_that_cannot_be_read(run, segment, splunkd, content, why):
    status, said, end = run(content)
    assert (status, end["status"]) == (1, "failed")
    (line,) = said
    assert line.startswith("ERROR segment_bridge_send: the alert's results cannot be read from /") and why in line
    assert line.endswith(" (reason=splunkd)")
    assert run.log("error")[0]["reason"] == "splunkd"
    assert [(each["status"], each["component"]) for each in splunkd.records("segment_runs")] == [
        ("failed", "segment_bridge_send")
    ]
    assert segment.requests == []


def test_results_that_are_cut_are_sent_as_far_as_they_go(run, segment, splunkd):
    lots = random.Random(1)
    results = [{"userId": "%032x" % lots.getrandbits(128)} for _ in range(700)]
    whole = gzip.compress(encode_rows(["userId"], results), mtime=0)
    status, said, end = run(whole[: len(whole) // 2])
    assert (status, end["status"]) == (1, "failed")
    assert "Compressed file ended before" in said[0]
    assert 300 < int(end["rows"]) < 400
    assert int(end["accepted"]) + int(end["unsent"]) == int(end["rows"])
    assert len(segment.accepted) == int(end["accepted"])
    assert len(splunkd.records("segment_dead_letters")) == int(end["dead_letters"]) == int(end["unsent"])


@pytest.mark.parametrize("content", [b"", b"userId,_time\n"])
def test_no_results(run, segment, content):
    status, said, end = run(gzip.compress(content))
    assert (status, said, end["status"], end["rows"]) == (0, [], "ok", "0")
    assert segment.requests == []


def test_rows_of_another_length_and_nul(run, segment):
    """Before Python 3.11, csv refuses NUL."""
    status, said, _ = run(gzip.compress(b"_time,userId,plan\n1,a\n2,b,pro,more\n3,c\0,pro\n"))
    assert (status, said) == (0, [])
    assert users(segment) == ["a", "b", "c\ufffd"]


# --- The settings ---


@pytest.mark.parametrize("unreadable", [ACTION, SAVED])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_settings_that_the_owner_may_not_read(run, segment, splunkd, unreadable, status):
    """The texts that remain have the first result's fields filled in, so they fit no other."""
    splunkd.fault = lambda method, path: status if path == unreadable else None
    exit_status, said, end = run()
    assert (exit_status, end["status"]) == (1, "failed")
    (line,) = said
    assert "send the first result alone (param.rows=first), or use the command segmentsend" in line
    assert line.endswith(" (reason=settings setting=rows)")
    assert segment.requests == []


def test_one_result_needs_no_saved_search(run, segment):
    """As with `| sendalert`, which has no saved search."""
    assert run(RESULTS[:1], search_uri="", search_name="")[:2] == (0, [])
    assert users(segment) == ["first"]


def test_a_saved_search_that_has_the_action_off(run, segment, splunkd):
    splunkd.saved_searches[SAVED]["action.segment_bridge_send"] = False
    assert run()[0] == 1
    assert run(RESULTS, configuration={"event": "Late", "user": "first", "rows": "first"})[0] == 0
    assert users(segment) == ["first"]


@pytest.mark.parametrize("unreadable", [ACTION, SAVED])
@pytest.mark.parametrize(
    ("fault", "why"), [(500, "splunkd answered 500 to "), ("cut", "splunkd cannot be reached at ")]
)
def test_settings_that_splunkd_does_not_give(run, segment, splunkd, unreadable, fault, why):
    splunkd.fault = lambda method, path: fault if path == unreadable else None
    status, said, end = run()
    assert (status, end["status"]) == (1, "failed")
    assert why in said[0] and said[0].endswith(" (reason=splunkd)")
    assert segment.requests == []


@pytest.mark.parametrize("maxtime", ["soon", "12 minutes", "-5m", "0", "0s", "1.5h"])
def test_a_maxtime_that_is_no_period(run, segment, splunkd, maxtime):
    splunkd.conf["alert_actions"]["segment_bridge_send"]["maxtime"] = maxtime
    said = 'alert_actions.conf [segment_bridge_send] maxtime must be a period such as 12m, got "%s"' % maxtime
    assert run()[:2] == (1, ["ERROR segment_bridge_send: %s (reason=settings setting=maxtime)" % said])
    assert segment.requests == []


def test_a_saved_searchs_maxtime_that_is_no_period(run, splunkd):
    splunkd.saved_searches[SAVED]["action.segment_bridge_send.maxtime"] = "soon"
    _, (line,), _ = run()
    assert (
        'the saved search\'s setting action.segment_bridge_send.maxtime must be a period such as 12m, got "soon"'
        in line
    )


@pytest.mark.parametrize(("general", "own"), [("3", None), ("10000", "2"), (None, "3")])
def test_as_many_results_as_splunk_hands_over(run, segment, splunkd, general, own):
    splunkd.conf["alert_actions"]["segment_bridge_send"].update({"maxresults": general} if general else {})
    splunkd.saved_searches[SAVED].update({"action.segment_bridge_send.maxresults": own} if own else {})
    status, (line,), end = run()
    assert (status, end["status"], end["accepted"]) == (0, "ok", "3")
    assert line == (
        "WARN segment_bridge_send: there are 3 results: Splunk hands over no more (maxresults), some may be missing "
        "(reason=maxresults)"
    )
    assert run.log("warning")[0]["reason"] == "maxresults"


def test_a_maxresults_that_is_no_number_costs_nothing(run, segment, splunkd):
    splunkd.conf["alert_actions"]["segment_bridge_send"]["maxresults"] = "many"
    assert run()[:2] == (0, [])
    assert len(segment.accepted) == 3


def test_a_field_that_the_results_do_not_have(run, splunkd):
    splunkd.saved_searches[SAVED]["action.segment_bridge_send.param.properties"] = "plan\nuserId"
    said = "WARN segment_bridge_send: the results have no field plan, which the form names (reason=no_field)"
    assert run()[:2] == (0, [said])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("too-short", "the write key of [segment] has 9 characters, Segment's have 32"),
        ("", "there is no write key of ["),
    ],
)
def test_a_dry_run_warns_of_the_write_key(run, segment, splunkd, key, said):
    splunkd.conf["segment_bridge"]["segment"] = {"region": "us"}
    splunkd.passwords["segment"] = key
    splunkd.saved_searches[SAVED]["action.segment_bridge_send.param.dryrun"] = "1"
    status, (line,), end = run()
    assert (status, end["status"], end["rehearsed"]) == (0, "ok", "3")
    assert line.startswith("WARN segment_bridge_send: " + said)
    assert splunkd.collections["segment_runs"] == {}


# --- SIGTERM ---


def test_sigterm_before_sending(run, segment, splunkd):
    splunkd.before = at("GET", PASSWORDS, stop)
    status, said, end = run()
    assert (status, end["status"]) == (1, "cancelled")
    assert said == [
        "ERROR segment_bridge_send: splunkd ended the action before all of its results were read (reason=cancelled)"
    ]
    assert segment.requests == []


def test_sigterm_while_sending_keeps_the_rest(run, segment, splunkd):
    splunkd.conf["segment_bridge"]["segment"].update(max_batch_events="1", concurrency="1")
    segment.faults = stop
    status, said, end = run()
    assert (status, end["status"]) == (1, "cancelled")
    assert int(end["accepted"]) + int(end["unsent"]) == 3 and end["unsent"] != "0"
    assert 'events did not reach destination "segment": %s unsent (cancelled)' % end["unsent"] in said[0]
    kept = [(each["status"], each["reason"]) for each in splunkd.records("segment_dead_letters")]
    assert kept == [("unsent", "cancelled")] * int(end["unsent"])


def test_sigterm_while_dead_letters_are_kept(run, segment, splunkd):
    segment.down()
    splunkd.before = at("POST", LETTERS, stop)
    try:
        status, _, end = run()
    finally:
        segment.up()
    assert (status, end["status"], end["dead_letters"], end["dead_letters_lost"]) == (1, "cancelled", "3", "0")
    assert len(splunkd.records("segment_dead_letters")) == 3


@pytest.mark.parametrize("ledger", [False, True])
def test_sigterm_when_all_is_sent(run, segment, splunkd, ledger):
    splunkd.conf["segment_bridge"]["segment"]["ledger"] = str(ledger)
    splunkd.before = at("POST", DATA + "segment_ledger/batch_save" if ledger else RUNS, stop)
    status, said, end = run()
    assert (status, said, end["status"], end["accepted"]) == (0, [], "ok", "3")
    assert len(splunkd.records("segment_runs")) == 1
    assert len(splunkd.records("segment_ledger")) == ledger


# --- What is unforeseen ---


def test_an_unforeseen_error_shows_only_its_type_and_place(run, segment, splunkd):
    splunkd.conf["segment_bridge"]["segment"]["region"] = ["secret"]  # splunkd returns texts
    status, (line,), end = run()
    assert (status, end["status"]) == (1, "failed")
    assert line.startswith("ERROR segment_bridge_send: internal error: AttributeError in segment_bridge.settings:")
    assert "secret" not in line + str(run.log("error"))
    assert segment.requests == []
