"""The objects in a fake cluster: collections with a history, as etcd keeps them, and label selectors.

A list that is read in pages shows one state of the cluster throughout, so a collection remembers a `Snapshot` for each
of its changes. A snapshot is a sorted sequence of keys and a mapping from keys to objects in JSON. Both may be lazy, so
that 100,000 made-up objects take no memory.
"""

from __future__ import annotations

import bisect
import json
import re
import uuid
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, NamedTuple

HOST_NAMESPACE = "toolchain-host-operator"
TOOLCHAIN = "toolchain.dev.openshift.com"

Object = dict[str, Any]


class Snapshot(NamedTuple):
    """A collection at one revision."""

    keys: Sequence[str]  # sorted; "namespace/name", or "name" for a resource without namespaces
    objects: Mapping[str, bytes]

    def positions(self, prefix: str, start: str) -> range:
        """The positions of the keys that begin with the prefix, from the key `start` on."""
        first = bisect.bisect_left(self.keys, max(start, prefix))
        return range(first, bisect.bisect_left(self.keys, prefix + "\U0010ffff"))


class Revisions:
    """The cluster's resourceVersion: one number for all its collections, raised by every change."""

    def __init__(self) -> None:
        self.current = 1
        self.compacted = 0  # lists of earlier states cannot be continued

    def next(self) -> int:
        self.current += 1
        return self.current


class Collection:
    """The objects of one resource.

    Args:
        resource: its plural and group, as RBAC's messages write them: `usersignups.<group>`, `namespaces`.
        api_version, list_kind: those of its lists.
    """

    def __init__(self, resource: str, api_version: str, list_kind: str, revisions: Revisions):
        self.resource = resource
        self.api_version = api_version
        self.list_kind = list_kind
        self._revisions = revisions
        self._changed_at = [0]
        self._snapshots = [Snapshot((), {})]

    def at(self, revision: int) -> Snapshot:
        """The newest state at or before the revision."""
        return self._snapshots[bisect.bisect_right(self._changed_at, revision) - 1]

    def fill(self, snapshot: Snapshot) -> None:
        """Replaces everything with a snapshot."""
        self._changed_at.append(self._revisions.next())
        self._snapshots.append(snapshot)

    def replace(self, objects: Iterable[Object]) -> None:
        """Replaces everything with these objects, unchanged."""
        stored = {_key(item): _encode(item) for item in objects}
        self.fill(Snapshot(sorted(stored), stored))

    def put(self, item: Object) -> None:
        """Creates or replaces one object, and adds what the server adds: uid and resourceVersion."""
        metadata = {"uid": str(uuid.uuid4()), **item["metadata"]}
        metadata["resourceVersion"] = str(self._revisions.current + 1)
        self._put(_key(item), _encode({**item, "metadata": metadata}))

    def delete(self, name: str, namespace: str = "") -> None:
        """Deletes one object.

        Raises:
            KeyError: there is no such object.
        """
        key = f"{namespace}/{name}" if namespace else name
        if key not in self._snapshots[-1].keys:
            raise KeyError(key)
        keys, objects = self._snapshots[-1]
        self.fill(Snapshot([each for each in keys if each != key], objects))

    def _put(self, key: str, item: bytes) -> None:
        keys, objects = self._snapshots[-1]
        newer, older = objects.maps if isinstance(objects, ChainMap) else ({}, objects)
        self.fill(Snapshot(sorted({*keys, key}), ChainMap({**newer, key: item}, older)))


def _key(item: Object) -> str:
    metadata = item["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def _encode(item: Object) -> bytes:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()


# Label selectors


_REQUIREMENT = re.compile(
    r"""\s*(?:
      (?P<absent>!\s*)?(?P<name>[\w./-]+)
      (?:\s*(?P<operator>==|!=|=)\s*(?P<value>[\w.-]*)
        |\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)
      )?
    )\s*(?:,|$)""",
    re.VERBOSE | re.ASCII,
)


def label_selector(text: str) -> Callable[[Mapping[str, str]], bool]:
    """A predicate for an object's labels, from a `labelSelector` (Kubernetes' "Labels and Selectors").

    Raises:
        ValueError: the selector cannot be parsed.
    """
    requirements = []
    position = 0
    while position < len(text):
        match = _REQUIREMENT.match(text, position)
        if not match:
            raise ValueError(f"unable to parse requirement: {text[position:]}")
        requirements.append(_requirement(**match.groupdict()))
        position = match.end()
    return lambda labels: all(holds(labels) for holds in requirements)


def _requirement(*, absent, name, operator, value, set, values) -> Callable[[Mapping[str, str]], bool]:
    if operator or set:
        wanted = [each.strip() for each in values.split(",")] if set else [value]
        if operator == "!=" or set == "notin":
            return lambda labels: labels.get(name) not in wanted
        return lambda labels: labels.get(name) in wanted
    return lambda labels: (name not in labels) if absent else (name in labels)


# UserSignups


def signup(username: str, sso_user_id: str | None = None, *, name: str = "", namespace: str = HOST_NAMESPACE) -> Object:
    """An approved UserSignup of the usual size (about 2.3 KB), for tests to change as they like.

    Its `sso_user_id` is in the annotation, which is absent if None is given.
    """
    annotations = {
        f"{TOOLCHAIN}/activation-counter": "1",
        f"{TOOLCHAIN}/last-target-cluster": "member-1.example.com",
        f"{TOOLCHAIN}/sso-account-id": "30287986",
        f"{TOOLCHAIN}/user-email": f"{username}@example.com",
        f"{TOOLCHAIN}/verification-counter": "0",
    }
    if sso_user_id is not None:
        annotations[f"{TOOLCHAIN}/sso-user-id"] = sso_user_id
    conditions = [
        {"lastTransitionTime": "2026-11-01T10:00:00Z", "reason": reason, "status": status, "type": kind}
        for kind, status, reason in (
            ("Approved", "True", "ApprovedAutomatically"),
            ("Complete", "True", ""),
            ("UserDeactivatedNotificationCreated", "False", "UserNotInPreDeactivation"),
            ("UserDeactivatingNotificationCreated", "False", "UserNotInPreDeactivation"),
            ("UserNotInPreDeactivation", "True", "UserNotInPreDeactivation"),
        )
    ]
    return {
        "apiVersion": f"{TOOLCHAIN}/v1alpha1",
        "kind": "UserSignup",
        "metadata": {
            "annotations": annotations,
            "creationTimestamp": "2026-11-01T10:00:00Z",
            "generation": 2,
            "labels": {
                f"{TOOLCHAIN}/email-hash": "e2c0ab79351f65340fafd580d06bf2ed",
                f"{TOOLCHAIN}/state": "approved",
            },
            "managedFields": [
                _managed("host-operator", {"metadata": {"annotations": annotations}, "spec": {"states": 0}}),
                _managed("status", {"status": {"compliantUsername": 0, "conditions": 0, "homeSpace": 0}}),
            ],
            "name": name or username,
            "namespace": namespace,
            "resourceVersion": "1",
            "uid": "d07dd150-2ccb-4d26-9e8c-b8d14a955ccb",
        },
        "spec": {
            "company": "Example",
            "familyName": "Fictional",
            "givenName": username.capitalize(),
            "states": ["approved"],
            "userid": "d646190c-7262-3631-59af-9dc6c7dffdbb",
            "username": username,
        },
        "status": {"compliantUsername": username, "conditions": conditions, "homeSpace": username},
    }


def _managed(manager: str, fields: Mapping[str, Any]) -> Object:
    def owned(value: Any) -> Any:
        return {f"f:{name}": owned(inner) for name, inner in value.items()} if isinstance(value, dict) else {}

    return {
        "apiVersion": f"{TOOLCHAIN}/v1alpha1",
        "fieldsType": "FieldsV1",
        "fieldsV1": owned(fields),
        "manager": manager,
        "operation": "Update",
        "time": "2026-11-01T10:00:00Z",
    }


def made_up_signups(count: int) -> Snapshot:
    """This many UserSignups, from `user-0000000` (SSO user ID `50000000`) on, each made when it is read."""
    return Snapshot(_Keys(count), _Signups(count))


class _Keys(Sequence):
    def __init__(self, count: int):
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> str:
        if not 0 <= position < self._count:
            raise IndexError(position)
        return f"{HOST_NAMESPACE}/user-{position:07}"


class _Signups(Mapping):
    def __init__(self, count: int):
        self._keys = _Keys(count)
        template = _encode(signup("user-NUMBER", "5NUMBER"))
        self._pieces = template.split(b"NUMBER")

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __getitem__(self, key: str) -> bytes:
        return key[-7:].encode().join(self._pieces)
