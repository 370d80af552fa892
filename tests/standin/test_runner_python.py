"""Which Python an app's programs run under."""

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
def test_the_highest_that_is_required_wins_over_the_version(settings, expected):
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
def test_older_ones_have_but_one_and_do_not_know_python_required(version, pythons):
    here = Pythons(BOTH, RELEASES[version])
    settings = {"python.version": "python3", "python.required": "3.9,3.13"}
    assert here.for_settings(settings) == BOTH[pythons[-1]]
    assert here.for_settings({"python.version": "latest"}) == BOTH[pythons[-1]]
    if pythons == ["3.9"]:
        with pytest.raises(SplError, match=r"there is no Python 'python3\.13' in Splunk, which has 3\.9\."):
            here.for_settings({"python.version": "python3.13"})


def test_of_those_that_are_required_the_highest_that_is_there():
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
def test_what_splunk_does_not_have_is_named(settings, named):
    with pytest.raises(SplError, match=named):
        Pythons(BOTH).for_settings(settings)


def test_one_that_is_not_installed_is_named():
    with pytest.raises(SplError, match=r"python.required = 3\.13: no such Python is installed"):
        Pythons({"3.9": "/nine"}).for_settings({"python.required": "3.13"})


def test_where_neither_is_found_the_stand_ins_own_takes_their_place(monkeypatch):
    monkeypatch.setattr(python, "find", lambda version: None)
    assert {Pythons().for_settings({"python.required": name}) for name in ("3.9", "3.13")} == {sys.executable}


def test_one_that_is_found_does_not_stand_in_for_the_other(monkeypatch):
    monkeypatch.setattr(python, "find", lambda version: "/nine" if version == "3.9" else None)
    assert Pythons().for_settings({"python.required": "3.9,3.13"}) == "/nine"
    with pytest.raises(SplError, match="no such Python"):
        Pythons().for_settings({"python.required": "3.13"})


def test_nothing_of_the_stand_ins_environment_is_handed_on(tmp_path, monkeypatch):
    before = environment(tmp_path)
    for name in ("PATH", "PYTHONPATH", "HTTPS_PROXY", "LANG", "HOME"):
        monkeypatch.setenv(name, "/elsewhere")
    assert environment(tmp_path) == before
    assert before["SPLUNK_HOME"] == str(tmp_path)
