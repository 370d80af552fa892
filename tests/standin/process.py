"""The stand-in as a separate process, which shares nothing but its ports with those who test against it."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_STOP_S = 30


class StandinProcess:
    """A context manager. `management`, `web` and `hec` are base URLs, `password` is admin's, `home` is $SPLUNK_HOME.

    `user` is that administrator. `options` are further options of python -m tests.standin.
    """

    def __init__(self, home: Path, *options: str):
        self.home, self.user, self.password, self._options = home, "admin", secrets.token_hex(12), options

    def __enter__(self) -> "StandinProcess":
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.standin",
                "--home",
                str(self.home),
                "--password",
                self.password,
                "--port",
                "0",
                "--web-port",
                "0",
                "--hec-port",
                "0",
                *self._options,
            ],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the stand-in did not start: exit status %d" % self._process.wait())
        addresses = json.loads(line)
        self.management, self.web, self.hec = (addresses[name] for name in ("management", "web", "hec"))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
