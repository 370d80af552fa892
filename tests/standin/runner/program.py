"""A running program of an app."""

import os
import signal
import subprocess
import threading
from contextlib import suppress
from functools import partial
from typing import BinaryIO, Callable, List, Mapping, Optional, Protocol, Sequence

GRACE_S = 5
"""The time between the end of a program's input and SIGTERM, and between SIGTERM and SIGKILL."""


class Process(Protocol):
    """The part of subprocess.Popen that is used here."""

    pid: int
    stdin: BinaryIO
    stdout: BinaryIO
    stderr: BinaryIO
    returncode: Optional[int]

    def poll(self) -> Optional[int]: ...

    def wait(self) -> int: ...


Start = Callable[..., Process]
"""Starts a program, with the arguments of subprocess.Popen."""


class Program:
    """Runs in its own process group: signals reach everything that it has started, and none of that outlives it.

    Args:
        on_error_line: receives its process id and each line that it writes to stderr, in a separate thread.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        on_error_line: Callable[[int, str], None],
        start: Start = subprocess.Popen,
    ):
        self._process = start(
            command,
            env=dict(env),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid, self.poll, self.wait = self._process.pid, self._process.poll, self._process.wait
        self.stdin, self.stdout, self.stderr = self._process.stdin, self._process.stdout, self._process.stderr
        self._threads: List[threading.Thread] = []
        self._watch = self.in_background(self._end_all_with_it)
        self.in_background(lambda: _each_line(self.stderr, partial(on_error_line, self.pid)))

    @property
    def returncode(self) -> Optional[int]:
        return self._process.returncode

    def in_background(self, work: Callable[[], None]) -> threading.Thread:
        """Runs `work`, which must end with the program, for example because it reads the program's output."""
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _end_all_with_it(self) -> None:
        self.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def give(self, data: bytes) -> None:
        """Writes the program's whole stdin. The program need not read it."""
        with suppress(OSError):
            self.stdin.write(data)
        self.end_input()

    def end_input(self) -> None:
        with suppress(OSError):  # what is buffered does not reach a program that is gone
            self.stdin.close()

    def ends_within(self, seconds: Optional[float]) -> bool:
        """Waits for the program's end. Without a limit, it waits as long as needed."""
        self._watch.join(seconds)
        return not self._watch.is_alive()

    def stop(self) -> None:
        """Sends SIGTERM, and SIGKILL if that is not enough."""
        self.send_signal(signal.SIGTERM)
        if not self.ends_within(GRACE_S):
            self.send_signal(signal.SIGKILL)
            self.ends_within(None)

    def clear_away(self) -> None:
        """Cleans up after the program's end: reads what it has written, and closes the pipes."""
        for thread in self._threads:
            thread.join()
        self.end_input()
        self.stdout.close()
        self.stderr.close()


def _each_line(stream: BinaryIO, take: Callable[[str], None]) -> None:
    for line in stream:
        take(line.decode(errors="replace").rstrip("\r\n"))
