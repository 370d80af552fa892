"""app/kubernetes/reader.yaml, and what README and the error for missing rights say of it: enough, and no more."""
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from segment_bridge.clusters import Cluster
from segment_bridge.kubernetes import MANIFEST, Access, ApiServer
from segment_bridge.retry import Retry
from segment_bridge.splunk import input, secrets
from tests import recorded
from tests.fakes.kubernetes import TOKEN, Account, FakeKubernetes
from tests.unit.splunkd_double import DATA, SplunkdDouble

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# The client's affair with its urllib3, not ours.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheaders:DeprecationWarning")


@pytest.fixture
def objects():
    """By kind; there is one of each."""
    text = (ROOT / "app/kubernetes/reader.yaml").read_text(encoding="utf-8")
    documents = list(yaml.safe_load_all(text))
    by_kind = {document["kind"]: document for document in documents}
    assert len(by_kind) == len(documents)
    return by_kind


@pytest.fixture
def may_list(objects):
    """What RBAC makes of it: (resource, namespace), or (resource, None) for all namespaces."""
    granted = set()
    for binding, namespace in ("RoleBinding", "toolchain-host-operator"), ("ClusterRoleBinding", None):
        assert objects[binding]["metadata"].get("namespace") == namespace
        role = objects[objects[binding]["roleRef"]["kind"]]
        assert role["metadata"]["name"] == objects[binding]["roleRef"]["name"]
        assert role["metadata"].get("namespace") == namespace
        for rule in role["rules"]:
            assert set(rule) == {"apiGroups", "resources", "verbs"}
            assert rule["verbs"] == ["list"]
            granted |= {(".".join(filter(None, (resource, group))), namespace)
                        for group in rule["apiGroups"] for resource in rule["resources"]}
    return frozenset(granted)


def test_it_grants_the_two_lists_and_nothing_else(may_list):
    assert may_list == {("usersignups.toolchain.dev.openshift.com", "toolchain-host-operator"), ("namespaces", None)}


def test_it_is_one_account_that_has_them_and_a_token(objects):
    account = objects["ServiceAccount"]["metadata"]
    for binding in "RoleBinding", "ClusterRoleBinding":
        assert objects[binding]["subjects"] == [{"kind": "ServiceAccount", **account}]
    assert objects["Secret"]["type"] == "kubernetes.io/service-account-token"
    assert objects["Secret"]["metadata"]["annotations"] == {"kubernetes.io/service-account.name": account["name"]}
    assert objects["Secret"]["metadata"]["namespace"] == account["namespace"]
    assert set(objects) == {"ServiceAccount", "Secret", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def test_what_it_grants_is_what_the_input_needs(may_list):
    with FakeKubernetes(usersignups=recorded.usersignups(), namespaces=recorded.namespaces()) as fake:
        fake.tokens = {TOKEN: Account("system:serviceaccount:toolchain-host-operator:segment-bridge", may_list)}
        with ApiServer(Access(fake.url, TOKEN, ca_file=str(fake.ca_file)), Retry(1)) as server:
            listed = [sum(map(len, server.pages(kind.resource, 5))) for kind in input._kinds(Cluster("host"))]
    assert listed == [16, 20]


def test_the_error_for_missing_rights_names_the_same_rules_and_the_file(objects):
    signups, namespaces = (kind.resource.rule for kind in input._kinds(Cluster("host")))
    for said, role in (signups, objects["Role"]), (namespaces, objects["ClusterRole"]):
        rule = yaml.safe_load("{%s}" % said.partition(" with ")[2])
        assert [rule] == role["rules"]
    assert (ROOT / "app" / MANIFEST.split()[0]).is_file()


def test_readme_names_the_file_and_the_secret(objects):
    assert "kubectl apply -f app/kubernetes/reader.yaml" in README
    secret = objects["Secret"]["metadata"]
    assert "kubectl -n %s get secret %s -o" % (secret["namespace"], secret["name"]) in README


def commands(beginning):
    """The block of commands in README that begins so."""
    return re.search(r"^    %s.*\n(?:    .*\n)*" % re.escape(beginning), README, re.MULTILINE).group()


@pytest.fixture
def curl(tmp_path, monkeypatch):
    """Stands in for curl; what it was called with, a list of arguments a call."""
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
def test_readmes_commands_store_a_token_as_it_is_read(curl, tmp_path, length):
    token = "".join(chr(65 + number % 26) for number in range(length))
    (tmp_path / "token.txt").write_text(token, encoding="ascii")
    stored = {}
    for call in curl(commands("split ")):
        name, password = (call[at + 1] for at, argument in enumerate(call) if argument == "--data-urlencode")
        stored[name[len("name="):]] = (tmp_path / password[len("password@"):]).read_text(encoding="ascii")
    assert stored == secrets.pieces("usersignups:prod", token)


def test_readmes_commands_delete_a_clusters_records_and_no_others(curl):
    splunkd = SplunkdDouble()
    for name in "usersignups", "tenant_namespaces":
        for cluster in "prod", "prod2":
            splunkd.collections[name][cluster] = {"_key": cluster, "cluster": cluster}
    for call in curl(commands("for collection in")):
        assert {"-X", "DELETE", "-G"} <= set(call)
        url, = (argument for argument in call if argument.startswith("https:"))
        path = DATA.partition("/storage")[0] + url[len("https://splunk"):]
        assert splunkd.answer("DELETE", path, {"query": [call[-1][len("query="):]]}, None)[0] == 200
    assert [list(splunkd.collections[name]) for name in ("usersignups", "tenant_namespaces")] == [["prod2"]] * 2
