"""The view "operations" in each state, light and dark, wide and narrow."""

import pytest

from tests.standin.splunkd import Splunkd
from tests.standin.stores.kvstore import STARTING
from tests.support import recorded
from tests.support.administrator import APP, JOB, wait
from tests.support.environment import CLUSTER, Environment
from tests.support.fakes import faults
from tests.system.browser.browser import missing
from tests.system.browser.looks import problems
from tests.system.browser.operations import TITLES, Operations
from tests.system.browser.page import SetupPage

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

FAILS = (
    '| makeresults count=%d | streamstats count AS n | eval type="track", event="%s", userId="u".n, messageId="%s-".n '
    "| segmentsend dead_letters=true onfail=warn"
)


@pytest.fixture(scope="module")
def environment(package):
    """With the app as it is right after the upload, except that it no longer leads to its set-up."""
    with Environment() as environment:
        environment.admin.upload(str(package))
        environment.admin.set("app", "install", {"is_configured": "1"})
        yield environment


@pytest.fixture
def view(browser, environment):
    return Operations(browser, environment.splunk.web)


@pytest.fixture(scope="module")
def healthy(environment):
    """Set up and on, after a run."""
    environment.set_up()
    environment.wait_for_user_map()
    environment.index(recorded.audit_lines()[:600], ago_s=600)
    environment.admin.service.saved_searches[JOB].update(is_scheduled="1")
    assert not environment.admin.run_saved_search(JOB).failed


@pytest.fixture(scope="module")
def broken(healthy, environment):
    """Segment is down, and the cluster refuses its token."""
    environment.admin.search(FAILS % (3, "", "refused"))
    environment.segment.faults = faults.status(503)
    environment.admin.search(FAILS % (2, "Page opened", "failed"))
    environment.cluster.tokens = {}
    for action in ("disable", "enable"):
        environment.admin.service.post("data/inputs/usersignups/%s/%s" % (CLUSTER, action))
    wait(
        lambda: (
            {("usersignups", "failed")}
            <= {(run["component"], run["status"]) for run in environment.admin.records("segment_runs")}
        ),
        "the input's run to fail",
        60,
    )


@pytest.mark.parametrize("part", TITLES)
def test_an_empty_installation(view, browser, part):
    view.open(part)
    assert view.word == "Off"
    assert problems(browser, "operations-empty-" + part) == []


@pytest.mark.parametrize("part", TITLES)
def test_a_healthy_installation(healthy, view, browser, environment, part):
    opened = view.open(part, "&id=" + next(iter(environment.segment.accepted)))
    assert view.word == "Healthy"
    if part == "event":
        opened.press("Show the message")
        browser.wait_for(lambda: opened.text, '"messageId"', 60)
    if part == "check":
        opened.press("Check")
        opened.wait_for("checks are OK", 120)
    assert problems(browser, "operations-healthy-" + part) == []


@pytest.mark.parametrize("part", TITLES)
def test_a_broken_installation(broken, view, browser, part):
    opened = view.open(part)
    assert view.word == "Degraded"
    if part == "letters":
        browser.all("//summary")[0].click()
        browser.wait_for(lambda: opened.text, "Send again\nEdit\nDrop")
    if part == "check":
        opened.press("Check")
        opened.wait_for("checks are OK", 120)
    assert problems(browser, "operations-broken-" + part) == []


def test_an_edited_letter(broken, view, browser):
    part = view.open("letters", "&text=refused-")
    browser.all("//summary")[0].click()
    browser.wait_for(lambda: part.text, "Send again\nEdit\nDrop")
    part.press("Edit")
    browser.field("The event, as JSON").enter("{")
    browser.button("Check and save").click()
    assert problems(browser, "operations-edit") == []
    browser.button("Cancel").click()


@pytest.fixture(scope="module")
def starting(package, tmp_path_factory):
    """Another Splunk, whose KV store is not ready."""
    with Splunkd(tmp_path_factory.mktemp("starting") / "splunk") as splunkd:
        splunkd.install(package, update=False)
        splunkd.confs.write("app", APP, "install", {"is_configured": "1"})
        splunkd.kvstore.status = STARTING
        yield splunkd


@pytest.mark.parametrize("part", ["runs", "letters"])
def test_while_kv_store_starts(starting, borrowed, part):
    SetupPage(borrowed, starting.web_url).log_in("admin", "changeme")
    borrowed.open("%s/en-US/app/%s/operations?part=%s" % (starting.web_url, APP, part))
    borrowed.wait_for_text("KV store\\s+starting")
    borrowed.wait_for_text("KV Store initialization has not completed")
    assert "KV store is not ready (starting)" in borrowed.text
    assert problems(borrowed, "operations-starting-" + part) == []


def test_without_permissions(environment, borrowed):
    environment.admin.add_user(APP + "_reader", "fake-password", "segment_bridge_sender")
    SetupPage(borrowed, environment.splunk.web).log_in(APP + "_reader", "fake-password")
    borrowed.open(environment.splunk.web + "/en-US/app/%s/operations" % APP)
    borrowed.wait_for_text("This page is for administrators of the app")
    assert problems(borrowed, "operations-without-rights") == []
