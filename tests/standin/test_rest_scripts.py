"""REST handlers of apps: one process for all of them, which loads each script by its path."""

import json

import pytest

from tests.standin.clients import connect, package, refusal

HANDLER = """
import json, os, sys
from splunk.persistconn.application import PersistentServerConnectionApplication
calls = []

class Handler(PersistentServerConnectionApplication):
    def __init__(self, command_line, command_arg):
        super().__init__()
        self.number = 0

    def handle(self, request):
        self.number += 1
        calls.append(request)
        return {"status": 200, "payload": self.said(json.loads(request))}

    def said(self, request):
        %s
"""
STANZA = (
    "[script:%s]\nmatch = /%s/x\nscript = x.py\nscripttype = persist\nhandler = x.Handler\npython.version = python3\n%s"
)


class Apps:
    """Creates apps with one handler each, and sends requests to these."""

    def __init__(self, splunkd, folder):
        self.splunkd, self._folder = splunkd, folder

    def install(self, app, said, settings="", files=None, update=False):
        files = {"bin/x.py": HANDLER % said, "default/restmap.conf": STANZA % (app, app, settings), **(files or {})}
        self.splunkd.install(package(self._folder, app, files), update)

    def ask(self, app, user="admin", method="get", **arguments):
        service = connect(self.splunkd, user, app, "nobody")
        return json.loads(getattr(service, method)(app + "/x", **arguments).body.read())

    def refusal(self, app, user="admin"):
        return refusal(connect(self.splunkd, user, app, "nobody").get, app + "/x")


@pytest.fixture
def apps(splunkd, tmp_path):
    return Apps(splunkd, tmp_path)


def test_it_gets_the_request(apps):
    apps.install("one", "return request")
    said = apps.ask("one", a="1")
    assert (said["method"], said["query"], said["form"]) == ("GET", [["a", "1"]], [])
    assert (said["session"]["user"], "system_authtoken" in said) == ("admin", False)
    assert ["a", "1"] in apps.ask("one", method="post", a="1")["form"]


def test_one_process_loads_each_script_once_and_makes_an_object_for_each_request(apps):
    said = "return [os.getpid(), len(calls), self.number, __name__]"
    for app in ("one", "two"):
        apps.install(app, said)
    first, again, other = apps.ask("one"), apps.ask("one"), apps.ask("two")
    assert first[1:] == [1, 1, "pschand__x__in__bin"]
    assert again == [first[0], 2, *first[2:]]
    assert other == first


def test_neither_an_apps_nor_the_stand_ins_folders_are_on_its_path(apps):
    apps.install("one", "return sys.path")
    assert not [each for each in apps.ask("one") if "one" in each.split("/") or "standin" in each]
    apps.install("two", "import beside", files={"bin/beside.py": ""})
    status, text = apps.refusal("two")
    assert (status, "No module named 'beside'" in text) == (500, True)


def test_a_handlers_change_to_the_path_affects_the_others(apps):
    mine = "sys.path.insert(0, os.path.dirname(__file__)); import splunklib; return splunklib.of"
    apps.install("one", mine, files={"bin/splunklib.py": "of = 'one'"})
    apps.install("two", mine, files={"bin/splunklib.py": "of = 'two'"})
    assert (apps.ask("one"), apps.ask("two")) == ("one", "one")


def test_a_failed_handler_is_500_and_the_next_request_is_answered(apps):
    apps.install("one", "return 1 / len(dict(request['query']))")
    status, text = apps.refusal("one")
    assert (status, "ZeroDivisionError" in text) == (500, True)
    assert apps.ask("one", a="1") == 1
    apps.install("two", "os._exit(3)")
    assert "exited with code 3" in apps.refusal("two")[1]
    assert apps.ask("one", a="1") == 1


def test_a_handler_that_prints_breaks_the_protocol(apps):
    apps.install("one", "print('hello')")
    assert apps.refusal("one")[0] == 500


@pytest.mark.parametrize(
    "script", ["class Handler:\n    pass\n", HANDLER % "return 1" + "\nclass Other(Handler):\n    pass\n"]
)
def test_a_script_has_one_handler(apps, script):
    apps.install("one", "", files={"bin/x.py": script})
    assert "it must have one" in apps.refusal("one")[1]


def test_the_new_script_runs_after_an_upgrade(apps):
    apps.install("one", "return 1")
    assert apps.ask("one") == 1
    apps.install("one", "return 2", update=True)
    assert apps.ask("one") == 2


@pytest.mark.parametrize(
    "settings, user, allowed",
    [
        ("capability = schedule_search", "power", True),
        ("capability = schedule_search", "user", False),
        ("capability.get = schedule_search or search", "user", True),
        ("capability.post = schedule_search", "user", True),
    ],
)
def test_it_requires_its_capability(apps, settings, user, allowed):
    apps.install("one", "return 1", settings)
    if allowed:
        assert apps.ask("one", user) == 1
    else:
        assert apps.refusal("one", user)[0] == 403


def test_it_gets_splunkds_own_session_if_the_stanza_says_so(apps):
    apps.install(
        "one", "return request['system_authtoken'] != request['session']['authtoken']", "passSystemAuth = true"
    )
    assert apps.ask("one", "user") is True
