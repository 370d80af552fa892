"""The workflows: of GitHub's form, with as few rights as they need, and of the commands that a person uses, too.

The form is the schema of github.com/SchemaStore (github-workflow.json), which check-jsonschema brings along.
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


def test_their_form():
    if not CHECKER.exists():
        pytest.fail("check-jsonschema is not installed: make test does that")
    command = [CHECKER, "--builtin-schema", "vendor.github-workflows", *FILES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_wrong_form_is_found(tmp_path):
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(FILES[0].read_text(encoding="utf-8").replace("runs-on:", "run-on:"), encoding="utf-8")
    command = [CHECKER, "--builtin-schema", "vendor.github-workflows", wrong]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_actions_are_pinned_by_commit_with_their_version_beside_it(text):
    lines = [line for line in text.splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.match(line)] == []


def test_an_action_is_of_one_version_everywhere():
    lines = "\n".join(file.read_text(encoding="utf-8") for file in FILES).splitlines()
    used = {line.strip("- ") for line in lines if "uses:" in line}
    assert len(used) == len({line.partition("@")[0] for line in used})


def test_they_may_read_and_no_more(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in workflow["jobs"].items() if "permissions" in job] == []
    checkouts = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(workflow["jobs"])
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_they_need_no_secrets_and_put_nothing_from_outside_into_a_command(text, workflow):
    assert "secrets." not in text
    assert "github.token" not in text
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


def test_they_end_by_themselves(workflow):
    assert all(job["timeout-minutes"] <= 180 for job in workflow["jobs"].values())


def test_their_commands_are_those_of_the_repository(workflow):
    commands = [step["run"] for step in steps(workflow) if "run" in step]
    assert [command for command in commands if not COMMANDS.fullmatch(command)] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {command.split()[1] for command in commands if command.startswith("make ")} <= targets


def matrix(name, job):
    text = (ROOT / ".github/workflows" / name).read_text(encoding="utf-8")
    return yaml.safe_load(text)["jobs"][job]["strategy"]["matrix"]


def test_both_pythons_and_all_splunks_have_their_turn():
    assert matrix("test.yml", "test") == {"python": ["3.9", "3.13"]}
    assert matrix("splunk.yml", "splunk") == {"splunk": ["9.3", "9.4", "10.0", "10.2"]}


# --- Known weaknesses -----------------------------------------------------------------------------------------------


def test_each_known_weakness_is_one_of_a_pinned_version_and_has_its_reason():
    lines = (ROOT / "tests/package/advisories.txt").read_text(encoding="utf-8").splitlines()
    exceptions = [line for line in lines if not line.startswith("#")]
    pins = re.findall(r"^(\S+==\S+)", (ROOT / "app/lib/requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    for line in exceptions:
        found = re.fullmatch(r"(\S+==\S+) GHSA-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4} CVE-\d+-\d+: \S.{40,}\.", line)
        assert found, line
        assert found.group(1) in pins, "%s is not pinned any more: read it again" % line
