"""The package in a Splunk: who may do what with it, what an upgrade keeps, and what a removal leaves behind."""

import json
import re
import shutil
import subprocess
import time
from urllib.parse import quote

import pytest
import requests
from splunklib.binding import HTTPError

from tests.conftest import ROOT
from tests.support.administrator import APP, JOB, Administrator, wait
from tests.support.environment import CLUSTER, Environment
from tests.support.fakes.segment import WRITE_KEY

PASSWORD = "fake-password"
ROW = '| makeresults | eval event="Page opened", userId="42" | segmentsend dryrun=true'


@pytest.fixture(scope="module")
def environment(package):
    with Environment() as environment:
        environment.admin.upload(str(package))
        environment.set_up()
        environment.wait_for_user_map()
        yield environment


# --- Who may do what ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def someone(environment):
    """By role, a user with only this role, using the app."""
    splunk, known = environment.splunk, {"admin": environment.admin}
    for role in EVERYBODY[:-1]:
        name = "%s_%s" % (APP, role)
        environment.admin.add_user(name, PASSWORD, role)
        known[role] = Administrator(splunk.management, splunk.web, splunk.hec, PASSWORD, name)
    return known


EVERYBODY = ("user", "power", "segment_bridge_analyst", "segment_bridge_sender", "admin")
SEEING, SENDER, ADMIN = EVERYBODY[2:], EVERYBODY[3:], EVERYBODY[4:]
ACTS = {
    "see the app": (SEEING, lambda user: user.service.apps[APP]),
    "run segmentsend with dryrun": (SEEING, lambda user: succeed(user, ROW)),
    "run segmentsend, use Send to Segment": (SENDER, lambda user: succeed(user, ROW.replace(" dryrun=true", ""))),
    "use the view Overview": (SENDER, lambda user: user.service.get("data/ui/views/overview_light")),
    "look up the user map": (SENDER, lambda user: succeed(user, "| inputlookup usersignups")),
    "read write keys": (SENDER, lambda user: known_key(user)),
    "read other secrets": (ADMIN, lambda user: user.service.storage_passwords.list()),
    "check a destination (REST)": (
        ADMIN,
        lambda user: user.service.post("segment_bridge/check", destination="nowhere"),
    ),
    "save secrets": (ADMIN, lambda user: user.service.storage_passwords.create("x", "x", APP).delete()),
    "change the user map": (
        ADMIN,
        lambda user: user.service.kvstore["usersignups"].data.insert(
            '{"_key": "x/y", "username": "y", "cluster": "x"}'
        ),
    ),
    "see where events go": (SEEING, lambda user: user.service.confs["segment_bridge"]["segment"]["region"]),
    "see journeys": (SEEING, lambda user: succeed(user, "| inputlookup segment_journeys")),
    "change journeys": (
        ("segment_bridge_analyst", "admin"),
        lambda user: user.service.kvstore["segment_journeys"].data.batch_save({"_key": "x", "enabled": 0}),
    ),
    "change where events go": (ADMIN, lambda user: user.set_destination(max_attempts="3")),
    "change macros": (ADMIN, lambda user: user.set_macro("segment_bridge_cluster", "null()")),
    "see and change inputs": (ADMIN, lambda user: user.service.get("data/inputs/usersignups/" + CLUSTER)),
    "see and run the saved searches": (ADMIN, lambda user: user.run_saved_search(JOB)),
}
"""For each line of docs/permissions.md, the roles that may do it, and how to try it."""


def succeed(user, search):
    outcome = user.search(search)
    if outcome.failed:
        raise Refused(outcome.messages)


def known_key(user):
    """Through the endpoint that lends it; an administrator reads the password store."""
    if user.user == "admin":
        secrets = {entry.username: entry.clear_password for entry in user.service.storage_passwords.list()}
        assert secrets["segment"] == WRITE_KEY
    else:
        assert json.loads(lent(user, "segment"))["write_key"] == WRITE_KEY


def lent(user, destination):
    return user.service.get("segment_bridge/write_key", destination=destination, output_mode="json").body.read()


class Refused(Exception):
    """A search that failed."""


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", EVERYBODY)
def test_a_role_may_do_what_is_documented_and_no_more(someone, act, role):
    allowed, action = ACTS[act]
    if role in allowed:
        action(someone[role])
    else:
        with pytest.raises((HTTPError, Refused, KeyError)):
            action(someone[role])


READS = {
    "see the app": "apps/local/segment_bridge",
    "look up the user map": "storage/collections/data/usersignups",
    "read other secrets": "storage/passwords/" + quote("segment_bridge:segment:"),
    "see where events go": "configs/conf-segment_bridge/segment",
    "see and change inputs": "configs/conf-inputs/" + quote("usersignups://" + CLUSTER, safe=""),
    "see and run the saved searches": "saved/searches/" + quote(JOB),
}
"""What the table allows to be read with a GET, through any route."""


def web_session(user):
    """A requests session with Splunk Web, opened like the login page does."""
    session = requests.Session()
    session.trust_env = False
    login = user.web + "/en-US/account/login"
    session.get(login, timeout=30)
    session.post(
        login,
        timeout=30,
        data={"username": user.user, "password": user.service.password, "cval": session.cookies.get("cval", "")},
    ).raise_for_status()
    return session


def found_by_rest(user, path):
    """The rows of the search command rest, run in an app that everybody sees."""
    try:
        answer = user.service.post(
            "search/jobs",
            owner=user.user,
            app="search",
            exec_mode="oneshot",
            output_mode="json",
            search="| rest splunk_server=local " + path,
        )
    except HTTPError:
        return []
    return json.loads(answer.body.read())["results"]


@pytest.mark.parametrize("what", READS)
@pytest.mark.parametrize("role", EVERYBODY)
def test_splunk_web_and_rest_show_a_role_exactly_this(someone, what, role):
    """Through Splunk Web's proxy to splunkd, and through the search command rest, with its user's permissions."""
    user, path = someone[role], "/servicesNS/nobody/segment_bridge/" + READS[what]
    is_allowed = role in ACTS[what][0]
    with web_session(user) as session:
        answer = session.get("%s/en-US/splunkd/__raw%s?output_mode=json" % (user.web, path), timeout=30)
    assert (answer.status_code == 200) is is_allowed, answer.text
    if "storage/collections" not in path:  # its answers are not entries, so rest could not make rows of them
        assert bool(found_by_rest(user, path)) is is_allowed


@pytest.mark.parametrize("role", EVERYBODY)
def test_users_with_access_to_the_app_see_a_view_and_others_none(someone, role):
    user = someone[role]
    with web_session(user) as session:
        answer = session.get(user.web + "/en-US/app/segment_bridge", timeout=30)
        views = [
            session.get("%s/en-US/app/segment_bridge/%s" % (user.web, view), timeout=30).status_code
            for view in ("overview", "setup")
        ]
    if role in SEEING:
        assert answer.status_code == 200 and 200 in views
    else:
        assert answer.status_code >= 400 and set(views) == {404}


@pytest.fixture
def staging(someone):
    """A destination for administrators only."""
    admin = someone["admin"]
    admin.set_destination("staging", region="us")
    admin.set_secret("staging", "fake-key")
    stanza = admin.service.confs["segment_bridge"]["staging"]
    stanza.acl_update(sharing="app", owner="nobody", **dict.fromkeys(("perms.read", "perms.write"), "admin,sc_admin"))
    yield
    stanza.delete()
    admin.service.storage_passwords.delete("staging", "segment_bridge")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nowhere", 404),
        ("staging", 404),
        ("usersignups:" + CLUSTER, 400),
        ("segment#2", 400),
        ("", 400),
        ("../segment", 400),
    ],
)
def test_only_write_keys_are_lent(someone, staging, name, status):
    with pytest.raises(HTTPError) as refused:
        lent(someone["segment_bridge_sender"], name)
    assert refused.value.status == status


def test_the_documentation_contains_the_same_table():
    text = (ROOT / "docs/permissions.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| ([^|]+?) +\| (.*) \|$", text, re.MULTILINE)
    table = {act: [cell.strip() for cell in cells.split("|")] for act, cells in lines if act in ACTS}
    columns = [("user", "power"), ("segment_bridge_analyst",), ("segment_bridge_sender",), ("admin",)]
    assert table == {
        act: ["yes" if set(roles) <= set(allowed) else "no" for roles in columns] for act, (allowed, _) in ACTS.items()
    }


# --- Upgrade and removal --------------------------------------------------------------------------------------------


def newer(app, folder):
    """A package of the next version, with one default changed."""
    copy = shutil.copytree(app, folder / APP)
    for name, old, new in [
        ("default/app.conf", "1.0.0", "1.0.1"),
        ("default/app.conf", "10000", "10001"),
        ("default/segment_bridge.conf", "region = us", "region = us\nconcurrency = 7"),
    ]:
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new), encoding="utf-8")
    subprocess.run(["tar", "-czf", folder / "newer.tar.gz", "-C", folder, APP], check=True)
    return folder / "newer.tar.gz"


def test_an_upgrade_keeps_the_set_up(environment, app, tmp_path):
    admin, service = environment.admin, environment.admin.service
    service.saved_searches[JOB].update(is_scheduled="1", cron_schedule="11 * * * *")
    before = dict(service.confs["segment_bridge"]["segment"].content)

    admin.upload(str(newer(app, tmp_path)))

    assert service.apps[APP]["version"] == "1.0.1"
    after = dict(service.confs["segment_bridge"]["segment"].content)
    assert (before.get("concurrency"), after["concurrency"], after["url"]) == (None, "7", before["url"])
    assert {secret.username: secret.clear_password for secret in service.storage_passwords.list()} == {
        "segment": WRITE_KEY,
        "usersignups:" + CLUSTER: environment.cluster.token,
    }
    job = service.saved_searches[JOB]
    assert (job["is_scheduled"], job["cron_schedule"]) == ("1", "11 * * * *")
    assert service.confs["macros"]["segment_bridge_audit"]["definition"].startswith('index="k8s_audit" ')
    assert len(admin.records("usersignups")) > 0
    listed = len(environment.cluster.requests)
    service.post("data/inputs/usersignups/" + CLUSTER, interval="1")  # a setting that the new code requires
    assert len(environment.cluster.requests) > listed


def test_a_removal_leaves_nothing_that_runs(environment):
    service = environment.admin.service
    listed = len(environment.cluster.requests)
    wait(lambda: len(environment.cluster.requests) > listed + 4, "the input to run again and again", 60)

    service.delete("apps/local/" + APP)

    time.sleep(2)  # let a run that was in progress end
    listed = len(environment.cluster.requests)
    time.sleep(4)
    assert len(environment.cluster.requests) == listed
    for path in ("saved/searches/" + quote(JOB), "data/inputs/usersignups"):
        with pytest.raises(HTTPError, match="404"):
            service.get("/servicesNS/nobody/search/" + path)
