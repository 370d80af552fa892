"""Has programs run by a process that has already imported what they import (clocked.py serve), without starting
Python.
"""

import os
import select
import socket
import subprocess
import threading
from typing import Any, List, Mapping, Optional, Sequence

from tests.standin.runner import python

_KILLED = -9


class Server:
    """A context manager. `command` starts the server; `script` is what it runs, with any arguments."""

    def __init__(self, command: Sequence[Any], script: str, environment: Mapping[str, str]):
        self._command, self.script, self._environment = command, script, dict(environment)

    def __enter__(self) -> "Server":
        self._requests, given = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with given:
            self._process = subprocess.Popen(self._command, stdin=given, env=self._environment, cwd="/")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._requests.close()  # this ends the server
        self._process.wait()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> "Forked":
        """Starts the script with arguments, in its own process group."""
        assert environment == self._environment
        return Forked(self._requests, arguments)


class Forked:
    """A running program, with the interface of subprocess.Popen."""

    def __init__(self, requests: socket.socket, arguments: Sequence[str]):
        self.returncode: Optional[int] = None
        self._lock = threading.Lock()
        pipes = [os.pipe() for _ in range(4)]
        (theirs_in, ours_in), *ours = pipes
        given = [theirs_in, *(write for _, write in ours)]
        socket.send_fds(requests, [os.fsencode("\0".join(arguments))], given)
        for file in given:
            os.close(file)
        self.stdin = os.fdopen(ours_in, "wb")
        self.stdout, self.stderr = (os.fdopen(read, "rb") for read, _ in ours[:2])
        self._told = os.fdopen(ours[2][0], "rb", buffering=0)  # `poll` sees what has not been read yet
        self.pid = int(self._told.readline())

    def wait(self) -> int:
        with self._lock:
            return self._ended()

    def poll(self) -> Optional[int]:
        """Also None while another thread is waiting for the end."""
        if self._lock.acquire(blocking=False):
            try:
                if self.returncode is None and select.select([self._told], [], [], 0)[0]:
                    self._ended()
            finally:
                self._lock.release()
        return self.returncode

    def _ended(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._told.readline() or _KILLED)
            self._told.close()
        return self.returncode


class Pythons(python.Pythons):
    """The Pythons of a Splunk. Once there is a `server`, it runs its script instead of them."""

    server: Optional[Server] = None

    def start(self, command: List[str], **how: Any) -> Any:
        if self.server and command[1] == self.server.script:
            return self.server.start(command[1:], how["env"])
        return super().start(command, **how)
