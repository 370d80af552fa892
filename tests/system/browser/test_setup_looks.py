"""The setup page in each state, light and dark, wide and narrow."""

import pytest

from tests.support import recorded
from tests.support.administrator import AUDIT_INDEX, AUDIT_SOURCETYPE, wait
from tests.support.environment import CLUSTER
from tests.support.fakes.segment import WRITE_KEY
from tests.system.browser.browser import missing
from tests.system.browser.looks import problems

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

SEARCH = 'index="%s" sourcetype="%s"' % (AUDIT_INDEX, AUDIT_SOURCETYPE)


def test_accessibility_problems_are_found(page, browser):
    browser.run(
        "const section = document.querySelector('.sb-section'); section.insertAdjacentHTML('beforeend', arguments[0])",
        "<img src='x.png'><p style='color: #888'>Hard to read</p><p style='width: 90rem'>Wide</p>",
    )
    found = " ".join(problems(browser, "setup-bad"))
    assert [each for each in ("image-alt", "color-contrast", "sticks out") if each not in found] == []


def test_an_empty_installation(page, browser):
    page.clusters.press("Add a cluster")
    page.clusters.unfold("More settings")
    for summary in ("Network", "Receipts: what Segment did with the events", "OAuth 2.0: if the source requires it"):
        page.destination.unfold(summary)
    page.destination.press("Save")
    assert "Required" in page.destination.problem("Write key")
    assert problems(browser, "setup-empty") == []


def test_unsaved_changes_are_marked(page, browser):
    page.audit.fill_in({"Search terms": SEARCH})
    assert "Not saved" in page.audit.text.splitlines()[0]
    assert problems(browser, "setup-unsaved") == []
    page.power.press("Turn it on")
    page.power.wait_for("First save")
    assert page.power.report == "First save or cancel your changes in: 3. Audit events."
    page.audit.fill_in({"Search terms": browser.run("return document.querySelector('[name=audit]').defaultValue")})


def test_a_healthy_installation(page, browser, environment):
    environment.index(recorded.audit_lines()[:600], ago_s=600)
    admin, cluster = environment.admin, environment.cluster
    admin.set_secret("segment", WRITE_KEY)
    admin.set_destination(url=environment.segment.url + "/v1/batch")
    admin.set_secret("usersignups:" + CLUSTER, cluster.token)
    admin.add_cluster(CLUSTER, server=cluster.url, ca_file=str(cluster.ca_file))
    page.open()
    page.audit.fill_in({"Search terms": SEARCH})
    page.audit.press("Save and count")
    browser.wait_for_text("The last ten messages that would be sent")
    page.power.press("Turn it on")
    page.power.wait_for("The app is on. The first run:", seconds=120)
    page.clusters.press("Edit: cluster " + CLUSTER)
    assert problems(browser, "setup-healthy") == []


def test_a_broken_installation(page, browser, environment):
    admin = environment.admin
    admin.set_secret("segment.eu", WRITE_KEY)
    admin.set_destination("segment.eu", url="http://127.0.0.1:1/v1/batch")
    environment.cluster.tokens = {}
    for action in ("disable", "enable"):
        admin.service.post("data/inputs/usersignups/%s/%s" % (CLUSTER, action))
    wait(
        lambda: (
            {"usersignups", "failed"} in [{run["component"], run["status"]} for run in admin.records("segment_runs")]
        ),
        "the input's run to fail",
        60,
    )
    page.open()
    page.destination.press("Send a test event: destination segment.eu")
    page.destination.wait_for("not accepted")
    assert "Connection refused" in page.destination.rows()[1][5]
    page.clusters.press("Test: cluster " + CLUSTER)
    page.clusters.wait_for("401")
    assert page.clusters.rows()[0][4].endswith(": failed")
    assert "401" in page.clusters.rows()[0][5]
    assert problems(browser, "setup-broken") == []
