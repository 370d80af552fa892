"""Splunk with the app, Segment and a cluster, as an administrator sets them up.

Splunk is the stand-in in its own process, or a container (tests/docker); the other two are servers in this process. The
demo and the end-to-end tests share this module.
"""

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Iterable, Iterator

from tests.docker.elsewhere import SplunkElsewhere
from tests.docker.splunk import SplunkContainer
from tests.standin.process import StandinProcess
from tests.support import recorded
from tests.support.administrator import AUDIT_INDEX, AUDIT_SOURCETYPE, Administrator
from tests.support.fakes.kubernetes import FakeKubernetes
from tests.support.fakes.segment import WRITE_KEY, FakeSegment

CLUSTER = "host"
# The recorded events span a minute and a half. They are indexed as if they had begun an hour ago.
_BEGAN_AGO_S = 3600


def is_real() -> bool:
    """Whether to use a real Splunk, as `make test-splunk` does."""
    return "SPLUNK" in os.environ


class Environment:
    """A context manager. Inside it `admin`, `splunk`, `segment` and `cluster` are up, and nothing is installed."""

    def __init__(self, *standin_options: str):
        self._stack, self._options = contextlib.ExitStack(), standin_options

    def __enter__(self) -> "Environment":
        with self._stack:
            self.splunk = self._stack.enter_context(self._splunk())
            self.segment = self._stack.enter_context(FakeSegment())
            self.cluster = self._stack.enter_context(
                FakeKubernetes(usersignups=recorded.usersignups(), namespaces=recorded.namespaces())
            )
            if is_real():
                self.cluster.ca_file = self.splunk.share(self.cluster.ca_file)
            self.admin = Administrator(
                self.splunk.management, self.splunk.web, self.splunk.hec, self.splunk.password, self.splunk.user
            )
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()

    def _splunk(self) -> contextlib.AbstractContextManager:
        if is_real():
            return SplunkElsewhere() if "SPLUNK_URL" in os.environ else SplunkContainer()
        home = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="splunk-"))
        return StandinProcess(Path(home), *self._options)

    def receive(self) -> None:
        """Makes Splunk ready to receive audit events into an index of their own."""
        self._collector_token = self.admin.receive_audit_events()

    def set_up(self) -> None:
        """Follows the README's "Set up", after the upload."""
        self.receive()
        self.admin.set_macro("segment_bridge_audit", 'index="%s" sourcetype="%s"' % (AUDIT_INDEX, AUDIT_SOURCETYPE))
        self.admin.set_destination("segment", url=self.segment.url + "/v1/batch")
        self.admin.set_secret("segment", WRITE_KEY)
        self.admin.set_secret("usersignups:" + CLUSTER, self.cluster.token)
        self.admin.add_cluster(
            CLUSTER, server=self.cluster.url, ca_file=str(self.cluster.ca_file), tenant_namespaces="1"
        )

    def wait_for_user_map(self) -> tuple:
        """Returns the records of both collections once the input has filled them."""
        counts = recorded.expected_counts()["lookup"]
        return (
            self.admin.wait_for_records("usersignups", counts["usernames"]),
            self.admin.wait_for_records("tenant_namespaces", counts["tenant_namespaces"]),
        )

    def index(self, lines: Iterable[recorded.AuditLine], ago_s: float = _BEGAN_AGO_S) -> None:
        """Indexes the lines as if recording had begun `ago_s` ago, and waits until searches find them and a run counts
        them: the job sends events of the second in which it begins, but leaves counting them to the next run.
        """
        began = time.time() - ago_s
        lines = list(lines)
        before = self.admin.count_events(AUDIT_INDEX)
        self.admin.index_events(self._collector_token, [(began + line.offset, line.raw) for line in lines])
        self.admin.wait_for_events(AUDIT_INDEX, before + len(lines))
        time.sleep(1 - time.time() % 1)


@contextlib.contextmanager
def bridged(package: Path, *standin_options: str) -> Iterator[Environment]:
    """An environment where the app is set up, has its user map, and has the recorded audit events to read."""
    with Environment(*standin_options) as environment:
        environment.admin.upload(str(package))
        environment.set_up()
        environment.wait_for_user_map()
        environment.index(recorded.audit_lines())
        yield environment
