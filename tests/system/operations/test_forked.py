"""Programs that a server runs behave like those started with Python: how they end, what they write, how they are
stopped.
"""

import signal
import sys
import time

import pytest

from tests.standin.runner.program import Program
from tests.system.operations.bridge import CLOCKED
from tests.system.operations.forked import Server

SCRIPT = """
import sys
import time
if __name__ == "__main__":
    said = sys.stdin.readline().strip()
    print(sys.argv[1:], said, round((time.time() - {}) / 3600), flush=True)
    if said == "wait":
        time.sleep(60)
    if said == "raise":
        raise ValueError("no")
    sys.exit("a text" if said == "text" else int(said or 0))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    script, clock = folder / "script.py", folder / "clock"
    script.write_text(SCRIPT.format(time.time()))
    clock.write_text("7200.0")
    with Server([sys.executable, CLOCKED, "serve", clock, script], str(script), {}) as server:
        yield server


@pytest.fixture
def errors():
    return []


@pytest.fixture
def program(server, errors):
    def start(command, env, **_):
        return server.start(command[1:], env)

    program = Program([sys.executable, server.script, "a", ""], {}, lambda pid, line: errors.append(line), start)
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
    assert program.stdout.read() == b"['a', ''] %s 2\n" % given.encode()
    program.clear_away()
    assert errors[-1:] == ([error] if error else [])


def test_a_program_can_be_ended_by_a_signal(program):
    program.give(b"wait\n")
    assert program.stdout.readline()
    program.stop()
    assert program.returncode == -signal.SIGTERM


def test_several_programs_run_at_once(server, program):
    other = Program(
        [sys.executable, server.script], {}, print, lambda command, env, **_: server.start(command[1:], env)
    )
    other.give(b"4\n")
    assert other.ends_within(30)
    assert (other.returncode, program.poll()) == (4, None)
    other.clear_away()
