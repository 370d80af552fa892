"""Unit tests open no connection and need no package: they are quick, and a failure is the code's."""

import socket

import pytest

from segment_bridge.splunk import rest
from tests.support.splunkd import SplunkdDouble


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch):
    def refused(*_):
        raise AssertionError("unit tests must not open connections: move this test to tests/integration")

    for name in ("bind", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refused)


@pytest.fixture(scope="session")
def package():
    raise AssertionError("unit tests must not need the package: move this test to tests/package or tests/integration")


@pytest.fixture
def splunkd(monkeypatch, tmp_path):
    """A double of splunkd, to which the commands that run in this process connect. Their run log is below tmp_path."""
    (tmp_path / "var/log/splunk").mkdir(parents=True)
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path))
    double = SplunkdDouble()
    monkeypatch.setattr(rest, "connect", lambda uri, key: double.service())
    return double
