"""The REST handler that lends write keys: what it lends and refuses, and what it does to the process that it runs in.

splunkd loads it by its path, in a process that it shares with another app's handler. Splunk's persistconn/appserver.py,
of which there are public copies, does that: none of the app's folders is on its path, it names the module after its
own, takes the one class with PersistentServerConnectionApplication among its bases, creates an object of it for each
request, and calls handle().
"""

import json
import os
import subprocess
from urllib.parse import parse_qs, unquote

import pytest

from segment_bridge.splunk import passwords
from tests.conftest import ROOT
from tests.support import handlers, pythons
from tests.support.fakes import faults
from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer
from tests.support.fakes.tls import Authority

HANDLER = ROOT / "bin/write_key.py"
APPSERVER = """
import importlib.util, json, sys

sys.path.append(sys.argv[1])
import splunk.persistconn.application, splunklib
before = list(sys.path), set(sys.modules)
spec = importlib.util.spec_from_file_location("pschand__write_key__in__bin", sys.argv[2])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
handler, = [each for each in vars(module).values() if isinstance(each, type)
            and each.__name__ != "PersistentServerConnectionApplication"
            and "PersistentServerConnectionApplication" in [base.__name__ for base in each.mro()]]
for line in sys.stdin:
    print(json.dumps(handler([], "").handle(line)))
files = [getattr(sys.modules[name], "__file__", None) or "" for name in set(sys.modules) - before[1]]
print(json.dumps([sys.path == before[0], splunklib.__file__,
                  sorted(file for file in files if file.startswith(sys.argv[3]))]))
"""
NAMESPACE = "/servicesNS/nobody/segment_bridge/"
ADMIN_ONLY = "staging"


class Splunkd(FakeServer):
    """splunkd, as far as the handler uses it. `passwords` are by username."""

    def __init__(self, passwords, tls=None):
        super().__init__(tls=tls)
        self.passwords = passwords
        self.capabilities = {"sender": ["search", "segment_bridge_send"], "curious": ["search"]}

    def answer(self, request):
        user = request.headers["Authorization"].removeprefix("Splunk ")
        if request.method == "POST":
            return self._stored(user, request)
        assert (request.method, request.query) == ("GET", {"output_mode": ["json"]})
        return self._content(user, unquote(request.path)) or Reply.json(404, {"messages": []})

    def _stored(self, user, request):
        form = {name: value for name, (value,) in parse_qs(request.body.decode()).items()}
        assert (user, request.path, form.pop("realm")) == ("system", NAMESPACE + "storage/passwords", "segment_bridge")
        if form["name"] in self.passwords:
            return Reply.json(409, {"messages": []})
        self.passwords[form["name"]] = form["password"]
        return Reply.json(201, {"entry": []})

    def _content(self, user, path):
        if path == "/services/authentication/current-context" and user in self.capabilities:
            return _entry({"username": user, "capabilities": self.capabilities[user]})
        if path in (NAMESPACE + "configs/conf-segment_bridge/segment", NAMESPACE + "configs/conf-segment_bridge/long"):
            return _entry({"region": "us"})
        if path == NAMESPACE + "configs/conf-segment_bridge/" + ADMIN_ONLY:
            return Reply.json(403, {"messages": []})
        prefix = NAMESPACE + "storage/passwords/segment_bridge:"
        if path.startswith(prefix) and user == "system":
            secret = self.passwords.get(path[len(prefix) : -1])
            return secret and _entry({"clear_password": secret})
        return None


def _entry(content):
    return Reply.json(200, {"entry": [{"content": content}]})


@pytest.fixture(scope="module")
def fake():
    with Splunkd({}, Authority().server()) as server:
        yield server


@pytest.fixture
def splunkd(fake):
    fake.passwords = {
        "segment": "KEY-OF-SEGMENT\n",
        ADMIN_ONLY: "KEY-OF-STAGING",
        **passwords.pieces("long", "k" * 600),
    }
    fake.requests.clear()
    fake.faults = None
    return fake


@pytest.fixture(scope="module")
def handle():
    return handlers.Handler("write_key")


@pytest.fixture(params=pythons.SPLUNKS)
def appserver(request, tmp_path):
    """Answers to requests, and what the handler did to the process."""
    python = pythons.find(request.param)
    if python is None:
        pytest.skip("Python %s is not installed, so the handler was not tested with it" % request.param)
    others = tmp_path / "others"
    (others / "splunk/persistconn").mkdir(parents=True)
    (others / "splunk/persistconn/application.py").write_text("class PersistentServerConnectionApplication: pass\n")
    (others / "splunklib").mkdir()
    (others / "splunklib/__init__.py").write_text("'''Another app's, in which nothing is as in ours.'''\n")

    def run(*requests):
        process = subprocess.run(
            [python, "-I", "-S", "-B", "-W", "error::DeprecationWarning", "-c", APPSERVER, others, HANDLER, ROOT],
            input="\n".join(map(json.dumps, requests)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": os.environ["PATH"], "https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"},
        )
        assert (process.returncode, process.stderr) == (0, "")
        *answers, process_after = map(json.loads, process.stdout.splitlines())
        return answers, process_after

    return run


def asking(splunkd, destination="segment", user="sender", method="GET"):
    """A request in the form that splunkd passes."""
    return {
        "output_mode": "json",
        "method": method,
        "rest_path": "/segment_bridge/write_key",
        "query": [["destination", destination], ["output_mode", "json"]],
        "form": [],
        "server": {"rest_uri": splunkd.url},
        "session": {"user": user, "authtoken": user},
        "system_authtoken": "system",
    }


def asking_for_salt(splunkd, user="sender"):
    request = asking(splunkd, user=user)
    request["query"].append(["salt", "1"])
    return request


def asked_for(splunkd):
    """The passwords that the handler asked for."""
    paths = [unquote(each.target.partition("?")[0]) for each in splunkd.requests]
    return [path for path in paths if "passwords" in path]


def test_it_lends_in_the_pythons_of_splunk_and_leaves_their_process_alone(appserver, splunkd):
    answers, (is_path_the_same, splunklib, own) = appserver(
        asking(splunkd), asking(splunkd, "long"), asking(splunkd, "nowhere"), asking_for_salt(splunkd)
    )
    assert [answer["payload"].get("write_key") for answer in answers] == ["KEY-OF-SEGMENT", "k" * 600, None, None]
    assert [answer["status"] for answer in answers] == [200, 200, 404, 200]
    assert answers[3]["payload"] == {"salt": splunkd.passwords[passwords.SALT]}
    assert is_path_the_same
    assert "others" in splunklib
    assert own == [], "the handler imported other modules of the app"


def test_it_reads_no_other_password(handle, splunkd):
    assert handle(asking(splunkd)) == (200, {"write_key": "KEY-OF-SEGMENT"})
    assert asked_for(splunkd) == [
        NAMESPACE + "storage/passwords/segment_bridge:%s:" % user for user in ("segment", "segment#2")
    ]


@pytest.mark.parametrize(
    ("request_of", "status", "said"),
    [
        ({"user": "curious"}, 403, "capability segment_bridge_send"),
        ({"user": "gone"}, 403, "capability segment_bridge_send"),
        ({"method": "POST"}, 405, "use GET: write keys can only be read"),
        ({"method": "DELETE"}, 405, "use GET: write keys can only be read"),
        ({"method": "PUT"}, 405, "use GET: write keys can only be read"),
        ({"destination": ""}, 400, "name of a stanza"),
        ({"destination": "segment\n"}, 400, "name of a stanza"),
        ({"destination": "segment#2"}, 400, "name of a stanza"),
        ({"destination": "usersignups:prod"}, 400, "name of a stanza"),
        ({"destination": "../segment"}, 400, "name of a stanza"),
        ({"destination": "nowhere"}, 404, "no destination [nowhere]"),
        ({"destination": ADMIN_ONLY}, 404, "no destination [staging] that this user may read"),
    ],
)
def test_refusals(handle, splunkd, request_of, status, said):
    answered, payload = handle(asking(splunkd, **request_of))
    assert answered == status and said in handlers.text(payload)
    assert asked_for(splunkd) == []


def test_a_destination_without_a_key(handle, splunkd):
    splunkd.passwords = {}
    status, payload = handle(asking(splunkd))
    assert status == 404
    assert "no write key of [segment] in the password store: save it" in handlers.text(payload)


@pytest.mark.parametrize("refused", [401, 403, 500, 503])
def test_a_password_that_splunkd_refuses_does_not_pass_for_a_missing_one(handle, splunkd, refused):
    """Nor for the end of a long one. To splunkd's own session, only 404 says that there is none."""
    said = faults.status(refused, json.dumps({"messages": [{"type": "ERROR", "text": "KEY-OF-SEGMENT"}]}))
    for request, path in (
        (asking(splunkd), "segment:"),
        (asking(splunkd, "long"), "long#2:"),
        (asking_for_salt(splunkd), "_salt:"),
    ):
        splunkd.faults = faults.when(lambda asked, path=path: unquote(asked.path).endswith(path), said)
        status, payload = handle(request)
        assert (status, handlers.text(payload)) == (503, "splunkd answered %d to the write key endpoint" % refused)
    assert passwords.SALT not in splunkd.passwords


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.close(), "RemoteDisconnected"),
        (faults.half_answer(150), "IncompleteRead"),
        (faults.hang(), "TimeoutError"),
    ],
)
def test_splunkd_is_away(handle, splunkd, monkeypatch, fault, kind):
    monkeypatch.setattr(handle.module, "_TIMEOUT_S", 0.2)
    splunkd.faults = faults.always(fault)
    status, payload = handle(asking(splunkd))
    assert status == 503
    assert handlers.text(payload) == (
        "the endpoint segment_bridge/write_key cannot reach splunkd (%s): try again in a minute" % kind
    )


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"session": {}}, "KeyError"), ({"session": {"user": "x", "authtoken": "KEY\n"}}, "ValueError")],
)
def test_what_is_unforeseen_is_reported_without_its_text(handle, splunkd, change, kind):
    """http.client quotes a header that it cannot send."""
    status, payload = handle({**asking(splunkd), **change})
    assert status == 500
    assert handlers.text(payload) == (
        "internal error in segment_bridge/write_key: %s. This is a fault of the app: please report it" % kind
    )


def test_splunkd_without_tls(handle):
    """server.conf.spec, [sslConfig] enableSplunkdSSL = false."""
    with Splunkd({"segment": "KEY-OF-SEGMENT"}) as splunkd:
        assert handle(asking(splunkd)) == (200, {"write_key": "KEY-OF-SEGMENT"})


def test_the_digest_salt_is_created_once_and_lent(handle, splunkd):
    answers = [handle(asking_for_salt(splunkd)) for _ in range(2)]
    salt = splunkd.passwords[passwords.SALT]
    assert len(salt) == 2 * passwords.SALT_BYTES
    assert answers == [(200, {"salt": salt})] * 2
    assert handle(asking_for_salt(splunkd, "curious"))[0] == 403


def test_two_requests_that_create_the_digest_salt_lend_the_same(handle, splunkd):
    """splunkd keeps the first, and answers 409 to the second."""

    def first(asked):
        if asked.method == "POST":
            splunkd.passwords[passwords.SALT] = "first"

    splunkd.faults = first
    assert handle(asking_for_salt(splunkd)) == (200, {"salt": "first"})
