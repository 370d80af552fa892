"""The page "Journeys", as an analyst with no other right uses it: from what people did to an event in Segment."""

import json
import time
from pathlib import Path

import pytest
from splunklib.binding import HTTPError

from tests.standin.vectors.test_own_journeys import request as audit_event
from tests.support.environment import Environment
from tests.system.browser.browser import Browser, missing
from tests.system.browser.page import SetupPage

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

ANALYST, PASSWORD = "segment_bridge_ana", "not-a-secret-at-all"
ADDRESS = "/en-US/app/segment_bridge/journeys"
LIST, FOUND, FORM = ('//section[@id="sb-%s"]' % each for each in ("journeys", "found", "journey"))


@pytest.fixture(scope="module")
def site(package: Path):
    """Splunk with the app and a day of a made-up product, whose people are known; and who did what."""
    with Environment() as environment:
        environment.admin.upload(str(package))
        environment.set_up()
        users, _ = environment.wait_for_user_map()
        environment.user = users[0]
        now = time.time()
        events = [(now - 600 + number, bed(number, users[0]["username"], now)) for number in range(12)]
        environment.admin.index_events(environment._collector_token, events)
        environment.admin.wait_for_events("k8s_audit", len(events))
        environment.admin.service.post("apps/local/segment_bridge", configured="1")
        environment.admin.add_user(ANALYST, PASSWORD, "segment_bridge_analyst")
        yield environment


def bed(number: int, username: str, now: float) -> str:
    received = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - 600 + number)) + ".%06dZ" % number
    event = json.loads(audit_event(user=username, number=number, requestReceivedTimestamp=received))
    event["responseObject"]["kind"] = "FlowerBed"
    return json.dumps(event)


@pytest.fixture(scope="module")
def browser(site):
    with Browser() as browser:
        SetupPage(browser, site.splunk.web).log_in(ANALYST, PASSWORD)
        yield browser


@pytest.fixture
def page(browser, site):
    browser.open(site.splunk.web + ADDRESS)
    browser.wait_for(lambda: text(browser, LIST), "Application created")
    return browser


def text(browser, section: str) -> str:
    found = browser.all(section)
    return found[0].text if found else ""


def report(browser, section: str) -> str:
    found = browser.all(section + '//*[@role="status"]')
    return found[-1].text if found else ""


@pytest.fixture(scope="module")
def made(browser, site):
    """A journey that an analyst made by clicking."""
    browser.open(site.splunk.web + ADDRESS)
    browser.wait_for(lambda: text(browser, LIST), "Application created")
    browser.button("Add", LIST).click()
    browser.wait_for(lambda: text(browser, FOUND), r"beds \(greenhouse.example\)")
    assert "12" in text(browser, FOUND)
    browser.screenshot(Path("build/journeys-found.png"))
    browser.one(FOUND + '//button[@aria-label="Take: create beds"]').click()
    browser.wait_for(lambda: report(browser, FORM), "Click what is to be a property")
    assert browser.field("Event in Segment", FORM).value == "Flower Bed Created"
    for place in ("objectRef.name", "responseObject.spec.count", "label garden.example/size"):
        browser.button(place, FORM).click()
    assert browser.field("Properties", FORM).value.split("\n") == [
        "name = objectRef.name", "count = responseObject.spec.count", "size = label garden.example/size"]  # fmt: skip
    browser.button("Preview ten messages", FORM).click()
    browser.wait_for(lambda: report(browser, FORM), "12 in the last day; the newest 10")
    messages = [json.loads(each.text) for each in browser.all(FORM + "//pre")]
    assert len(messages) == 10
    assert messages[0]["properties"] | {"name": "one", "count": 12, "size": "7"} == messages[0]["properties"]
    browser.screenshot(Path("build/journeys-form.png"))
    browser.button("Save", FORM).click()
    browser.wait_for(lambda: report(browser, LIST), "Saved: Flower Bed Created")
    return messages[0]


def test_a_journey_made_on_the_page_is_sent_by_the_next_run(site, made):
    outcome = site.admin.run_saved_search()
    assert not outcome.failed, outcome.messages
    accepted = [json.loads(event.raw) for event in site.segment.accepted.values()]
    sent = [each for each in accepted if each["event"] == "Flower Bed Created"]
    assert len(sent) == 12
    for message in sent:
        assert message["userId"] == site.user["sso_user_id"]
        assert message["properties"] == made["properties"]


@pytest.mark.usefixtures("made")
class TestList:
    def test_shows_what_there_is_and_switches_it(self, page, site):
        page.one(LIST + '//input[@aria-label="Component changed is on"]').click()
        page.wait_for(lambda: report(page, LIST), "Component changed is off")
        (record,) = [each for each in site.admin.records("segment_journeys") if each["_key"] == "component-changed"]
        assert (record["enabled"], record["updated_by"]) == (0, ANALYST)
        page.one(LIST + '//input[@aria-label="Component changed is on"]').click()
        page.wait_for(lambda: report(page, LIST), "Component changed is on")

    def test_refuses_what_is_wrong_beside_its_field(self, page):
        page.one(LIST + '//button[@aria-label="Change: Flower Bed Created"]').click()
        field = page.field("Properties", FORM)
        field.enter("name = objectRef.title")
        page.button("Save", FORM).click()
        page.wait_for(lambda: page.field("Properties", FORM).description, "There is no such place.*objectRef.title")
        page.button("Cancel", FORM).click()

    @pytest.mark.parametrize("width", [1280, 400])
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_has_room(self, page, width, theme):
        page.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        try:
            page.run("document.body.style.background = arguments[0] === 'dark' ? '#171d21' : '#fff'", theme)
            page.run("document.querySelector('.sb-page').dataset.theme = arguments[0]", theme)
            page.screenshot(Path("build/journeys-%s-%d.png" % (theme, width)))
            assert page.run("return document.documentElement.scrollWidth") <= width
        finally:
            page.devtools("Emulation.clearDeviceMetricsOverride")


def test_an_analyst_can_do_nothing_else(site):
    """The user map, the secrets and the job are not the role's."""
    analyst = type(site.admin)(site.splunk.management, site.splunk.web, site.splunk.hec, PASSWORD, ANALYST)
    for collection in ("usersignups", "segment_dead_letters", "tenant_namespaces"):
        with pytest.raises((KeyError, HTTPError)):
            analyst.records(collection)
    with pytest.raises((KeyError, HTTPError)):
        analyst.set_macro("segment_bridge_audit", "index=*")
    with pytest.raises((KeyError, HTTPError)):
        analyst.set_secret("segment", "x" * 32)
