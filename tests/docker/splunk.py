"""Splunk in a container, in place of the stand-in: under the same attributes, at Splunk's own ports.

Start-up and health: github.com/splunk/docker-splunk; KV store is ready later than what its health check asks for.
"""
import time
from typing import Optional

import requests

from tests.docker.engine import Engine

START_S = 900


class SplunkContainer:
    """A context manager: a Splunk without any app of ours; `management`, `web` and `hec` are base URLs."""

    management, web, hec = "https://127.0.0.1:8089", "http://127.0.0.1:8000", "https://127.0.0.1:8088"

    def __init__(self, engine: Optional[Engine] = None):
        self.engine = engine or Engine()
        self.password = self.engine.password

    def __enter__(self) -> "SplunkContainer":
        self.engine.compose("up", "--detach", "splunk")
        try:
            _wait(self._is_ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info) -> None:
        self.engine.compose("down", "--volumes")

    def _is_ready(self) -> bool:
        try:
            answer = requests.get(self.management + "/services/kvstore/status", timeout=10, verify=False,  # noqa: S501
                                  auth=("admin", self.password), params={"output_mode": "json"})
            web = requests.get(self.web + "/en-US/account/login", timeout=10)
            return web.ok and answer.json()["entry"][0]["content"]["current"]["status"] == "ready"
        except (requests.RequestException, ValueError, KeyError):
            return False


def _wait(condition) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("Splunk was not ready in %d s" % START_S)
        time.sleep(2)
