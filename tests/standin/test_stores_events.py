"""Indexed events: their times, their length, and the order in which searches find them."""

from datetime import timezone
from zoneinfo import ZoneInfo

import pytest

from tests.standin.clock import Clock
from tests.standin.refusal import Refusal
from tests.standin.stores.conf import Confs
from tests.standin.stores.events import Event, Events, lines
from tests.standin.stores.timestamps import extracted_time

INDEXES = "[main]\n[other]\n[_internal]\n[off]\ndisabled = 1\n[volume:v]\n"


@pytest.fixture
def events(tmp_path):
    (tmp_path / "system" / "default").mkdir(parents=True)
    (tmp_path / "apps").mkdir()
    (tmp_path / "system" / "default" / "indexes.conf").write_text(INDEXES)
    (tmp_path / "system" / "default" / "props.conf").write_text("[cut]\nTRUNCATE = 5\n[whole]\nTRUNCATE = 0\n")
    events = Events(tmp_path / "events.db", Confs(tmp_path), Clock())
    yield events
    events.close()


def event(raw="x", seconds=1000.0, index="main", sourcetype="st"):
    return Event(raw, seconds, index, "h", "s", sourcetype)


def found(events, *indexes, earliest=None, latest=None):
    return [row["_raw"] for row in events.scan(indexes, earliest, latest)]


class TestIndexing:
    @pytest.mark.parametrize(
        ("sourcetype", "raw", "kept"),
        [
            ("cut", "123456", "12345"),
            ("cut", "1234ü", "1234"),
            ("whole", "x" * 20_000, "x" * 20_000),
            ("any", "x" * 20_000, "x" * 10_000),
        ],
    )
    def test_an_event_is_cut_at_truncate_bytes(self, events, sourcetype, raw, kept):
        events.add([event(raw, sourcetype=sourcetype)])
        assert found(events, "main") == [kept]

    @pytest.mark.parametrize("index", ["none", "off", "volume:v"])
    def test_an_unknown_index_rejects_the_whole_batch(self, events, index):
        with pytest.raises(Refusal, match=index):
            events.add([event(), event(index=index)])
        assert found(events, "main") == []

    def test_events_are_dropped_by_index(self, events):
        events.add([event("a"), event("b", index="other")])
        events.drop("main")
        assert (found(events, "*"), events.count("main"), events.count("other")) == (["b"], 0, 1)


class TestScanning:
    def test_the_newest_come_first_and_among_equals_the_last_indexed(self, events):
        events.add([event("a", 1), event("b", 3), event("c", 2), event("d", 3)])
        assert found(events, "main") == ["d", "b", "c", "a"]

    def test_a_range_includes_its_beginning_and_not_its_end(self, events):
        events.add([event(str(number), number) for number in range(5)])
        assert found(events, "main", earliest=1, latest=3) == ["2", "1"]

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [("main", ["a"]), ("*", ["a", "b"]), ("o*", ["b"]), ("_*", ["c"]), ("_internal", ["c"]), ("none", [])],
    )
    def test_a_wildcard_matches_internal_indexes_only_with_an_underscore(self, events, pattern, expected):
        events.add([event("a"), event("b", 999, "other"), event("c", 998, "_internal")])
        assert found(events, pattern) == expected


class TestTimes:
    @pytest.mark.parametrize(
        ("props", "raw", "seconds"),
        [
            ({}, "2026-11-24T01:02:03Z x", 1795482123),
            ({}, "at 2026-11-24T01:02:03.25+01:00", 1795478523.25),
            ({}, "11-24-2026 01:02:03.456 +0000 INFO", 1795482123.456),
            ({}, "nothing", 7),
            (
                {"TIME_PREFIX": '"when":"', "TIME_FORMAT": "%Y-%m-%dT%H:%M:%S%z"},
                '{"at":"2026-11-24T00:00:00Z","when":"2026-11-24T01:02:03Z"}',
                1795482123,
            ),
            ({"TIME_FORMAT": "%s"}, "1795482123 x", 1795482123),
            ({"TIME_FORMAT": "%s"}, "x 1795482123", 7),
            ({"TIME_PREFIX": "none"}, "2026-11-24T01:02:03Z", 7),
            ({"DATETIME_CONFIG": "CURRENT"}, "2026-11-24T01:02:03Z", 7),
            ({"TIME_PREFIX": "^", "MAX_TIMESTAMP_LOOKAHEAD": "10"}, "2026-11-24T01:02:03Z", 7),
            ({}, "x" * 128 + "2026-11-24T01:02:03Z", 7),
            ({}, "2026-13-24T01:02:03Z", 7),
        ],
    )
    def test_the_time_of_a_text(self, props, raw, seconds):
        assert extracted_time(raw, props, 7, timezone.utc) == seconds

    def test_a_time_without_a_zone_is_in_the_servers(self):
        props, berlin = {"TIME_FORMAT": "%Y-%m-%d %H:%M:%S"}, ZoneInfo("Europe/Berlin")
        assert extracted_time("2026-11-24 02:02:03", props, 7, berlin) == 1795482123
        assert extracted_time("2026-11-24T01:02:03Z", {}, 7, berlin) == 1795482123

    def test_an_unknown_format_is_an_error(self):
        with pytest.raises(Refusal, match="%B"):
            extracted_time("x", {"TIME_FORMAT": "%B"}, 7, timezone.utc)


class TestLines:
    def test_the_first_group_matches_the_separator(self):
        assert lines("a\r\n\nb\n", {}) == ["a", "b"]
        assert lines("<1>a<2>b", {"LINE_BREAKER": r"()(?=<)"}) == ["<1>a", "<2>b"]
        assert lines("a;b;;c", {"LINE_BREAKER": "(;+)"}) == ["a", "b", "c"]

    def test_merging_of_lines_is_refused(self):
        with pytest.raises(Refusal, match="SHOULD_LINEMERGE"):
            lines("a", {"SHOULD_LINEMERGE": "true"})
