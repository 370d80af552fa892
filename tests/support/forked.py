"""Has programs run by a process that has already imported what they import (clocked.py serve), without starting
Python.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

CLOCKED = Path(__file__).with_name("clocked.py")
SEGMENTSENDS = ("segment_bridge.splunk.destinations", "segment_bridge.splunk.replies")
"""The modules that segmentsend imports when its first rows arrive."""


class Server:
    """A context manager.

    Args:
        python: runs the server.
        script: what the server runs, with any arguments.
        modules: what the script imports later than at its start.
        environment: the server's own, for what Python itself and imports take from it.
    """

    def __init__(self, python: Any, script: str, modules: Sequence[str], environment: Mapping[str, str]):
        self._command, self.script = [python, CLOCKED, "serve", script, *modules], script
        self._environment = dict(environment)

    def __enter__(self) -> "Server":
        self._requests, given = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with given:
            self._process = subprocess.Popen(self._command, stdin=given, env=self._environment, cwd="/")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._requests.close()  # this ends the server
        self._process.wait()

    def start(self, command: Sequence[str], env: Mapping[str, str], ahead_s: float = 0.0, **_: Any) -> "Forked":
        """Starts the script as `command` says, by a clock that is ahead; like subprocess.Popen, but always with pipes,
        in its own process group. The command may have another name for the script's file.
        """
        assert os.path.samefile(command[1], self.script)
        return Forked(self._requests, json.dumps([ahead_s, dict(env), list(command[1:])]).encode())


class Forked:
    """A running program, with the interface of subprocess.Popen."""

    def __init__(self, requests: socket.socket, request: bytes):
        self.returncode: Optional[int] = None
        self._lock = threading.Lock()
        pipes = [os.pipe() for _ in range(4)]
        (theirs_in, ours_in), *ours = pipes
        given = [theirs_in, *(write for _, write in ours)]
        socket.send_fds(requests, [request], given)
        for file in given:
            os.close(file)
        self.stdin = os.fdopen(ours_in, "wb")
        self.stdout, self.stderr = (os.fdopen(read, "rb") for read, _ in ours[:2])
        self._told = os.fdopen(ours[2][0], "rb", buffering=0)  # `poll` sees what has not been read yet
        self.pid = int(self._told.readline())

    def kill(self) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: Optional[float] = None) -> int:
        """Waits for the end.

        Raises:
            subprocess.TimeoutExpired: it takes longer than `timeout`, in seconds.
        """
        with self._lock:
            if self.returncode is None and not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("the program", timeout)
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
            self.returncode = int(self._told.readline() or -signal.SIGKILL)
            self._told.close()
        return self.returncode
