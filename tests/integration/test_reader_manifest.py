"""The manifests in app/kubernetes, docs/setup.md and the error for missing permissions grant enough, and no more."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from segment_bridge.retry import Retry
from segment_bridge.splunk import passwords
from segment_bridge.users.access import Access
from segment_bridge.users.kube_api import ApiServer
from segment_bridge.users.settings import Cluster
from segment_bridge.users.sources import kinds as kinds_of
from tests.support import recorded
from tests.support.fakes.kubernetes import TOKEN, Account, FakeKubernetes
from tests.support.splunkd import DATA, SplunkdDouble

ROOT = Path(__file__).parents[2]
DOCUMENTED = (ROOT / "docs/setup.md").read_text(encoding="utf-8")


HOST, MEMBER = "toolchain-host-operator", "toolchain-member-operator"
SIGNUPS, NAMESPACES = ("usersignups.toolchain.dev.openshift.com", HOST), ("namespaces", None)
ACCOUNT = {"ServiceAccount", "Secret"}
ROLE, CLUSTER_ROLE = {"Role", "RoleBinding"}, {"ClusterRole", "ClusterRoleBinding"}

FILES = pytest.mark.parametrize(
    ("file", "settings", "home", "kinds", "needed", "lists"),
    [
        ("reader.yaml", {}, HOST, ROLE | CLUSTER_ROLE, {SIGNUPS, NAMESPACES}, [16, 20]),
        ("host.yaml", {"tenant_namespaces": False}, HOST, ROLE, {SIGNUPS}, [16]),
        ("member.yaml", {"usersignups": False}, MEMBER, CLUSTER_ROLE, {NAMESPACES}, [20]),
    ],
    ids=["both", "host", "member"],
)


def objects_of(file):
    """The objects by kind. There is one of each kind."""
    documents = list(yaml.safe_load_all((ROOT / "app/kubernetes" / file).read_text(encoding="utf-8")))
    by_kind = {document["kind"]: document for document in documents}
    assert len(by_kind) == len(documents)
    return by_kind


def may_list(objects):
    """What RBAC permits with it: (resource, namespace), or (resource, None) for all namespaces."""
    granted = set()
    for binding, namespace in ("RoleBinding", HOST), ("ClusterRoleBinding", None):
        if binding not in objects:
            continue
        assert objects[binding]["metadata"].get("namespace") == namespace
        role = objects[objects[binding]["roleRef"]["kind"]]
        assert role["metadata"]["name"] == objects[binding]["roleRef"]["name"]
        assert role["metadata"].get("namespace") == namespace
        for rule in role["rules"]:
            assert set(rule) == {"apiGroups", "resources", "verbs"}
            assert rule["verbs"] == ["list"]
            granted |= {
                (".".join(filter(None, (resource, group))), namespace)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
            }
    return frozenset(granted)


@FILES
def test_a_file_creates_one_account_with_a_token_and_permissions(file, settings, home, kinds, needed, lists):
    objects = objects_of(file)
    assert set(objects) == ACCOUNT | kinds
    assert may_list(objects) == needed
    account = objects["ServiceAccount"]["metadata"]
    assert account["namespace"] == home
    for binding in kinds & {"RoleBinding", "ClusterRoleBinding"}:
        assert objects[binding]["subjects"] == [{"kind": "ServiceAccount", **account}]
    assert objects["Secret"]["type"] == "kubernetes.io/service-account-token"
    assert objects["Secret"]["metadata"]["annotations"] == {"kubernetes.io/service-account.name": account["name"]}
    assert objects["Secret"]["metadata"]["namespace"] == home


@FILES
def test_it_grants_exactly_what_the_input_needs(file, settings, home, kinds, needed, lists):
    with FakeKubernetes(usersignups=recorded.usersignups(), namespaces=recorded.namespaces()) as fake:
        account = Account("system:serviceaccount:%s:segment-bridge" % home, may_list(objects_of(file)))
        fake.tokens = {TOKEN: account}
        with ApiServer(Access(fake.url, TOKEN, ca_file=str(fake.ca_file)), Retry(1)) as server:
            listed = [sum(map(len, server.pages(kind.resource, 5))) for kind in kinds_of(Cluster("a", **settings))]
    assert listed == lists


@FILES
def test_the_error_for_missing_permissions_names_the_same_rules_and_the_file(
    file, settings, home, kinds, needed, lists
):
    objects = objects_of(file)
    resources = [kind.resource for kind in kinds_of(Cluster("a", **settings))]
    assert {resource.manifest for resource in resources} == {"kubernetes/" + file}
    roles = [objects[kind]["rules"] for kind in ("Role", "ClusterRole") if kind in objects]
    assert [[yaml.safe_load("{%s}" % each.rule.partition(" with ")[2])] for each in resources] == roles


@FILES
def test_it_says_how_to_read_the_token(file, settings, home, kinds, needed, lists):
    text = (ROOT / "app/kubernetes" / file).read_text(encoding="utf-8")
    assert "kubectl apply -f %s\n" % file in text
    assert "kubectl -n %s get secret segment-bridge -o" % home in text


def test_the_page_names_the_files_and_the_secret():
    assert "kubectl apply -f app/kubernetes/reader.yaml" in DOCUMENTED
    for file in "host.yaml", "member.yaml":
        assert "(../app/kubernetes/%s)" % file in DOCUMENTED
    assert "kubectl -n %s get secret segment-bridge -o" % HOST in DOCUMENTED


def commands(beginning):
    """The block of commands in the page that begins like this."""
    return re.search(r"^    %s.*\n(?:    .*\n)*" % re.escape(beginning), DOCUMENTED, re.MULTILINE).group()


@pytest.fixture
def curl(tmp_path, monkeypatch):
    """Stands in for curl. Returns its calls, each as a list of arguments."""
    script = tmp_path / "curl"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "" >> calls\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("SPLUNK", "https://splunk")

    def calls(block):
        subprocess.run(["sh", "-euc", block], check=True, cwd=tmp_path)
        written = (tmp_path / "calls").read_text(encoding="utf-8")
        return [call.split("\n") for call in written[:-2].split("\n\n")]

    return calls


@pytest.mark.parametrize("length", [1, 255, 256, 1_100, 3_000])
def test_documented_commands_store_a_token_in_the_form_that_is_read(curl, tmp_path, length):
    token = "".join(chr(65 + number % 26) for number in range(length))
    (tmp_path / "token.txt").write_text(token, encoding="ascii")
    stored = {}
    for call in curl(commands("split ")):
        name, password = (call[at + 1] for at, argument in enumerate(call) if argument == "--data-urlencode")
        stored[name[len("name=") :]] = (tmp_path / password[len("password@") :]).read_text(encoding="ascii")
    assert stored == passwords.pieces("usersignups:prod", token)


def test_documented_commands_delete_only_one_clusters_records(curl):
    splunkd = SplunkdDouble()
    for name in "usersignups", "tenant_namespaces":
        for cluster in "prod", "prod2":
            splunkd.collections[name][cluster] = {"_key": cluster, "cluster": cluster}
    for call in curl(commands("for collection in")):
        assert {"-X", "DELETE", "-G"} <= set(call)
        (url,) = (argument for argument in call if argument.startswith("https:"))
        path = DATA.partition("/storage")[0] + url[len("https://splunk") :]
        assert splunkd.answer("DELETE", path, {"query": [call[-1][len("query=") :]]}, None)[0] == 200
    assert [list(splunkd.collections[name]) for name in ("usersignups", "tenant_namespaces")] == [["prod2"]] * 2
