"""Every field of a kubeconfig is used as kubectl uses it, or refused by name. The server sees what comes of it.

Source: client-go, tools/clientcmd/api/v1/types.go (the fields), validation.go and client_config.go (which of them take
precedence, and which exclude each other), transport/token_source.go (a token file before the token).
"""

import base64

import pytest
import yaml

from segment_bridge.errors import ClusterError, SecretError, SegmentBridgeError
from segment_bridge.retry import Retry
from segment_bridge.users import kubeconfig
from segment_bridge.users.access import Access
from segment_bridge.users.kube_api import ApiServer, Resource
from tests.support import recorded
from tests.support.fakes.kubernetes import SYNC, TOKEN, FakeKubernetes
from tests.support.fakes.proxy import FakeProxy

SIGNUPS = Resource(
    "toolchain.dev.openshift.com", "v1alpha1", "usersignups", "UserSignupList", "toolchain-host-operator"
)
OTHER = "fake0other0token"

TYPES = {
    "": ["kind", "apiVersion", "preferences", "clusters", "users", "contexts", "current-context", "extensions"],
    "context": ["cluster", "user", "namespace", "extensions"],
    "cluster": [
        "server",
        "tls-server-name",
        "insecure-skip-tls-verify",
        "certificate-authority",
        "certificate-authority-data",
        "proxy-url",
        "disable-compression",
        "extensions",
    ],
    "user": [
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "client-key-data",
        "token",
        "tokenFile",
        "as",
        "as-uid",
        "as-groups",
        "as-user-extra",
        "username",
        "password",
        "auth-provider",
        "exec",
        "extensions",
    ],
}
"""Config, Context, Cluster and AuthInfo of types.go, by their JSON names."""


def data(content):
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def fake():
    with FakeKubernetes(usersignups=recorded.usersignups()) as server:
        server.tokens[OTHER] = SYNC
        yield server


@pytest.fixture
def folder(fake, tmp_path):
    """The files that a kubeconfig may name (certificates, keys, tokens), and a subfolder with the kubeconfig itself."""
    certificate, key = fake.authority.client("sync")
    fake.certificates["sync"] = SYNC
    (tmp_path / "kube").mkdir()
    for name, content in {
        "ca.pem": fake.authority.ca_pem,
        "other-ca.pem": FakeKubernetes().authority.ca_pem,
        "cert.pem": certificate,
        "key.pem": key,
        "token": (OTHER + "\n").encode(),
        "empty": b"",
    }.items():
        (tmp_path / "kube" / name).write_bytes(content)
    yield tmp_path / "kube"
    fake.requests.clear()


@pytest.fixture
def listed(fake, folder, monkeypatch):
    """Lists with a kubeconfig that has these fields on top. Returns the first request that the server got."""

    def list_by(user=None, cluster=None, context=None, config=None, **access):
        text = write(user, cluster, context, config)
        (folder / "config").write_text(text)
        with ApiServer(Access(kubeconfig=str(folder / "config"), **access), Retry(1)) as server:
            assert sum(map(len, server.pages(SIGNUPS, 500))) == 16
        return fake.requests[0]

    def write(user, cluster, context, config):
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "sync",
            "contexts": [{"name": "sync", "context": {"cluster": "fake", "user": "user", **(context or {})}}],
            "clusters": [
                {"name": "fake", "cluster": {"server": fake.url, "certificate-authority": "ca.pem", **(cluster or {})}}
            ],
            "users": [{"name": "user", "user": {"token": TOKEN} if user is None else user}],
            **(config or {}),
        }
        return yaml.safe_dump(content)

    monkeypatch.chdir("/")
    return list_by


@pytest.fixture
def refusal(listed, fake):
    def text(*args, kind=ClusterError, **fields):
        with pytest.raises(SegmentBridgeError) as caught:
            listed(*args, **fields)
        assert type(caught.value) is kind
        assert fake.requests == []
        assert TOKEN not in str(caught.value)
        return str(caught.value)

    return text


def token_of(exchange):
    return exchange.headers["Authorization"]


def test_the_fields_are_those_of_client_go():
    assert {kind: sorted(fields) for kind, fields in kubeconfig.FIELDS.items()} == {
        kind: sorted(fields) for kind, fields in TYPES.items()
    }


# --- Fields that are used -------------------------------------------------------------------------------------------

USED = {
    "server": {"cluster": {}},
    "certificate-authority": {"cluster": {"certificate-authority": "ca.pem"}},
    "empty certificate-authority-data beside it": {"cluster": {"certificate-authority-data": ""}},
    "null beside it": {"cluster": {"certificate-authority-data": None, "proxy-url": None, "tls-server-name": None}},
    "false switches": {"cluster": {"insecure-skip-tls-verify": False, "disable-compression": False}},
    "token": {"user": {"token": TOKEN}},
    "token with a final newline": {"user": {"token": TOKEN + "\n"}},
    "empty others beside the token": {
        "user": {
            "token": TOKEN,
            "tokenFile": "",
            "client-certificate-data": "",
            "client-key-data": "",
            "username": "",
            "password": "",
            "as": "",
            "as-uid": "",
            "as-groups": [],
            "exec": None,
            "auth-provider": None,
        }
    },
    "client certificate": {"user": {"client-certificate": "cert.pem", "client-key": "key.pem"}},
    "empty client-certificate-data beside it": {
        "user": {
            "client-certificate": "cert.pem",
            "client-key": "key.pem",
            "client-certificate-data": "",
            "client-key-data": "",
        }
    },
    "a key alone beside a token": {"user": {"token": TOKEN, "client-key": "nowhere.pem"}},
    "extensions": {
        "user": {"token": TOKEN, "extensions": [{"name": "a", "extension": {}}]},
        "cluster": {"extensions": []},
        "context": {"extensions": []},
        "config": {"extensions": [], "preferences": {"colors": True}},
    },
    "namespace of the context, as with kubectl -n": {"context": {"namespace": "elsewhere"}},
    "no kind and apiVersion": {"config": {"kind": None, "apiVersion": None}},
}


@pytest.mark.parametrize("fields", USED.values(), ids=USED)
def test_is_used(listed, fields):
    listed(**fields)


def test_inline_data_replace_files(listed, folder):
    certificate, key, ca = ((folder / name).read_bytes() for name in ("cert.pem", "key.pem", "ca.pem"))
    wrapped = "\n".join(data(certificate)[at : at + 64] for at in range(0, len(data(certificate)), 64))
    listed(
        {"client-certificate-data": wrapped, "client-key-data": data(key)},
        {"certificate-authority": "", "certificate-authority-data": data("# mine, \u00e9\n".encode() + ca)},
    )


def test_a_client_certificate_is_on_disk_only_while_it_is_read(listed, folder, monkeypatch):
    temporary = folder / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    listed({"client-certificate": "cert.pem", "client-key": "key.pem"})
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        ({"token": TOKEN, "tokenFile": "token"}, OTHER),
        ({"tokenFile": "token"}, OTHER),
        ({"token": TOKEN, "tokenFile": "nowhere"}, TOKEN),
        ({"token": TOKEN, "tokenFile": "empty"}, TOKEN),
    ],
    ids=["both", "the file alone", "a file that is not there", "an empty file"],
)
def test_a_readable_token_file_takes_precedence_over_the_token(listed, user, sent):
    assert token_of(listed(user)) == "Bearer " + sent


def test_a_token_can_be_combined_with_a_client_certificate(listed):
    exchange = listed({"token": TOKEN, "client-certificate": "cert.pem", "client-key": "key.pem"})
    assert token_of(exchange) == "Bearer " + TOKEN


def test_username_and_password_are_sent(listed, fake):
    with pytest.raises(ClusterError, match="answered 403"):  # this server, like every current one, does not know it
        listed({"username": "ivo", "password": "p\u00e4ss:word"})
    assert token_of(fake.requests[0]) == "Basic " + base64.b64encode("ivo:p\u00e4ss:word".encode()).decode()


@pytest.mark.parametrize(("cluster", "encoding"), [({}, "gzip"), ({"disable-compression": True}, "identity")])
def test_compression_is_requested_unless_disabled(listed, cluster, encoding):
    assert listed(cluster=cluster).headers["Accept-Encoding"] == encoding


def test_the_certificate_may_be_for_another_configured_name(listed, fake):
    with FakeKubernetes(authority=fake.authority, usersignups=recorded.usersignups()) as other:
        other._tls = fake.authority.server("api.example.com")
        fake_url, cluster = other.url, {"server": other.url, "tls-server-name": "api.example.com"}
        with pytest.raises(ClusterError, match="tls-server-name to a name in the certificate"):
            listed(cluster={"server": fake_url})
        with pytest.raises(IndexError):  # nothing reached the first one
            listed(cluster=cluster)
        assert len(other.requests) == 1
        with pytest.raises(ClusterError, match="TLS failed"):
            listed(cluster={**cluster, "tls-server-name": "api.example.org"})


class TestAProxy:
    def test_is_used(self, listed, fake):
        with FakeProxy() as proxy:
            listed(cluster={"proxy-url": proxy.url})
            assert proxy.targets == ["127.0.0.1:%d" % fake.port]

    def test_receives_the_credentials_in_its_url(self, listed):
        with FakeProxy(user="user", password="h@nter") as proxy:
            listed(cluster={"proxy-url": proxy.url.replace("//", "//user:h%40nter@")})

    def test_that_is_down_is_an_error_that_does_not_show_them(self, listed):
        with pytest.raises(SegmentBridgeError) as caught:
            listed(cluster={"proxy-url": "http://user:hunter2@127.0.0.1:1"})
        assert "through proxy http://127.0.0.1:1: the proxy failed" in str(caught.value)
        assert "hunter2" not in str(caught.value)

    def test_in_the_settings_takes_precedence(self, listed):
        with FakeProxy() as proxy:
            listed(cluster={"proxy-url": "http://127.0.0.1:1"}, proxy_url=proxy.url)
            assert proxy.targets


def test_a_ca_in_the_settings_takes_precedence_over_the_files(listed, folder):
    with pytest.raises(ClusterError, match="TLS failed"):
        listed(cluster={"certificate-authority": "other-ca.pem"})
    listed(cluster={"certificate-authority": "other-ca.pem"}, ca_file=str(folder / "ca.pem"))


# --- Fields that are refused ----------------------------------------------------------------------------------------

MAY_LIST = "of an account that may list, such as a ServiceAccount's"

REFUSED = {
    "exec": ({"user": {"exec": {"command": "login", "apiVersion": "v1"}}}, "runs a program to log in (exec)"),
    "exec beside a token": ({"user": {"token": TOKEN, "exec": {}}}, "runs a program to log in (exec)"),
    "auth-provider": ({"user": {"token": TOKEN, "auth-provider": {"name": "oidc"}}}, "(auth-provider)"),
    "as": ({"user": {"token": TOKEN, "as": "admin"}}, "impersonates another user (as)"),
    "as-uid": ({"user": {"token": TOKEN, "as-uid": "7"}}, "impersonates another user (as-uid)"),
    "as-groups": ({"user": {"token": TOKEN, "as-groups": ["system:masters"]}}, "impersonates another user (as-groups)"),
    "as-user-extra": ({"user": {"token": TOKEN, "as-user-extra": {"a": ["b"]}}}, "another user (as-user-extra)"),
    "insecure-skip-tls-verify": (
        {"cluster": {"insecure-skip-tls-verify": True}},
        "turns off TLS verification (insecure-skip-tls-verify)",
    ),
    "no credentials": (
        {"user": {}},
        'user "user" has no credentials: give it the token or the client certificate ' + MAY_LIST,
    ),
    "credentials that are empty": (
        {"user": {"token": "", "client-certificate-data": "", "username": ""}},
        'user "user" has no credentials',
    ),
    "a key alone": ({"user": {"client-key": "key.pem"}}, 'user "user" has no credentials'),
    "a token that is white space": ({"user": {"token": " \n"}}, 'user "user" has no credentials'),
    "a token file that is not there": (
        {"user": {"tokenFile": "nowhere"}},
        "nowhere, that cannot be read: No such file",
    ),
    "a token and a password": (
        {"user": {"token": TOKEN, "username": "a", "password": "b"}},
        "both a token and a password",
    ),
    "certificate twice": (
        {"user": {"client-certificate": "cert.pem", "client-certificate-data": "QQ==", "client-key": "k"}},
        "both client-certificate and client-certificate-data",
    ),
    "key twice": (
        {"user": {"client-certificate": "cert.pem", "client-key": "key.pem", "client-key-data": "QQ=="}},
        "both client-key and client-key-data",
    ),
    "CA twice": (
        {"cluster": {"certificate-authority-data": "QQ=="}},
        "both certificate-authority and certificate-authority-data",
    ),
    "a certificate without a key": (
        {"user": {"client-certificate": "cert.pem"}},
        "client-certificate without a client-key",
    ),
    "a certificate that is none": (
        {"user": {"client-certificate": "token", "client-key": "token"}},
        "client certificate of kubeconfig",
    ),
    "a certificate that is not there": (
        {"user": {"client-certificate": "nowhere", "client-key": "key.pem"}},
        "has a client-certificate, ",
    ),
    "data that are not base64": (
        {"user": {"client-certificate-data": "-----BEGIN", "client-key": "key.pem"}},
        "client-certificate-data that is not base64",
    ),
    "a CA that is none": ({"cluster": {"certificate-authority": "token"}}, "must hold CA certificates in PEM"),
    "a CA that is not there": ({"cluster": {"certificate-authority": "nowhere"}}, "has a certificate-authority, "),
    "a proxy by SOCKS": (
        {"cluster": {"proxy-url": "socks5://user:hunter2@127.0.0.1:1"}},
        "has a proxy-url that does not begin with http",
    ),
    "no server": ({"cluster": {"server": ""}}, 'cluster "fake" has no server'),
    "a server without TLS": (
        {"cluster": {"server": "http://127.0.0.1:1"}},
        'must begin with https://, got "http://127.0.0.1:1"',
    ),
    "a server without a scheme": ({"cluster": {"server": "127.0.0.1:1"}}, "must begin with https://"),
    "a server with credentials": ({"cluster": {"server": "https://user:hunter2@127.0.0.1"}}, "without credentials"),
    "a server with a query": ({"cluster": {"server": "https://127.0.0.1/?a=b"}}, "must be a host and a port"),
    "a field that nobody knows": ({"cluster": {"trust-everybody": True}}, 'has a field "trust-everybody" in a cluster'),
    "a field in another spelling": (
        {"user": {"token": TOKEN, "tokenfile": "token"}},
        'has a field "tokenfile" in a user',
    ),
    "text for a switch": ({"cluster": {"insecure-skip-tls-verify": "true"}}, "must be true or false"),
    "a number for a text": ({"user": {"token": 51203344}}, '"token" that must be text'),
    "an unknown user": ({"context": {"user": "nobody"}}, 'has no user "nobody" of context "sync": it has "user"'),
    "no user": ({"context": {"user": ""}}, 'has no user ""'),
    "an unknown cluster": ({"context": {"cluster": "none"}}, 'has no cluster "none" of context "sync": it has "fake"'),
    "no current context": ({"config": {"current-context": ""}}, "has no current-context: set context"),
    "an unknown current context": ({"config": {"current-context": "b"}}, 'has no context "b": it has "sync"'),
    "no clusters": ({"config": {"clusters": []}}, 'has no cluster "fake" of context "sync": it has none'),
    "no contexts": ({"config": {"contexts": None}}, 'has no context "sync": it has none'),
    "a user twice": (
        {"config": {"users": [{"name": "user", "user": {"token": TOKEN}}] * 2}},
        'more than one user "user"',
    ),
    "another kind": ({"config": {"kind": "List"}}, "is not of kind Config"),
    "a list that is none": ({"config": {"users": {"user": {}}}}, '"users" that must be a list'),
    "a user that is none": (
        {"config": {"users": [{"name": "user", "user": "text"}]}},
        "has a user that is not a mapping",
    ),
}


@pytest.mark.parametrize(("fields", "says"), REFUSED.values(), ids=REFUSED)
def test_is_refused_by_name(refusal, fields, says):
    text = refusal(**fields)
    assert says in text
    assert "hunter2" not in text


def test_each_field_is_in_a_table():
    """So that none is overlooked when client-go adds one."""
    tried = set()
    for fields in [*USED.values(), *(fields for fields, _ in REFUSED.values())]:
        tried |= {name for part in fields.values() for name in part}
    assert set().union(*TYPES.values()) - tried == set()


def test_an_unknown_context_is_refused_by_name(listed, folder):
    listed()
    with pytest.raises(ClusterError, match='has no context "other": it has "sync"'):
        kubeconfig.read(str(folder / "config"), "other")


@pytest.mark.parametrize("secret", ["line\nbreak", "\u201cquoted\u201d", "nul\0", "escape\x1b"])
@pytest.mark.parametrize("place", ["token", "tokenFile", "proxy-url"])
def test_a_credential_that_no_header_can_carry_is_refused_without_showing_it(refusal, folder, place, secret):
    (folder / "bad").write_text(secret, encoding="utf-8")
    fields = {
        "token": {"user": {"token": secret}},
        "tokenFile": {"user": {"tokenFile": "bad"}},
        "proxy-url": {
            "cluster": {
                "proxy-url": "http://user:%s@127.0.0.1:1" % "".join("%%%02x" % byte for byte in secret.encode("utf-8"))
            }
        },
    }
    text = refusal(kind=SecretError, **fields[place])
    assert place in text
    for word in ("line", "quoted", "nul", "escape"):
        assert word not in text.replace("a line break", "").replace("on one line", "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: [b", "is not YAML"),
        ("just text", "has content that is not a mapping"),
        ("", "has content that is not a mapping"),
        ("\0", "is not YAML"),
        (b"\xff\xfe\0", "is not YAML"),
        ("[" * 100_000, "is not YAML"),
    ],
)
def test_an_invalid_file(folder, content, says):
    (folder / "config").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ClusterError) as caught:
        kubeconfig.read(str(folder / "config"), "")
    assert str(caught.value).startswith("kubeconfig %s %s" % (folder / "config", says))


def test_a_missing_file():
    with pytest.raises(ClusterError) as caught:
        kubeconfig.read("/nowhere", "")
    assert str(caught.value) == "kubeconfig /nowhere cannot be read: No such file or directory"
