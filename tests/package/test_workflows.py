"""The workflows match GitHub's schema, have as few permissions as they need, and run commands that people also use.

The schema is the one of github.com/SchemaStore (github-workflow.json), which check-jsonschema includes.
"""

import re
import subprocess

import pytest
import yaml

from tests.conftest import ROOT

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
CHECKER = ROOT / "build/venvs/workflows/bin/check-jsonschema"
PINNED = re.compile(r"^ +(?:- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
COMMANDS = re.compile(r"make [a-z-]+|\.ci/run|cat build/test-splunk\.md >> \"\$GITHUB_STEP_SUMMARY\"")


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def text(request):
    return request.param.read_text(encoding="utf-8")


@pytest.fixture
def workflow(text):
    return yaml.safe_load(text)


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_they_match_the_schema():
    if not CHECKER.exists():
        pytest.fail("check-jsonschema is not installed: run make test, which installs it")
    command = [CHECKER, "--builtin-schema", "vendor.github-workflows", *FILES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_violation_of_the_schema_is_found(tmp_path):
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(FILES[0].read_text(encoding="utf-8").replace("runs-on:", "run-on:"), encoding="utf-8")
    command = [CHECKER, "--builtin-schema", "vendor.github-workflows", wrong]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_actions_are_pinned_by_commit_and_annotated_with_their_version(text):
    lines = [line for line in text.splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.match(line)] == []


def test_each_action_has_one_version_everywhere():
    lines = "\n".join(file.read_text(encoding="utf-8") for file in FILES).splitlines()
    used = {line.strip("- ") for line in lines if "uses:" in line}
    assert len(used) == len({line.partition("@")[0] for line in used})


def test_they_have_only_read_permission(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in workflow["jobs"].items() if "permissions" in job] == []
    checkouts = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(workflow["jobs"])
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_they_need_no_secrets_and_put_no_untrusted_input_into_commands(text, workflow):
    assert "secrets." not in text
    assert "github.token" not in text
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


def test_they_have_time_limits(workflow):
    assert all(job["timeout-minutes"] <= 180 for job in workflow["jobs"].values())


def test_they_run_commands_of_the_repository(workflow):
    commands = [step["run"] for step in steps(workflow) if "run" in step]
    assert [command for command in commands if not COMMANDS.fullmatch(command)] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {command.split()[1] for command in commands if command.startswith("make ")} <= targets


def matrix(name, job):
    text = (ROOT / ".github/workflows" / name).read_text(encoding="utf-8")
    return yaml.safe_load(text)["jobs"][job]["strategy"]["matrix"]


def test_both_pythons_and_all_splunks_are_covered():
    assert matrix("test.yml", "test") == {"python": ["3.9", "3.13"]}
    assert matrix("splunk.yml", "splunk") == {"splunk": ["9.3", "9.4", "10.0", "10.2"]}


# --- Known vulnerabilities ------------------------------------------------------------------------------------------


def test_each_known_vulnerability_concerns_a_pinned_version_and_has_a_reason():
    lines = (ROOT / "tests/package/advisories.txt").read_text(encoding="utf-8").splitlines()
    exceptions = [line for line in lines if not line.startswith("#")]
    pins = re.findall(r"^(\S+==\S+)", (ROOT / "app/lib/requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    for line in exceptions:
        found = re.fullmatch(r"(\S+==\S+) GHSA-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4} CVE-\d+-\d+: \S.{40,}\.", line)
        assert found, line
        assert found.group(1) in pins, "%s is no longer pinned: review it" % line
