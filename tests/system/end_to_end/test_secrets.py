"""Write keys and tokens are in the password store, and nowhere else."""

import base64
import threading
from pathlib import Path

import pytest

from tests.support.administrator import JOB
from tests.support.environment import is_real
from tests.support.fakes.segment import WRITE_KEY

if is_real() or not Path("/proc/self/cmdline").exists():
    pytest.skip("the processes and files of this Splunk cannot be watched from here", allow_module_level=True)


def forms(secret):
    """A secret in clear text, and in the form of an HTTP header."""
    return [secret.encode(), base64.b64encode(secret.encode() + b":"), base64.b64encode(secret.encode())]


class CommandLines:
    """Records the command lines and environments of Splunk's processes, over and over."""

    def __init__(self, home):
        self.seen = set()
        self._home = str(home).encode()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._over.set()
        self._thread.join()

    def _watch(self):
        while not self._over.wait(0.01):
            for path in Path("/proc").glob("[0-9]*"):
                try:
                    shown = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
                except OSError:  # it has ended, or belongs to another user
                    continue
                if self._home in shown:
                    self.seen.add(shown)


@pytest.fixture(scope="module")
def run(bridge):
    """A run that sends, a failing one, and one of the input, all watched."""
    with CommandLines(bridge.splunk.home) as lines:
        bridge.admin.run_saved_search(JOB)
        bridge.segment.down()
        failed = bridge.admin.run_saved_search(JOB)
        bridge.segment.up()
        bridge.admin.set_secret("usersignups:second", bridge.cluster.token)
        bridge.admin.add_cluster("second", server=bridge.cluster.url, ca_file=str(bridge.cluster.ca_file))
        bridge.admin.wait_for_rows("search index=_internal component=usersignups event=run_end cluster=second")
    assert failed.failed
    return lines


@pytest.fixture(scope="module", params=["write key", "token"])
def secret(request, bridge):
    return {"write key": WRITE_KEY, "token": bridge.cluster.token}[request.param]


def test_no_process_shows_a_secret(run, secret):
    assert any(b"segmentsend.py" in line for line in run.seen)
    assert any(b"usersignups.py" in line for line in run.seen)
    assert not [line for line in run.seen if any(form in line for form in forms(secret))]


def test_no_file_of_splunks_contains_a_secret_in_clear_text(bridge, run, secret):
    files = [path for path in bridge.splunk.home.rglob("*") if path.is_file()]
    assert any(path.name == "segment_bridge.log" for path in files)
    assert not [str(path) for path in files if any(form in path.read_bytes() for form in forms(secret))]


def test_no_event_contains_a_secret(bridge, run, secret):
    assert bridge.admin.search("search index=_internal | stats count").rows[0]["count"] != "0"
    for form in forms(secret):
        found = bridge.admin.search('search index=_* OR index=* "%s" | stats count' % form.decode())
        assert found.rows == [{"count": "0"}]
