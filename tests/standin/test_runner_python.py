"""Which Python runs an app's programs."""

import sys

import pytest

from tests.standin.releases import RELEASES
from tests.standin.runner import python
from tests.standin.runner.python import Pythons, environment
from tests.standin.values import SplError

BOTH = {"3.9": "/nine", "3.13": "/thirteen"}


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, "/nine"),
        ({"python.version": "python3"}, "/nine"),
        ({"python.version": "python3.7"}, "/nine"),
        ({"python.version": "latest"}, "/thirteen"),
        ({"python.version": "python3", "python.required": "3.13"}, "/thirteen"),
        ({"python.required": "3.9,3.13"}, "/thirteen"),
        ({"python.required": "3.13, 3.9"}, "/thirteen"),
        ({"python.required": "3.9"}, "/nine"),
        ({"python.required": "latest"}, "/thirteen"),
        ({"python.required": "", "python.version": "python3"}, "/nine"),
    ],
)
def test_the_highest_required_version_wins_over_python_version(settings, expected):
    assert Pythons(BOTH).for_settings(settings) == expected


@pytest.mark.parametrize(
    "version, pythons",
    [
        ("9.3.0", ["3.9"]),
        ("9.4.3", ["3.9"]),
        ("10.0.0", ["3.9"]),
        ("10.2.0", ["3.9", "3.13"]),
        ("10.4.2", ["3.9", "3.13"]),
    ],
)
def test_older_releases_have_one_python_and_ignore_python_required(version, pythons):
    here = Pythons(BOTH, RELEASES[version])
    settings = {"python.version": "python3", "python.required": "3.9,3.13"}
    assert here.for_settings(settings) == BOTH[pythons[-1]]
    assert here.for_settings({"python.version": "latest"}) == BOTH[pythons[-1]]
    if pythons == ["3.9"]:
        with pytest.raises(SplError, match=r"there is no Python 'python3\.13' in Splunk, which has 3\.9\."):
            here.for_settings({"python.version": "python3.13"})


def test_the_highest_available_required_version_wins():
    assert Pythons({"3.9": "/nine"}).for_settings({"python.required": "3.9,3.13"}) == "/nine"


@pytest.mark.parametrize(
    "settings, named",
    [
        ({"python.required": "3.11"}, "3.11"),
        ({"python.required": "3.9,python3"}, "python3"),
        ({"python.version": "python2"}, "python2"),
        ({"python.version": "python"}, "'python'"),
    ],
)
def test_a_version_that_splunk_does_not_have_is_named(settings, named):
    with pytest.raises(SplError, match=named):
        Pythons(BOTH).for_settings(settings)


def test_a_version_that_is_not_installed_is_named():
    with pytest.raises(SplError, match=r"python.required = 3\.13: no such Python is installed"):
        Pythons({"3.9": "/nine"}).for_settings({"python.required": "3.13"})


def test_if_none_is_found_the_stand_ins_own_is_used(monkeypatch):
    monkeypatch.setattr(python, "find", lambda version: None)
    assert {Pythons().for_settings({"python.required": name}) for name in ("3.9", "3.13")} == {sys.executable}


def test_one_version_does_not_replace_another(monkeypatch):
    monkeypatch.setattr(python, "find", lambda version: "/nine" if version == "3.9" else None)
    assert Pythons().for_settings({"python.required": "3.9,3.13"}) == "/nine"
    with pytest.raises(SplError, match="no such Python"):
        Pythons().for_settings({"python.required": "3.13"})


def test_nothing_is_inherited_from_the_stand_ins_environment(tmp_path, monkeypatch):
    before = environment(tmp_path)
    for name in ("PATH", "PYTHONPATH", "HTTPS_PROXY", "LANG", "HOME"):
        monkeypatch.setenv(name, "/elsewhere")
    assert environment(tmp_path) == before
    assert before["SPLUNK_HOME"] == str(tmp_path)
