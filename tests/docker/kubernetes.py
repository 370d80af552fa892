"""A real API server, kwok's, with the recorded UserSignups and the account of app/kubernetes/reader.yaml."""

import base64
import json
from typing import Any, Callable, Dict, List

from tests.docker.engine import COMPOSE, ROOT, Engine, NotStarted
from tests.support import recorded
from tests.support.fakes.kubernetes_objects import HOST_NAMESPACE

URL = "https://127.0.0.1:6443"
_ACCOUNT = "segment-bridge"
_START_S = 120
_SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "generation", "managedFields")


class Kubernetes:
    """`up` starts and fills it. After that, `ca_file` and `token` are set."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self.ca_file = engine.shared / "kubernetes-ca.pem"
        self.token = ""

    def up(self) -> None:
        """Returns once it serves what the input reads.

        Raises:
            NotStarted: it does not start.
        """
        self._engine.start("kubernetes")
        self._wait(lambda: self._kubectl("get", "namespaces"))
        self._apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOST_NAMESPACE}}])
        for file in (COMPOSE.parent / "usersignups.yaml", ROOT / "app" / "kubernetes" / "reader.yaml"):
            self._apply_text(file.read_text(encoding="utf-8"))
        self._apply([{"apiVersion": "v1", "kind": "Namespace", **each} for each in recorded.namespaces()["items"]])
        self._wait(lambda: self._kubectl("get", "usersignups", "-n", HOST_NAMESPACE))
        self._apply(recorded.usersignups()["items"])
        self._wait(self._read_secret)

    def _read_secret(self) -> None:
        secret = json.loads(self._kubectl("get", "secret", _ACCOUNT, "-n", HOST_NAMESPACE, "-o", "json"))["data"]
        self.token = base64.b64decode(secret["token"]).decode()
        self.ca_file.write_bytes(base64.b64decode(secret["ca.crt"]))

    def _apply(self, things: List[Dict[str, Any]]) -> None:
        items = [_without_the_servers_own(thing) for thing in things]
        self._apply_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def _apply_text(self, text: str) -> None:
        try:
            self._kubectl("apply", "-f", "-", text=text)
        except RuntimeError as error:
            raise NotStarted("the cluster does not take what the tests need: %s" % error) from None

    def _kubectl(self, *arguments: str, text: str = "") -> str:
        return self._engine.run("kubernetes", ["kwokctl", "kubectl", *arguments], text)

    def _wait(self, action: Callable[[], Any]) -> None:
        """Repeats the action until it succeeds."""

        def succeeds() -> bool:
            try:
                action()
            except (RuntimeError, KeyError):
                return False
            return True

        self._engine.wait("kubernetes", succeeds, _START_S)


def _without_the_servers_own(thing: Dict[str, Any]) -> Dict[str, Any]:
    metadata = {key: value for key, value in thing["metadata"].items() if key not in _SERVERS_OWN}
    return {**thing, "metadata": metadata}
