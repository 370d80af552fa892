"""What Splunk Web says when an input is saved with settings that do not work, word for word."""

import time

import pytest

from segment_bridge.users import run as users_run
from tests.support.fakes import faults
from tests.support.fakes.kubernetes import EXEC_CREDENTIALS, TOKEN, Account, FakeKubernetes
from tests.support.fakes.kubernetes_objects import HOST_NAMESPACE
from tests.support.fakes.proxy import FakeProxy

MAY_LIST_SIGNUPS = ("usersignups.toolchain.dev.openshift.com", HOST_NAMESPACE)


@pytest.fixture
def says(validate):
    """The message of a failed validation."""

    def message(**settings):
        status, text = validate(**settings)
        assert status == 1
        return text

    return message


def test_working_settings_are_accepted_and_nothing_is_written(validate, splunkd):
    assert validate() == (0, "")
    assert {method for method, _ in splunkd.requests} == {"GET"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"page_size": "none"}, 'page_size must be a whole number from 1 to 10,000, got "none"'),
        ({"server": "api"}, 'server must be a URL that begins with https://, got "api"'),
        ({"namespace": "A_B"}, 'namespace must be the name of a namespace, got "A_B"'),
        ({"deadline": "0"}, 'deadline must be a number from 1 to 86,400, got "0"'),
        (
            {"allow_shrink_until": "soon"},
            'allow_shrink_until must be a time with its zone, such as 2026-11-24T09:30:00Z, got "soon"',
        ),
        ({"kubeconfig": "/k"}, "has both server and kubeconfig: remove one"),
    ],
)
def test_a_wrong_setting(says, fake, settings, message):
    assert says(**settings) == "inputs.conf [usersignups://host] " + message
    assert fake.requests == []


@pytest.mark.parametrize(
    "setting",
    [
        "server",
        "ca_file",
        "kubeconfig",
        "proxy_url",
        "namespace",
        "usersignups",
        "tenant_namespaces",
        "tenant_type_label",
        "tenant_type",
        "tenant_workspace_label",
        "page_size",
        "connect_timeout",
        "timeout",
        "max_attempts",
        "deadline",
        "max_shrink_percent",
        "allow_shrink_until",
    ],
)
def test_each_setting_is_checked(says, setting):
    assert says(**{setting: "*?"}).startswith("inputs.conf [usersignups://host] %s must " % setting)


def test_no_token(says):
    assert says(name="new") == (
        "there is no bearer token in the password store: save it on the app's setup page, or as realm "
        '"segment_bridge", username "usersignups:new"'
    )


def test_dns(says):
    text = says(server="https://api.cluster.invalid:6443")
    assert text.startswith("https://api.cluster.invalid:6443 cannot be reached: DNS failed: ")
    assert text.endswith(". Check the host name, and this machine's name servers")


def test_tcp(says):
    assert says(server="https://127.0.0.1:1") == (
        "https://127.0.0.1:1 cannot be reached: TCP failed: Connection refused. Check host and port, and whether a "
        "firewall or a proxy (proxy_url) is in between"
    )


def test_tls_with_another_ca(says, fake):
    text = says(ca_file="")
    assert text.startswith("%s cannot be reached: TLS failed: " % fake.url)
    assert text.endswith(". Set ca_file to the CA of its certificate, and server to a name in the certificate")


def test_tls_with_another_name(says, fake):
    with FakeKubernetes(authority=fake.authority) as other:
        other._tls = fake.authority.server("api.example.com")
        text = says(server=other.url)
    assert "TLS failed: " in text
    assert "127.0.0.1" in text.partition("TLS failed: ")[2]


def test_a_missing_ca_file(says):
    assert says(ca_file="/nowhere") == (
        "ca_file /nowhere cannot be used: No such file or directory. It must hold CA certificates in PEM"
    )


def test_a_proxy_that_demands_credentials(says, fake):
    with FakeProxy(user="splunk", password="hunter2") as proxy:
        assert says(proxy_url=proxy.url) == (
            "%s cannot be reached through proxy %s: the proxy failed: Tunnel connection failed: 407 Proxy "
            "Authentication Required. Check proxy_url, and its credentials" % (fake.url, proxy.url)
        )


def test_an_unknown_token(says, splunkd, fake):
    splunkd.passwords["usersignups:host"] = "expired"
    assert says() == (
        "%s answered 401 to a list of usersignups.toolchain.dev.openshift.com: Unauthorized. The bearer token in the "
        'password store (realm "segment_bridge", username "usersignups:host") is unknown or has expired: create a '
        "new one, and save it" % fake.url
    )


def test_a_token_without_permissions_gets_the_rule_to_add(says, fake):
    fake.tokens[TOKEN] = Account("system:serviceaccount:a:b")
    assert says() == (
        "%s answered 403 to a list of usersignups.toolchain.dev.openshift.com: usersignups.toolchain.dev.openshift.com "
        'is forbidden: User "system:serviceaccount:a:b" cannot list resource "usersignups" in API group '
        '"toolchain.dev.openshift.com" in the namespace "toolchain-host-operator". Give its account a Role in '
        'namespace "toolchain-host-operator" with apiGroups: ["toolchain.dev.openshift.com"], resources: '
        '["usersignups"], verbs: ["list"], as in kubernetes/reader.yaml in the app\'s folder' % fake.url
    )


def test_a_token_without_permissions_on_namespaces_gets_the_rule_to_add(says, validate, fake):
    fake.tokens[TOKEN] = Account("half", frozenset({MAY_LIST_SIGNUPS}))
    assert says() == (
        '%s answered 403 to a list of namespaces: namespaces is forbidden: User "half" cannot list resource '
        '"namespaces" in API group "" at the cluster scope. Give its account a ClusterRole with apiGroups: [""], '
        'resources: ["namespaces"], verbs: ["list"], as in kubernetes/reader.yaml in the app\'s folder' % fake.url
    )
    assert validate(tenant_namespaces="false") == (0, "")


@pytest.mark.parametrize(
    ("granted", "off", "missing", "file"),
    [
        (MAY_LIST_SIGNUPS, "tenant_namespaces", "usersignups", "host"),
        (("namespaces", None), "usersignups", "namespaces", "member"),
    ],
)
def test_only_what_is_listed_is_checked_and_needs_permissions(says, validate, fake, granted, off, missing, file):
    fake.tokens[TOKEN] = Account("half", frozenset({granted}))
    assert validate(**{off: "0"}) == (0, "")
    assert len(fake.requests) == 1
    fake.tokens[TOKEN] = Account("nobody")
    text = says(**{off: "0"})
    assert 'resources: ["%s"], verbs: ["list"], as in kubernetes/%s.yaml in the app\'s folder' % (missing, file) in text


def test_an_input_that_lists_nothing(says, fake):
    assert says(usersignups="0", tenant_namespaces="0") == (
        "inputs.conf [usersignups://host] lists nothing: set usersignups (a host cluster's), tenant_namespaces (a "
        "member cluster's), or both to true"
    )
    assert fake.requests == []


def test_a_cluster_without_the_resource(says, fake):
    fake.installed.discard(fake.usersignups)
    assert says() == (
        '%s answered 404 to a list of usersignups.toolchain.dev.openshift.com: "404 page not found". The cluster '
        "does not have this resource: check that it is the right cluster" % fake.url
    )


def test_an_answer_from_something_else(says, fake):
    fake.faults = faults.always(faults.html())
    assert says() == (
        "%s did not answer with a list of usersignups, but with something that begins: "
        '"<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>". '
        "Check that it is an API server, and that no proxy answers in its place" % (fake.url)
    )


def test_a_missing_kubeconfig(says):
    assert says(server="", ca_file="", kubeconfig="/nowhere") == (
        "kubeconfig /nowhere cannot be read: No such file or directory"
    )


def test_a_kubeconfig_with_an_exec_plugin(says, fake, tmp_path):
    path = fake.kubeconfig(tmp_path / "config", EXEC_CREDENTIALS)
    assert says(server="", ca_file="", kubeconfig=str(path)) == (
        "kubeconfig %s runs a program to log in (exec), which a Splunk app must not: use a token or a client "
        "certificate, such as a ServiceAccount's" % path
    )


def test_neither_server_nor_kubeconfig_nor_a_pod(says, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert says(server="", ca_file="").startswith(
        "Neither server nor kubeconfig is set, and this is not a pod with a service account ("
    )


class TestPatience:
    def test_is_short_with_a_silent_server(self, says, fake, monkeypatch):
        monkeypatch.setattr(users_run, "CHECK_TIMEOUT_S", 0.2)
        fake.faults = faults.always(faults.hang())
        started = time.monotonic()
        assert "HTTP failed" in says(timeout="60")
        assert time.monotonic() - started < 1

    def test_ends_with_a_server_that_trickles(self, says, fake, monkeypatch):
        monkeypatch.setattr(users_run, "CHECK_DEADLINE_S", 0.5)
        fake.faults = faults.always(faults.slow_body(0.01))
        started = time.monotonic()
        assert says() == "the API server began to answer, but took longer than 0.5 s"
        assert time.monotonic() - started < 2

    def test_does_not_extend_to_retries(self, says, fake):
        fake.faults = faults.always(faults.status(503))
        assert "answered 503" in says()
        assert len(fake.requests) == 1


# --- What the setup page needs --------------------------------------------------------------------------------------


def test_a_draft_secret_is_checked_instead_of_the_saved_one(validate, splunkd, fake):
    assert validate() == (0, "")
    splunkd.passwords["usersignups:host:draft"] = "wrong"
    assert "The bearer token that was entered is unknown or has expired" in validate()[1]
    splunkd.passwords.update({"usersignups:host": "expired", "usersignups:host:draft": TOKEN})
    assert validate() == (0, ""), "a first token is stored only as a draft"
    del splunkd.passwords["usersignups:host"]
    assert validate() == (0, "")


def test_a_draft_may_be_the_absence_of_a_secret(validate, splunkd, fake):
    splunkd.passwords["usersignups:host:ca"] = "".join(fake.ca_file.read_text("ascii").split("-----")[2].split())
    assert validate(ca_file="") == (0, "")
    splunkd.passwords["usersignups:host:ca:draft"] = "no such name"
    assert validate(ca_file="") == (0, "")
    splunkd.passwords["usersignups:host:draft:ca"] = "-"
    assert "TLS failed" in validate(ca_file="")[1]


def test_an_error_has_a_code(validate, splunkd, fake):
    def code(**settings):
        assert validate(**settings)[0] == 1
        return validate.code

    assert code(server="api") == "settings"
    assert code(server="https://127.0.0.1:1") == "network"
    assert code(server="https://nowhere.invalid") == "network"
    assert code(proxy_url="http://127.0.0.1:1") == "proxy"
    assert code(ca_file="") == "tls"
    splunkd.passwords["usersignups:host"] = "expired"
    assert code() == "http_401"
    del splunkd.passwords["usersignups:host"]
    assert code() == "secret"
