"""The REST handler that lends write keys, loaded by its path in a process that it shares with another app's handler.

Splunk's persistconn/appserver.py, of which there are public copies, works the same way: none of the app's folders is on
its path, it names the module after its own, takes the one class with PersistentServerConnectionApplication among its
bases, creates an object of it for each request, and calls handle().
"""

import json
import os
import subprocess
from urllib.parse import parse_qs, unquote

import pytest

from segment_bridge.splunk import passwords
from tests.conftest import ROOT
from tests.support import pythons
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

    def __init__(self, passwords):
        super().__init__(tls=Authority().server())
        self.passwords = passwords
        self.capabilities = {"sender": ["search", "segment_bridge_send"], "curious": ["search"]}
        self.status = 200

    def answer(self, request):
        user = request.headers["Authorization"].removeprefix("Splunk ")
        if request.method == "POST":
            return self._stored(user, request)
        assert (request.method, request.query) == ("GET", {"output_mode": ["json"]})
        if self.status != 200:
            return Reply.json(self.status, {"messages": [{"type": "ERROR", "text": "KEY-OF-SEGMENT"}]})
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
def splunkd():
    long = passwords.pieces("long", "k" * 600)
    with Splunkd({"segment": "KEY-OF-SEGMENT\n", ADMIN_ONLY: "KEY-OF-STAGING", **long}) as server:
        yield server


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


def test_a_key_is_lent(appserver, splunkd):
    answers, (is_path_the_same, splunklib, own) = appserver(asking(splunkd), asking(splunkd, "long"))
    assert answers == [{"status": 200, "payload": {"write_key": key}} for key in ("KEY-OF-SEGMENT", "k" * 600)]
    assert is_path_the_same
    assert "others" in splunklib
    assert own == [], "the handler imported other modules of the app"


def test_it_reads_no_other_password(appserver, splunkd):
    splunkd.requests.clear()
    appserver(asking(splunkd))
    asked = [unquote(each.target.partition("?")[0]) for each in splunkd.requests if "passwords" in each.target]
    assert asked == [NAMESPACE + "storage/passwords/segment_bridge:%s:" % user for user in ("segment", "segment#2")]


@pytest.mark.parametrize(
    ("request_of", "status", "text"),
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
def test_refusals(appserver, splunkd, request_of, status, text):
    splunkd.requests.clear()
    (answer,), _ = appserver(asking(splunkd, **request_of))
    assert answer["status"] == status
    assert text in answer["payload"]["messages"][0]["text"]
    assert not [each for each in splunkd.requests if "passwords" in each.target]


def test_a_destination_without_a_key(appserver, splunkd):
    with Splunkd({}) as empty:
        (answer,), _ = appserver(asking(empty))
    assert answer["status"] == 404
    assert "no write key of [segment]" in answer["payload"]["messages"][0]["text"]


def test_splunkds_own_texts_are_not_passed_on(appserver, splunkd):
    with Splunkd({}) as ill:
        ill.status = 500
        answers, _ = appserver(
            asking(ill), {**asking(ill), "session": {}}, {**asking(ill), "server": {"rest_uri": "https://127.0.0.1:1"}}
        )
    assert [answer["status"] for answer in answers] == [503, 500, 503]
    assert "KEY" not in json.dumps(answers)


def test_the_digest_salt_is_created_once_and_lent(appserver):
    with Splunkd({"segment": "KEY-OF-SEGMENT"}) as splunkd:
        wish = asking(splunkd)
        wish["query"] = [*wish["query"], ["salt", "1"]]
        answers, _ = appserver(wish, wish, {**wish, "session": {"user": "curious", "authtoken": "curious"}})
        salt = splunkd.passwords[passwords.SALT]
    assert len(salt) == 2 * passwords.SALT_BYTES
    assert [answer["status"] for answer in answers] == [200, 200, 403]
    assert [answer["payload"] for answer in answers[:2]] == [{"salt": salt}] * 2
