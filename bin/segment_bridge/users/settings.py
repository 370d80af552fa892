"""Parses a stanza [usersignups://<name>] of inputs.conf: the settings of a cluster and their defaults; pure.

README/inputs.conf.spec documents each of them.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Mapping, Optional

from segment_bridge import settings
from segment_bridge.errors import SettingsError
from segment_bridge.settings import Check, boolean, number, path, setting

_NAMESPACE = re.compile(r"[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?")
_LABEL = re.compile(r"([0-9a-z.-]+/)?[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?")


def _matching(pattern: "re.Pattern[str]", what: str) -> Check:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError("must be " + what)
        return text

    return check


def _time(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        raise ValueError("must be a time with its zone, such as 2026-11-24T09:30:00Z")
    return value


@dataclass(frozen=True)
class Cluster:
    """A cluster, named after its stanza, and how to list it. Times are in seconds."""

    name: str
    server: str = setting("", settings.https_url)
    ca_file: str = setting("", path)
    kubeconfig: str = setting("", path)
    context: str = setting("", str)
    proxy_url: str = setting("", settings.proxy_url)
    namespace: str = setting("toolchain-host-operator", _matching(_NAMESPACE, "the name of a namespace"))
    usersignups: bool = setting(True, boolean)
    tenant_namespaces: bool = setting(True, boolean)
    tenant_type_label: str = setting("toolchain.dev.openshift.com/type", _matching(_LABEL, "the name of a label"))
    tenant_type: str = setting("tenant", _matching(_LABEL, "the value of a label"))
    tenant_workspace_label: str = setting("toolchain.dev.openshift.com/space", _matching(_LABEL, "the name of a label"))
    page_size: int = setting(500, number(1, 10_000))
    connect_timeout: float = setting(5.0, number(0.1, 300, float))
    timeout: float = setting(65.0, number(0.1, 600, float))
    max_attempts: Optional[int] = setting(None, number(1, 100))
    deadline: float = setting(600.0, number(1, 86_400, float))
    max_shrink_percent: float = setting(50.0, number(0, 100, float))
    allow_shrink_until: Optional[datetime] = setting(None, _time)

    @classmethod
    def parse(cls, name: str, parameters: Mapping[str, Optional[str]]) -> "Cluster":
        """Parses a stanza's parameters. Ignores those that every input has (interval, index, ...).

        Raises:
            SettingsError: a value, the name or the combination of settings is not valid.
        """
        where = "inputs.conf [usersignups://%s]" % name
        if not settings.NAME.fullmatch(name):
            text = "%s must have a name of letters, digits, dots, hyphens and underscores"
            raise SettingsError(text % where, setting="name")
        cluster = settings.parse(cls, where, parameters, name=name)
        if cluster.server and cluster.kubeconfig:
            raise SettingsError("%s has both server and kubeconfig: remove one" % where, setting="kubeconfig")
        if cluster.context and not cluster.kubeconfig:
            raise SettingsError("%s context is a kubeconfig's: set kubeconfig too" % where, setting="context")
        if not cluster.usersignups and not cluster.tenant_namespaces:
            raise SettingsError(
                "%s lists nothing: set usersignups (a host cluster's), tenant_namespaces (a member "
                "cluster's), or both to true" % where,
                setting="usersignups",
            )
        return cluster
