"""The checkers that others keep: of Python, of app.manifest, of .conf files."""

import subprocess
import sys
import tarfile

import pytest

from tests.conftest import ROOT


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def test_ruff():
    status, findings = run(sys.executable, "-m", "ruff", "check", "--output-format", "concise", ROOT)
    assert status == 0, findings


def test_ksconf(app):
    """Garbage lines, broken continuations, stanzas and keys that come twice."""
    confs = [*sorted((app / "default").glob("*.conf")), app / "metadata/default.meta"]
    status, findings = run(sys.executable, "-m", "ksconf", "check", *confs)
    assert status == 0, findings


def test_slim(package, tmp_path):
    """app.manifest against app.conf, and keys of .conf files that neither Splunk's specs nor ours know."""
    python = ROOT / "build/venvs/slim/bin/python"
    if not python.exists():
        pytest.fail("slim is not installed: make test does that")
    with tarfile.open(package) as archive:  # it writes into what it looks at
        archive.extractall(tmp_path)  # noqa: S202
    status, findings = run(python.parent / "slim", "validate", tmp_path / "segment_bridge", cwd=tmp_path)
    assert status == 0, findings
    assert "[WARNING]" not in findings
    assert "[ERROR]" not in findings
