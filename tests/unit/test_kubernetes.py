"""Listing from an API server that answers as real ones do, and breaks as they do."""
import base64
import itertools
import json
import socket
import ssl
import threading

import pytest

from segment_bridge.errors import ClusterError, ListExpired, Unavailable
from segment_bridge.kubernetes import Access, ApiServer, Resource, excerpt
from segment_bridge.retry import Retry
from tests import recorded
from tests.fakes import faults
from tests.fakes.kubernetes import (
    ETCD_STALLED,
    EXEC_CREDENTIALS,
    TOKEN,
    TOKEN_CREDENTIALS,
    TOO_MANY_REQUESTS,
    Account,
    FakeKubernetes,
)
from tests.fakes.kubernetes_objects import made_up_signups, signup
from tests.fakes.proxy import FakeProxy

# The client's affair with its urllib3, not ours.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheaders:DeprecationWarning")

SIGNUPS = Resource(
    "toolchain.dev.openshift.com", "v1alpha1", "usersignups", "UserSignupList", "toolchain-host-operator")
TENANTS = Resource("", "v1", "namespaces", "NamespaceList", selector="toolchain.dev.openshift.com/type=tenant")


@pytest.fixture(scope="module")
def cluster_of_this_module():
    with FakeKubernetes(usersignups=recorded.usersignups(), namespaces=recorded.namespaces()) as fake:
        yield fake


@pytest.fixture
def fake(cluster_of_this_module):
    """Sixteen signups, twenty tenant namespaces."""
    before = cluster_of_this_module.installed.copy()
    yield cluster_of_this_module
    cluster_of_this_module.faults = None
    cluster_of_this_module.installed = before
    cluster_of_this_module.requests.clear()


@pytest.fixture
def waits():
    """How long it was waited between attempts."""
    return []


@pytest.fixture
def listed(fake, waits):
    """The names on each page."""
    def pages(resource=SIGNUPS, page_size=5, max_attempts=3, **access):
        access = {"server": fake.url, "token": TOKEN, "ca_file": str(fake.ca_file), "connect_timeout_s": 2,
                  "read_timeout_s": 0.5, **access}
        retry = Retry(max_attempts, sleep=waits.append, chance=lambda: 1.0)
        with ApiServer(Access(**access), retry) as server:
            return [[item["metadata"]["name"] for item in page] for page in server.pages(resource, page_size)]
    return pages


@pytest.fixture
def failure(listed):
    def text(kind=ClusterError, **access):
        with pytest.raises(kind) as caught:
            listed(**access)
        assert type(caught.value) is kind
        return str(caught.value)
    return text


def every(pages):
    return list(itertools.chain(*pages))


def names(objects):
    return sorted(item["metadata"]["name"] for item in objects["items"])


class TestAList:
    def test_comes_in_pages_of_the_size_asked_for(self, listed):
        pages = listed(page_size=5)
        assert [len(page) for page in pages] == [5, 5, 5, 1]
        assert every(pages) == names(recorded.usersignups())

    def test_is_of_one_state_of_the_cluster(self, fake, listed):
        def change(request):
            fake.usersignups.put(signup("zoe", "1"))
        fake.faults = faults.at({3: change})
        try:
            assert every(listed()) == names(recorded.usersignups())
        finally:
            fake.usersignups.delete("zoe", "toolchain-host-operator")

    def test_of_tenant_namespaces_leaves_the_others_on_the_server(self, listed):
        tenants = listed(TENANTS, page_size=500)[0]
        assert len(tenants) == 20
        assert set(tenants) < set(names(recorded.namespaces()))

    def test_of_a_namespace_that_is_not_there_is_empty_like_a_real_one(self, fake, listed):
        fake.tokens["all"] = Account("all", frozenset({("usersignups.toolchain.dev.openshift.com", None)}))
        assert listed(SIGNUPS._replace(namespace="nowhere"), token="all") == [[]]

    def test_goes_over_one_connection_and_is_compressed(self, fake, listed):
        fake.usersignups.fill(made_up_signups(300))
        try:
            assert sum(map(len, listed(page_size=100))) == 300
        finally:
            fake.usersignups.replace(recorded.usersignups()["items"])
        assert len({exchange.connection for exchange in fake.requests}) == 1
        assert fake.requests[0].headers["Accept-Encoding"] == "gzip"
        assert fake.requests[0].headers["User-Agent"].startswith("segment_bridge/")


@pytest.mark.parametrize("fault", [
    TOO_MANY_REQUESTS, ETCD_STALLED, faults.status(500), faults.status(503), faults.html(502), faults.reset(),
    faults.close(), faults.half_answer(3_000), faults.half_answer(3_000, faults.RESET), faults.hang(),
], ids=["429", "504", "500", "503", "502", "reset", "closed", "cut", "cut by a reset", "stalled"])
class TestWhatMayPass:
    def test_is_tried_again(self, fake, listed, fault):
        fake.faults = faults.at({2: fault})
        assert every(listed()) == names(recorded.usersignups())

    def test_is_an_error_in_the_end(self, fake, listed, waits, fault):
        fake.faults = faults.always(fault)
        with pytest.raises(Unavailable, match=fake.url):
            listed()
        assert len(fake.requests) == 3
        assert waits == [1.0, 2.0]


def test_a_connection_that_was_closed_after_the_last_answer_is_made_anew(fake, listed):
    fake.faults = faults.at({2: faults.stale()})
    assert every(listed()) == names(recorded.usersignups())


def test_retry_after_is_waited_for(fake, listed, waits):
    fake.faults = faults.in_turn(faults.status(429, retry_after=7), None, faults.status(503, retry_after=9))
    listed()
    assert waits == [7.0, 9.0]


class TestWhatDoesNotPass:
    """One attempt, and an error that says what to do."""

    @pytest.fixture(autouse=True)
    def once(self, waits):
        yield
        assert waits == []

    def test_unknown_token(self, failure):
        assert "answered 401 to a list of usersignups.toolchain.dev.openshift.com: Unauthorized. The bearer token " \
            "is unknown or has expired" in failure(token="unknown")

    def test_rights_are_missing(self, fake, failure):
        fake.tokens["poor"] = Account("system:serviceaccount:a:b")
        text = failure(token="poor")
        assert 'User "system:serviceaccount:a:b" cannot list resource "usersignups"' in text
        assert 'a Role in namespace "toolchain-host-operator" with apiGroups: ["toolchain.dev.openshift.com"], ' \
            'resources: ["usersignups"], verbs: ["list"]' in text
        assert 'a ClusterRole with apiGroups: [""], resources: ["namespaces"], verbs: ["list"]' in failure(
            token="poor", resource=TENANTS)

    def test_rights_are_taken_away_between_two_pages(self, fake, failure):
        fake.faults = faults.at({2: fake.denied})
        assert "answered 403" in failure()

    def test_no_token_at_all(self, failure):
        assert 'User "system:anonymous"' in failure(token="")

    def test_the_resource_is_not_installed(self, fake, failure):
        fake.installed.discard(fake.usersignups)
        text = failure()
        assert 'answered 404 to a list of usersignups.toolchain.dev.openshift.com: "404 page not found"' in text
        assert "check that this is the right cluster" in text

    def test_a_redirection_which_would_take_the_token_elsewhere(self, fake, failure):
        with FakeKubernetes(authority=fake.authority) as other:
            fake.faults = faults.always(faults.status(302, Location=other.url + SIGNUPS.path))
            assert "answered 302" in failure()
            assert other.requests == []

    def test_a_proxys_page_in_place_of_a_list(self, fake, failure):
        fake.faults = faults.at({2: faults.html()})
        assert 'begins: "<!DOCTYPE html><html><body><h1>Sign in to the network' in failure()

    def test_truncated_json(self, fake, failure):
        fake.faults = faults.at({2: fake.truncated(0.9)})
        assert 'with something else, which begins: "{"apiVersion":"toolchain.dev.openshift.com/v1alpha1",' in failure()

    @pytest.mark.parametrize("body", [
        "[]", "null", '"text"', "{}", '{"kind":"NamespaceList","metadata":{},"items":[]}',
        '{"kind":"UserSignupList","metadata":{},"items":{}}', '{"kind":"UserSignupList","items":[]}',
        '{"kind":"UserSignupList","metadata":{},"items":["text"]}'])
    def test_json_that_is_no_such_list(self, fake, failure, body):
        fake.faults = faults.always(faults.status(200, body, content_type="application/json"))
        assert "with something else" in failure()

    def test_the_servers_certificate_is_signed_by_somebody_else(self, failure, tmp_path):
        other = FakeKubernetes()
        assert "TLS failed: " in failure(ca_file=str(other.ca_file))
        assert "Set ca_file" in failure(ca_file="")

    def test_the_servers_certificate_is_for_another_name(self, fake, failure):
        with FakeKubernetes(authority=fake.authority) as other:
            other._tls = fake.authority.server("api.example.com")
            text = failure(server=other.url)
        assert "TLS failed" in text
        assert "127.0.0.1" in text

    def test_the_servers_certificate_has_expired(self, fake, failure):
        with FakeKubernetes(authority=fake.authority) as other:
            other._tls = fake.authority.server(expired=True)
            assert "TLS failed: certificate has expired" in failure(server=other.url)

    def test_the_port_does_not_speak_tls(self, failure):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def answer():
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
            thread = threading.Thread(target=answer)
            thread.start()
            assert "TLS failed" in failure(server="https://127.0.0.1:%d" % listener.getsockname()[1])
            thread.join()

    @pytest.mark.parametrize(("ca_file", "says"), [
        ("/nowhere.pem", "No such file"), (__file__, "must hold CA certificates")])
    def test_the_ca_file_cannot_be_used(self, failure, ca_file, says):
        assert says in failure(ca_file=ca_file)

    def test_the_ca_is_given_itself(self, fake, listed, failure):
        ca, other = (base64.b64encode(ssl.PEM_cert_to_DER_cert(each.ca_file.read_text())).decode()
                     for each in (fake, FakeKubernetes()))
        assert listed(ca_file="", ca=ca) == listed(ca_file="", ca=other + "," + ca) == listed()
        assert "TLS failed: " in failure(ca_file="", ca=other)
        with FakeKubernetes(authority=fake.authority) as elsewhere:
            elsewhere._tls = fake.authority.server("api.example.com")
            assert "TLS failed" in failure(server=elsewhere.url, ca_file="", ca=ca)
        for garbage in ("-----BEGIN", ca[:-8], "QUJD"):
            assert "Save them anew on the app's setup page" in failure(ca_file="", ca=garbage)

    def test_http(self, failure):
        assert 'must begin with https://, got "http://127.0.0.1:1"' in failure(server="http://127.0.0.1:1")


class TestWhatCannotBeReached:
    """It may come back, so it is tried again."""

    @pytest.fixture(autouse=True)
    def again(self, waits):
        yield
        assert len(waits) == 2

    def test_a_name_that_dns_does_not_know(self, failure):
        assert "DNS failed" in failure(Unavailable, server="https://api.cluster.invalid:6443")

    def test_a_port_that_nobody_listens_on(self, fake, failure):
        fake.down()
        try:
            assert "TCP failed: Connection refused. Check host and port" in failure(Unavailable)
        finally:
            fake.up()

    def test_a_proxy_that_is_down(self, failure):
        proxy = FakeProxy()
        proxy.up()
        proxy.down()
        assert "through proxy %s: the proxy failed: Connection refused" % proxy.url in failure(
            Unavailable, proxy_url=proxy.url)
        proxy.stop()


class TestAListThatExpires:
    def test_is_told_apart(self, fake, listed):
        fake.faults = faults.at({3: fake.gone})
        with pytest.raises(ListExpired):
            listed()

    def test_is_not_continued_with_the_token_that_comes_with_it(self, fake, listed):
        fake.faults = faults.at({2: lambda request: fake.compact()})
        with pytest.raises(ListExpired):
            listed()
        assert len(fake.requests) == 2


class TestAProxy:
    def test_is_gone_through(self, fake, listed):
        with FakeProxy() as proxy:
            assert every(listed(proxy_url=proxy.url)) == names(recorded.usersignups())
        assert proxy.targets == ["127.0.0.1:%d" % fake.port]

    def test_may_ask_for_credentials(self, listed, failure):
        with FakeProxy(user="splunk", password="hunter2") as proxy:
            assert listed(proxy_url=proxy.url, proxy_credentials="splunk:hunter2")
            text = failure(proxy_url=proxy.url, proxy_credentials="splunk:wrong")
        assert "the proxy failed: Tunnel connection failed: 407" in text
        assert "wrong" not in text

    def test_of_the_environment_is_not_used(self, listed, monkeypatch):
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert listed()

    @pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
    def test_is_gone_through_whatever_the_environment_excepts(self, listed, monkeypatch, name):
        monkeypatch.setenv(name, "127.0.0.1,*")
        with FakeProxy() as proxy:
            assert listed(proxy_url=proxy.url)
        assert proxy.targets


class TestAKubeconfig:
    @pytest.fixture
    def kubeconfig(self, fake, tmp_path):
        def write(credentials, **cluster):
            path = fake.kubeconfig(tmp_path / "config", credentials)
            content = json.loads(path.read_text())
            content["clusters"][0]["cluster"].update(cluster)
            path.write_text(json.dumps(content))
            return {"server": "", "token": "", "ca_file": "", "kubeconfig": str(path)}
        return write

    def test_may_hold_a_token(self, kubeconfig, listed):
        assert len(listed(**kubeconfig(TOKEN_CREDENTIALS), context="sync")) == 4

    def test_may_name_a_token_file_beside_it(self, kubeconfig, listed, tmp_path):
        (tmp_path / "token").write_text(TOKEN)
        assert len(listed(**kubeconfig({"tokenFile": "token"}))) == 4

    def test_may_hold_a_client_certificate(self, fake, kubeconfig, listed):
        assert len(listed(**kubeconfig(fake.certificate_credentials("sync")))) == 4

    def test_with_a_program_to_log_in_is_refused(self, kubeconfig, failure):
        text = failure(**kubeconfig(EXEC_CREDENTIALS))
        assert "runs a program to log in (exec)" in text
        assert TOKEN not in text

    def test_with_a_login_to_be_refreshed_is_refused(self, kubeconfig, failure):
        assert "(auth-provider)" in failure(**kubeconfig({"auth-provider": {"name": "oidc"}}))

    def test_that_turns_verification_off_is_refused(self, kubeconfig, failure):
        assert "turns off TLS verification" in failure(
            **kubeconfig(TOKEN_CREDENTIALS, **{"insecure-skip-tls-verify": True}))

    def test_without_the_context_is_an_error_that_names_it(self, kubeconfig, failure):
        assert 'context "other"' in failure(**kubeconfig(TOKEN_CREDENTIALS), context="other")

    @pytest.mark.parametrize(("content", "says"), [
        ("a: [b", "is not YAML"), ("just text", "does not hold a complete context"), ("", "does not hold a complete"),
        ("\0", "is not YAML")])
    def test_that_is_none_is_an_error(self, kubeconfig, failure, tmp_path, content, says):
        settings = kubeconfig(TOKEN_CREDENTIALS)
        (tmp_path / "config").write_text(content)
        assert says in failure(**settings)

    def test_that_cannot_be_read_is_an_error(self, failure):
        assert "kubeconfig /nowhere cannot be read: No such file or directory" in failure(
            server="", kubeconfig="/nowhere")


class TestInAPod:
    def test_the_pods_account_is_used(self, fake, listed, monkeypatch, tmp_path):
        from kubernetes.config import incluster_config
        (tmp_path / "token").write_text(TOKEN)
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(fake.ca_file))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(fake.port))
        assert len(listed(server="", token="", ca_file="")) == 4

    def test_without_one_the_error_says_what_to_set(self, failure, monkeypatch):
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        assert "Neither server nor kubeconfig is set" in failure(server="")


def test_secrets_do_not_show():
    access = Access(server="https://api", token="hunter2", proxy_credentials="user:hunter3")
    assert "hunter" not in repr(access)


def test_an_excerpt_is_short_on_one_line_and_without_what_identifies_people():
    item = json.dumps(signup("amelia", "51203344"), indent=1)[20:]
    text = excerpt(item.encode())
    assert "\n" not in text
    assert len(text) <= 202
    for personal in ("amelia@", "30287986", "e2c0ab79351f65340fafd580d06bf2ed"):
        assert personal not in excerpt(item[max(item.find(personal) - 20, 0):].encode())

