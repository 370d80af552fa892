"""A real API server, kwok's, with the recorded UserSignups and the account of app/kubernetes/reader.yaml."""
import base64
import json
import time
from pathlib import Path
from typing import Any, Dict

from tests import recorded
from tests.docker.engine import COMPOSE, ROOT, SHARED, Engine
from tests.fakes.kubernetes_objects import HOST_NAMESPACE

URL = "https://127.0.0.1:6443"
_ACCOUNT = "segment-bridge"
_START_S = 120
_SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


class Kubernetes:
    """`up` starts it and fills it; then there are `ca_file` and `token`."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self.ca_file = SHARED / "kubernetes-ca.pem"
        self.token = ""

    def up(self) -> None:
        self._engine.compose("up", "--detach", "kubernetes")
        self._wait(lambda: self._kubectl("get", "namespaces"))
        self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOST_NAMESPACE}})
        for file in (COMPOSE.parent / "usersignups.yaml", ROOT / "app" / "kubernetes" / "reader.yaml"):
            self._kubectl("apply", "-f", "-", text=file.read_text(encoding="utf-8"))
        for namespace in recorded.namespaces()["items"]:
            self._apply({"apiVersion": "v1", "kind": "Namespace", **_without_the_servers_own(namespace)})
        self._wait(lambda: self._kubectl("get", "usersignups", "-n", HOST_NAMESPACE))
        for signup in recorded.usersignups()["items"]:
            self._apply(_without_the_servers_own(signup))
        self._wait(self._read_token)
        self._write_ca()

    def _read_token(self) -> None:
        secret = json.loads(self._kubectl("get", "secret", _ACCOUNT, "-n", HOST_NAMESPACE, "-o", "json"))
        self.token = base64.b64decode(secret["data"]["token"]).decode()

    def _write_ca(self) -> None:
        secret = json.loads(self._kubectl("get", "secret", _ACCOUNT, "-n", HOST_NAMESPACE, "-o", "json"))
        Path(self.ca_file).write_bytes(base64.b64decode(secret["data"]["ca.crt"]))

    def _apply(self, thing: Dict[str, Any]) -> None:
        self._kubectl("apply", "-f", "-", text=json.dumps(thing))

    def _kubectl(self, *arguments: str, text: str = "") -> str:
        return self._engine.run("kubernetes", ["kwokctl", "kubectl", *arguments], text)

    def _wait(self, action) -> None:
        """Until the action succeeds."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                action()
                return
            except (RuntimeError, KeyError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)


def _without_the_servers_own(thing: Dict[str, Any]) -> Dict[str, Any]:
    metadata = {key: value for key, value in thing["metadata"].items() if key not in _SERVERS_OWN}
    return {**thing, "metadata": metadata}
