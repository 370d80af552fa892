"""A release needs a clean commit, tagged with its version, and an entry in the changelog: .ci/release."""

import shutil
import subprocess

import pytest

from tests.conftest import ROOT

FILES = (".ci/release", "bin/segment_bridge/__init__.py", "CHANGELOG.md")
GIT = (
    "git",
    "-c",
    "user.name=A",
    "-c",
    "user.email=a@example.com",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "tag.gpgsign=false",
)


@pytest.fixture
def repository(tmp_path):
    """A repository with version 1.0.0, committed and tagged."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin/segment_bridge/__init__.py").write_text('__version__ = "1.0.0"\n', encoding="utf-8")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "A version"), ("tag", "v1.0.0")):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True)
    return tmp_path


def refusal(repository):
    done = subprocess.run([repository / ".ci/release"], capture_output=True, text=True, check=False)
    assert done.returncode
    return done.stderr


def commit(repository, name, text):
    (repository / name).write_text(text, encoding="utf-8")
    subprocess.run([*GIT, "commit", "-qam", "Change"], cwd=repository, check=True)


def test_uncommitted_changes_are_not_released(repository):
    (repository / "stray").write_text("", encoding="utf-8")
    assert "commit what has changed first" in refusal(repository)


def test_the_tag_must_match_the_version(repository):
    commit(repository, FILES[1], '__version__ = "1.0.1"\n')
    assert "this commit has no tag v1.0.1" in refusal(repository)


def test_the_changelog_must_have_an_entry(repository):
    commit(repository, "CHANGELOG.md", "# Changes\n")
    subprocess.run([*GIT, "tag", "-f", "v1.0.0"], cwd=repository, check=True)
    assert 'CHANGELOG.md has no entry "## 1.0.0"' in refusal(repository)


def test_a_release_first_runs_all_tests(repository):
    assert ".ci/run" in refusal(repository)
