"""Derives from an input's settings and secrets what it lists and how it reaches its cluster."""

from collections import Counter
from typing import Callable, Iterator, List, NamedTuple

from segment_bridge.users import objects
from segment_bridge.users.access import Access
from segment_bridge.users.kube_api import Resource
from segment_bridge.users.objects import Entry, Map, Page
from segment_bridge.users.ports import Splunk
from segment_bridge.users.settings import Cluster

MANIFESTS = {
    (True, True): "kubernetes/reader.yaml",
    (True, False): "kubernetes/host.yaml",
    (False, True): "kubernetes/member.yaml",
}
"""The file of the app that grants an input its rights, by whether it lists UserSignups and tenant namespaces."""

DRAFT, NONE = ":draft", "-"
"""DRAFT marks the name of a secret that has yet to be checked, such as the token usersignups:<name>:draft. NONE is the
value of a draft that removes the saved secret."""


class Kind(NamedTuple):
    """A kind of object to list: the map it fills, how to read it, and the prefix of its counts in the run log."""

    of: Map
    resource: Resource
    entries: Callable[[Page, "Counter[str]"], Iterator[Entry]]
    prefix: str


def kinds(cluster: Cluster) -> List[Kind]:
    """The kinds of object that this input lists."""
    manifest = MANIFESTS[cluster.usersignups, cluster.tenant_namespaces]
    users = Kind(
        objects.USERS,
        Resource(objects.TOOLCHAIN, "v1alpha1", "usersignups", "UserSignupList", cluster.namespace, manifest=manifest),
        objects.user_entries,
        "",
    )
    tenant = "%s=%s" % (cluster.tenant_type_label, cluster.tenant_type)
    tenants = Kind(
        objects.TENANTS,
        Resource("", "v1", "namespaces", "NamespaceList", selector=tenant, manifest=manifest),
        lambda page, skipped: objects.tenant_entries(page, cluster.tenant_workspace_label),
        "namespaces_",
    )
    return [users] * cluster.usersignups + [tenants] * cluster.tenant_namespaces


def access(cluster: Cluster, splunk: Splunk, is_check: bool = False) -> Access:
    """How to reach the cluster, including secrets.

    Args:
        is_check: use the draft of a secret if there is one. The setup page saves a draft only after its check passes.

    Raises:
        SecretError: there is no token for the API server.
    """
    user = "usersignups:" + cluster.name

    def draft(suffix: str, what: str) -> str:
        return splunk.secret(user + DRAFT + suffix, what) if is_check else ""

    def find(suffix: str, what: str) -> str:
        found = draft(suffix, what) or splunk.secret(user + suffix, what)
        return "" if found == NONE else found

    entered = draft("", "bearer token") if cluster.server else ""
    saved = 'in the password store (realm "segment_bridge", username "%s")' % user
    return Access(
        server=cluster.server,
        token=entered or (splunk.needed_secret(user, "bearer token") if cluster.server else ""),
        token_place="that was entered" if entered else saved,
        ca_file=cluster.ca_file,
        ca=find(":ca", "CA certificates") if cluster.server and not cluster.ca_file else "",
        kubeconfig=cluster.kubeconfig,
        context=cluster.context,
        proxy_url=cluster.proxy_url,
        proxy_credentials=find(":proxy", "proxy's credentials") if cluster.proxy_url else "",
        connect_timeout_s=cluster.connect_timeout,
        read_timeout_s=cluster.timeout,
        answer_timeout_s=cluster.deadline,
    )
