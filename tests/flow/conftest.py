"""`segmentsend` as a process, between splunkd, which runs it, and Segment, both fakes."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fakes.segment import WRITE_KEY, FakeSegment
from tests.flow.chunked import Command, Result, Row, environment, run
from tests.flow.splunkd import FakeSplunkd


@pytest.fixture(scope="session")
def splunk_home(package, tmp_path_factory) -> Path:
    """A Splunk with nothing but the app."""
    home = tmp_path_factory.mktemp("splunk")
    (home / "var/log/splunk").mkdir(parents=True)
    with tarfile.open(package) as archive:
        archive.extractall(home / "etc/apps")  # noqa: S202 - of our own making
    return home


@pytest.fixture
def segment():
    with FakeSegment() as server:
        yield server


@pytest.fixture
def splunkd(segment):
    with FakeSplunkd() as server:
        server.conf["segment_bridge"]["segment"] = {
            "url": f"{segment.url}/v1/batch",
            "timeout": "1",
            "connect_timeout": "0.5",
        }
        server.passwords["segment"] = WRITE_KEY
        yield server


class SegmentSend:
    """Runs `... | segmentsend` on rows."""

    def __init__(self, splunk_home: Path, splunkd: FakeSplunkd, dispatch_dir: Path):
        self._script = splunk_home / "etc/apps/segment_bridge/bin/segmentsend.py"
        self.splunk_home = splunk_home  # as the command is told
        self._searchinfo = {
            "sid": "1764000000.1",
            "dispatch_dir": str(dispatch_dir),
            "splunkd_uri": splunkd.url,
            "session_key": splunkd.session_key,
            "command": "segmentsend",
        }

    def start(self, *arguments: str) -> Command:
        return Command([sys.executable, str(self._script)], arguments, self._searchinfo, environment(self.splunk_home))

    def __call__(self, rows: Sequence[Row], *arguments: str, chunk_rows: int = 2500) -> Result:
        with self.start(*arguments) as command:
            return run(command, rows, chunk_rows=chunk_rows)


@pytest.fixture
def segmentsend(splunk_home, splunkd, tmp_path) -> SegmentSend:
    return SegmentSend(splunk_home, splunkd, tmp_path)
