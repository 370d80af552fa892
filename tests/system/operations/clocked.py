"""Runs programs of the app by their site's clock.

    clocked.py alone <file with the seconds that the clock is ahead> <script> <argument> ...
    clocked.py serve <socket> <file with the seconds that the clock is ahead> <script> <module> ...
    clocked.py run <socket> <script> <argument> ...

A year has more than a thousand runs of segmentsend, and to import the app takes several times what a run does. So
one process imports what the script does and what it would import later (serve), and forks for each that is to run it
(run). Standard input and output, environment and arguments are those of the latter, and it ends as the program does. It
imports no more than it needs, and nothing that is not built in: that is most of what it costs.
"""

import os
import sys
import time

GRACE_S = 2
"""What a program has between SIGTERM and SIGKILL."""


def ask(path: str, arguments: list) -> int:
    """Has a program run; its exit status."""
    import _socket  # all of `socket` takes longer than the rest of this process

    environment = ["%s=%s" % each for each in os.environ.items()]
    request = os.fsencode("\0".join([os.getcwd(), str(len(arguments)), *arguments, *environment]))
    connection = _socket.socket(_socket.AF_UNIX)
    connection.connect(path)
    files = b"".join(file.to_bytes(4, sys.byteorder) for file in (0, 1, 2))
    connection.sendmsg([b"%d\n" % len(request)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    connection.sendall(request)
    return int(connection.recv(16) or b"1")


def serve(path: str, script: str, modules: tuple) -> list:
    """Imports what a script does, and modules. The rest is as of `wait_for_request`."""
    import gc
    import importlib
    import random
    import runpy

    runpy.run_path(script)  # imports, and no more
    for module in modules:
        importlib.import_module(module)
    gc.freeze()  # no collection in a fork touches what it shares with this process, which would copy it
    arguments = wait_for_request(path)
    random.seed()
    return arguments


def wait_for_request(path: str) -> list:
    """Serves requests for ever. Returns only in the processes that are to run a program: its arguments, when it has the
    folder and the environment of who asked for it.
    """
    import signal
    import socket

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        while True:
            connection, _ = listener.accept()
            if not os.fork():
                break
            connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection:
        head, files, _, _ = socket.recv_fds(connection, 16, 3)
        size, _, body = head.partition(b"\n")
        while len(body) < int(size):
            body += connection.recv(65_536)
        is_running, ended = os.pipe()
        program = os.fork()
        if program:
            os.close(ended)
            for file in files:
                os.close(file)
            watch(program, is_running, connection)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    folder, number, *rest = os.fsdecode(body).split("\0")
    arguments, environment = rest[: int(number)], rest[int(number) :]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(each.split("=", 1) for each in environment)
    return arguments


def watch(program: int, is_running: int, connection) -> None:
    """Tells who asked how the program ended; ends it where who asked is gone. Does not return."""
    import select
    import signal

    if connection in select.select([is_running, connection], [], [])[0]:
        os.kill(program, signal.SIGTERM)
        if not select.select([is_running], [], [], GRACE_S)[0]:
            os.kill(program, signal.SIGKILL)
    _, status = os.waitpid(program, 0)
    try:
        connection.sendall(b"%d" % os.waitstatus_to_exitcode(status))
    finally:
        os._exit(0)


class Clock:
    """In place of this process's. Modules may keep time.time when they are imported, so it must come before them."""

    def __init__(self, file: str):
        self.file, self.ahead_s = file, 0.0
        real_time, real_time_ns = time.time, time.time_ns
        time.time = lambda: real_time() + self.ahead_s
        time.time_ns = lambda: real_time_ns() + int(self.ahead_s * 1e9)

    def read(self) -> None:
        with open(self.file) as file:
            self.ahead_s = float(file.read())


def run(arguments: list) -> None:
    """A program, in this process."""
    import runpy

    sys.argv[:] = arguments  # splunklib has the list since it was imported
    runpy.run_path(sys.argv[0], run_name="__main__")


def main(what: str, path: str, *rest: str) -> None:
    if what == "run":
        sys.exit(ask(path, list(rest)))
    script = rest[0] if what == "alone" else rest[1]
    clock = Clock(path if what == "alone" else rest[0])
    if not sys.flags.isolated:
        sys.path[0] = os.path.dirname(script)
    arguments = list(rest) if what == "alone" else serve(path, script, rest[2:])
    clock.read()
    run(arguments)


main(*sys.argv[1:])
