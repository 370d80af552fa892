"""Runs programs of the app by their site's clock.

    clocked.py alone <file with the seconds that the clock is ahead> <script> <argument> ...
    clocked.py serve <script> <module> ...

Tests run segmentsend thousands of times, and importing the app takes several times as long as a run. So one process
imports what the script imports, at once and later (serve), and forks for each program that forked.py requests through
the socket that is its standard input.
"""

import os
import sys
import time


class Clock:
    """Replaces this process's clock. Modules may keep time.time when they are imported, so it must come before them."""

    def __init__(self):
        self.ahead_s = 0.0
        real_time, real_time_ns = time.time, time.time_ns
        time.time = lambda: real_time() + self.ahead_s
        time.time_ns = lambda: real_time_ns() + int(self.ahead_s * 1e9)


class Ending:
    """Ends a forked process at its exit. Tearing down the interpreter would copy all shared memory, and take as long as
    the program itself.
    """

    def __init__(self):
        self.status = None  # the exit status; None leaves it to the interpreter

    def __call__(self) -> None:
        if self.status is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.status)


def run(arguments: list) -> None:
    """Runs a program in this process."""
    import runpy

    sys.argv[:] = arguments  # splunklib has held this list since it was imported
    runpy.run_path(sys.argv[0], run_name="__main__")


def run_forked(arguments: list, ending: Ending) -> None:
    try:
        run(arguments)
        ending.status = 0
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            ending.status = ended.code or 0
        raise


def wait_for_request() -> bytes:
    """Serves requests as long as a client is connected. Returns only in a process that is to run a program, with what
    was requested; the process then has the program's standard input, output and error, and its own group.
    """
    import select
    import signal
    import socket

    requests = socket.socket(fileno=0)
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running = {}  # by process id, the files through which to report the exit status
    while True:
        if woken in select.select([requests, woken], [], [])[0]:
            os.read(woken, 65_536)
            for program in list(running):
                ended, status = os.waitpid(program, os.WNOHANG)
                if ended:
                    os.write(running[program], b"%d\n" % os.waitstatus_to_exitcode(status))
                    os.close(running.pop(program))
            continue
        request, files, _, _ = socket.recv_fds(requests, 65_536, 4)
        if not request:
            os._exit(0)
        program = os.fork()
        if not program:
            break
        running[program] = files.pop()
        os.write(running[program], b"%d\n" % program)
        for file in files:
            os.close(file)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    requests.detach()
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    for file in (*files, woken, wakes, *running.values()):
        os.close(file)
    return request


def serve(clock: Clock, script: str, modules: tuple) -> None:
    import atexit
    import gc
    import importlib
    import json
    import runpy

    ending = Ending()
    atexit.register(ending)  # what is registered first is called last
    runpy.run_path(script)  # only imports
    for module in modules:
        importlib.import_module(module)
    gc.freeze()  # so that collections in a fork do not touch, and so copy, memory shared with this process
    clock.ahead_s, environment, arguments = json.loads(wait_for_request())
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    run_forked(arguments, ending)


def main(what: str, *rest: str) -> None:
    clock = Clock()
    if what == "alone":
        with open(rest[0]) as file:
            clock.ahead_s = float(file.read())
        rest = rest[1:]
    if not sys.flags.isolated:
        sys.path[0] = os.path.dirname(rest[0])
    if what == "serve":
        serve(clock, rest[0], rest[1:])
    else:
        run(list(rest))


main(*sys.argv[1:])
