"""splunkd's own log files are in _internal, each line once."""

import time

import pytest

HEAD = "[source::...app.log*]\nsourcetype = app:log\n[app:log]\nTIME_FORMAT = %Y-%m-%d %H:%M:%S.%3N %z\n"


@pytest.fixture
def log(splunkd):
    app = splunkd.etc / "apps" / "one" / "default"
    app.mkdir(parents=True)
    (app / "props.conf").write_text(HEAD)
    (app.parent / "metadata").mkdir()
    (app.parent / "metadata" / "default.meta").write_text("[props]\nexport = system\n")
    splunkd.monitor.stop()
    return splunkd.logs.folder / "app.log"


@pytest.fixture
def read(splunkd, log):
    """The indexed lines, from the first on."""

    def lines():
        splunkd.monitor.poll()
        found = [event for event in splunkd.events.scan(["_internal"], None, None) if "app.log" in event["source"]]
        return [event["_raw"] for event in sorted(found, key=lambda event: int(event["_cd"].partition(":")[2]))]

    return lines


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def test_lines_are_indexed_with_their_source_type_and_time(splunkd, log, read):
    append(log, "2026-11-24 01:02:03.456 +0000 INFO event=x\n")
    assert read() == ["2026-11-24 01:02:03.456 +0000 INFO event=x"]
    (event,) = [event for event in splunkd.events.scan(["_internal"], None, None) if event["source"] == str(log)]
    assert (event["sourcetype"], event["_time"]) == ("app:log", "1795482123.456")


def test_each_line_is_indexed_once_and_only_when_complete(log, read):
    append(log, "a\nb")
    assert read() == ["a"]
    assert read() == ["a"]
    append(log, "c\nd\n")
    assert read() == ["a", "bc", "d"]


def test_a_rotated_file_is_not_read_again(log, read):
    append(log, "a\n")
    assert read() == ["a"]
    append(log, "b\n")
    log.rename(log.with_name("app.log.1"))
    append(log, "c\n")
    assert sorted(read()) == ["a", "b", "c"]


def test_a_truncated_file_is_read_from_its_beginning(log, read):
    append(log, "first line\n")
    assert read() == ["first line"]
    log.write_text("x\n")
    assert read() == ["first line", "x"]


def test_a_rewritten_file_is_read_from_its_beginning(log, read):
    append(log, "one line\n")
    assert read() == ["one line"]
    log.write_text("another line, longer\n")
    assert read() == ["one line", "another line, longer"]


def test_an_unreadable_file_is_reported_and_does_not_block_others(splunkd, log, read):
    splunkd.confs.write("props", "one", "source::...odd.log", {"SHOULD_LINEMERGE": "true"})
    append(log.with_name("a-odd.log"), "x\n")
    append(log, "a\n")
    assert read() == ["a"]
    assert "SHOULD_LINEMERGE" in (log.parent / "splunkd.log").read_text()


def test_a_line_is_found_within_a_second(splunkd):
    splunkd.logs.splunkd("WARN", "Component", "something")
    began = time.monotonic()
    while not any("something" in event["_raw"] for event in splunkd.events.scan(["_internal"], None, None)):
        assert time.monotonic() - began < 1
        time.sleep(0.02)
