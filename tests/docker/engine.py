"""Docker or Podman, whichever runs, and what it does with compose.yaml.

Two sets of containers can exist, under different names: that of `make up`, which stays until `make down`, and that of
`make test-splunk`, which ends with it.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence

COMPOSE = Path(__file__).parent / "compose.yaml"
ROOT = COMPOSE.parents[2]
BY_HAND, TEST = "segment-bridge", "segment-bridge-test"
PORTS = {"splunk": (8000, 8065, 8088, 8089, 8191, 9997), "kubernetes": (6443,), "segment": (8090,)}
"""The ports that each service listens on. Splunk's app server, KV store and receiver also have fixed ports."""
_PATIENCE_S = 15
_LOG_LINES = 20


class NoEngine(Exception):
    """No engine runs. The text says in one line what was tried."""


class NotStarted(Exception):
    """A service cannot be started. The text says why in one line, perhaps with the end of its log."""


class Engine:
    """The first of Docker and Podman that runs, working on one set of containers."""

    def __init__(self, project: str = TEST):
        self.program = _program()
        self.project = project
        self.folder = ROOT / "build" / project
        self.shared = self.folder / "shared"
        self.password = ""  # until it is known
        self.password = self._known_password() or os.environ.get("SPLUNK_PASSWORD") or secrets.token_hex(12)

    def start(self, service: str) -> None:
        """Creates the container, or starts it again. Leaves a running one as it is.

        Raises:
            NotStarted: a port is in use, the image cannot be had, or the engine refuses.
        """
        self.check(service)
        self.shared.mkdir(parents=True, exist_ok=True)
        done = self._call([*self._compose(), "up", "--detach", "--no-recreate", service], capture=True)
        if done.returncode:
            raise NotStarted("%s does not start: %s" % (service, self._mask(_last_line(done.stderr))))

    def check(self, *services: str) -> None:
        """Checks that the services run, or that nothing known in advance prevents it. Pulls missing images.

        Raises:
            NotStarted: a port is in use, or an image cannot be had.
        """
        missing = [service for service in services if self.state(service) != "running"]
        for service in missing:
            self._check_ports(service)
        for service in missing:
            self._pull(service)

    def wait(self, service: str, condition: Callable[[], bool], seconds: float) -> None:
        """Waits until the condition holds.

        Raises:
            NotStarted: the container has ended, or it took too long. Its log is in `folder`.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            state = self.state(service)
            if state not in ("running", "created", "restarting"):
                what = "%s has ended: its container is %s" % (service, state or "gone")
                raise NotStarted(self._with_log(service, what))
            if time.monotonic() > deadline:
                raise NotStarted(self._with_log(service, "%s was not ready in %g s" % (service, seconds)))
            time.sleep(1)

    def state(self, service: str) -> str:
        """running, exited, ...; "" if there is no container."""
        found = self._inspect(service)
        return found["State"]["Status"] if found else ""

    def run(self, service: str, command: Sequence[str], text: Optional[str] = None) -> str:
        """What a command in a service's container prints. `text` is its input.

        Raises:
            RuntimeError: its exit status is not 0; the text holds its output.
        """
        done = self._call([*self._compose(), "exec", "-T", service, *command], capture=True, text=text)
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            raise RuntimeError("%s in %s: %s" % (" ".join(command), service, said))
        return done.stdout

    def end(self) -> None:
        """Removes the containers with their data, and the files shared with them.

        Raises:
            NotStarted: the engine refuses.
        """
        done = self._call([*self._compose(), "down", "--volumes", "--timeout", "5"], capture=True)
        shutil.rmtree(self.shared, ignore_errors=True)
        if done.returncode:
            raise NotStarted("the containers were not removed: %s" % self._mask(_last_line(done.stderr)))

    def _known_password(self) -> str:
        """The password of a Splunk that an earlier `make up` created. Another one would lose its whole set-up."""
        found = self._inspect("splunk")
        variables = dict(each.partition("=")[::2] for each in found["Config"]["Env"]) if found else {}
        return variables.get("SPLUNK_PASSWORD", "")

    def _inspect(self, service: str) -> Optional[dict]:
        label = "label=com.docker.compose.%s=%s"
        listed = self._call(
            [
                self.program,
                "ps",
                "--all",
                "--quiet",
                "--filter",
                label % ("service", service),
                "--filter",
                label % ("project", self.project),
            ],
            capture=True,
        )
        if not listed.stdout.split():
            return None
        found = self._call([self.program, "inspect", listed.stdout.split()[0]], capture=True)
        return json.loads(found.stdout)[0] if found.returncode == 0 else None

    def _check_ports(self, service: str) -> None:
        taken = [str(port) for port in PORTS[service] if not _is_free(port)]
        if taken:
            raise NotStarted(
                "%s needs port %s of this machine, which is in use: stop what listens there "
                "(make down, if make up started it)" % (service, " and ".join(taken))
            )

    def _pull(self, service: str) -> None:
        """Shows the engine's own progress on the terminal, because pulling may take minutes."""
        image = self.image(service)
        if self._call([self.program, "image", "inspect", image], capture=True).returncode == 0:
            return
        if self._call([*self._compose(), "pull", service]).returncode:
            raise NotStarted(
                "%s does not start: the image %s cannot be pulled (the reason is above)" % (service, image)
            )

    def image(self, service: str) -> str:
        """The image's name, from compose.yaml and the environment."""
        done = self._call([*self._compose(), "config", "--format", "json"], capture=True)
        if done.returncode:
            raise NotStarted("compose.yaml cannot be used: %s" % _last_line(done.stderr))
        return json.loads(done.stdout)["services"][service]["image"]

    def _with_log(self, service: str, what: str) -> str:
        log = self._mask(self._call([*self._compose(), "logs", "--no-color", service], capture=True).stdout)
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / (service + ".log")
        file.write_text(log, encoding="utf-8")
        return "\n".join([what + ". The end of its log, which is in %s:" % file, *log.splitlines()[-_LOG_LINES:]])

    def _mask(self, text: str) -> str:
        return text.replace(self.password, "***") if self.password else text

    def _compose(self) -> List[str]:
        return [self.program, "compose", "-p", self.project, "-f", str(COMPOSE)]

    def _call(
        self, command: List[str], capture: bool = False, text: Optional[str] = None
    ) -> subprocess.CompletedProcess:
        """Runs in its own session: Ctrl-C reaches only us, and we end it in our own order."""
        environment = {**os.environ, "SHARED": str(self.shared), "SPLUNK_PASSWORD": self.password}
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} if capture else {}
        process = subprocess.Popen(
            command,
            text=True,
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            **output,
        )
        with _ended(process):
            said, complained = process.communicate(text)
        return subprocess.CompletedProcess(command, process.returncode, said or "", complained or "")


@contextlib.contextmanager
def _ended(process: subprocess.Popen) -> Iterator[None]:
    """Ends the process without leaving one behind that is in the middle of something."""
    try:
        yield
    except BaseException:
        process.terminate()
        try:
            process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        raise


def _program() -> str:
    tried = []
    for program in ("docker", "podman"):
        failure = _failure([program, "info"]) or _failure([program, "compose", "version"])
        if not failure:
            return program
        tried.append("%s: %s" % (program, failure))
    raise NoEngine("no container engine with compose runs here (%s)" % "; ".join(tried))


def _failure(command: List[str]) -> str:
    """Why a program does not work, in one line; "" if it does."""
    if not shutil.which(command[0]):
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (_last_line(done.stderr or done.stdout) or "exit status %d" % done.returncode) if done.returncode else ""


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _is_free(port: int) -> bool:
    """Nobody listens on the port. Connections that have just ended do not count."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
