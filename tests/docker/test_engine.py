"""What is reported when containers do not start, and that nothing is left behind, using a fake engine."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docker import __main__ as commands
from tests.docker import engine as engines
from tests.docker import kubernetes, report
from tests.docker.engine import ROOT, Engine, NotStarted
from tests.docker.splunk import SplunkContainer
from tests.support import recorded
from tests.support.fakes.segment import WRITE_KEY

PROJECT = "segment-bridge-unit"


@pytest.fixture
def state(tmp_path, monkeypatch) -> Path:
    """The folder that fake_engine.py works in. Its docker is the only one on the path, and needs no packages."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nexec %s -I -S %s "$@"\n' % (sys.executable, ROOT / "tests/docker/fake_engine.py"))
    program.chmod(0o755)
    (tmp_path / "fate").write_text("running", encoding="utf-8")
    monkeypatch.setenv("PATH", "%s:/bin:/usr/bin" % program.parent)
    monkeypatch.setenv("FAKE_ENGINE", str(tmp_path))
    for name in [each for each in os.environ if each.startswith("SPLUNK")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(engines, "PORTS", dict.fromkeys(engines.PORTS, ()))
    monkeypatch.setattr(commands, "BY_HAND", PROJECT)
    return tmp_path


def calls(state):
    return (state / "calls").read_text(encoding="utf-8").splitlines()


def never():
    return False


# --- What does not start --------------------------------------------------------------------------------------------


def test_a_container_that_ends_is_reported_at_once_with_the_end_of_its_log(state):
    (state / "fate").write_text("exited", encoding="utf-8")
    engine = Engine(PROJECT)
    engine.start("splunk")
    began = time.monotonic()
    with pytest.raises(NotStarted) as raised:
        engine.wait("splunk", never, 600)
    assert time.monotonic() - began < 30
    first, *log = str(raised.value).splitlines()
    assert first.startswith("splunk has ended: its container is exited. The end of its log, which is in ")
    assert log == ["splunk-1 | starting", "splunk-1 | the licence is refused, password ***"]
    assert engine.password not in (engine.folder / "splunk.log").read_text(encoding="utf-8")


def test_a_container_that_is_not_ready_in_time_is_reported_likewise(state):
    engine = Engine(PROJECT)
    engine.start("splunk")
    with pytest.raises(NotStarted, match=r"^splunk was not ready in 0 s\. The end of its log"):
        engine.wait("splunk", never, 0)


def test_a_port_in_use_is_named_before_anything_is_started(state, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(engines, "PORTS", {"splunk": (port,)})
        with pytest.raises(NotStarted, match=r"^splunk needs port %d of this machine, which is in use: " % port):
            Engine(PROJECT).start("splunk")
    assert "compose up splunk" not in " ".join(calls(state))


def test_an_image_that_cannot_be_had_is_named(state):
    (state / "no-image").touch()
    with pytest.raises(NotStarted, match=r"the image example\.com/splunk:1 cannot be pulled"):
        Engine(PROJECT).start("splunk")


def test_the_engines_refusal_is_reported_in_its_words(state):
    (state / "refusal").write_text("Bind for 127.0.0.1:6443 failed: port is already allocated", encoding="utf-8")
    with pytest.raises(NotStarted, match=r"^kubernetes does not start: Bind for 127\.0\.0\.1:6443 failed: port is"):
        Engine(PROJECT).start("kubernetes")


def test_a_second_splunk_over_the_first_is_a_mistake_and_leaves_it_alone(state):
    engine = Engine(PROJECT)
    engine.start("splunk")
    with pytest.raises(RuntimeError, match="the tests have started a Splunk already"), SplunkContainer(engine):
        pass
    assert engine.state("splunk") == "running"


# --- make up --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ready(monkeypatch):
    monkeypatch.setattr("tests.docker.splunk.splunk_is_ready", lambda *_: True)


def test_a_second_make_up_keeps_the_password(state):
    first = Engine(PROJECT)
    first.start("splunk")
    assert Engine(PROJECT).password == first.password


def test_splunk_stays_and_its_password_is_shown_if_the_cluster_does_not_start(state, ready, monkeypatch, capsys):
    def fail(_cluster):
        raise NotStarted("kubernetes does not start")

    monkeypatch.setattr(commands.Kubernetes, "up", fail)
    assert commands.main(["up", "dist/package.tar.gz"]) == 1
    said = capsys.readouterr()
    engine = Engine(PROJECT)
    assert "admin / " + engine.password in said.out
    assert said.err.splitlines() == [
        "kubernetes does not start",
        "The others stay up: make up tries again, make down ends them",
    ]
    assert engine.state("splunk") == "running"


def test_fields_that_a_cluster_sets_itself_are_not_applied_to_another():
    """A second make up applies the same objects again, and a real API server refuses to change these fields."""
    for thing in (*recorded.namespaces()["items"], *recorded.usersignups()["items"]):
        kept = kubernetes._without_the_servers_own(thing)["metadata"]
        assert not {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "generation"} & set(kept)


def test_nothing_is_left_if_splunk_does_not_start(state, capsys):
    (state / "fate").write_text("exited", encoding="utf-8")
    assert commands.main(["up", "dist/package.tar.gz"]) == 1
    assert capsys.readouterr().err.startswith("splunk has ended: ")
    assert Engine(PROJECT).state("splunk") == ""
    assert not Engine(PROJECT).shared.exists()


def test_make_down_leaves_no_secret(state):
    engine = Engine(PROJECT)
    engine.start("splunk")
    (engine.shared / "token.txt").write_text("fake-token", encoding="utf-8")
    assert commands.main(["down"]) == 0
    assert not engine.shared.exists()


# --- Signals --------------------------------------------------------------------------------------------------------

DRIVER = """
import sys
from tests.docker import __main__ as commands, engine
engine.PORTS = dict.fromkeys(engine.PORTS, ())
commands.TEST = %r
sys.exit(commands.main(["test", *sys.argv[1:]]))
"""
LONG_TEST = """
import pathlib, time, pytest
@pytest.fixture
def thing():
    pathlib.Path(%(folder)r, "began").touch()
    yield
    pathlib.Path(%(folder)r, "unwound").touch()
def test_that_takes_long(thing):
    time.sleep(120)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_the_tests_and_ends_the_container(state, number):
    (state / "test_long.py").write_text(LONG_TEST % {"folder": str(state)}, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER % PROJECT, str(state / "test_long.py")], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not (state / "began").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(120) == 128 + number
    finally:
        process.kill()
        process.wait()
    assert (state / "unwound").exists()
    assert calls(state)[-1] == "compose down --volumes --timeout 5"


def test_one_run_at_a_time(state, monkeypatch, capsys):
    monkeypatch.setattr(commands, "TEST", PROJECT)
    with commands.alone():
        assert commands.main(["test"]) == 1
    assert capsys.readouterr().err == "another make test-splunk is running: wait until it ends\n"


# --- The report -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        WRITE_KEY,
        "fake-password-of-splunk",
        "Bearer sha256~fake0fake0fake0fake0",
        "Splunk 0123456789abcdef0123",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2ln",
    ],
)
def test_no_secret_gets_into_the_report(secret, monkeypatch):
    monkeypatch.setenv("SPLUNK_PASSWORD", "fake-password-of-splunk")
    monkeypatch.setattr(report, "_answers", [("a | question", "it said:\n%s" % secret)])
    text = report.text()
    assert secret not in text
    assert "| a \\| question | it said: *** |" in text
