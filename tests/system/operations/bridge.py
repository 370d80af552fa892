"""A site that really sends: the app's own command, to Segment on loopback, with a user map of two users."""

import atexit
import contextlib
import json
import os
import sys
import time
from datetime import timezone, tzinfo
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from tests.standin.conftest import MovedClock
from tests.standin.runner import python
from tests.standin.splunkd import Splunkd
from tests.support import pythons
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.forked import CLOCKED, SEGMENTSENDS, Server
from tests.system.operations.site import APP, CLUSTER, START, Site

AGAIN = "Segment Bridge - Send dead letters again"
BACKFILL = "Segment Bridge - Backfill"
KNOWN_USERS = ("alice", "bob")
PYTHON = """#!/bin/sh
option=; if [ "$1" = -I ]; then option=$1; shift; fi
exec "{}" $option "{}" alone "{}" "$@"
"""


class FileClock(MovedClock):
    """A clock that the app's programs also follow (clocked.py)."""

    def __init__(self, file: Path, zone: tzinfo):
        super().__init__(zone)
        self.file = file
        self.move_to(time.time())

    def move_to(self, seconds: float) -> None:
        super().move_to(seconds)
        fresh = self.file.with_suffix(".new")
        fresh.write_text(repr(self.ahead_s))
        os.replace(fresh, self.file)


class Pythons(python.Pythons):
    """The Pythons of a Splunk. A server runs segmentsend instead of them, by the same clock."""

    def __init__(self, interpreter: str, wrapped: str, clock: FileClock):
        super().__init__(dict.fromkeys(pythons.SPLUNKS, wrapped))
        self._interpreter, self._clock = interpreter, clock

    def behind(self, path: str) -> str:
        return self._interpreter

    def start(self, command: List[str], **how: Any) -> Any:
        if Path(command[1]).name != "segmentsend.py":
            return super().start(command, **how)
        server = _server(self._interpreter, os.stat(command[1]).st_ino, command[1], how["env"])
        return server.start(command, ahead_s=self._clock.ahead_s, **how)


_servers: Dict[Tuple[str, int], Server] = {}
"""By the interpreter and the inode of the script. Bridges of the same process share the app's files, which the stand-in
links, and so a server.
"""


def _server(interpreter: str, inode: int, script: str, environment: Mapping[str, str]) -> Server:
    if (interpreter, inode) not in _servers:
        server = _servers[interpreter, inode] = Server(interpreter, script, SEGMENTSENDS, environment)
        server.__enter__()
        atexit.register(server.__exit__)
    return _servers[interpreter, inode]


class Bridge(Site):
    """Such a site. `segment` is where its events go."""

    def __init__(self, splunkd: Splunkd, clock: MovedClock, package: Path, segment: FakeSegment):
        super().__init__(splunkd, clock, package)
        self.segment = segment
        # Attempts without long waits, because time passes by the hour here.
        self.configure(url=segment.url + "/v1/batch", max_attempts="1", timeout="2")
        splunkd.secrets.create(APP, "segment", APP, WRITE_KEY)
        self.set_map(*KNOWN_USERS)

    def configure(self, **settings: str) -> None:
        """Changes settings of the destination."""
        self.splunkd.confs.write("segment_bridge", APP, "segment", settings)

    def set_map(self, *users: str) -> None:
        """Sets the user map to these users, and no others."""
        collection = self.splunkd.kvstore.collection(APP, "usersignups", "nobody")
        collection.delete({"cluster": CLUSTER})
        collection.save(
            [
                {
                    "_key": "%s/%s" % (CLUSTER, user),
                    "username": user,
                    "cluster": CLUSTER,
                    "sso_user_id": "sso-" + user,
                    "updated": START,
                }
                for user in users
            ]
        )

    def act(self, at: float, user: str = "alice", cut: int = 0) -> str:
        """A user creates an application. Returns the event's messageId at Segment. `cut` bytes are missing from the
        event.
        """
        audit_id = "%s-%.3f" % (user, at)
        received = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(at))
        raw = json.dumps(
            {
                "apiVersion": "audit.k8s.io/v1",
                "auditID": audit_id,
                "kind": "Event",
                "log_type": "audit",
                "objectRef": {
                    "apiGroup": "appstudio.redhat.com",
                    "apiVersion": "v1alpha1",
                    "name": "app",
                    "namespace": "n",
                    "resource": "applications",
                },
                "requestReceivedTimestamp": received,
                "responseObject": {"metadata": {"resourceVersion": "1"}},
                "responseStatus": {"code": 201},
                "user": {"username": user},
                "verb": "create",
            }
        )
        self.audit_event(at, raw[: len(raw) - cut])
        return audit_id

    def try_to_run(self, name: str, at: float) -> bool:
        """Runs a saved search at a time. Returns whether it succeeded."""
        job = self.start(name, at)
        self.splunkd.monitor.poll()
        return not job.is_failed


@contextlib.contextmanager
def bridge(folder: Path, package: Path, zone: tzinfo = timezone.utc) -> Iterator[Bridge]:
    """A running bridge, on a server in a time zone."""
    clock = FileClock(folder / "clock", zone)
    script = folder / "python"
    interpreter = next(filter(None, map(pythons.find, reversed(pythons.SPLUNKS))), sys.executable)
    script.write_text(PYTHON.format(interpreter, CLOCKED, clock.file))
    script.chmod(0o755)
    offered = Pythons(str(interpreter), str(script), clock)
    with FakeSegment() as segment, Splunkd(folder / "splunk", clock=clock, pythons=offered) as splunkd:
        yield Bridge(splunkd, clock, package, segment)
