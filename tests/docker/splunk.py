"""Splunk in a container, in place of the stand-in: under the same attributes, at Splunk's own ports.

Start-up and health: github.com/splunk/docker-splunk; KV store is ready later than what its health check asks for.
"""

import shutil
from pathlib import Path
from typing import Optional

from tests.docker.engine import Engine
from tests.support.administrator import splunk_is_ready

START_S = 900


class SplunkContainer:
    """A context manager: a Splunk without any app of ours; `management`, `web` and `hec` are base URLs.

    There is one at a time: another would be the same, and end with the first.
    """

    management, web, hec = "https://127.0.0.1:8089", "http://127.0.0.1:8000", "https://127.0.0.1:8088"
    user = "admin"

    def __init__(self, engine: Optional[Engine] = None):
        self.engine = engine or Engine()
        self.password = self.engine.password

    def __enter__(self) -> "SplunkContainer":
        if self.engine.state("splunk"):
            raise RuntimeError("there is a Splunk of these tests already: its fixture has a wider scope than this one")
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info) -> None:
        self.engine.end()

    def start(self) -> None:
        """Until it is ready.

        Raises:
            NotStarted: it will not be.
        """
        self.engine.start("splunk")
        address = self.management, self.web, self.user, self.password
        self.engine.wait("splunk", lambda: splunk_is_ready(*address), START_S)

    def splunk(self, *arguments: str) -> str:
        """What Splunk's own command line says."""
        return self.engine.run("splunk", ["sudo", "-u", "splunk", "/opt/splunk/bin/splunk", *arguments])

    def share(self, file: Path) -> Path:
        """Where Splunk sees a copy of it."""
        copy = self.engine.shared / file.name
        shutil.copy(file, copy)
        copy.chmod(0o644)  # in the container Splunk is another user
        return copy
