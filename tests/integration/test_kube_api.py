"""Lists from an API server that answers like real ones, and fails like them."""

import base64
import gzip
import itertools
import json
import re
import socket
import ssl
import threading
import time

import pytest

from segment_bridge.errors import ClusterError, ListExpired, SecretError, Unavailable
from segment_bridge.retry import Retry
from segment_bridge.users import access, kube_api
from segment_bridge.users.access import Access
from segment_bridge.users.kube_api import ApiServer, Resource, excerpt
from tests.support import recorded
from tests.support.fakes import faults
from tests.support.fakes.kubernetes import (
    ANONYMOUS,
    ETCD_STALLED,
    TOKEN,
    TOO_MANY_REQUESTS,
    Account,
    FakeKubernetes,
)
from tests.support.fakes.kubernetes_objects import made_up_signups, signup
from tests.support.fakes.proxy import FakeProxy
from tests.support.fakes.reply import Reply

SIGNUPS = Resource(
    "toolchain.dev.openshift.com", "v1alpha1", "usersignups", "UserSignupList", "toolchain-host-operator"
)
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
    """The waits between attempts."""
    return []


@pytest.fixture
def listed(fake, waits):
    """The names on each page."""

    def pages(resource=SIGNUPS, page_size=5, max_attempts=3, **access):
        access = {
            "server": fake.url,
            "token": TOKEN,
            "ca_file": str(fake.ca_file),
            "connect_timeout_s": 2,
            "read_timeout_s": 0.5,
            **access,
        }
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
    def test_comes_in_pages_of_the_requested_size(self, listed):
        pages = listed(page_size=5)
        assert [len(page) for page in pages] == [5, 5, 5, 1]
        assert every(pages) == names(recorded.usersignups())

    def test_is_never_requested_at_resource_version_0_which_ignores_the_limit(self, fake, listed):
        listed(TENANTS)
        assert {name for exchange in fake.requests for name in re.findall(r"[?&](\w+)=", exchange.target)} == {
            "limit",
            "labelSelector",
            "continue",
        }

    def test_shows_one_state_of_the_cluster(self, fake, listed):
        def change(request):
            fake.usersignups.put(signup("zoe", "1"))

        fake.faults = faults.at({3: change})
        try:
            assert every(listed()) == names(recorded.usersignups())
        finally:
            fake.usersignups.delete("zoe", "toolchain-host-operator")

    def test_of_tenant_namespaces_is_filtered_by_the_server(self, listed):
        tenants = listed(TENANTS, page_size=500)[0]
        assert len(tenants) == 20
        assert set(tenants) < set(names(recorded.namespaces()))

    def test_of_a_missing_namespace_is_empty(self, fake, listed):
        fake.tokens["all"] = Account("all", frozenset({("usersignups.toolchain.dev.openshift.com", None)}))
        assert listed(SIGNUPS._replace(namespace="nowhere"), token="all") == [[]]

    def test_uses_one_connection_and_is_compressed(self, fake, listed):
        fake.usersignups.fill(made_up_signups(300))
        try:
            assert sum(map(len, listed(page_size=100))) == 300
        finally:
            fake.usersignups.replace(recorded.usersignups()["items"])
        assert len({exchange.connection for exchange in fake.requests}) == 1
        assert fake.requests[0].headers["Accept-Encoding"] == "gzip"
        assert fake.requests[0].headers["User-Agent"].startswith("segment_bridge/")


@pytest.mark.parametrize(
    "fault",
    [
        TOO_MANY_REQUESTS,
        ETCD_STALLED,
        faults.status(500),
        faults.status(503),
        faults.html(502),
        faults.reset(),
        faults.close(),
        faults.half_answer(3_000),
        faults.half_answer(3_000, faults.RESET),
        faults.hang(),
    ],
    ids=["429", "504", "500", "503", "502", "reset", "closed", "cut", "cut by a reset", "stalled"],
)
class TestTransientFaults:
    def test_is_retried(self, fake, listed, fault):
        fake.faults = faults.at({2: fault})
        assert every(listed()) == names(recorded.usersignups())

    def test_is_an_error_in_the_end(self, fake, listed, waits, fault):
        fake.faults = faults.always(fault)
        with pytest.raises(Unavailable, match=fake.url):
            listed()
        assert len(fake.requests) == 3
        assert waits == [1.0, 2.0]


def test_a_connection_closed_after_the_last_answer_is_replaced(fake, listed):
    fake.faults = faults.at({2: faults.stale()})
    assert every(listed()) == names(recorded.usersignups())


def test_retry_after_is_respected(fake, listed, waits):
    fake.faults = faults.in_turn(faults.status(429, retry_after=7), None, faults.status(503, retry_after=9))
    listed()
    assert waits == [7.0, 9.0]


class TestPermanentFaults:
    """One attempt, and an error that says what to do."""

    @pytest.fixture(autouse=True)
    def once(self, waits):
        yield
        assert waits == []

    def test_unknown_token(self, failure):
        assert (
            "answered 401 to a list of usersignups.toolchain.dev.openshift.com: Unauthorized. The bearer token "
            "is unknown or has expired" in failure(token="unknown")
        )

    def test_permissions_are_missing(self, fake, failure):
        fake.tokens["poor"] = Account("system:serviceaccount:a:b")
        text = failure(token="poor")
        assert 'User "system:serviceaccount:a:b" cannot list resource "usersignups"' in text
        assert (
            'a Role in namespace "toolchain-host-operator" with apiGroups: ["toolchain.dev.openshift.com"], '
            'resources: ["usersignups"], verbs: ["list"]' in text
        )
        assert 'a ClusterRole with apiGroups: [""], resources: ["namespaces"], verbs: ["list"]' in failure(
            token="poor", resource=TENANTS
        )

    def test_permissions_are_taken_away_between_two_pages(self, fake, failure):
        fake.faults = faults.at({2: fake.denied})
        assert "answered 403" in failure()

    def test_no_token_at_all(self, fake, failure):
        assert "There is no bearer token" in failure(token="")
        assert fake.requests == []

    def test_a_token_that_does_not_reach_the_server_suggests_no_new_permissions(self, fake, failure):
        fake.tokens["lost"] = ANONYMOUS
        text = failure(token="lost")
        assert 'User "system:anonymous" cannot list' in text
        assert text.endswith("The bearer token did not reach it: something in between removes it, or terminates TLS")

    @pytest.mark.parametrize(
        "body", ["<html>blocked by policy</html>", '{"kind":"Status","message":"quota exceeded","code":403}', ""]
    )
    def test_a_403_about_something_else_suggests_no_new_permissions(self, fake, failure, body):
        fake.faults = faults.always(faults.status(403, body))
        text = failure()
        assert "Role" not in text
        assert text.endswith("This is not about the permission to list: find out what refuses, perhaps a proxy")

    @pytest.mark.parametrize(
        "fault",
        [
            None,
            faults.status(404, "404 page not found\n"),
            faults.status(302, Location="/login"),
            faults.status(403, '{"kind":"Status","message":"forbidden: User \\"a\\" cannot get path \\"/k8s/apis\\""}'),
        ],
        ids=["as the fake answers", "404", "a redirection", "403"],
    )
    def test_a_url_with_a_wrong_path(self, fake, failure, fault):
        fake.faults = fault and faults.always(fault)
        text = failure(server=fake.url + "/k8s")
        assert 'The URL has the path "/k8s", but an API server has no path: leave it out' in text
        assert "Role" not in text

    def test_a_url_with_a_path_that_a_proxy_needs(self, fake, failure):
        """Missing permissions are reported there, too."""
        denial = '{"kind":"Status","message":"usersignups is forbidden: User \\"a\\" cannot list resource","code":403}'
        fake.faults = faults.always(faults.status(403, denial))
        assert "Give its account a Role" in failure(server=fake.url + "/k8s/clusters/c-1")

    def test_the_resource_is_not_installed(self, fake, failure):
        fake.installed.discard(fake.usersignups)
        text = failure()
        assert 'answered 404 to a list of usersignups.toolchain.dev.openshift.com: "404 page not found"' in text
        assert "check that it is the right cluster" in text

    @pytest.mark.parametrize("host", ["a" * 64 + ".com", "a..b", ".", "\u2603.invalid"])
    @pytest.mark.parametrize("proxy_url", ["", "http://%s.invalid:1" % ("b" * 64)])
    def test_an_invalid_host_name(self, failure, host, proxy_url):
        text = failure(server="https://%s:6443" % host, proxy_url=proxy_url)
        assert "DNS failed" in text
        assert "This is not a valid host name" in text

    def test_a_redirection_which_would_take_the_token_elsewhere(self, fake, failure):
        with FakeKubernetes(authority=fake.authority) as other:
            fake.faults = faults.always(faults.status(302, Location=other.url + SIGNUPS.path))
            assert "answered 302" in failure()
            assert other.requests == []

    def test_a_proxys_page_instead_of_a_list(self, fake, failure):
        fake.faults = faults.at({2: faults.html()})
        assert 'begins: "<!DOCTYPE html><html><body><h1>Sign in to the network' in failure()

    def test_truncated_json(self, fake, failure):
        fake.faults = faults.at({2: fake.truncated(0.9)})
        assert 'with something that begins: "{"apiVersion":"toolchain.dev.openshift.com/v1alpha1",' in failure()

    @pytest.mark.parametrize(
        "body",
        [
            "[]",
            "null",
            '"text"',
            "{}",
            '{"kind":"NamespaceList","metadata":{},"items":[]}',
            '{"kind":"UserSignupList","metadata":{},"items":{}}',
            '{"kind":"UserSignupList","items":[]}',
            '{"kind":"UserSignupList","metadata":{},"items":["text"]}',
        ],
    )
    def test_json_that_is_not_such_a_list(self, fake, failure, body):
        fake.faults = faults.always(faults.status(200, body, content_type="application/json"))
        assert "but with something that begins" in failure()

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

    @pytest.mark.parametrize(
        "greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.0 400 Bad Request\r\n\r\n"], ids=["SSH", "plain HTTP"]
    )
    def test_the_port_does_not_speak_tls(self, failure, greeting):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer():
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(greeting)

            thread = threading.Thread(target=answer)
            thread.start()
            text = failure(server="https://127.0.0.1:%d" % listener.getsockname()[1])
            assert "TLS failed" in text
            assert text.endswith(
                "The port speaks plain HTTP or something else, but not TLS: set server to the API server's https port"
            )
            thread.join()

    def test_the_port_speaks_plain_http_and_hangs_up_on_tls(self, failure):
        """As etcd's port does."""
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer():
                for _ in range(2):
                    connection, _ = listener.accept()
                    with connection:
                        if connection.recv(1000).startswith(b"GET "):
                            connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")

            thread = threading.Thread(target=answer)
            thread.start()
            text = failure(server="https://127.0.0.1:%d" % listener.getsockname()[1])
            thread.join()
        assert "The port speaks plain HTTP or something else, but not TLS" in text

    @pytest.mark.parametrize(
        ("ca_file", "says"), [("/nowhere.pem", "No such file"), (__file__, "must hold CA certificates")]
    )
    def test_the_ca_file_cannot_be_used(self, failure, ca_file, says):
        assert says in failure(ca_file=ca_file)

    def test_the_ca_is_given_inline(self, fake, listed, failure):
        ca, other = (
            base64.b64encode(ssl.PEM_cert_to_DER_cert(each.ca_file.read_text())).decode()
            for each in (fake, FakeKubernetes())
        )
        assert listed(ca_file="", ca=ca) == listed(ca_file="", ca=other + "," + ca) == listed()
        assert "TLS failed: " in failure(ca_file="", ca=other)
        with FakeKubernetes(authority=fake.authority) as elsewhere:
            elsewhere._tls = fake.authority.server("api.example.com")
            assert "TLS failed" in failure(server=elsewhere.url, ca_file="", ca=ca)
        for garbage in ("-----BEGIN", ca[:-8], "QUJD"):
            assert "Save them again on the app's setup page" in failure(ca_file="", ca=garbage)

    def test_http(self, failure):
        assert 'must begin with https://, got "http://127.0.0.1:1"' in failure(server="http://127.0.0.1:1")


class TestAPage:
    """A page is limited in size, however it is packed."""

    @pytest.fixture
    def small(self, monkeypatch):
        monkeypatch.setattr(kube_api, "MOST_PAGE_BYTES", 20_000)
        monkeypatch.setattr(kube_api, "MOST_PAGE_VALUES", 1_000)

    def test_that_is_too_large_is_requested_in_halves(self, fake, listed, small):
        assert every(listed(page_size=16)) == names(recorded.usersignups())
        limits = [re.search(r"limit=(\d+)", exchange.target).group(1) for exchange in fake.requests]
        assert limits[:2] == ["16", "8"]
        assert limits[-1] not in ("1", "16")

    @pytest.mark.parametrize(
        "body", [b"[" * 30_000, b"{}," * 900, gzip.compress(b" " * 50_000_000)], ids=["bytes", "values", "gzip"]
    )
    def test_that_is_too_large_with_one_object_is_an_error(self, fake, failure, small, body):
        encoding = {"Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
        fake.faults = faults.always(faults.Fault(reply=Reply(200, body, encoding), handled=False))
        text = failure(page_size=4)
        assert "values in a list of one of the usersignups" in text
        assert len(fake.requests) == 3

    @pytest.mark.parametrize(
        "body",
        [
            "[" * 100_000,
            '{"kind":"UserSignupList","metadata":{"continue":5},"items":[]}',
            '{"kind":"UserSignupList","metadata":[],"items":[]}',
            '{"kind":"UserSignupList","metadata":{},"items":[null]}',
            "\ufffe",
            '{"kind":',
        ],
    )
    def test_that_is_invalid_is_an_error(self, fake, failure, body):
        fake.faults = faults.always(faults.status(200, body))
        assert "but with something that begins" in failure()

    def test_that_leads_to_itself_is_an_error(self, fake, failure):
        body = '{"kind":"UserSignupList","metadata":{"continue":"again"},"items":[]}'
        fake.faults = faults.always(faults.status(200, body))
        assert "the same continue token" in failure()
        assert len(fake.requests) == 2

    def test_with_numbers_of_any_length_is_read(self, fake, listed):
        digits = "9" * 1_000_000
        fake.faults = faults.always(
            faults.status(
                200,
                '{"kind":"UserSignupList","metadata":{"left":%s},"items":[{"metadata":{"name":"a","x":-%s.5}}]}'
                % (digits, digits),
            )
        )
        started = time.monotonic()
        assert listed() == [["a"]]
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "gzip"])
    def test_with_an_odd_encoding_is_an_error_in_the_end(self, fake, failure, encoding):
        reply = Reply(200, b"{}", {"Content-Encoding": encoding})
        fake.faults = faults.always(faults.Fault(reply=reply, handled=False))
        assert "HTTP failed" in failure(Unavailable)

    def test_with_an_unreadable_error_text_is_known_by_its_status(self, fake, failure):
        fake.faults = faults.always(faults.Fault(reply=Reply(503, b"{}", {"Content-Encoding": "br"}), handled=False))
        assert "answered 503" in failure(Unavailable)

    def test_with_an_error_text_is_reported_in_one_printable_line_without_the_token(self, fake, failure):
        said = json.dumps({"message": "no\n\x1b[31m%s\0 %s" % (TOKEN, "long " * 1_000)})
        fake.faults = faults.always(faults.status(400, said))
        text = failure()
        assert text.isprintable()
        assert TOKEN not in text
        assert len(text) < 1_000


class TestUnreachableServers:
    """The server may come back, so it is tried again."""

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
            Unavailable, proxy_url=proxy.url
        )
        proxy.stop()

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        ],
        ids=["silent", "says so"],
    )
    def test_a_port_that_hangs_up_during_tls(self, failure, said):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer():
                for _ in range(2 * 3):
                    connection, _ = listener.accept()
                    with connection:
                        if connection.recv(1000).startswith(b"GET "):
                            connection.sendall(said)

            thread = threading.Thread(target=answer)
            thread.start()
            assert "The connection broke off" in failure(
                Unavailable, server="https://127.0.0.1:%d" % listener.getsockname()[1]
            )
            thread.join()


class TestAListThatExpires:
    def test_is_recognised(self, fake, listed):
        fake.faults = faults.at({3: fake.gone})
        with pytest.raises(ListExpired):
            listed()

    def test_is_not_continued_with_the_token_in_the_answer(self, fake, listed):
        fake.faults = faults.at({2: lambda request: fake.compact()})
        with pytest.raises(ListExpired):
            listed()
        assert len(fake.requests) == 2


class TestAProxy:
    def test_is_used(self, fake, listed):
        with FakeProxy() as proxy:
            assert every(listed(proxy_url=proxy.url)) == names(recorded.usersignups())
        assert proxy.targets == ["127.0.0.1:%d" % fake.port]

    def test_may_demand_credentials(self, listed, failure):
        with FakeProxy(user="splunk", password="hunter2") as proxy:
            assert listed(proxy_url=proxy.url, proxy_credentials="splunk:hunter2")
            text = failure(proxy_url=proxy.url, proxy_credentials="splunk:wrong")
        assert "the proxy failed: Tunnel connection failed: 407" in text
        assert "wrong" not in text

    def test_may_speak_tls_and_is_then_fully_verified(self, fake, listed):
        with FakeProxy(tls=fake.authority.server()) as proxy:
            assert listed(proxy_url=proxy.url)
            assert proxy.targets
        for wrong in fake.authority.server("proxy.example.com"), FakeKubernetes().authority.server():
            with FakeProxy(tls=wrong) as proxy:
                with pytest.raises((ClusterError, Unavailable), match="certificate"):
                    listed(proxy_url=proxy.url)
                assert proxy.targets == []

    def test_of_the_environment_is_not_used(self, listed, monkeypatch):
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert listed()

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_a_ca_of_the_environment_is_not_used(self, listed, failure, monkeypatch, name, fake):
        other = FakeKubernetes()
        monkeypatch.setenv(name, str(other.ca_file))
        assert listed()
        monkeypatch.setenv(name, str(fake.ca_file))
        assert "TLS failed" in failure(ca_file=str(other.ca_file))
        assert "TLS failed" in failure(ca_file="")

    @pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
    def test_is_used_whatever_the_environment_excludes(self, listed, monkeypatch, name):
        monkeypatch.setenv(name, "127.0.0.1,*")
        with FakeProxy() as proxy:
            assert listed(proxy_url=proxy.url)
        assert proxy.targets


class TestInAPod:
    def test_the_pods_account_is_used(self, fake, listed, monkeypatch, tmp_path):
        (tmp_path / "token").write_text(TOKEN + "\n")
        (tmp_path / "ca.crt").write_bytes(fake.ca_file.read_bytes())
        monkeypatch.setattr(access, "POD", "%s/" % tmp_path)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(fake.port))
        assert len(listed(server="", token="", ca_file="")) == 4

    @pytest.mark.parametrize(
        ("token", "kind", "says"),
        [("", ClusterError, "token is empty"), ("one\ntwo", SecretError, "holds a line break")],
    )
    def test_an_invalid_token_is_refused_by_naming_its_place(self, failure, monkeypatch, tmp_path, token, kind, says):
        (tmp_path / "token").write_text(token)
        monkeypatch.setattr(access, "POD", "%s/" % tmp_path)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "::1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
        text = failure(kind, server="", token="", ca_file="")
        assert says in text
        assert "%s/token" % tmp_path in text

    def test_outside_a_pod_the_error_says_what_to_set(self, failure, monkeypatch):
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        assert "Neither server nor kubeconfig is set" in failure(server="")


def test_secrets_do_not_show():
    given = Access(server="https://api", token="hunter2", proxy_url="http://proxy", proxy_credentials="user:hunter3")
    assert "hunter" not in repr(given) + repr(access.resolve(given))


def test_an_excerpt_is_one_short_line_without_personal_data():
    item = json.dumps(signup("amelia", "51203344"), indent=1)[20:]
    text = excerpt(item.encode())
    assert "\n" not in text
    assert len(text) <= 202
    for personal in ("amelia@", "30287986", "e2c0ab79351f65340fafd580d06bf2ed"):
        assert personal not in excerpt(item[max(item.find(personal) - 20, 0) :].encode())
