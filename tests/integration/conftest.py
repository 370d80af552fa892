"""`segmentsend` as a process, between splunkd, which runs it, and Segment. Both are fakes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.integration.chunked import Command, Result, Row, environment, run
from tests.standin.stores import packages
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.forked import SEGMENTSENDS, Server
from tests.support.splunkd import SplunkdServer


@pytest.fixture(scope="session")
def splunk_home(package, tmp_path_factory) -> Path:
    """A Splunk with only the app."""
    home = tmp_path_factory.mktemp("splunk")
    (home / "etc/apps").mkdir(parents=True)
    packages.install(home / "etc", package, update=False)
    return home


def segmentsend_script(splunk_home: Path) -> Path:
    return splunk_home / "etc/apps/segment_bridge/bin/segmentsend.py"


@pytest.fixture(scope="session")
def server(splunk_home) -> Iterator[Server]:
    """Runs segmentsend without starting Python."""
    script = str(segmentsend_script(splunk_home))
    with Server(sys.executable, script, SEGMENTSENDS, environment(splunk_home)) as running:
        yield running


@pytest.fixture
def started() -> None:
    """For tests of what Python's own start may change. `segmentsend` is then started as splunkd starts it."""


@pytest.fixture
def start_process(request, server) -> Callable[..., Any]:
    return subprocess.Popen if "started" in request.fixturenames else server.start


class SegmentSend:
    """Runs `... | segmentsend` on rows."""

    def __init__(self, splunk_home: Path, splunkd: SplunkdServer, folder: Path, start_process: Callable[..., Any]):
        self._program = [sys.executable, str(segmentsend_script(splunk_home))]
        self._start_process = start_process
        self.splunk_home = folder  # as the command is told
        self.searchinfo = {
            "sid": "1764000000.1",
            "dispatch_dir": str(folder),
            "splunkd_uri": splunkd.url,
            "session_key": splunkd.session_key,
            "command": "segmentsend",
        }

    def start(self, *arguments: str) -> Command:
        return Command(self._program, arguments, self.searchinfo, environment(self.splunk_home), self._start_process)

    def __call__(self, rows: Sequence[Row], *arguments: str, chunk_rows: int = 2500) -> Result:
        with self.start(*arguments) as command:
            return run(command, rows, chunk_rows=chunk_rows)


class Place(NamedTuple):
    """A `segmentsend` with its own splunkd and Segment."""

    segmentsend: SegmentSend
    splunkd: SplunkdServer
    segment: FakeSegment


@contextlib.contextmanager
def made_place(splunk_home: Path, folder: Path, start_process: Callable[..., Any]) -> Iterator[Place]:
    """Creates a place. The folder contains the run log, at its path in Splunk."""
    (folder / "var/log/splunk").mkdir(parents=True)
    with FakeSegment() as segment, SplunkdServer() as splunkd:
        splunkd.conf["segment_bridge"]["segment"] = {
            "url": f"{segment.url}/v1/batch",
            "timeout": "1",
            "connect_timeout": "0.5",
        }
        splunkd.passwords["segment"] = WRITE_KEY
        yield Place(SegmentSend(splunk_home, splunkd, folder, start_process), splunkd, segment)


@pytest.fixture
def place(splunk_home, tmp_path, start_process) -> Iterator[Place]:
    with made_place(splunk_home, tmp_path, start_process) as made:
        yield made


@pytest.fixture
def segment(place) -> FakeSegment:
    return place.segment


@pytest.fixture
def splunkd(place) -> SplunkdServer:
    return place.splunkd


@pytest.fixture
def segmentsend(place) -> SegmentSend:
    return place.segmentsend
