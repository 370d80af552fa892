"""`segmentsend` without faults: what it sends, what it returns, and what it reports."""

from __future__ import annotations

import inspect
import json
import re
import sys
import time

import pytest
from splunklib.searchcommands import Option, StreamingCommand

from segment_bridge.splunk.command import SegmentSend
from tests.conftest import ROOT
from tests.integration.chunked import Command, run
from tests.integration.invariants import check, check_all_there, ids, rows, statuses
from tests.support.fakes.segment import WRITE_KEY


@pytest.fixture
def log_lines(segmentsend):
    """The run log's lines, as facts."""
    path = segmentsend.splunk_home / "var/log/splunk/segment_bridge.log"

    def lines():
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [{name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', line)}
                for line in text.splitlines()]  # fmt: skip

    return lines


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("chunk_rows", [1, 7, 1_000])
def test_rows_are_sent_once_and_returned_with_their_outcome(segmentsend, segment, chunk_rows):
    sent = rows(20)
    result = segmentsend(sent, chunk_rows=chunk_rows)
    check(result, sent, segment)
    check_all_there(sent, segment)
    row = result.rows[0]
    assert {name: value for name, value in row.items() if name.startswith("segment_")} == {
        "segment_status": "accepted",
        "segment_http": "200",
        "segment_message_id": "id-00000",
        "segment_bytes": str(len(segment.accepted["id-00000"].raw.encode())),
        "segment_batch": "1",
        "segment_attempts": "1",
    }
    assert (result.exit_code, result.stderr, result.texts("ERROR"), result.texts("WARN")) == (0, "", [], [])


def test_an_identify_call_has_traits_from_columns(segmentsend, segment):
    """As the search assistant's example: | inputlookup ... | rename ... AS traits.email | eval type="identify"."""
    segmentsend([{"type": "identify", "userId": "7", "traits.email": "a@example.com", "traits.tags": ["x", "y"]}])
    (event,) = segment.accepted.values()
    traits = {"email": "a@example.com", "tags": ["x", "y"]}
    assert event.message == {"type": "identify", "userId": "7", "traits": traits, "messageId": event.message_id}


def test_rows_without_ids_are_sent_once_over_two_runs(segmentsend, segment):
    sent = [{"_time": "1764000000", "userId": "1", "event": "x"}] * 5
    for _ in range(2):
        assert statuses(segmentsend(sent)) == {"accepted": 5}
    assert len(segment.accepted) == len(segment.duplicates) == 5


def test_rows_without_a_time_are_new_events_in_another_window(segmentsend, segment):
    """For example a daily count, whose id would be the same each day: Segment would take it for a repeat."""
    sent = [{"userId": "7", "event": "Daily summary", "properties": '{"count":3}'}]
    first, second = ("1764000000.000", "1764086400.000"), ("1764086400.000", "1764172800.000")
    for window in (first, second, second):
        segmentsend.searchinfo.update(earliest_time=window[0], latest_time=window[1])
        result = segmentsend(sent)
        assert statuses(result) == {"accepted": 1} and not result.texts("WARN")
    assert (len(segment.accepted), len(segment.duplicates)) == (2, 1)


@pytest.mark.parametrize("latest", ["0", "2147483647", "inf"])
def test_rows_without_a_time_in_a_search_without_a_window_give_a_warning(segmentsend, segment, latest):
    segmentsend.searchinfo.update(latest_time=latest)
    sent = [{"userId": "7", "event": "Daily summary"}] * 2 + [{"userId": "7", "event": "x", "_time": "1764000000"}]
    result = segmentsend(sent)
    assert "2 rows have no messageId, _time or timestamp, and the search has no time window" in " ".join(
        result.texts("WARN")
    )
    assert len(segment.accepted) == 3


def test_a_derived_id_does_not_depend_on_the_order_of_columns(segmentsend):
    row = {"userId": "7", "event": "x", "properties.a": "1", "properties.b": "2"}
    (first,) = segmentsend([row], "dryrun=true").rows
    (second,) = segmentsend([dict(reversed(row.items()))], "dryrun=true").rows
    assert first["segment_message_id"] == second["segment_message_id"]


def test_columns_that_look_like_mistakes_are_named_once(segmentsend):
    sent = [{"user_id": "7", "event": "x", "messageId": f"m-{number}"} for number in range(9)]
    result = segmentsend(sent, chunk_rows=2)
    (warning,) = [text for text in result.texts("WARN") if "columns" in text]
    assert warning.endswith(
        "some columns are not sent, but look like misspelled ones: user_id (userId?) (reason=columns)"
    )


def test_at_most_ten_such_columns_are_named(segmentsend):
    result = segmentsend(
        [{"userId": "7", "event": "x", "messageId": "m", **{f"c{number}": "1" for number in range(12)}}]
    )
    (warning,) = result.texts("WARN")
    assert warning.endswith("c8 (properties.c8?), c9 (properties.c9?) and 2 more (reason=columns)")


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(segmentsend, segment, log_lines):
    sent = [*rows(30), *rows(1), rows(1, userId="")[0]]
    result = segmentsend(sent, "dryrun=true", "payload=true", "max_batch_events=20")
    assert statuses(result) == {"dryrun": 30, "duplicate": 1, "rejected": 1}
    assert not segment.requests
    assert json.loads(result.rows[0]["segment_payload"])["messageId"] == "id-00000"
    assert "32 rows: 1 rejected, 1 duplicate, 30 dryrun; nothing was sent" in " ".join(result.texts("INFO"))
    assert {row["segment_attempts"] for row in result.rows} == {"0"}
    assert {line["dryrun"] for line in log_lines()} == {"true"}
    assert log_lines()[-1]["rehearsed"] == "30"
    assert {name: log_lines()[-1][name] for name in ("requests", "retries", "bytes", "wire_bytes")} == dict.fromkeys(
        ("requests", "retries", "bytes", "wire_bytes"), "0"
    )
    assert all(line["attempts"] == "0" for line in log_lines() if line["event"] == "batch")


def test_the_payload_is_the_text_that_was_sent(segmentsend, segment):
    result = segmentsend(rows(5), "payload=true")
    assert [row["segment_payload"] for row in result.rows] == [event.raw for event in segment.accepted.values()]


@pytest.mark.usefixtures("started")
def test_a_search_without_rows_says_so_and_sends_no_requests(segmentsend, segment, log_lines):
    result = segmentsend([])
    assert (result.exit_code, result.rows) == (0, [])
    assert "0 rows; 0 requests" in " ".join(result.texts("INFO"))
    assert not segment.requests
    assert [line["event"] for line in log_lines()] == ["run_start", "run_end"]
    assert log_lines()[-1]["status"] == "ok"


@pytest.mark.usefixtures("started")
def test_a_search_that_is_only_parsed_is_not_a_run(segmentsend, log_lines):
    with segmentsend.start() as command:
        command.getinfo()
        assert command.finish().exit_code == 0
    assert log_lines() == []


@pytest.mark.usefixtures("started")
def test_a_preview_passes_through_and_sends_nothing(segmentsend, segment, log_lines):
    sent = rows(5)
    with segmentsend.start() as command:
        command._getinfo["preview"] = True
        result = run(command, sent, chunk_rows=2)
    assert result.rows == sent
    assert not segment.requests and not log_lines()


@pytest.mark.usefixtures("started")
def test_a_search_that_is_only_parsed_does_nothing(segmentsend, splunkd, log_lines):
    splunkd.requests.clear()
    with segmentsend.start() as command:
        assert command.getinfo().metadata["type"] == "stateful"
        result = command.finish()
    assert (result.exit_code, result.stderr) == (0, "")
    assert not splunkd.requests


def test_the_run_log_contains_the_run_its_batches_and_each_reason(segmentsend, log_lines):
    sent = [*rows(50), *rows(2, userId="", messageId="a"), *rows(1, event="", messageId="b"), *rows(1)]
    segmentsend(sent, "max_batch_events=20")
    start, *batches, first, second, third, end = log_lines()
    common = {"component": "segmentsend", "sid": "1764000000.1", "destination": "segment"}
    assert all(common.items() <= line.items() for line in log_lines())
    assert start["event"] == "run_start" and start["app"] == "search" and start["dryrun"] == "false"
    batches.sort(key=lambda line: line["batch"])
    assert [(line["event"], line["batch"], line["events"], line["accepted"]) for line in batches] == [
        ("batch", "1", "20", "20"), ("batch", "2", "20", "20"), ("batch", "3", "10", "10")]  # fmt: skip
    assert (first["event"], first["reason"], first["count"]) == ("rejection", "no_user_anon_id", "2")
    assert (second["event"], second["reason"], second["count"]) == ("rejection", "event_not_defined", "1")
    assert (third["event"], third["reason"], third["count"]) == ("outcome", "duplicate", "1")
    expected = {"event": "run_end", "status": "ok", "rows": "54", "accepted": "50", "rejected": "3", "failed": "0",
                "unsent": "0", "duplicate": "1", "requests": "3", "retries": "0", "dryrun": "false"}  # fmt: skip
    assert expected.items() <= end.items()
    assert int(end["bytes"]) > int(end["wire_bytes"]) > 0
    assert {"waited_s", "duration_s", "earliest", "latest"} <= end.keys()


def test_rejections_are_a_warning_with_an_example(segmentsend):
    result = segmentsend([*rows(3), *rows(2, event="", userId="1")], chunk_rows=4)
    assert result.exit_code == 0
    assert result.texts("WARN") == [
        "segmentsend: 2 rejected, event_not_defined: event is empty (for example, messageId id-00000)"
    ]


def test_failures_can_be_just_a_warning(segmentsend, segment):
    segment.down()
    result = segmentsend(rows(5), "onfail=warn", "max_attempts=1")
    assert result.exit_code == 0 and not result.texts("ERROR")
    assert "5 of 5 events did not reach destination" in " ".join(result.texts("WARN"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["timeout=soon"], 'timeout must be a number from 0.1 to 600, got "soon" (reason=settings setting=timeout)'),
        (["onfail=ignore"], "segmentsend option onfail must be error or warn"),
        (["destination=elsewhere"], "has no stanza [elsewhere]; it has [segment]"),
        (["url=https://example.com"], 'segmentsend has no option "url"; it has destination, dryrun, onfail'),
        (["dryrun"], 'segmentsend takes options such as dryrun=true, got "dryrun"'),
        (['dryrun=""'], "segmentsend option dryrun is empty: give it a value"),
        (["dryrun="], "segmentsend option dryrun is empty: give it a value"),
        (["dryrun=true", "dryrun=false"], "segmentsend option dryrun is given twice"),
        (['"dryrun=true"', 'dryrun="true"'], "segmentsend option dryrun is given twice"),
    ],
)
def test_a_bad_argument_ends_the_search_before_anything_is_sent(segmentsend, segment, arguments, says):
    result = segmentsend(rows(3), *arguments)
    assert says in " ".join(result.texts("ERROR"))
    assert not segment.requests and not result.rows


EVALUATED = """
[loggers]
keys = root
[handlers]
keys = door
[formatters]
keys =
[logger_root]
handlers = door
[handler_door]
class = StreamHandler
args = (open({trace!r}, "w"),)
"""
SPLUNKLIBS_OWN = """
import sys
sys.path.insert(0, {libraries!r})
from splunklib.searchcommands import Configuration, Option, StreamingCommand

@Configuration(distributed=False)
class Plain(StreamingCommand):
    def stream(self, rows):
        return rows

Plain().process()
"""


@pytest.fixture
def door(tmp_path):
    """A file that leaves a trace if it is evaluated, and that trace."""
    file, trace = tmp_path / "door.conf", tmp_path / "trace"
    file.write_text(EVALUATED.format(trace=str(trace)))
    return file, trace


def test_splunklib_evaluates_the_file_that_a_search_names(door, segmentsend, tmp_path):
    """The next test relies on this. logging.config.fileConfig evaluates the arguments of handlers."""
    file, trace = door
    script = tmp_path / "plain.py"
    script.write_text(SPLUNKLIBS_OWN.format(libraries=str(ROOT / "build/lib")))
    with Command([sys.executable, script], [f"logging_configuration={file}"], segmentsend.searchinfo, {}) as command:
        command.getinfo()
    assert trace.exists()


SPLUNKLIBS = sorted(name for name, _ in inspect.getmembers(StreamingCommand, lambda each: isinstance(each, Option)))


@pytest.mark.parametrize("name", [*SPLUNKLIBS, "no_such_option"])
@pytest.mark.parametrize("spelling", [str, str.upper, str.title])
def test_splunklibs_own_options_are_refused_before_they_are_set(segmentsend, door, name, spelling):
    file, trace = door
    before = sorted(segmentsend.splunk_home.rglob("*"))
    with segmentsend.start(f"{spelling(name)}={file}") as command:
        reply = command.getinfo()
        result = command.finish()
    assert f'segmentsend has no option "{spelling(name)}"' in reply.metadata["error"]
    assert (result.exit_code, result.stderr) == (1, "")
    assert not trace.exists() and sorted(segmentsend.splunk_home.rglob("*")) == before


def test_splunklib_sees_no_option():
    assert {"logging_configuration", "logging_level", "record", "show_configuration"} <= {*SPLUNKLIBS}
    assert not SegmentSend().options


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("url", "http://example.com/v1/batch", "url must be a URL that begins with https://"),
        ("gzip", "perhaps", "gzip must be true or false"),
        ("max_batch_byte", "1", "which is not a setting"),
        ("disabled", "1", "is disabled"),
        ("disabled", True, "is disabled"),
        ("ca_file", "/nowhere/ca.pem", "ca_file /nowhere/ca.pem cannot be used"),
        ("ca_file", "/nowhere/ca.pem", "(reason=settings setting=ca_file)"),
    ],
)
def test_a_bad_setting_ends_the_search_before_anything_is_sent(segmentsend, segment, splunkd, name, value, says):
    splunkd.conf["segment_bridge"]["segment"][name] = value
    result = segmentsend(rows(3))
    assert says in " ".join(result.texts("ERROR"))
    assert not segment.requests and not result.rows


def test_without_a_key_only_a_dry_run_is_possible(segmentsend, segment, splunkd):
    del splunkd.passwords["segment"]
    result = segmentsend(rows(3))
    assert "there is no write key of [segment] in the password store" in " ".join(result.texts("ERROR"))
    assert statuses(segmentsend(rows(3), "dryrun=true")) == {"dryrun": 3}
    assert not segment.requests


def test_a_key_of_an_odd_length_gives_a_warning_for_segment(segmentsend, splunkd):
    settings = splunkd.conf["segment_bridge"]["segment"]
    settings["region"] = "us"
    del settings["url"]
    splunkd.passwords["segment"] = WRITE_KEY[:20]
    result = segmentsend(rows(1), "dryrun=true")
    assert "the write key of [segment] has 20 characters, Segment's have 32" in " ".join(result.texts("WARN"))


def test_each_worker_keeps_one_connection_and_one_worker_keeps_the_order(segmentsend, segment):
    sent = rows(300)
    segmentsend(sent, "max_batch_events=10", "concurrency=1")
    assert {exchange.connection for exchange in segment.requests} == {1}
    assert list(segment.accepted) == [row["messageId"] for row in sent]
    segment.accepted.clear()
    segmentsend(sent, "max_batch_events=10", "concurrency=3")
    assert 1 < len({exchange.connection for exchange in segment.requests}) <= 4
    assert segment.accepted.keys() == ids(sent)


def test_segment_sees_the_key_only_in_the_header(segmentsend, segment):
    segmentsend(rows(3))
    assert all(WRITE_KEY not in event.raw for event in segment.accepted.values())
    assert all("writeKey" not in exchange.facts["envelope"] for exchange in segment.requests)


def test_a_destinations_additions_go_into_each_event_and_an_option_overrides_them(segmentsend, segment, splunkd):
    settings = splunkd.conf["segment_bridge"]["segment"]
    settings["context"] = '{"consent":{"categoryPreferences":{"Ads":false}}}'
    settings["integrations"] = '{"All":true}'
    segmentsend(rows(2), 'integrations={"All": false, "Mixpanel": true}')
    for event in segment.accepted.values():
        assert event.message["context"] == {"consent": {"categoryPreferences": {"Ads": False}}, "userAgent": "kubectl"}
        assert event.message["integrations"] == {"All": False, "Mixpanel": True}


def test_accepted_events_are_recorded_by_name_for_receipts(segmentsend, splunkd):
    segmentsend.searchinfo.update(earliest_time="1764000000.000", latest_time="1764003600.000")
    segmentsend([*rows(3), *({**row, "messageId": "r" + row["messageId"], "event": "Release done"} for row in rows(2))])
    (run,) = splunkd.collections["segment_runs"].values()
    assert [entry[1:] for entry in json.loads(run["events"])] == [["Component created", 3], ["Release done", 2]]
    assert (run["earliest"], run["latest"]) == (1764000000.0, 1764003600.0)


@pytest.mark.parametrize(("app", "left"), [("segment_bridge", {"new"}), ("search", {"old", "new"})])
def test_runs_of_the_apps_own_searches_delete_expired_records(segmentsend, splunkd, app, left):
    fields = {"segment_activity": "time", "segment_pull_requests": "time", "segment_backfill": "updated"}
    for name, field in fields.items():
        times = {"old": time.time() - 401 * 86_400, "new": time.time() - 86_400}
        splunkd.collections[name] = {key: {"_key": key, field: when} for key, when in times.items()}
    segmentsend.searchinfo["app"] = app
    segmentsend(rows(1))
    assert {name: set(splunkd.collections[name]) for name in fields} == dict.fromkeys(fields, left)


def test_events_beyond_unifys_limits_are_sent_with_a_warning(segmentsend, segment):
    sent = [{**row, "userId": "7"} for row in rows(26)]
    many = json.dumps({str(number): number for number in range(301)})
    result = segmentsend([*sent, {"userId": "8", "event": "x", "messageId": "many", "properties": many}])
    assert statuses(result) == {"accepted": 27} and len(segment.accepted) == 27
    warnings = " ".join(result.texts("WARN"))
    assert "1 events have more than 300 properties" in warnings and "more than 25 events of one profile" in warnings


def test_an_oauth_destination_without_its_private_key(segmentsend, segment, splunkd):
    splunkd.conf["segment_bridge"]["segment"].update(region="us", oauth_app_id="app", oauth_key_id="kid")
    result = segmentsend(rows(1))
    assert "there is no private key of [segment] in the password store" in " ".join(result.texts("ERROR"))
    splunkd.passwords.update({"segment:oauth": "x" * 255, "segment:oauth#2": "y"})
    result = segmentsend(rows(1))
    assert "it is not an RSA private key" in " ".join(result.texts("ERROR")) and not segment.requests
