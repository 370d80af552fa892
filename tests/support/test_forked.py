"""Programs that a server runs behave like those started with Python: how they end, what they write, how they are
stopped.
"""

import functools
import signal
import subprocess
import sys
import time

import pytest

from tests.standin.runner.program import Program
from tests.support.forked import Server

SCRIPT = """
import os
import sys
import time
if __name__ == "__main__":
    said = sys.stdin.readline().strip()
    print(sys.argv[1:], dict(os.environ), time.localtime(0).tm_hour, said, round((time.time() - %r) / 3600), flush=True)
    if said == "wait":
        time.sleep(60)
    if said == "raise":
        raise ValueError("no")
    sys.exit("a text" if said == "text" else int(said or 0))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    script = tmp_path_factory.mktemp("served") / "script.py"
    script.write_text(SCRIPT % time.time())
    with Server(sys.executable, str(script), [], {"HOME": "/"}) as server:
        yield server


@pytest.fixture
def errors():
    return []


@pytest.fixture
def program(server, errors):
    command = [sys.executable, server.script, "a", ""]
    start = functools.partial(server.start, ahead_s=7200.0)
    program = Program(command, {"TZ": "UTC-9"}, lambda pid, line: errors.append(line), start)
    yield program
    program.stop()
    program.clear_away()


@pytest.mark.parametrize(
    "given, status, error",
    [("", 0, None), ("3", 3, None), ("text", 1, "a text"), ("raise", 1, "ValueError: no")],
)
def test_a_program_ends_with_its_own_status(program, errors, given, status, error):
    assert program.poll() is None
    program.give(given.encode() + b"\n")
    assert program.ends_within(30)
    assert (program.returncode, program.poll()) == (status, status)
    assert program.stdout.read() == b"['a', ''] {'TZ': 'UTC-9'} 9 %s 2\n" % given.encode()
    program.clear_away()
    assert errors[-1:] == ([error] if error else [])


def test_a_program_can_be_ended_by_a_signal(program):
    program.give(b"wait\n")
    assert program.stdout.readline()
    program.stop()
    assert program.returncode == -signal.SIGTERM


def test_it_can_be_waited_for_and_killed(server):
    program = server.start([sys.executable, server.script], {})
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.01)
    program.kill()
    assert (program.wait(30), program.poll()) == (-signal.SIGKILL, -signal.SIGKILL)
    program.kill()
    for pipe in (program.stdin, program.stdout, program.stderr):
        pipe.close()


def test_several_programs_run_at_once(server, program):
    other = Program([sys.executable, server.script], {}, print, server.start)
    other.give(b"4\n")
    assert other.ends_within(30)
    assert (other.returncode, program.poll()) == (4, None)
    other.clear_away()
