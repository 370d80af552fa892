"""The processes that run the REST handlers of apps: one for each Python, as long as splunkd runs.

restmap.conf.spec, [script:<uniqueName>], scripttype = persist and driver, which is the same for all apps by default.
"""

import json
import queue
import threading
from pathlib import Path
from typing import Any, Dict, Optional

from ..values import SplError
from .kinds import ANSWER_TIMEOUT_S, how_it_ended
from .program import Program

_DRIVER = Path(__file__).with_name("persistconn.py")


class _Process:
    def __init__(self, splunkd, python: str):
        self._lock = threading.Lock()
        self._lines: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        # -I: neither the driver's folder nor anything from the environment is on its path.
        self._program = Program(
            [python, "-I", str(_DRIVER)],
            splunkd.environment,
            lambda pid, line: splunkd.logs.splunkd("ERROR", "PersistentScript", "From {%s}: %s" % (_DRIVER.name, line)),
        )
        self._program.in_background(self._read)

    @property
    def is_alive(self) -> bool:
        return self._program.poll() is None

    def _read(self) -> None:
        for line in self._program.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, line: str) -> Dict[str, Any]:
        with self._lock:
            try:
                self._program.stdin.write(line.encode() + b"\n")
                self._program.stdin.flush()
                answer = self._lines.get(timeout=ANSWER_TIMEOUT_S)
                if answer is None:
                    raise EOFError(how_it_ended(self._program.wait()))
                return json.loads(answer)
            except (OSError, EOFError, ValueError, queue.Empty) as error:  # a later answer belongs to no request
                self.stop()
                raise SplError("its process gave no answer: %r" % error) from None

    def stop(self) -> None:
        self._program.stop()
        self._program.clear_away()


class Handlers:
    """`ask` may be called by many threads at once. A process answers the calls one by one."""

    def __init__(self, splunkd):
        self._splunkd = splunkd
        self._processes: Dict[str, _Process] = {}
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Ends the processes. The next request starts them again, with the scripts as they are then."""
        with self._lock:
            ending = list(self._processes.values())
            self._processes.clear()
        for process in ending:
            process.stop()

    def ask(self, python: str, script: Path, request: Dict[str, Any]) -> Dict[str, Any]:
        """The handler's answer."""
        with self._lock:
            if python not in self._processes or not self._processes[python].is_alive:
                self._processes[python] = _Process(self._splunkd, python)
            process = self._processes[python]
        said = process.ask(json.dumps([str(script), json.dumps(request)]))
        if "error" in said:
            raise SplError(said["error"])
        return said["answer"]
