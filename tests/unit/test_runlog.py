"""Lines that Splunk extracts automatically, and a log that never ends a run."""

import os
import re

import pytest

from segment_bridge import runlog
from segment_bridge.runlog import FILE_NAME, RunLog

FACT = re.compile(r'(\w+)=("[^"]*"|[^\s",]+)')
"""Splunk's automatic extraction, KV_MODE = auto."""


def lines(folder):
    return (folder / FILE_NAME).read_text(encoding="utf-8").splitlines()


def facts(line):
    return {name: value.strip('"') for name, value in FACT.findall(line)}


def test_a_line_consists_of_a_time_a_level_and_facts(tmp_path):
    with RunLog("segmentsend", "scheduler__1", str(tmp_path), destination="segment") as log:
        log.info("run_end", status="ok", accepted=312, waited_s=1.5, dryrun=False, http=None, error="")
        log.warning("rejection", count=1)
        log.error("error", reason="settings")
    first, second, third = lines(tmp_path)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \+0000 INFO event=run_end ", first)
    assert facts(first) == {
        "event": "run_end", "component": "segmentsend", "sid": "scheduler__1", "destination": "segment", "status": "ok",
        "accepted": "312", "waited_s": "1.500", "dryrun": "false", "error": ""}  # fmt: skip
    assert " WARNING event=rejection " in second and " ERROR event=error " in third


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a b", "a b"),
        ('say "hi"', "say 'hi'"),
        ("a=b, c=d", "a=b, c=d"),
        ("two\nlines\tof text", "two lines of text"),
        ("back\\slash", "back\\slash"),
        ("é😀", "é😀"),
        ("x" * 5_000, "x" * 1_000),
    ],
)
def test_splunk_reads_a_fact_whole_and_on_one_line(tmp_path, text, read):
    with RunLog("c", folder=str(tmp_path)) as log:
        log.info("x", error=text, after=1)
    (line,) = lines(tmp_path)
    assert facts(line) == {"event": "x", "component": "c", "error": read, "after": "1"}


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_log_that_cannot_be_opened_is_only_reported(tmp_path, capsys, folder):
    (tmp_path / "file").write_text("")
    with RunLog("c", folder=str(tmp_path / folder)) as log:
        log.info("x")
    assert capsys.readouterr().err.startswith("segment_bridge: the run log cannot be written: ")


def test_a_full_disk_is_reported_once(tmp_path, capfd):
    (tmp_path / FILE_NAME).symlink_to("/dev/full")
    with RunLog("c", folder=str(tmp_path)) as log:
        log.info("x")
        log.info("y")
    said = capfd.readouterr().err
    assert said.startswith("segment_bridge: the run log cannot be written: ") and "No space left" in said
    assert len(said.splitlines()) == 1


def test_only_splunks_user_may_read_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr(runlog, "_MAX_BYTES", 200)
    before = os.umask(0)
    try:
        with RunLog("c", folder=str(tmp_path)) as log:
            for _ in range(9):
                log.info("x", text="x" * 90)
    finally:
        os.umask(before)
    assert len([*tmp_path.iterdir()]) == 5
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_the_log_does_not_grow_without_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(runlog, "_MAX_BYTES", 2_000)
    with RunLog("c", folder=str(tmp_path)) as log:
        for number in range(500):
            log.info("x", number=number)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [FILE_NAME, *("%s.%d" % (FILE_NAME, number) for number in range(1, 5))]
    assert "number=499" in lines(tmp_path)[-1]
