"""The eight searches of the app's predecessor, run on its events, give the eight results that its Splunk gave.

They are in the history of github.com/konflux-ci/segment-bridge; COMMIT is the last commit that contains them. To run
this: PREDECESSOR=<a clone of it> make test ARGS=tests/standin/vectors/test_predecessor.py (Go generates the searches).
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.standin.spl import run
from tests.standin.vectors.host import Host
from tests.standin.vectors.test_vectors import written

COMMIT = "6f1bb04^"
FOLDERS = ("cmd", "querygen", "queryprint")


@pytest.fixture(scope="module")
def clone():
    if "PREDECESSOR" not in os.environ or not shutil.which("go"):
        pytest.skip("needs Go, and PREDECESSOR=<a clone of github.com/konflux-ci/segment-bridge>")
    return Path(os.environ["PREDECESSOR"])


def shown(clone, path):
    return subprocess.run(
        ["git", "-C", clone, "show", "%s:%s" % (COMMIT, path)], check=True, capture_output=True, text=True
    ).stdout


def searches(clone, folder):
    archive = subprocess.run(["git", "-C", clone, "archive", COMMIT, *FOLDERS], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], check=True, input=archive)
    module = shown(clone, "go.mod").splitlines()[0]
    (folder / "go.mod").write_text("%s\n\ngo 1.20\n" % module)
    made = subprocess.run(
        ["go", "run", "./cmd/querygen", "-0", "--index=test_index"],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
    ).stdout
    return [search for search in made.split("\0") if search.strip()]


def limits(clone):
    stanzas = {}
    for line in shown(clone, "splunk/limits.conf").splitlines():
        if line.startswith("["):
            settings = stanzas.setdefault(line.strip("[]"), {})
        elif line.strip():
            name, _, value = line.partition("=")
            settings[name.strip()] = value.strip()
    return stanzas


def test_its_searches_give_its_results(clone, tmp_path):
    logs = "".join(shown(clone, "splunk/tests/test_logs/fetch-uj-records%s.jsonl" % name) for name in ("Pass", "Fail"))
    events = [{"_raw": line, "index": "test_index"} for line in logs.split("\n") if line]
    recorded = [json.loads(line) for line in shown(clone, "fetch-uj-records/requiredOutput").split("\n") if line]
    made = searches(clone, tmp_path)
    assert len(made) == len(recorded) == 8
    for search, result in zip(made, recorded):
        rows = run(search, Host(events=events, props={"KV_MODE": "json"}, limits=limits(clone))).rows
        found = [{name: written(value) for name, value in row.items()} for row in rows]
        assert found == ([result["result"]] if "result" in result else [])
