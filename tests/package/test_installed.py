"""The package in a Splunk: who may do what with it, what an upgrade keeps, and what its removal leaves."""
import json
import re
import shutil
import subprocess
import time
from urllib.parse import quote

import pytest
from splunklib.binding import HTTPError

from tests.administrator import APP, JOB, Administrator, wait
from tests.conftest import ROOT
from tests.environment import CLUSTER, Environment
from tests.fakes.segment import WRITE_KEY

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
    """role -> a user who has no other, at work with the app."""
    splunk, known = environment.splunk, {"admin": environment.admin}
    for role in ("user", "power", "segment_bridge_sender"):
        name = "%s_%s" % (APP, role)
        environment.admin.add_user(name, PASSWORD, role)
        known[role] = Administrator(splunk.management, splunk.web, splunk.hec, PASSWORD, name)
    return known


EVERYBODY = ("user", "power", "segment_bridge_sender", "admin")
SENDER, ADMIN = EVERYBODY[2:], EVERYBODY[3:]
ACTS = {
    "see the app": (SENDER, lambda user: user.service.apps[APP]),
    "run segmentsend": (SENDER, lambda user: succeed(user, ROW)),
    "look up who is who": (SENDER, lambda user: succeed(user, "| inputlookup usersignups")),
    "read write keys": (SENDER, lambda user: known_key(user)),
    "read other secrets": (ADMIN, lambda user: user.service.storage_passwords.list()),
    "save secrets": (ADMIN, lambda user: user.service.storage_passwords.create("x", "x", APP).delete()),
    "change who is who": (ADMIN, lambda user: user.service.kvstore["usersignups"].data.insert(
        '{"_key": "x/y", "username": "y", "cluster": "x"}')),
    "see where events go": (SENDER, lambda user: user.service.confs["segment_bridge"]["segment"]["region"]),
    "change where events go": (ADMIN, lambda user: user.set_destination(max_attempts="3")),
    "change macros": (ADMIN, lambda user: user.set_macro("segment_bridge_cluster", "null()")),
    "see and change inputs": (ADMIN, lambda user: user.service.get("data/inputs/usersignups/" + CLUSTER)),
    "see and run the saved searches": (ADMIN, lambda user: user.run_saved_search(JOB)),
}
"""A line of README's table -> the roles that may, and how it is tried."""


def succeed(user, search):
    outcome = user.search(search)
    if outcome.failed:
        raise Refused(outcome.messages)


def known_key(user):
    """By the endpoint that lends it; an administrator reads the password store."""
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
def test_a_role_may_do_what_the_readme_says_and_no_more(someone, act, role):
    allowed, action = ACTS[act]
    if role in allowed:
        action(someone[role])
    else:
        with pytest.raises((HTTPError, Refused, KeyError)):
            action(someone[role])


@pytest.fixture
def staging(someone):
    """A destination that is for administrators alone."""
    admin = someone["admin"]
    admin.set_destination("staging", region="us")
    admin.set_secret("staging", "fake-key")
    stanza = admin.service.confs["segment_bridge"]["staging"]
    stanza.acl_update(sharing="app", owner="nobody", **dict.fromkeys(("perms.read", "perms.write"), "admin,sc_admin"))
    yield
    stanza.delete()
    admin.service.storage_passwords.delete("staging", "segment_bridge")


@pytest.mark.parametrize(("name", "status"), [
    ("nowhere", 404), ("staging", 404), ("usersignups:" + CLUSTER, 400), ("segment#2", 400), ("", 400),
    ("../segment", 400)])
def test_nothing_but_a_write_key_is_lent(someone, staging, name, status):
    with pytest.raises(HTTPError) as refused:
        lent(someone["segment_bridge_sender"], name)
    assert refused.value.status == status


def test_the_readme_has_the_same_table():
    lines = re.findall(r"^\| ([a-z ]+?) +\| (.*) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    table = {act: [cell.strip() for cell in cells.split("|")] for act, cells in lines if act in ACTS}
    columns = [("user", "power"), ("segment_bridge_sender",), ("admin",)]
    assert table == {act: ["yes" if set(roles) <= set(allowed) else "no" for roles in columns]
                     for act, (allowed, _) in ACTS.items()}


# --- Upgrade and removal --------------------------------------------------------------------------------------------


def newer(app, folder):
    """A package of the next version, in which a default is another."""
    copy = shutil.copytree(app, folder / APP)
    for name, old, new in [("default/app.conf", "1.0.0", "1.0.1"), ("default/app.conf", "10000", "10001"),
                           ("default/segment_bridge.conf", "region = us", "region = us\nconcurrency = 7")]:
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new), encoding="utf-8")
    subprocess.run(["tar", "-czf", folder / "newer.tar.gz", "-C", folder, APP], check=True)
    return folder / "newer.tar.gz"


def test_an_upgrade_keeps_what_was_set_up(environment, app, tmp_path):
    admin, service = environment.admin, environment.admin.service
    service.saved_searches[JOB].update(is_scheduled="1", cron_schedule="11 * * * *")
    before = dict(service.confs["segment_bridge"]["segment"].content)

    admin.upload(str(newer(app, tmp_path)))

    assert service.apps[APP]["version"] == "1.0.1"
    after = dict(service.confs["segment_bridge"]["segment"].content)
    assert (before.get("concurrency"), after["concurrency"], after["url"]) == (None, "7", before["url"])
    assert {secret.username: secret.clear_password for secret in service.storage_passwords.list()} == {
        "segment": WRITE_KEY, "usersignups:" + CLUSTER: environment.cluster.token}
    job = service.saved_searches[JOB]
    assert (job["is_scheduled"], job["cron_schedule"]) == ("1", "11 * * * *")
    assert service.confs["macros"]["segment_bridge_audit"]["definition"].startswith('index="k8s_audit" ')
    assert len(admin.records("usersignups")) > 0
    listed = len(environment.cluster.requests)
    service.post("data/inputs/usersignups/" + CLUSTER, interval="1")  # asked for by the new code
    assert len(environment.cluster.requests) > listed


def test_a_removal_leaves_nothing_that_runs(environment):
    service = environment.admin.service
    listed = len(environment.cluster.requests)
    wait(lambda: len(environment.cluster.requests) > listed + 4, "the input to run again and again", 60)

    service.delete("apps/local/" + APP)

    time.sleep(2)  # a run that was under way ends
    listed = len(environment.cluster.requests)
    time.sleep(4)
    assert len(environment.cluster.requests) == listed
    for path in ("saved/searches/" + quote(JOB), "data/inputs/usersignups"):
        with pytest.raises(HTTPError, match="404"):
            service.get("/servicesNS/nobody/search/" + path)
