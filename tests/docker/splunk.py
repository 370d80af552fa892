"""Splunk in a container, in place of the stand-in: with the same attributes, on Splunk's own ports.

Start-up and health: github.com/splunk/docker-splunk. KV store is ready later than what its health check tests.
"""

import shutil
from pathlib import Path
from typing import Optional

from tests.docker.engine import Engine
from tests.support.administrator import splunk_is_ready

START_S = 900


class SplunkContainer:
    """A context manager for a Splunk without any app of ours. `management`, `web` and `hec` are base URLs.

    Only one exists at a time: a second one would be the same container, and end with the first.
    """

    management, web, hec = "https://127.0.0.1:8089", "http://127.0.0.1:8000", "https://127.0.0.1:8088"
    user = "admin"

    def __init__(self, engine: Optional[Engine] = None):
        self.engine = engine or Engine()
        self.password = self.engine.password

    def __enter__(self) -> "SplunkContainer":
        if self.engine.state("splunk"):
            raise RuntimeError("the tests have started a Splunk already: its fixture has a wider scope than this one")
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info) -> None:
        self.engine.end()

    def start(self) -> None:
        """Returns once Splunk is ready.

        Raises:
            NotStarted: it does not become ready.
        """
        self.engine.start("splunk")
        address = self.management, self.web, self.user, self.password
        self.engine.wait("splunk", lambda: splunk_is_ready(*address), START_S)

    def splunk(self, *arguments: str) -> str:
        """The output of Splunk's own command line."""
        return self.engine.run("splunk", ["sudo", "-u", "splunk", "/opt/splunk/bin/splunk", *arguments])

    def share(self, file: Path) -> Path:
        """Copies the file. Returns the path where Splunk sees the copy."""
        copy = self.engine.shared / file.name
        shutil.copy(file, copy)
        copy.chmod(0o644)  # in the container Splunk runs as another user
        return copy
