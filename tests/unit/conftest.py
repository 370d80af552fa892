"""Unit tests open no connection and need no package: they are quick, and a failure is the code's."""

import socket

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch):
    def refused(*_):
        raise AssertionError("unit tests must not open connections: move this test to tests/integration")

    for name in ("bind", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refused)


@pytest.fixture(scope="session")
def package():
    raise AssertionError("unit tests must not need the package: move this test to tests/package or tests/integration")
