"""Runs programs of the app by their site's clock.

    clocked.py alone <file with the seconds that the clock is ahead> <script> <argument> ...
    clocked.py serve <socket> <file with the seconds that the clock is ahead> <script>
    clocked.py run <socket> <script> <argument> ...

A year has more than a thousand runs of segmentsend, and to import the app takes several times what a run does. So
one process imports what the script does (serve), and forks for each that is to run it (run). Standard input and output,
environment and arguments are those of the latter, and it ends as the program does. It imports no more than it needs:
that is most of what it costs.
"""

import json
import os
import sys
import time

GRACE_S = 2
"""What a program has between SIGTERM and SIGKILL."""


def ask(path: str, arguments: list) -> int:
    """Has a program run; its exit status."""
    import socket

    request = json.dumps({"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [b"%d\n" % len(request)], [0, 1, 2])
        connection.sendall(request)
        status = connection.recv(16)
    return int(status or b"1")


def wait_for_request(path: str) -> dict:
    """Serves requests for ever; returns only in the processes that are to run a program."""
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
    return json.loads(body)


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


def run(arguments: list, clock: str) -> None:
    """A program, in this process, by the clock as it is now."""
    import runpy

    with open(clock) as file:
        ahead_s = float(file.read())
    real_time, real_time_ns = time.time, time.time_ns
    time.time = lambda: real_time() + ahead_s
    time.time_ns = lambda: real_time_ns() + int(ahead_s * 1e9)
    sys.argv[:] = arguments  # splunklib has the list since it was imported
    runpy.run_path(sys.argv[0], run_name="__main__")


def main(what: str, path: str, *rest: str) -> None:
    if what == "run":
        sys.exit(ask(path, list(rest)))
    script = rest[0] if what == "alone" else rest[1]
    if not sys.flags.isolated:
        sys.path[0] = os.path.dirname(script)
    if what == "alone":
        return run(list(rest), path)
    import random
    import runpy

    runpy.run_path(script)  # imports, and no more
    request = wait_for_request(path)
    random.seed()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    return run(request["arguments"], rest[0])


main(*sys.argv[1:])
