"""Third-party checkers: for app.manifest and for .conf files. (make lint checks the sources.)"""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.package.conftest import unpack


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def test_ksconf(app):
    """Garbage lines, broken continuations, duplicate stanzas and keys."""
    confs = [*sorted((app / "default").glob("*.conf")), app / "metadata/default.meta"]
    status, findings = run(sys.executable, "-m", "ksconf", "check", *confs)
    assert status == 0, findings


NEWER = ("dispatch.allow_partial_results", "schedule_as", "supported_themes")
"""What Splunk has added since slim's specs were written; conf_keys.py knows it."""


def test_slim(package, tmp_path):
    """app.manifest against app.conf, and keys of .conf files that neither Splunk's specs nor ours know."""
    slim = ROOT / "build/venvs/slim/bin/slim"
    if not slim.exists():
        pytest.fail("slim is not installed: run make test, which installs it")
    copy = unpack(package, tmp_path)  # slim writes into the folder that it checks
    status, findings = run(slim, "validate", copy, cwd=tmp_path)
    assert status == 0, findings
    assert [line for line in findings.splitlines() if "[INFO]" not in line and not line.endswith(NEWER)][1:] == []
