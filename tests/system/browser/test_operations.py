"""The view "operations": what the people who look after the app see and do there."""

import hashlib
import json
import re
from urllib.parse import quote

import pytest

from tests.support import recorded
from tests.support.administrator import APP, JOB
from tests.support.environment import bridged
from tests.support.fakes import faults
from tests.support.fakes.segment import WRITE_KEY
from tests.system.browser.browser import missing
from tests.system.browser.operations import Operations
from tests.system.browser.page import SetupPage

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

SENDER = APP + "_sender"
LETTERS = "segment_dead_letters"
FAILS = (
    '| makeresults count=%d | streamstats count AS n | eval type="track", event="%s", userId="u".n, messageId="%s-".n '
)
SEND = "| segmentsend dead_letters=true onfail=warn"


@pytest.fixture(scope="module")
def environment(package):
    """The app after its first run, with dead letters: 12 refused, 3 failed."""
    with bridged(package) as environment:
        admin = environment.admin
        admin.set("app", "install", {"is_configured": "1"})
        admin.service.saved_searches[JOB].update(is_scheduled="1")
        assert not admin.run_saved_search(JOB).failed
        admin.search(FAILS % (12, "", "refused") + SEND)
        environment.segment.faults = faults.status(500)
        admin.search(FAILS % (3, "Page opened", "failed") + SEND)
        environment.segment.faults = None
        yield environment


@pytest.fixture
def view(browser, environment):
    return Operations(browser, environment.splunk.web)


def letters(environment):
    return {each["message_id"]: each for each in environment.admin.records(LETTERS)}


class TestState:
    def test_a_word_and_each_trouble_with_its_remedy(self, view):
        view.open()
        assert view.word == "Degraded"
        text = view.state.text
        assert "12 dead letters (event_not_defined) wait for a person" in text
        assert re.search(r"To do: look at the reason and fix the cause; .* More", text)

    def test_on_with_its_last_and_next_run_the_clusters_and_what_is_waiting(self, view):
        view.open()
        text = view.state.text
        assert re.search(r"The job\s+on; next run \d{4}-\d\d-\d\d", text)
        assert re.search(r"Last run\s+\d+ \w+ ago: ok\. [\d,]+ events: [\d,]+ accepted", text)
        assert re.search(r"Dead letters\s+12 wait for a person, 3 for their next try", text)
        assert view.state.rows()[0][0] == "host"

    def test_off(self, view, environment):
        job = environment.admin.service.saved_searches[JOB]
        job.update(is_scheduled="0")
        view.open()
        job.update(is_scheduled="1")
        assert view.word == "Off"
        assert "Turn it on" in view.state.text


class TestRuns:
    def test_counts_durations_bytes_and_errors_in_full(self, view):
        runs = view.open("runs")
        failed = next(row for row in runs.rows() if row[2] == "failed")
        assert failed[1] == "segmentsend segment"
        assert failed[3] == "3 events: 3 failed"
        assert "HTTP 500" in failed[6]
        sent = next(row for row in runs.rows() if "accepted" in row[3])
        assert re.fullmatch(r"[\d.]+ s \d+ requests?", sent[4])
        assert re.fullmatch(r"\d+ KB \(\d+ KB on the wire\)", sent[5])

    def test_the_run_log_of_one(self, view, browser):
        runs = view.open("runs")
        browser.all('//button[starts-with(@aria-label, "Show the run log of segmentsend")]')[0].click()
        browser.wait_for(lambda: runs.text, r"event=run_end", 60)
        assert "Open in Search" in runs.text


class TestDeadLetters:
    def test_by_reason_and_one_by_one(self, view):
        part = view.open("letters", "&destination=segment&status=failed&reason=http_500")
        assert [row[:4] for row in part.rows()[:2]] == [
            ["12", "segment", "rejected: event_not_defined", "a person"],
            ["3", "segment", "failed: http_500", "the next try"],
        ]
        assert [row[1:4] for row in part.rows()[2:]] == [["Page opened", "failed: http_500", "the next try"]] * 3

    def test_shows_the_reason_the_event_and_what_to_do(self, view, browser):
        part = view.open("letters", "&text=failed-2")
        browser.one('//summary[@aria-label="Show Page opened, failed-2"]').click()
        browser.wait_for(lambda: part.text, "Send again\nEdit\nDrop")
        assert '"messageId": "failed-2"' in part.text
        assert "Nothing, if Segment can be reached again" in part.text
        assert "the server answered with this status" in part.text

    def test_some_are_sent_again(self, view, browser, environment):
        part = view.open("letters", "&text=refused-")
        for name in ("refused-6", "refused-7"):
            browser.one('//input[@aria-label="Select track, %s"]' % name).click()
        part.press("Send selected again")
        part.wait_for("2 events will be sent again")
        again = {key for key, each in letters(environment).items() if each["status"] == "again"}
        assert again == {"refused-6", "refused-7"}

    def test_an_edited_one_is_checked_saved_and_sent(self, view, browser, environment):
        part = view.open("letters", "&text=refused-3")
        browser.one('//summary[@aria-label="Show track, refused-3"]').click()
        browser.wait_for(lambda: part.text, "Edit")
        part.press("Edit")
        field = browser.field("The event, as JSON")
        field.enter("{")
        browser.button("Check and save").click()
        browser.wait_for(lambda: field.description, "not valid JSON")
        field.enter('{"type": "track", "userId": "u3", "event": ""}')
        browser.button("Check and save").click()
        browser.wait_for(lambda: field.description, "would not be sent: .*event_not_defined", 60)
        assert letters(environment)["refused-3"]["status"] == "rejected"
        field.enter('{"type": "track", "userId": "u3", "event": "100% \\"of\\" $all$ [it]", "properties": {"n": 1.50}}')
        browser.button("Check and save").click()
        part.wait_for("Saved. It will be sent again")
        letter = letters(environment)["refused-3"]
        assert (letter["status"], letter["edited_by"]) == ("again", environment.admin.user)
        assert "event" not in json.loads(letter["original"])
        part.press("Send now")
        browser.button("Send").click()
        part.wait_for("Sent: .*accepted", 120)
        sent = environment.segment.accepted["refused-3"].message
        assert (sent["event"], sent["properties"]) == ('100% "of" $all$ [it]', {"n": 1.5})
        assert "refused-3" not in letters(environment)

    def test_a_letter_changed_in_the_meantime_is_left_alone(self, view, browser, environment):
        part = view.open("letters", "&text=refused-5")
        browser.one('//summary[@aria-label="Show track, refused-5"]').click()
        browser.wait_for(lambda: part.text, "Edit")
        record = letters(environment)["refused-5"]
        collection = environment.admin.service.kvstore[LETTERS]
        collection.data.update(record["_key"], {**record, "status": "dropped"})
        part.press(
            "Send again",
        )
        part.wait_for("has changed since")
        assert letters(environment)["refused-5"]["status"] == "dropped"

    def test_letters_that_are_gone_do_not_keep_the_others(self, view, browser, environment):
        part = view.open("letters", "&text=refused-")
        for name in ("refused-8", "refused-9"):
            browser.one('//input[@aria-label="Select track, %s"]' % name).click()
        gone = letters(environment)["refused-8"]["_key"]
        environment.admin.service.kvstore[LETTERS].data.delete_by_id(quote(gone, safe=""))
        part.press("Send selected again")
        part.wait_for("1 event will be sent again")
        assert "Not changed: 1 event. This no longer exists" in part.report
        assert letters(environment)["refused-9"]["status"] == "again"

    def test_a_selection_lasts_and_an_old_list_is_found_again(self, view, browser, environment):
        """Splunk keeps a job's results for some minutes."""
        letter = next(iter(letters(environment).values()))
        data = environment.admin.service.kvstore[LETTERS].data
        many = [
            {**letter, "_key": "many/%d" % number, "message_id": "many-%d" % number, "last_time": number}
            for number in range(22)
        ]
        data.batch_save(*many)
        part = view.open("letters", "&text=many-")
        ticks = '//input[contains(@aria-label, "many-21")]'
        browser.one(ticks).click()
        part.press("Next")
        browser.one('//input[contains(@aria-label, "many-0")]')
        for job in environment.admin.service.jobs.list():
            job.cancel()
        part.press("Previous")
        assert browser.one(ticks).attribute("checked")
        data.delete(json.dumps({"_key": {"$regex": "^many/"}}))

    def test_all_of_a_reason_are_dropped(self, view, browser, environment):
        part = view.open("letters")
        browser.one(
            '//button[starts-with(@aria-label, "Drop: ") and contains(@aria-label, "rejected: event_")]'
        ).click()
        browser.button("Drop", "//dialog").click()
        part.wait_for(r"\d+ events will be removed", 60)
        left = {each["status"] for each in letters(environment).values() if each["reason"] == "event_not_defined"}
        assert left <= {"dropped", "again"}
        assert "dropped" in left


class TestBackfill:
    def test_estimates_plans_and_cancels(self, view, browser):
        part = view.open("backfill")
        browser.run(
            "for (const [name, text] of Object.entries(arguments[0])) {"
            "const field = document.querySelector(`[name=${name}]`);"
            "field.value = text; field.dispatchEvent(new Event('input')); }",
            {"from": "2026-11-20T07:00", "to": "2026-11-20T10:00"},
        )
        part.press("How much is that?")
        part.wait_for("3 hours, with .*audit events")
        assert "older than a day" in part.report
        part.press("Plan it")
        browser.button("Plan it", "//dialog").click()
        part.wait_for("3 hours planned")
        assert [row[:2] for row in part.rows()] == [["2026-11-20 %02d:00" % hour, "waiting"] for hour in (9, 8, 7)]
        part.press("Cancel waiting hours")
        browser.button("Cancel hours", "//dialog").click()
        part.wait_for("3 hours cancelled")
        assert {row[1] for row in part.rows()} == {"cancelled"}


class TestOneEvent:
    def find(self, view, browser, text, kind="the id of an event"):
        part = view.open("event")
        part.fill_in({"Audit id, message id, user id, or SHA-256 of a username": text})
        part.choose(kind)
        part.press("Find")
        browser.wait_for(lambda: part.report or part.text, "Dead letter|journey of|Trace", 60)
        return part

    def test_that_was_sent(self, view, browser, environment):
        audit_id = next(each for each in environment.segment.accepted if each in recorded.expected_messages())
        text = self.find(view, browser, audit_id).text
        assert re.search(r"In the index\s+Yes: index k8s_audit", text)
        assert re.search(r"A user journey\s+Yes: .*" + audit_id, text)
        assert re.search(r"User\s+User id \w+", text)
        assert re.search(r"Sent\s+By the run that ended", text)
        assert re.search(r"Answer\s+Accepted", text)

    def test_its_message(self, view, browser, environment):
        audit_id = next(each for each in environment.segment.accepted if each in recorded.expected_messages())
        part = self.find(view, browser, audit_id)
        part.press("Show the message")
        browser.wait_for(lambda: part.text, '"messageId": "%s"' % audit_id, 60)

    def test_that_is_not_a_journey(self, view, browser):
        line = next(json.loads(line.raw) for line in recorded.audit_lines() if '"verb":"get"' in line.raw)
        text = self.find(view, browser, line["auditID"]).text
        assert re.search(r"A user journey\s+No: no journey matches get of ", text)

    def test_that_is_a_dead_letter(self, view, browser, environment):
        environment.segment.faults = faults.status(500)
        environment.admin.search(FAILS % (1, "Page opened", "late") + SEND)
        environment.segment.faults = None
        text = self.find(view, browser, "late-1").text
        assert re.search(r"Answer\s+failed: HTTP 500", text)

    def test_no_input_becomes_search_language(self, view, browser):
        text = self.find(view, browser, '"] | delete [ `x` $y$ \\\\ %41 %').text
        assert "No audit event in this time range has this id" in text

    @pytest.mark.parametrize("kind", ["digest", "user id"])
    def test_all_events_of_a_user(self, view, browser, environment, kind):
        user = next(each for each in environment.admin.records("usersignups"))
        text = hashlib.sha256(user["username"].encode()).hexdigest() if kind == "digest" else user["sso_user_id"]
        assert "Trace " in self.find(view, browser, text, "a user").text


class TestCheck:
    @pytest.fixture(scope="class")
    def checked(self, browser, environment):
        lines = recorded.audit_lines()
        long = next(line for line in lines if len(line.raw) > 10_000)
        environment.index([*lines[:100], recorded.AuditLine(0, long.raw[:10_000])], ago_s=300)
        part = Operations(browser, environment.splunk.web).open("check")
        part.press("Check")
        part.wait_for("checks are OK", 120)
        return part

    def test_about_thirty_checks_with_their_findings(self, checked):
        results = re.findall(r"^(?:OK|Failed|Review|Unknown) .*", checked.text, re.M)
        assert len(results) > 45
        assert [result for result in results if result.startswith("Unknown")] == []

    def test_each_search_function_gives_its_known_answer(self, checked):
        assert "OK urldecode reads percent signs: a b+c" in checked.text
        assert "instead of" not in checked.text

    def test_each_problem_has_a_remedy(self, checked):
        assert re.search(
            r"Failed All events that may be journeys can be read: cut: \d+ cannot\n.* To do: .*TRUNCATE = 0",
            checked.text,
        )
        assert "Failed The alerts are scheduled: off: " in checked.text

    def test_it_is_saved_as_text_without_secrets(self, checked, browser, environment):
        browser.run("URL.createObjectURL = blob => { window.saved = blob; return '#'; }")
        checked.press("Save as text")
        text = browser.run("return window.saved.text()")
        assert "[OK] KV store is ready: ready" in text
        assert "[Failed] The alerts are scheduled: off" in text
        assert [
            secret for secret in (WRITE_KEY, environment.cluster.token, environment.splunk.password) if secret in text
        ] == []

    def test_what_cannot_be_read_makes_only_its_own_checks_unknown(self, view, browser):
        part = view.open("check")
        browser.run("window.fetch = async () => new Response('<!doctype html>', {status: 404});")
        part.press("Check")
        part.wait_for("checks are OK")
        assert (
            "Failed Splunk Web passes on the inputs: Splunk Web does not pass on data/inputs/usersignups" in part.text
        )
        assert "Unknown The clusters' inputs are on: Splunk Web does not pass on" in part.text
        assert "OK You have the capability segment_bridge_send: yes" in part.text
        view.state.press("Refresh")
        view.state.wait_for("does not pass on server/info")
        assert view.word == "", "it may be another by now"


def test_users_without_permission_read_one_sentence(environment, borrowed):
    environment.admin.add_user(SENDER, "changeme-too", "segment_bridge_sender")
    SetupPage(borrowed, environment.splunk.web).log_in(SENDER, "changeme-too")
    borrowed.open(environment.splunk.web + "/en-US/app/segment_bridge/operations")
    borrowed.wait_for_text("This page is for administrators of the app")
    assert "Dead letters" not in borrowed.text


def test_no_secret_gets_into_the_browser(view, browser):
    view.open("letters")
    assert [each["url"] for each in browser.run("return window.answers") if WRITE_KEY in each["text"]] == []
