"""What can only be seen inside Splunk's container."""

import base64

import pytest

from tests.support.administrator import JOB
from tests.support.environment import is_real
from tests.support.fakes.segment import WRITE_KEY

if not is_real():
    pytest.skip("needs a real Splunk: make test-splunk", allow_module_level=True)


def files_with(container, *texts):
    """Splunk's files that contain one of these texts. They are passed on stdin, because arguments show in the process
    list.
    """
    search = "grep -rlF -f - /opt/splunk/etc /opt/splunk/var || true"
    return container.engine.run("splunk", ["sudo", "-u", "splunk", "sh", "-c", search], "\n".join(texts) + "\n").split()


def test_btool_knows_every_key(container):
    said = container.splunk("btool", "check", "--debug")
    assert [line for line in said.splitlines() if "/apps/segment_bridge/" in line and "nvalid key" in line] == []


def test_no_file_of_splunks_holds_a_secret_in_clear_text(bridge, container):
    assert not bridge.admin.run_saved_search(JOB).failed
    assert any(file.endswith("/segment_bridge.log") for file in files_with(container, "event=run_end"))
    as_header = base64.b64encode((WRITE_KEY + ":").encode()).decode()
    assert files_with(container, WRITE_KEY, as_header, bridge.cluster.token) == []
