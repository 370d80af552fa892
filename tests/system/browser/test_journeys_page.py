"""The page "Journeys", used by an analyst without other permissions: from what people did to an event in Segment."""

import csv
import json
import time
from pathlib import Path

import pytest
from splunklib.binding import HTTPError

from tests.standin.vectors.test_own_journeys import request as audit_event
from tests.support.environment import Environment
from tests.system.browser.browser import Element, missing
from tests.system.browser.looks import picture
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
    """Splunk with the app and a day of a made-up product with known users; and who did what."""
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
def browser(chromium, site):
    SetupPage(chromium, site.splunk.web).log_in(ANALYST, PASSWORD)
    yield chromium
    chromium.forget()


@pytest.fixture
def page(browser, site):
    browser.open(site.splunk.web + ADDRESS)
    browser.wait_for(lambda: text(browser, LIST), "Application created")
    return browser


def text(browser, section: str) -> str:
    return "".join(browser.texts(section)[:1])


def report(browser, section: str) -> str:
    return "".join(browser.texts(section + '//*[@role="status"]')[-1:])


@pytest.fixture(scope="module")
def made(browser, site):
    """A journey that an analyst created by clicking."""
    browser.open(site.splunk.web + ADDRESS)
    browser.wait_for(lambda: text(browser, LIST), "Application created")
    browser.button("Add", LIST).click()
    browser.wait_for(lambda: text(browser, FOUND), r"beds \(greenhouse.example\)")
    assert "12" in text(browser, FOUND)
    picture(browser, "journeys-found")
    browser.one(FOUND + '//button[@aria-label="Take: create beds"]').click()
    browser.wait_for(lambda: report(browser, FORM), "Click the values that should become properties")
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
    picture(browser, "journeys-form")
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
    def test_shows_all_journeys_and_switches_them(self, page, site):
        page.one(LIST + '//input[@aria-label="Component changed is on"]').click()
        page.wait_for(lambda: report(page, LIST), "Component changed is off")
        (record,) = [each for each in site.admin.records("segment_journeys") if each["_key"] == "component-changed"]
        assert (record["enabled"], record["updated_by"]) == (0, ANALYST)
        page.one(LIST + '//input[@aria-label="Component changed is on"]').click()
        page.wait_for(lambda: report(page, LIST), "Component changed is on")

    def test_a_new_journey_replaces_none(self, page, site):
        """Both would have the id that the name gives."""
        before = site.admin.records("segment_journeys")
        page.button("Add", LIST).click()
        page.button("Describe one by hand", FOUND).click()
        for label, value in {"Event in Segment": "Bed Watered", "Resource": "cans", "What is done": "update"}.items():
            page.field(label, FORM).enter(value)
        for name in ("Flower bed created", "Application created"):
            page.field("Journey", FORM).enter(name)
            page.button("Save", FORM).click()
            page.wait_for(lambda: page.field("Journey", FORM).description, "already a journey with this name")
        assert site.admin.records("segment_journeys") == before

    def test_what_somebody_else_changed_stays(self, page, site):
        (before,) = [each for each in site.admin.records("segment_journeys") if each["_key"] == "flower-bed-created"]
        page.one(LIST + '//button[@aria-label="Change: Flower Bed Created"]').click()
        collection = site.admin.service.kvstore["segment_journeys"].data
        collection.update(before["_key"], json.dumps({**before, "properties": "", "updated": before["updated"] + 1}))
        page.button("Save", FORM).click()
        page.wait_for(lambda: report(page, FORM), "This journey has changed since")
        assert collection.query_by_id(before["_key"])["properties"] == ""
        collection.update(before["_key"], json.dumps(before))

    def test_shows_errors_beside_their_field(self, page):
        page.one(LIST + '//button[@aria-label="Change: Flower Bed Created"]').click()
        field = page.field("Properties", FORM)
        field.enter("name = objectRef.title")
        page.button("Save", FORM).click()
        page.wait_for(lambda: page.field("Properties", FORM).description, "There is no such place.*objectRef.title")
        page.button("Cancel", FORM).click()

    @pytest.mark.parametrize("width", [1280, 400])
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_has_a_readable_layout(self, page, width, theme):
        page.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        try:
            page.run("document.body.style.background = arguments[0] === 'dark' ? '#171d21' : '#fff'", theme)
            page.run("document.querySelector('.sb-page').dataset.theme = arguments[0]", theme)
            picture(page, "journeys-%d-%s" % (width, theme))
            assert page.run("return document.documentElement.scrollWidth") <= width
        finally:
            page.devtools("Emulation.clearDeviceMetricsOverride")


@pytest.mark.usefixtures("made")
class TestFiles:
    @pytest.fixture
    def saved(self, page, tmp_path):
        """Presses a button of the list. Returns the text of the file that the browser saves."""
        page.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))

        def pressed(button: str, name: str, told: str) -> str:
            page.button(button, LIST).click()
            page.wait_for(lambda: report(page, LIST), told)
            page.wait_for(lambda: " ".join(each.name for each in tmp_path.iterdir()), r"(^| )%s( |$)" % name)
            return (tmp_path / name).read_bytes().decode("utf-8")

        return pressed

    def test_a_tracking_plan_for_protocols(self, saved):
        plan = json.loads(saved("Tracking plan (JSON)", "tracking-plan.json", r"Saved a tracking plan of \d+ events"))
        rules = {rule["key"]: rule for rule in plan["rules"]}
        rule = rules["Flower Bed Created"]
        assert (rule["type"], rule["version"], rule["jsonSchema"]["type"]) == ("TRACK", 1, "object")
        sent = rule["jsonSchema"]["properties"]["properties"]
        assert sent["properties"]["count"] == {"type": ["number"], "examples": ["12"]}
        assert sent["properties"]["size"] == {"type": ["string"], "examples": ["7"]}
        assert {"name", "count", "size", "kind", "apiGroup"} <= {*sent["required"]}

    def test_a_tracking_plan_for_a_spreadsheet(self, saved):
        text = saved("Tracking plan (CSV)", "tracking-plan.csv", r"Saved a tracking plan of \d+ events")
        heading, *lines = csv.reader(text.splitlines())
        assert heading == ["event", "journey", "property", "type", "always", "examples"]
        assert ["Flower Bed Created", "Flower Bed Created", "count", "number", "yes", "12"] in lines
        assert all(len(line) == len(heading) for line in lines)

    def test_an_export_is_imported_except_wrong_rows_and_can_be_undone(self, page, site, saved, tmp_path):
        text = saved("Export", "journeys.json", "your own journeys, and your changes to the app")
        whole = json.loads(text)
        exported = {row["id"]: row for row in whole["journeys"]}
        bed = exported["flower-bed-created"]
        assert bed["properties"].split("\n")[1] == "count = responseObject.spec.count"
        assert not {"updated", "updated_by", "_key", "_user"} & {*bed}
        others = [
            {"id": "component-changed", "event": "Part %verb%", "enabled": 0},
            {**bed, "id": "tree", "journey": "Tree planted", "resource": "trees"},
            {**bed, "id": "wrong", "journey": "Wrong", "resource": "stones", "properties": "a = nowhere"},
        ]
        kept = [row for row in whole["journeys"] if row["id"] != "component-changed"]
        file = tmp_path / "other.json"
        file.write_text(json.dumps({**whole, "journeys": [*kept, *others]}), encoding="utf-8")
        self.choose(page, file)
        total = len(kept) + len(others)
        page.wait_for(lambda: report(page, LIST), "Imported %d of %d journeys" % (total - 1, total))
        assert "Not imported: Wrong. There is no such place" in report(page, LIST)
        records = {each["_key"]: each for each in site.admin.records("segment_journeys")}
        assert {*records} == {*exported, "component-changed", "tree"}
        changed = records["component-changed"]
        assert (changed["event"], changed["enabled"], changed["updated_by"]) == ("Part %verb%", 0, ANALYST)
        assert records["flower-bed-created"]["properties"] == bed["properties"]

        page.button("Reset: Component changed", LIST).click()
        page.button("Reset", "//dialog").click()
        page.wait_for(lambda: report(page, LIST), "Component changed is reset to the app's own version")
        assert page.run("return document.querySelector('[aria-label=\"Component changed is on\"]').checked") is True
        assert not page.all(LIST + '//button[@aria-label="Reset: Component changed"]')
        page.button("Remove: Tree planted", LIST).click()
        page.button("Remove", "//dialog").click()
        page.wait_for(lambda: report(page, LIST), "Tree planted is removed")
        assert {each["_key"] for each in site.admin.records("segment_journeys")} == {*exported} - {"component-changed"}

    def test_a_file_without_journeys_is_refused(self, page, site, tmp_path):
        before = site.admin.records("segment_journeys")
        for text, told in (
            ("{", "This file is not valid JSON"),
            ('{"journeys": []}', "not a file of journeys.*Export creates such a file"),
        ):
            file = tmp_path / "any.json"
            file.write_text(text, encoding="utf-8")
            self.choose(page, file)
            page.wait_for(lambda: report(page, LIST), told)
        assert site.admin.records("segment_journeys") == before

    @staticmethod
    def choose(page, file: Path) -> None:
        """Import asks the browser for a file. Without a screen none can be chosen, so the test supplies it."""
        control = page.run("""
            const control = document.querySelector("#sb-journeys input[type=file]");
            control.addEventListener("click", event => {
                control.dataset.asked = 1;
                event.preventDefault();
            }, {once: true});
            return control;""")
        page.button("Import", LIST).click()
        assert page.run("return arguments[0].dataset.asked", control) == "1"
        Element(page, *control.values()).type(str(file))


def test_an_analyst_can_do_nothing_else(site):
    """The role gives no access to the user map, the secrets and the job."""
    analyst = type(site.admin)(site.splunk.management, site.splunk.web, site.splunk.hec, PASSWORD, ANALYST)
    for collection in ("usersignups", "segment_dead_letters", "tenant_namespaces"):
        with pytest.raises((KeyError, HTTPError)):
            analyst.records(collection)
    with pytest.raises((KeyError, HTTPError)):
        analyst.set_macro("segment_bridge_audit", "index=*")
    with pytest.raises((KeyError, HTTPError)):
        analyst.set_secret("segment", "x" * 32)
