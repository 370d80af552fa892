"""The package runs by itself: under both of Splunk's Pythons, with only its own content on the path."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.package.spec import settings_of
from tests.support import pythons

ISOLATED = ["-B", "-E", "-s", "-S", "-W", "error::DeprecationWarning"]
"""Only the standard library and the app, without the environment's, the user's and the installation's packages."""


@pytest.fixture(scope="module", params=pythons.SPLUNKS)
def python(request):
    interpreter = pythons.find(request.param)
    if interpreter is None:
        pytest.skip("Python %s is not installed, so the package was not tested with it" % request.param)

    def run(*arguments, **options):
        # Without PYTHONPATH and the like, Python cannot find a library that is not in the package.
        return subprocess.run(
            [interpreter, *ISOLATED, *map(str, arguments)],
            capture_output=True,
            check=False,
            timeout=60,
            env={"PATH": os.environ["PATH"]},
            **options,
        )

    return run


def modules(app: Path):
    """The dotted names of all of the app's modules."""
    files = sorted((app / "bin/segment_bridge").rglob("*.py"))
    return [re.sub(r"\.__init__$", "", ".".join(file.relative_to(app / "bin").with_suffix("").parts)) for file in files]


IMPORTS = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""

OPENSSL_OF_SPLUNK_9 = """
import ssl
ssl.OPENSSL_VERSION_INFO, ssl.OPENSSL_VERSION = (1, 0, 2, 26, 15), "OpenSSL 1.0.2zk-fips"
"""
"""The version that Python is linked with there, and that urllib3 2 refuses."""


@pytest.mark.parametrize("openssl", ["", OPENSSL_OF_SPLUNK_9], ids=["OpenSSL", "OpenSSL 1.0.2"])
def test_every_module_imports(python, app, openssl):
    tried = python("-c", openssl + IMPORTS, app / "bin", *modules(app))
    assert (tried.returncode, tried.stderr) == (0, b"")


def test_an_older_splunk_gets_a_one_line_error(python, app):
    """Before 9.3, Splunk runs an app's programs with Python 3.7 by default."""
    older = "import sys; sys.version_info, sys.hexversion = (3, 7, 17), 0x030711f0; sys.path.insert(0, sys.argv[1])"
    tried = python("-c", older + "; import segment_bridge", app / "bin")
    assert tried.returncode == 1
    assert tried.stderr.decode() == "Segment Bridge needs Splunk 9.3 or later: this one runs it with Python 3.7\n"


def test_the_packages_libraries_take_precedence(python, app, tmp_path):
    (tmp_path / "requests.py").write_text("raise SystemExit('another app has its own requests')", encoding="utf-8")
    tried = python(
        "-c",
        "import sys; sys.path[:0] = sys.argv[1:]; import segment_bridge, requests; print(requests.__file__)",
        app / "bin",
        tmp_path,
    )
    assert tried.stdout.decode().strip() == str(app / "lib/requests/__init__.py"), tried.stderr.decode()


GETINFO = {
    "action": "getinfo",
    "preview": False,
    "streaming_command_will_restart": False,
    "searchinfo": {
        "args": [],
        "raw_args": [],
        "dispatch_dir": "",
        "sid": "1629786023.114",
        "app": "search",
        "owner": "admin",
        "username": "admin",
        "session_key": "none",
        "splunkd_uri": "https://127.0.0.1:1",
        "splunk_version": "9.4.0",
        "search": "search%20index%3Dmain",
        "command": "segmentsend",
        "maxresultrows": 50000,
        "earliest_time": "0",
        "latest_time": "0",
    },
}
"""The first question that splunkd asks a search command."""


def test_segmentsend_answers_getinfo(python, app, tmp_path):
    GETINFO["searchinfo"]["dispatch_dir"] = str(tmp_path)
    request = json.dumps(GETINFO).encode()

    asked = python(app / "bin/segmentsend.py", input=b"chunked 1.0,%d,0\n%s" % (len(request), request), cwd=tmp_path)

    assert asked.returncode == 0, asked.stderr.decode()
    header, _, rest = asked.stdout.partition(b"\n")
    length = int(re.fullmatch(rb"chunked 1\.0,(\d+),0", header).group(1))
    answer = json.loads(rest[:length])
    assert answer["type"] == "stateful"
    assert "inspector" not in answer


SPLUNKS_OWN = {"interval", "python.version", "python.required"}
"""Settings that every modular input has."""


def test_usersignups_prints_its_scheme(python, app, tmp_path):
    asked = python(app / "bin/usersignups.py", "--scheme", cwd=tmp_path)

    assert (asked.returncode, asked.stderr) == (0, b"")
    scheme = ElementTree.fromstring(asked.stdout)
    assert scheme.findtext("streaming_mode") == "xml"
    assert scheme.findtext("use_single_instance") == "false"
    declared = settings_of(app / "README/inputs.conf.spec")["usersignups://<name>"]
    assert {argument.get("name") for argument in scheme.iter("arg")} == declared - SPLUNKS_OWN
