"""The fake API server answers as kube-apiserver 1.20.2 and 1.36.4 were seen to answer."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support import recorded
from tests.support.fakes import faults
from tests.support.fakes.faults import at, in_turn
from tests.support.fakes.kubernetes import (
    EXEC_CREDENTIALS,
    NAMESPACES,
    SYNC,
    TOKEN,
    TOO_MANY_REQUESTS,
    USERSIGNUPS,
    Account,
    FakeKubernetes,
)
from tests.support.fakes.kubernetes_objects import HOST_NAMESPACE, label_selector, made_up_signups, signup

LISTS = "/apis/toolchain.dev.openshift.com/v1alpha1"
SIGNUPS = f"{LISTS}/namespaces/{HOST_NAMESPACE}/usersignups"
TENANTS = "/api/v1/namespaces"


@pytest.fixture
def api():
    with FakeKubernetes(usersignups=recorded.usersignups(), namespaces=recorded.namespaces()) as server:
        yield server


@pytest.fixture
def get(client, api):
    def get(path=SIGNUPS, *, token=TOKEN, method="GET", accept=None, **query):
        headers = {"Accept-Encoding": accept, **({"Authorization": f"Bearer {token}"} if token else {})}
        params = {
            {"label_selector": "labelSelector", "version": "resourceVersion"}.get(k, k): v for k, v in query.items()
        }
        return client.request(
            method, api.url + path, params=params, headers=headers, verify=str(api.ca_file), timeout=10
        )

    return get


@pytest.fixture
def pages(get):
    def pages(path=SIGNUPS, limit=5, **options):
        """The pages of a complete list."""
        found, token = [], ""
        while True:
            found.append(get(path, limit=limit, **{"continue": token}, **options).json())
            token = found[-1]["metadata"].get("continue")
            if not token:
                return found

    return pages


def names(*lists):
    return [item["metadata"]["name"] for page in lists for item in page["items"]]


def failure(answer):
    status = answer.json()
    assert status["kind"] == "Status"
    assert status["status"] == "Failure"
    assert status["code"] == answer.status_code
    return status["code"], status["reason"]


# Lists


def test_a_list_holds_the_recorded_objects_sorted_by_name(get):
    answer = get().json()
    given = recorded.usersignups()["items"]
    assert answer["items"] == sorted(given, key=lambda item: item["metadata"]["name"])
    assert (answer["apiVersion"], answer["kind"]) == ("toolchain.dev.openshift.com/v1alpha1", "UserSignupList")
    assert answer["metadata"]["continue"] == ""
    tenants = get(TENANTS).json()
    assert (tenants["apiVersion"], tenants["kind"], len(tenants["items"])) == ("v1", "NamespaceList", 37)


def test_pages_have_one_resource_version_and_count_what_remains(pages, get):
    found = pages(limit=5)
    assert [len(page["items"]) for page in found] == [5, 5, 5, 1]
    assert [page["metadata"].get("remainingItemCount") for page in found] == [11, 6, 1, None]
    assert len({page["metadata"]["resourceVersion"] for page in found}) == 1
    assert names(*found) == names(get().json())


def test_what_is_created_or_deleted_between_two_pages_does_not_show(api, get):
    before = names(get().json())
    page = get(limit=5).json()
    api.usersignups.put(signup("zoe", "1"))
    api.usersignups.delete(before[-1], HOST_NAMESPACE)
    rest = get(limit=500, **{"continue": page["metadata"]["continue"]}).json()
    assert names(page, rest) == before
    assert rest["metadata"]["resourceVersion"] == page["metadata"]["resourceVersion"]
    later = get().json()
    assert names(later) == sorted({*before[:-1], "zoe"})
    assert int(later["metadata"]["resourceVersion"]) > int(page["metadata"]["resourceVersion"])


def test_a_put_object_has_what_the_server_gives(api, get):
    api.usersignups.put(signup("zoe", "1"))
    listed = get().json()
    zoe = listed["items"][-1]
    assert zoe["metadata"]["resourceVersion"] == listed["metadata"]["resourceVersion"]
    assert zoe["status"]["compliantUsername"] == "zoe"


def test_from_the_cache_a_limit_is_ignored(get):
    answer = get(limit=5, version="0").json()
    assert len(answer["items"]) == 16
    assert answer["metadata"]["continue"] == ""


def test_a_namespace_that_is_not_there_lists_empty(api, get):
    api.tokens["wide"] = Account("wide", frozenset({(USERSIGNUPS, None)}))
    answer = get(f"{LISTS}/namespaces/nowhere/usersignups", token="wide")
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    assert len(get(f"{LISTS}/usersignups", token="wide").json()["items"]) == 16


def test_namespaces_are_not_mixed_up(api, get):
    api.tokens["wide"] = Account("wide", frozenset({(USERSIGNUPS, None)}))
    for namespace in "toolchain-host", "toolchain-host-operator2", "a":
        api.usersignups.put(signup("other", namespace=namespace))
    assert "other" not in names(get().json())
    assert names(get(f"{LISTS}/namespaces/a/usersignups", token="wide").json()) == ["other"]
    assert names(get(f"{LISTS}/usersignups", token="wide").json())[0] == "other"


def test_labels_select(get, pages):
    """ "Labels and Selectors" """
    everything = get(TENANTS).json()["items"]
    tenants = [
        item["metadata"]["name"]
        for item in everything
        if item["metadata"].get("labels", {}).get("toolchain.dev.openshift.com/type") == "tenant"
    ]
    found = pages(TENANTS, limit=3, label_selector="toolchain.dev.openshift.com/type=tenant")
    assert names(*found) == tenants
    assert 0 < len(tenants) < len(everything)
    assert all("remainingItemCount" not in page["metadata"] for page in found)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("type=tenant", True),
        ("type==tenant", True),
        ("type!=tenant", False),
        ("other!=x", True),
        ("type", True),
        ("other", False),
        ("!other", True),
        ("!type", False),
        ("type in (a, tenant)", True),
        ("type notin (a,tenant)", False),
        ("type=tenant,!type", False),
        ("type = tenant, example.com/space=amelia", True),
    ],
)
def test_each_form_of_a_selector(selector, matches):
    assert label_selector(selector)({"type": "tenant", "example.com/space": "amelia"}) is matches


@pytest.mark.parametrize("selector", ["=x", "a b", "a in b", ",", "a=b c=d"])
def test_a_selector_that_cannot_be_parsed_is_refused(get, selector):
    assert failure(get(label_selector=selector)) == (400, "BadRequest")


def test_long_answers_are_compressed_on_request(api, get):
    api.usersignups.fill(made_up_signups(100))
    assert "Content-Encoding" not in get(accept="gzip", limit=10).headers
    assert get(accept="gzip").headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in get(accept="identity").headers
    assert len(get(accept="gzip").json()["items"]) == 100


# Refusals


@pytest.mark.parametrize("limit", ["x", "-1", "1.5"])
def test_a_bad_limit_is_refused(get, limit):
    assert failure(get(limit=limit)) == (400, "BadRequest")


@pytest.mark.parametrize(
    "token", ["garbage", "%%", base64.urlsafe_b64encode(b'{"v":"v0","rv":1,"start":"a"}').decode()]
)
def test_a_garbage_continue_token_is_refused(get, token):
    answer = get(limit=5, **{"continue": token})
    assert failure(answer) == (400, "BadRequest")
    assert answer.json()["message"].startswith("continue key is not valid")


@pytest.mark.parametrize("parameter", ["fieldSelector", "labelselector", "resourceVersionMatch"])
def test_a_parameter_that_the_fake_does_not_know_is_refused_by_name(get, parameter):
    answer = get(**{parameter: "x"})
    assert failure(answer) == (400, "BadRequest")
    assert parameter in answer.json()["message"]


def test_an_expired_token_is_gone_and_brings_another(api, get):
    """The new token continues after the last item, in the present state."""
    before = names(get().json())
    page = get(limit=5).json()
    api.usersignups.delete(before[-1], HOST_NAMESPACE)
    api.compact()
    answer = get(limit=5, **{"continue": page["metadata"]["continue"]})
    assert failure(answer) == (410, "Expired")
    rest = get(**{"continue": answer.json()["metadata"]["continue"]})
    assert rest.status_code == 200
    assert names(page, rest.json()) == before[:-1]


def test_an_unknown_token_is_unauthorized(get):
    answer = get(token="other")
    assert failure(answer) == (401, "Unauthorized")
    assert answer.json()["message"] == "Unauthorized"


def test_no_token_is_anonymous_and_forbidden(get):
    answer = get(token=None)
    assert failure(answer) == (403, "Forbidden")
    assert answer.json()["message"] == (
        'usersignups.toolchain.dev.openshift.com is forbidden: User "system:anonymous" cannot list resource '
        '"usersignups" in API group "toolchain.dev.openshift.com" in the namespace "toolchain-host-operator"'
    )


@pytest.mark.parametrize(
    ("path", "method", "ending"),
    [
        (f"{LISTS}/usersignups", "GET", 'in API group "toolchain.dev.openshift.com" at the cluster scope'),
        (f"{LISTS}/namespaces/other/usersignups", "GET", 'in the namespace "other"'),
        (f"{SIGNUPS}/amelia", "GET", 'in the namespace "toolchain-host-operator"'),
        (f"{SIGNUPS}?watch=true", "GET", 'in the namespace "toolchain-host-operator"'),
        (SIGNUPS, "POST", 'in the namespace "toolchain-host-operator"'),
        (f"{SIGNUPS}/amelia", "DELETE", 'in the namespace "toolchain-host-operator"'),
        ("/api/v1/secrets", "GET", 'cannot list resource "secrets" in API group "" at the cluster scope'),
        (
            "/apis/example.com/v1/things",
            "GET",
            'cannot list resource "things" in API group "example.com" at the cluster scope',
        ),
        ("/metrics", "GET", 'cannot get path "/metrics"'),
    ],
)
def test_a_list_without_permission_is_forbidden(get, path, method, ending):
    answer = get(path, method=method)
    assert failure(answer) == (403, "Forbidden")
    assert answer.json()["message"].endswith(ending)
    assert SYNC.user in answer.json()["message"]


def test_a_missing_crd_is_a_bare_404_to_those_who_may_list_it_and_forbidden_to_others(api, get):
    api.installed.remove(api.usersignups)
    answer = get()
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
    assert answer.headers["Content-Type"].startswith("text/plain")
    api.tokens["narrow"] = Account("narrow", frozenset({(NAMESPACES, None)}))
    assert failure(get(token="narrow")) == (403, "Forbidden")


def test_everybody_may_read_the_version(get):
    assert get("/version", token=None).json()["gitVersion"] == "v1.36.4"


# What clients ask before they list


def test_discovery_names_the_resources_that_are_installed(api, get):
    assert get("/api").json()["versions"] == ["v1"]
    group = get("/apis").json()["groups"][0]
    assert (group["name"], group["preferredVersion"]["groupVersion"]) == (
        "toolchain.dev.openshift.com",
        "toolchain.dev.openshift.com/v1alpha1",
    )
    found = {
        each["name"]: (each["kind"], each["namespaced"])
        for path in ("/api/v1", LISTS)
        for each in get(path).json()["resources"]
    }
    assert found == {"namespaces": ("Namespace", False), "usersignups": ("UserSignup", True)}
    api.installed.remove(api.usersignups)
    assert get("/apis").json()["groups"] == []
    assert (get(LISTS).status_code, get(LISTS).text) == (404, "404 page not found\n")


def test_anonymous_users_may_not_discover(get):
    for path in "/api", "/apis", "/api/v1", LISTS:
        assert failure(get(path, token=None)) == (403, "Forbidden")


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_lists_what_is_there(api, tmp_path):
    api.usersignups.fill(made_up_signups(1_234))
    kubeconfig = api.kubeconfig(tmp_path / "config")
    listed = subprocess.run(
        ["kubectl", "--kubeconfig", kubeconfig, "-n", HOST_NAMESPACE, "get", "usersignups", "-o", "json"],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr.decode()
    assert names(json.loads(listed.stdout)) == [f"user-{number:07}" for number in range(1_234)]


# TLS and credentials


def test_another_authority_is_not_trusted(api):
    context = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", api.port)) as connection, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(connection, server_hostname="localhost")


def test_plain_http_to_the_tls_port_gets_an_explanation(api, client):
    answer = client.get(api.url.replace("https:", "http:"), timeout=5)
    assert (answer.status_code, answer.text) == (400, "Client sent an HTTP request to an HTTPS server.\n")


def test_a_client_certificate_is_an_account(api, client, tmp_path):
    credentials = api.certificate_credentials("sync")
    pem = tmp_path / "client.pem"
    pem.write_bytes(b"".join(base64.b64decode(part) for part in credentials.values()))

    def ask():
        return client.get(api.url + SIGNUPS, cert=str(pem), verify=str(api.ca_file), timeout=5)

    assert ask().status_code == 200
    del api.certificates["sync"]
    assert failure(ask()) == (403, "Forbidden")
    assert '"sync"' in ask().json()["message"]


def test_a_token_may_be_long(api, get):
    api.tokens["x" * 1_500] = SYNC
    assert get(token="x" * 1_500).status_code == 200


def test_a_kubeconfig_has_the_server_and_the_credentials(api, tmp_path):
    config = json.loads(api.kubeconfig(tmp_path / "config", context="host").read_text())
    assert config["current-context"] == "host"
    assert config["clusters"][0]["cluster"]["server"] == api.url
    trusted = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    assert trusted == api.ca_file.read_bytes()
    assert config["users"][0]["user"] == {"token": TOKEN}


def test_the_exec_plug_in_gives_the_token():
    plug_in = EXEC_CREDENTIALS["exec"]
    printed = subprocess.run([plug_in["command"], *plug_in["args"]], check=True, stdout=subprocess.PIPE).stdout
    assert json.loads(printed)["status"] == {"token": TOKEN}
    assert json.loads(printed)["kind"] == "ExecCredential"


# Faults


def test_throttling_is_text_with_a_second_to_wait(api, get):
    api.faults = in_turn(TOO_MANY_REQUESTS)
    answer = get()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert get().status_code == 200


def test_permissions_can_be_taken_away_between_two_pages(api, get):
    api.faults = at({2: api.denied})
    page = get(limit=5).json()
    answer = get(limit=5, **{"continue": page["metadata"]["continue"]})
    assert failure(answer) == (403, "Forbidden")
    assert SYNC.user in answer.json()["message"]


def test_a_token_can_be_made_to_expire_on_any_page(api, get):
    api.faults = at({2: api.gone})
    page = get(limit=5).json()
    answer = get(limit=5, **{"continue": page["metadata"]["continue"]})
    assert failure(answer) == (410, "Expired")
    assert answer.json()["metadata"]["continue"]


def test_the_cluster_can_change_before_any_page(api, get):
    api.faults = at({2: lambda request: api.usersignups.put(signup("zoe", "1"))})
    assert "zoe" not in names(get().json())
    assert "zoe" in names(get().json())


@pytest.mark.parametrize("end", [faults.CLOSE, faults.RESET])
def test_a_page_can_be_cut(api, get, end):
    api.faults = in_turn(faults.half_answer(5_000, end))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get()
    assert get().status_code == 200


@pytest.mark.parametrize("accept", ["gzip", "identity"])
def test_a_page_can_be_truncated_json(api, get, accept):
    api.usersignups.fill(made_up_signups(100))
    whole = get(accept=accept).content
    api.faults = in_turn(api.truncated(0.5))
    answer = get(accept=accept)
    assert answer.status_code == 200
    assert answer.content == whole[: len(whole) // 2]


# Made-up clusters


def test_made_up_signups_are_listed_like_others(api, pages):
    api.usersignups.fill(made_up_signups(1_234))
    found = names(*pages(limit=500))
    assert found == [f"user-{number:07}" for number in range(1_234)]


def test_made_up_signups_can_be_changed(api, get):
    api.usersignups.fill(made_up_signups(50))
    api.usersignups.put(signup("user-0000007", "changed"))
    api.usersignups.put(signup("zoe", "new"))
    api.usersignups.delete("user-0000003", HOST_NAMESPACE)
    items = {item["metadata"]["name"]: item for item in get().json()["items"]}
    ids = {
        name: item["metadata"]["annotations"]["toolchain.dev.openshift.com/sso-user-id"] for name, item in items.items()
    }
    assert len(ids) == 50
    assert (ids["user-0000006"], ids["user-0000007"], ids["zoe"]) == ("50000006", "changed", "new")
    with pytest.raises(KeyError):
        api.usersignups.delete("user-0000003", HOST_NAMESPACE)


def test_a_signup_has_the_size_of_a_real_one():
    """About 2.3 KB an object."""
    snapshot = made_up_signups(1)
    assert 2_000 < len(snapshot.objects[snapshot.keys[0]]) < 2_700


# The program


def test_the_program_serves_whoever_has_its_kubeconfig(client, tmp_path):
    kubeconfig = tmp_path / "config"
    command = [
        sys.executable,
        "-m",
        "tests.support.fakes.kubernetes",
        "--kubeconfig",
        str(kubeconfig),
        "--signups",
        "7",
    ]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as program:
        try:
            url = program.stdout.readline().split()[-1]
            config = json.loads(kubeconfig.read_text())
            assert config["clusters"][0]["cluster"]["server"] == url
            ca = ssl.create_default_context(
                cadata=base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
            )
            connection = http.client.HTTPSConnection("127.0.0.1", int(url.rpartition(":")[2]), context=ca)
            token = config["users"][0]["user"]["token"]
            connection.request("GET", SIGNUPS, headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"})
            answer = connection.getresponse().read()
            connection.close()
            assert len(json.loads(answer)["items"]) == 7
        finally:
            program.terminate()
