"""A program of an app that runs."""
import os
import signal
import subprocess
import threading
from contextlib import suppress
from typing import BinaryIO, Callable, List, Mapping, Sequence

GRACE_S = 5
"""What a program has between the end of its input and SIGTERM, and between SIGTERM and SIGKILL."""


class Program(subprocess.Popen):
    """It runs in a group of its own: signals go to all that it has started, and none of it outlives it.

    Args:
        on_error_line: takes the lines that it writes on stderr, in a thread of its own.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], on_error_line: Callable[[str], None]):
        super().__init__(command, env=dict(env), cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, start_new_session=True)
        self._readers: List[threading.Thread] = []
        self.read_in_background(lambda: _each_line(self.stderr, on_error_line))

    def read_in_background(self, reader: Callable[[], None]) -> None:
        """`reader` reads what the program writes, to its end."""
        thread = threading.Thread(target=reader, daemon=True)
        self._readers.append(thread)
        thread.start()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def give(self, data: bytes) -> None:
        """All that it is told on stdin; a program need not read it."""
        with suppress(OSError):
            self.stdin.write(data)
        self.end_input()

    def end_input(self) -> None:
        with suppress(OSError):  # what is buffered does not get through to a program that is gone
            self.stdin.close()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """SIGTERM, and SIGKILL if that is not enough. (Then `clear_away`.)"""
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.wait(grace_s)
                return

    def clear_away(self) -> None:
        """After the program's end: what it left running, and the pipes. All that it has written is read by then."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for thread in self._readers:
            thread.join()
        self.end_input()
        self.stdout.close()
        self.stderr.close()


def _each_line(stream: BinaryIO, take: Callable[[str], None]) -> None:
    for line in stream:
        take(line.decode(errors="replace").rstrip("\r\n"))
