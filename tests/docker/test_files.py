"""The container files are right, as far as this can be checked without a running engine."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.docker.engine import COMPOSE, ROOT

FOLDER = COMPOSE.parent


def run(command, **environment):
    others = {name: value for name, value in os.environ.items() if not name.startswith("SPLUNK")}
    return subprocess.run(command, cwd=ROOT, env={**others, **environment}, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def test_every_yaml_file_can_be_read():
    for file in FOLDER.glob("*.yaml"):
        assert list(yaml.safe_load_all(file.read_text(encoding="utf-8"))), file.name


def test_images_are_named_in_full_and_pinned(compose):
    images = [service["image"] for service in compose["services"].values()]
    assert len(images) == 3
    for image in images:
        assert re.fullmatch(r"[a-z0-9.]+\.[a-z]+/[a-z/-]+:(\$\{\w+:-)?[\w.-]+\}?", image), image
        assert not image.endswith(("latest", "latest}"))


def test_the_commands_set_all_variables_without_a_default(compose):
    needed = set(re.findall(r"\$\{(\w+):\?\}", COMPOSE.read_text(encoding="utf-8")))
    assert needed == {"SPLUNK_PASSWORD", "SHARED"}


def test_folders_of_the_repository_exist(compose):
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("${") or (FOLDER / source / "package.sh").is_file()


def test_the_kind_is_the_one_that_the_app_lists(compose):
    kind = yaml.safe_load((FOLDER / "usersignups.yaml").read_text(encoding="utf-8"))["spec"]
    assert (kind["group"], kind["names"]["plural"], kind["names"]["listKind"], kind["versions"][0]["name"]) == (
        "toolchain.dev.openshift.com",
        "usersignups",
        "UserSignupList",
        "v1alpha1",
    )


def test_compose_accepts_the_file():
    program = next(
        (
            each
            for each in ("docker", "podman")
            if shutil.which(each) and run([each, "compose", "version"]).returncode == 0
        ),
        None,
    )
    if program is None:
        pytest.skip("neither docker compose nor podman compose is installed")
    done = run([program, "compose", "-f", COMPOSE, "config", "--quiet"], SPLUNK_PASSWORD="fake-password", SHARED="/tmp")
    assert done.returncode == 0, done.stderr


def test_one_line_says_that_no_engine_runs(tmp_path):
    """The programs on the path are not what their names say."""
    for name in ("docker", "podman"):
        (tmp_path / name).write_text("#!/bin/sh\necho is not running >&2\nexit 1\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    done = run([sys.executable, "-m", "tests.docker", "test"], PATH="%s:/bin:/usr/bin" % tmp_path)
    assert done.returncode == 69
    assert done.stderr == (
        "no container engine with compose runs here (docker: is not running; podman: is not running)\n"
    )
