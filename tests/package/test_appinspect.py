"""AppInspect, which decides whether Splunk accepts an app in its cloud, finds no errors and gives only known warnings.

Without tags it runs every check: cloud, private apps, future versions.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

PYTHON = Path(os.environ.get("APPINSPECT", ROOT / "build/venvs/appinspect/bin/python"))

# It identifies files with libmagic, which pylibmagic supplies on machines that lack it. It keeps the syntax trees of
# all Python files, and to look for garbage in them would take a tenth of its time.
APPINSPECT = "import gc; gc.disable(); import pylibmagic; from splunk_appinspect.main import execute; execute()"

ACCEPTED = {
    "check_for_python_script_existence": "asks whether scripts run on Python 3: they run on nothing else",
    "check_for_modular_inputs": "tells that there is a modular input",
    "check_collections_conf": "tells that there are KV store collections",
    "check_for_indexer_synced_configs": "tells that indexers get inputs.conf too: nothing in it is enabled",
    "check_python_sdk_version": "wants splunk-sdk 3, which does not install on the Python 3.9 of Splunk 9 and 10.0",
    "check_for_possible_threading": "kubernetes starts the credential plugin that a kubeconfig may name",
}
"""The checks that may warn, and why that is acceptable."""


@pytest.fixture(scope="module")
def results(package, tmp_path_factory):
    """By check, (result, messages)."""
    if not PYTHON.exists():
        pytest.fail("AppInspect is not installed: run make test, which installs it")
    report = tmp_path_factory.mktemp("appinspect") / "report.json"
    run = subprocess.run(
        [
            PYTHON,
            "-c",
            APPINSPECT,
            "inspect",
            package,
            "--mode",
            "precert",
            "--skip-trusted-libraries-update",
            "--max-messages",
            "all",
            "--data-format",
            "json",
            "--output-file",
            report,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    groups = json.loads(report.read_text(encoding="utf-8"))["reports"][0]["groups"]
    return {
        check["name"]: (check["result"], [message["message"] for message in check["messages"]])
        for group in groups
        for check in group["checks"]
    }


def test_all_checks_ran(results):
    assert len(results) >= 250
    assert {result for result, _ in results.values()} <= {
        "success",
        "not_applicable",
        "warning",
        "failure",
        "future_failure",
        "error",
    }


def test_nothing_fails_now_or_in_future(results):
    assert {
        name: found for name, found in results.items() if found[0] not in ("success", "not_applicable", "warning")
    } == {}


def test_every_warning_is_known(results):
    assert {name: found for name, found in results.items() if found[0] == "warning" and name not in ACCEPTED} == {}


def test_every_known_warning_is_still_given(results):
    assert {name for name, (result, _) in results.items() if result == "warning"} >= set(ACCEPTED)
