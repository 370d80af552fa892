"""The write key's endpoint, beside another app's handler in the same process with its own splunklib."""

import json

import pytest

from tests.standin.clients import connect
from tests.standin.clients import package as packaged
from tests.standin.splunkd import Splunkd
from tests.standin.test_rest_scripts import HANDLER, STANZA

OTHER = {
    "bin/x.py": HANDLER % "sys.path.insert(0, os.path.dirname(__file__)); import splunklib; "
    "return [splunklib.of, sys.path, os.getpid(), sorted(sys.modules)]",
    "bin/splunklib.py": "of = 'other'",
    "default/restmap.conf": STANZA % ("other", "other", ""),
}


@pytest.fixture(scope="module")
def splunkd(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("handlers")
    with Splunkd(folder / "splunk") as splunkd:
        splunkd.install(package, False)
        splunkd.install(packaged(folder, "other", OTHER), False)
        service = connect(splunkd, app="segment_bridge", owner="nobody")
        service.storage_passwords.create("k" * 32, "segment", "segment_bridge")
        yield splunkd


def ask(splunkd, app, path, user="admin", **arguments):
    return json.loads(connect(splunkd, user, app, "nobody").get(path, **arguments).body.read())


def test_neither_handler_disturbs_the_other(splunkd):
    def lent():
        return ask(splunkd, "segment_bridge", "segment_bridge/write_key", destination="segment")["write_key"]

    assert lent() == "k" * 32
    first = ask(splunkd, "other", "other/x")
    assert first[0] == "other"
    assert lent() == "k" * 32
    again = ask(splunkd, "other", "other/x")
    assert again[0] == "other" and again[2] == first[2]
    assert again[1][1:] == first[1]  # it puts its own folder first each time, and nobody adds another
    assert not [each for each in again[1] if "segment_bridge" in each]
    assert not [name for name in again[3] if name.startswith(("segment_bridge", "kubernetes", "requests"))]
