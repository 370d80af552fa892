"""Docker or Podman, whichever runs, and what is done with compose.yaml by it."""
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import List, Optional, Sequence

COMPOSE = Path(__file__).parent / "compose.yaml"
ROOT = COMPOSE.parents[2]
SHARED = ROOT / "build" / "shared"


class NoEngine(Exception):
    """None runs; the text says in one line what was tried."""


class Engine:
    """The first of Docker and Podman that runs."""

    def __init__(self):
        tried = []
        for program in ("docker", "podman"):
            failure = _failure([program, "info"]) or _failure([program, "compose", "version"])
            if not failure:
                self.program = program
                break
            tried.append("%s: %s" % (program, failure))
        else:
            raise NoEngine("no container engine with compose runs here (%s)" % "; ".join(tried))
        SHARED.mkdir(parents=True, exist_ok=True)
        self.password = os.environ.get("SPLUNK_PASSWORD") or secrets.token_urlsafe(12)
        self._environment = {**os.environ, "SPLUNK_PASSWORD": self.password, "SHARED": str(SHARED)}

    def compose(self, *arguments: str) -> None:
        """
        Raises:
            subprocess.CalledProcessError: its exit status is not 0; what it says is on the terminal.
        """
        subprocess.run(self._command(*arguments), check=True, env=self._environment)

    def run(self, service: str, command: Sequence[str], text: Optional[str] = None) -> str:
        """What a command in a service's container prints; `text` is its input.

        Raises:
            RuntimeError: its exit status is not 0; the text has what it says.
        """
        done = subprocess.run(self._command("exec", "-T", service, *command), input=text, env=self._environment,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            raise RuntimeError("%s in %s: %s" % (" ".join(command), service, said))
        return done.stdout

    def _command(self, *arguments: str) -> List[str]:
        return [self.program, "compose", "-f", str(COMPOSE), *arguments]


def _failure(command: List[str]) -> str:
    """Why a program does not work, in one line; "" if it does."""
    if not shutil.which(command[0]):
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stderr.strip() or done.stdout.strip() or "exit status %d" % done.returncode).splitlines()
    return said[-1] if done.returncode else ""
