"""The setup page, from the upload of the package to the first accepted event, without touching a file."""

import json
import re
from typing import Dict, Optional
from urllib.parse import unquote, urlsplit

import pytest

from tests.support import recorded
from tests.support.administrator import APP, AUDIT_INDEX, AUDIT_SOURCETYPE, JOB
from tests.support.environment import CLUSTER
from tests.support.fakes.kubernetes import SYNC
from tests.support.fakes.segment import WRITE_KEY
from tests.support.fakes.tls import Authority
from tests.system.browser.browser import END, ENTER, TAB, missing
from tests.system.browser.calls import calls
from tests.system.browser.page import SetupPage

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

LINES = recorded.audit_lines()[:600]
OTHER_CA = Authority().ca_pem.decode("ascii")
SEARCH = 'index="%s" sourcetype="%s"' % (AUDIT_INDEX, AUDIT_SOURCETYPE)
ALERT = "Segment Bridge - Alert - The job has not succeeded"
TOKEN = "fake-" + "".join(chr(ord("a") + number % 26) for number in range(900))
"""As long as the tokens of real service accounts."""


def accept(environment, token: str) -> None:
    """Makes the cluster accept only this token."""
    environment.cluster.tokens = {token: SYNC}
    environment.cluster.token = token


def settings(environment, name: str, token: Optional[str] = None) -> Dict[str, str]:
    """The values for the form for a cluster."""
    return {
        "Name": name,
        "API server": environment.cluster.url,
        "Bearer token": token or environment.cluster.token,
        "CA certificates": environment.cluster.ca_file.read_text(encoding="ascii"),
    }


@pytest.fixture(scope="module")
def set_up(environment, browser) -> None:
    """Follows a person who has never seen the page. Each step is checked as it is done."""
    admin = environment.admin
    accept(environment, TOKEN)
    environment.index(LINES, ago_s=600)
    page = SetupPage(browser, environment.splunk.web)
    page.open("/en-US/app/segment_bridge")
    assert browser.address.endswith("/app/segment_bridge/setup"), "the app leads to its setup until that is done"
    assert [step.mark for step in (page.destination, page.clusters)] == ["To do", "To do"]

    page.destination.choose("Another address: your own proxy, or any receiver of Segment's protocol")
    page.destination.fill_in({"URL for batches": environment.segment.url + "/v1/batch", "Write key": WRITE_KEY})
    page.destination.press("Save")
    page.destination.wait_for("Saved. Nothing was sent yet")
    assert [request.method for request in environment.segment.requests] == ["GET"], "it was asked, and sent nothing"
    page.destination.press("Send a test event: destination segment")
    page.destination.wait_for("accepted.* Debugger")
    [(test_event, event)] = environment.segment.accepted.items()
    assert event.message["event"] == "Segment Bridge test"

    page.clusters.press("Add a cluster")
    page.clusters.fill_in(settings(environment, CLUSTER, TOKEN))
    page.clusters.press("Test and save")
    page.clusters.wait_for("Saved. Cluster host answers")
    assert page.clusters.rows()[0][:4] == [CLUSTER, environment.cluster.url, "none yet", "Off"]

    page.audit.fill_in({"Search terms": SEARCH})
    page.audit.press("Save and count")
    browser.wait_for_text("The last ten messages that would be sent")
    assert "events in the last hour" in page.audit.report
    message = browser.one("(//details[summary/strong])[1]")
    browser.run("arguments[0].open = true", {"element-6066-11e4-a52e-4f735466cecf": message.reference})
    shown = json.loads(browser.one("//pre").text)
    assert shown["userId"] == "(the user's id, once step 5 has read the clusters)"
    assert environment.segment.accepted.keys() == {test_event}

    page.alerts.fill_in({"E-mail addresses": "ops@example.com; data@example.com"})
    page.alerts.press("Save")
    page.alerts.wait_for("Saved.\nSplunk is set to use a mail server on this machine")
    admin.set("alert_actions", "email", {"mailserver": "mail.example.com"})
    page.alerts.press("Save")
    page.alerts.wait_for("alerts send mail to ops@example.com, data@example.com")

    assert admin.records("usersignups") == [], "nothing is read before it is turned on"
    page.power.press("Turn it on")
    page.power.wait_for("The app is on. The first run:", seconds=120)
    assert browser.one('//a[normalize-space()="Go to Operations"]').attribute("href") == "operations"


@pytest.fixture
def page(set_up, page) -> SetupPage:
    """The page after the set-up, opened again."""
    return page


def test_events_arrive_without_touching_a_file(set_up, environment):
    indexed = "".join(line.raw for line in LINES)
    expected = {message_id for message_id in recorded.expected_messages() if message_id in indexed}
    assert len(expected) > 50
    assert {
        message_id
        for message_id, event in environment.segment.accepted.items()
        if event.message["event"] != "Segment Bridge test"
    } == expected


def test_everything_is_on(page, environment):
    service = environment.admin.service
    assert page.power.mark == "On"
    assert page.clusters.rows()[0][2:4] == [str(recorded.expected_counts()["lookup"]["usernames"]), "On"]
    searches = service.saved_searches.list()
    assert (
        {search.name for search in searches if search.content.get("cron_schedule")}
        == {search.name for search in searches if search["is_scheduled"] == "1"}
        >= {JOB}
    )
    assert service.apps[APP]["configured"] == "1"


def test_alerts_are_mailed(page, environment):
    alerts = [search for search in environment.admin.service.saved_searches.list() if " - Alert - " in search.name]
    assert alerts
    assert {(alert["actions"], alert["action.email.to"]) for alert in alerts} == {
        ("email", "ops@example.com, data@example.com")
    }
    assert page.alerts.field("E-mail addresses").value == "ops@example.com, data@example.com"


def test_the_app_no_longer_opens_with_its_set_up(page, browser, environment):
    browser.open(environment.splunk.web + "/en-US/app/segment_bridge")
    # The overview leads on to the dashboard. Until then, it could take the browser away from the next test's page.
    browser.wait_for(lambda: browser.address, "/app/segment_bridge/overview_light$")


def test_the_last_step_leads_to_operations(page, browser):
    browser.one('//a[normalize-space()="Go to Operations"]').click()
    browser.wait_for(lambda: browser.address, "/app/segment_bridge/operations$")
    browser.one('//h1[normalize-space()="Operations"]')


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_a_secret_is_never_shown(page, browser):
    page.destination.press("Edit: destination segment")
    assert "Saved, but never shown." in page.destination.text
    page.clusters.press("Edit: cluster host")
    assert "Saved, but never shown." in page.clusters.text
    told = [
        browser.run("return document.documentElement.outerHTML"),
        browser.run("return [...document.querySelectorAll('input')].map(input => input.value).join(' ')"),
        *(answer["text"] for answer in page.answers()),
    ]
    assert any("storage/passwords" in answer["url"] for answer in page.answers())
    assert [text for text in told if WRITE_KEY in text or TOKEN[:200] in text] == []


def test_a_long_token_is_stored_in_pieces_that_the_input_reads(page, environment):
    stored = {
        entry.username: entry.clear_password
        for entry in environment.admin.service.storage_passwords.list()
        if entry.realm == APP
    }
    pieces = [stored["usersignups:" + CLUSTER + suffix] for suffix in ("", "#2", "#3", "#4")]
    assert "".join(pieces) == TOKEN
    page.clusters.press("Test: cluster host")
    page.clusters.wait_for("Cluster host answers")


def test_a_replaced_token_leaves_nothing_of_the_old_one(page, environment):
    accept(environment, "fake-short-token")
    page.clusters.press("Test: cluster host")
    page.clusters.wait_for("401")
    page.clusters.press("Edit: cluster host")
    page.clusters.press("Replace saved secret: Bearer token")
    page.clusters.fill_in({"Bearer token": "fake-short-token"})
    page.clusters.press("Test and save")
    page.clusters.wait_for("Saved. Cluster host answers")
    assert {
        entry.username: entry.clear_password
        for entry in environment.admin.service.storage_passwords.list()
        if re.fullmatch("usersignups:host(#.*)?", entry.username)
    } == {"usersignups:host": "fake-short-token"}


def secrets_of(environment, pattern):
    return {
        entry.username: entry.clear_password
        for entry in environment.admin.service.storage_passwords.list()
        if re.fullmatch(pattern, entry.username)
    }


def test_a_working_input_stays_until_the_new_one_is_validated(page, environment):
    before = secrets_of(environment, "usersignups:host.*")
    service = environment.admin.service
    stanza = dict(service.confs["inputs"]["usersignups://host"].content)
    page.clusters.press("Edit: cluster host")
    page.clusters.press("Replace saved secret: Bearer token")
    page.clusters.fill_in({"Bearer token": "fake-wrong"})
    page.clusters.press("Test and save")
    page.browser.wait_for(lambda: page.clusters.problem("Bearer token"), "401")
    page.browser.wait_for(lambda: page.browser.focused.name, "Bearer token")
    assert secrets_of(environment, "usersignups:host.*") == before, "and no draft is left"
    page.clusters.press("Replace saved secret: CA certificates")
    page.clusters.fill_in({"Bearer token": environment.cluster.token, "CA certificates": OTHER_CA})
    page.clusters.press("Test and save")
    page.browser.wait_for(lambda: page.clusters.problem("CA certificates"), "TLS failed")
    page.browser.wait_for(lambda: page.browser.focused.name, "CA certificates")
    assert secrets_of(environment, "usersignups:host.*") == before
    assert dict(service.confs["inputs"]["usersignups://host"].content) == stanza


def test_a_destination_stays_until_the_new_one_is_validated(page, environment):
    stanzas = environment.admin.service.confs["segment_bridge"]
    before, key = dict(stanzas["segment"].content), secrets_of(environment, "segment.*")
    page.destination.press("Edit: destination segment")
    page.destination.unfold("Network")
    page.destination.press("Replace saved secret: Write key")
    page.destination.fill_in({"CA file": "/nowhere/ca.pem", "Write key": "n" * 32})
    page.destination.press("Save")
    page.browser.wait_for(lambda: page.destination.problem("CA file"), "ca_file")
    page.browser.wait_for(lambda: page.browser.focused.name, "CA file")
    assert dict(stanzas["segment"].content) == before
    assert secrets_of(environment, "segment.*") == key
    assert [stanza.name for stanza in stanzas.list()] == ["segment"], "no draft is left"


def test_a_test_event_uses_what_is_on_the_screen(page, environment):
    before = environment.admin.service.confs["segment_bridge"]["segment"]["url"]
    page.destination.press("Edit: destination segment")
    page.destination.fill_in({"URL for batches": "http://127.0.0.1:1/v1/batch"})
    page.destination.press("Save, and send a test event")
    page.browser.wait_for(lambda: page.destination.problem("URL for batches"), "not accepted")
    problem = page.destination.problem("URL for batches")
    assert "whether a firewall blocks this search head" in problem
    assert page.destination.text.count("not accepted") == 1
    assert page.destination.report == ""
    page.destination.fill_in({"URL for batches": before})
    page.destination.press("Save, and send a test event")
    page.destination.wait_for("accepted.* Debugger")


def test_optional_settings_can_be_removed(page, environment):
    def names():
        return {entry.username.partition("#")[0] for entry in environment.admin.service.storage_passwords.list()}

    assert "usersignups:host:ca" in names()
    page.clusters.press("Edit: cluster host")
    page.clusters.press("Remove saved secret: CA certificates")
    page.clusters.unfold("More settings")
    page.clusters.fill_in({"CA file": str(environment.cluster.ca_file)})
    page.clusters.press("Test and save")
    page.clusters.wait_for("Saved. Cluster host answers")
    assert "usersignups:host:ca" not in names()


def test_a_change_without_the_form_key_is_refused(page, browser):
    """As somebody else's page would try it, with the administrator's cookies."""
    status = browser.run("""
        const answer = await fetch("/en-US/splunkd/__raw/servicesNS/nobody/segment_bridge/storage/passwords", {
            method: "POST", headers: {"X-Requested-With": "XMLHttpRequest"},
            body: new URLSearchParams({realm: "segment_bridge", name: "forged", password: "x"})});
        return answer.status""")
    assert status in (401, 403)


# --- Wrong values ---------------------------------------------------------------------------------------------------


class TestWrongValues:
    """Each is reported beside its field, and nothing is saved. They are tried one after the other on one page."""

    @pytest.fixture(scope="class")
    def page(self, set_up, browser, environment) -> SetupPage:
        page = SetupPage(browser, environment.splunk.web)
        page.open()
        return page

    @pytest.fixture(autouse=True)
    def cancelled(self, page):
        yield
        for cancel in page.browser.all('//form//button[normalize-space()="Cancel"]'):
            cancel.click()

    @pytest.mark.parametrize("key", ["has blank", "has:colon", "schl\u00fcssel"])
    def test_a_key_that_no_header_can_carry_is_reported_beside_its_field(self, page, environment, key):
        page.destination.press("Edit: destination segment")
        page.destination.press("Replace saved secret: Write key")
        page.destination.fill_in({"Write key": key})
        page.destination.press("Save")
        assert "without blanks and colons" in page.destination.problem("Write key")
        assert secrets_of(environment, "segment.*") == {"segment": WRITE_KEY}

    @pytest.mark.parametrize(
        ("address", "problem"),
        [
            ("", "Required"),
            ("http://example.com/v1/batch", "must be a URL that begins with https://"),
            ("https://example.com", "must end with the path"),
            ("https://user:fake@example.com/v1/batch", "must not hold credentials"),
            ("https://exa mple.com/v1/batch", "must be a URL"),
        ],
    )
    def test_a_wrong_address_is_reported_beside_its_field(self, page, environment, address, problem):
        before = environment.admin.service.confs["segment_bridge"]["segment"]["url"]
        page.destination.press("Edit: destination segment")
        field = page.destination.field("URL for batches")
        field.enter(address)
        page.destination.press("Save")
        assert problem.lower() in page.destination.problem("URL for batches").lower()
        assert page.browser.focused.name == "URL for batches"
        assert environment.admin.service.confs["segment_bridge"]["segment"]["url"] == before

    @pytest.mark.parametrize(
        ("search", "problem"),
        [
            ("", "Required"),
            ('index="k8s_audit" | delete', "without pipes"),
            ('index="k8s_audit" [search index=_audit]', "without pipes, subsearches"),
            ("index=k8s_audit `other`", "macros"),
            ('index="k8s_audit', "quotation mark"),
            ("(index=k8s_audit", "parentheses"),
            ("sourcetype=kube:audit", "must name an index"),
        ],
    )
    def test_an_invalid_base_search_is_reported_beside_its_field(self, page, environment, search, problem):
        page.audit.field("Search terms").enter(search)
        page.audit.press("Save and count")
        assert problem.lower() in page.audit.problem("Search terms").lower()
        assert environment.admin.service.confs["macros"]["segment_bridge_audit"]["definition"] == SEARCH

    @pytest.mark.parametrize(
        ("label", "text", "problem"),
        [
            ("Name", "a b", "Use letters, digits"),
            ("Name", CLUSTER, "Another cluster has this name"),
            ("API server", "http://127.0.0.1", "https://"),
            ("CA certificates", "MIIB...", "certificates in PEM"),
            ("CA certificates", "-----BEGIN EC PRIVATE KEY-----", "private key"),
            ("Bearer token", "", "Required"),
        ],
    )
    def test_a_wrong_setting_of_a_cluster_is_reported_beside_its_field(self, page, label, text, problem):
        page.clusters.press("Add a cluster")
        page.clusters.fill_in(
            {"Name": "second", "API server": "https://127.0.0.1:1", "Bearer token": "fake-token", label: text}
        )
        page.clusters.press("Test and save")
        assert problem in page.clusters.problem(label)
        assert page.browser.focused.name == label

    @pytest.mark.parametrize(
        ("label", "text", "problem"),
        [
            ("Bearer token", "fake-wrong", "401"),
            ("API server", "https://127.0.0.1:1", "cannot be reached"),
            ("CA certificates", "", "TLS failed"),
            ("CA file", "ca.pem", "absolute path"),
            ("CA file", "/nowhere/ca.pem", "ca_file /nowhere/ca.pem cannot be used"),
        ],
    )
    def test_the_clusters_refusal_is_reported_beside_the_field(self, page, environment, label, text, problem):
        page.clusters.press("Add a cluster")
        page.clusters.unfold("More settings")
        page.clusters.fill_in({**settings(environment, "second"), label: text})
        page.clusters.press("Test and save")
        page.browser.wait_for(lambda: page.clusters.problem(label), problem)
        page.browser.wait_for(lambda: page.browser.focused.name, label)
        service = environment.admin.service
        assert "usersignups:second" not in [entry.username for entry in service.storage_passwords.list()], (
            "it is not kept"
        )
        assert [row[0] for row in page.clusters.rows()] == [CLUSTER]

    @pytest.mark.parametrize(
        ("name", "problem"), [("segment", "Another destination"), ("a b", "Use letters"), ("a.draft", "Must not end")]
    )
    def test_a_destination_can_have_its_own_name(self, page, name, problem):
        page.destination.press("Add a destination")
        page.destination.fill_in({"Name": name, "Write key": WRITE_KEY})
        page.destination.press("Save")
        assert problem in page.destination.problem("Name")

    def test_what_is_not_saved_is_discarded_only_if_one_wants(self, page):
        page.clusters.press("Add a cluster")
        page.clusters.fill_in({"Name": "second"})
        page.clusters.press("Edit: cluster host")
        page.browser.button("Cancel", "//dialog").click()
        assert page.clusters.field("Name").value == "second"
        page.clusters.press("Edit: cluster host")
        page.browser.button("Discard", "//dialog").click()
        page.browser.wait_for(lambda: page.clusters.text, "Cluster host")
        assert page.browser.focused.name == "With the API server's address and a token"

    @pytest.mark.parametrize(
        ("addresses", "problem"),
        [
            ("ops@example.c1", '"ops@example.c1" is not an e-mail address'),
            ("ops@corp", '"ops@corp" is'),
            ("a b@example.com", '"a" is'),
        ],
    )
    def test_mail_addresses_follow_splunks_rules(self, page, addresses, problem):
        page.alerts.fill_in({"E-mail addresses": addresses})
        page.alerts.press("Save")
        assert problem in page.alerts.problem("E-mail addresses")


def test_a_pipe_within_quotes_is_not_a_pipe(page, environment):
    page.audit.field("Search terms").enter(SEARCH + ' source!="a|b"')
    page.audit.press("Save and count")
    page.audit.wait_for("events in the last hour")
    environment.admin.set_macro("segment_bridge_audit", SEARCH)


def test_messages_of_known_users_are_shown_as_they_are_sent(page, environment):
    page.audit.press("Show ten messages")
    page.browser.wait_for_text("The last ten messages that would be sent")
    shown = page.browser.run("return [...document.querySelectorAll('pre')].map((each) => JSON.parse(each.textContent))")
    assert len(shown) == 10
    assert {message["messageId"] for message in shown} <= environment.segment.accepted.keys()


def test_unsaved_changes_are_marked_until_undone(page, browser):
    field = page.alerts.field("E-mail addresses")
    before = field.value
    field.type(", another@example.com")
    assert "Not saved" in page.alerts.text.splitlines()[0]
    field.enter(before)
    assert "Not saved" not in page.alerts.text
    page.clusters.press("Edit: cluster host")
    page.clusters.press("Replace saved secret: Bearer token")
    assert "Not saved" not in page.clusters.text
    page.clusters.fill_in({"Bearer token": "fake-other"})
    assert "Not saved" in page.clusters.text.splitlines()[0]
    page.power.press("Turn it on again, and run the job")
    page.power.wait_for("First save")
    assert page.power.report == "First save or cancel your changes in: 2. Clusters."
    page.clusters.press("Cancel")
    assert "Not saved" not in page.clusters.text


def test_a_search_that_finds_nothing_leaves_the_step_to_do(page, environment):
    page.audit.field("Search terms").enter('index="k8s_audit" sourcetype="other"')
    page.audit.press("Save and count")
    page.audit.wait_for("No events in the last hour")
    assert page.audit.mark == "To do"
    environment.admin.set_macro("segment_bridge_audit", SEARCH)


def test_events_that_are_not_audit_events_are_not_enough(page, environment):
    page.audit.field("Search terms").enter("index=_internal sourcetype=segment_bridge:log")
    page.audit.press("Save and count")
    page.audit.wait_for("not audit events of a Kubernetes API server")
    assert page.audit.mark == "To do"
    page.power.press("Turn it on again, and run the job")
    page.power.wait_for("First complete:")
    assert page.power.report == "First complete: 3. Audit events."
    environment.admin.set_macro("segment_bridge_audit", SEARCH)


@pytest.fixture(scope="module")
def cut_event(set_up, environment):
    """An event as Splunk indexes a long one by default."""
    long = next(line for line in recorded.audit_lines() if len(line.raw) > 10_000)
    environment.index([recorded.AuditLine(0, long.raw[:10_000])], ago_s=10)


def test_cut_events_give_a_warning(cut_event, page):
    page.audit.press("Save and count")
    page.audit.wait_for(r"so they are no longer JSON\. To do: .* \[kube:audit\]: TRUNCATE = 0")


def test_text_from_outside_stays_text(page, environment):
    environment.admin.set_macro("segment_bridge_audit", 'index="x" "<img src=x onerror=window.hurt=1>"')
    page.open()
    assert "<img" in page.audit.field("Search terms").value
    page.alerts.field("E-mail addresses").enter("<img src=x onerror=window.hurt=1>")
    page.alerts.press("Save")
    assert "is not an e-mail address" in page.alerts.problem("E-mail addresses")
    assert page.browser.run("return [window.hurt ?? null, document.images.length]") == [None, 0]
    environment.admin.set_macro("segment_bridge_audit", SEARCH)


# --- Changes --------------------------------------------------------------------------------------------------------


def test_a_second_cluster_runs_at_once_and_is_gone_with_its_users(page, environment):
    page.clusters.press("Add a cluster")
    page.clusters.fill_in(settings(environment, "second"))
    page.clusters.press("Test and save")
    page.clusters.wait_for("Saved. Cluster second answers")
    changes = [answer["url"] for answer in page.answers() if answer["method"] == "POST"]
    (turned_on,) = [place for place, url in enumerate(changes) if url.endswith("usersignups/second/enable")]
    assert not any("storage/passwords" in url for url in changes[turned_on:]), "it has its secrets by then"
    of_both = 2 * recorded.expected_counts()["lookup"]["usernames"]
    environment.admin.wait_for_records("usersignups", of_both)

    page.clusters.press("Remove: cluster second")
    page.browser.field("Also forget its users").click()
    page.browser.button("Remove").click()
    page.clusters.wait_for("Removed cluster second")
    page.browser.wait_for(lambda: page.browser.focused.name, "Add a cluster")
    assert {record["cluster"] for record in environment.admin.records("usersignups")} == {CLUSTER}
    assert [
        entry.username for entry in environment.admin.service.storage_passwords.list() if "second" in entry.username
    ] == []


def test_another_destination(page, environment):
    page.destination.press("Add a destination")
    page.destination.choose("Another address: your own proxy, or any receiver of Segment's protocol")
    page.destination.fill_in(
        {"Name": "staging", "URL for batches": environment.segment.url + "/v1/batch", "Write key": WRITE_KEY}
    )
    page.destination.press("Save, and send a test event")
    page.destination.wait_for("accepted.* Debugger")
    assert [row[0] for row in page.destination.rows()] == ["segment", "staging"]
    assert secrets_of(environment, r"staging.*") == {"staging": WRITE_KEY}

    page.destination.switch("destination staging")
    page.destination.wait_for("Destination staging is off")
    page.destination.press("Send a test event: destination staging")
    page.destination.wait_for("staging.* disabled")
    page.destination.switch("destination staging")
    page.destination.wait_for("Destination staging is on")

    page.destination.press("Remove: destination staging")
    page.browser.button("Remove").click()
    page.destination.wait_for("Removed destination staging")
    assert [row[0] for row in page.destination.rows()] == ["segment"]
    assert secrets_of(environment, r"staging.*") == {}
    assert [stanza.name for stanza in environment.admin.service.confs["segment_bridge"].list()] == ["segment"]


def test_check_results_are_shown_when_a_destination_is_saved(page):
    page.destination.press("Edit: destination segment")
    page.destination.press("Save")
    page.destination.wait_for("Saved. Nothing was sent yet")
    assert "Receiver good it answers" in page.destination.report.replace("\n", " ")
    page.destination.press("Check: destination segment")
    page.destination.wait_for(r"Destination segment:\n")


def test_another_receiver_receipts_and_oauth_can_be_set(page, environment):
    conf = environment.admin.service.confs["segment_bridge"]
    page.destination.press("Add a destination")
    page.destination.choose("Jitsu")
    assert "Jitsu does not drop repeats" in page.destination.text
    page.destination.fill_in({"Name": "other", "URL for batches": "http://127.0.0.1:1/v1/batch"})
    page.destination.fill_in({"Write key": WRITE_KEY})
    page.destination.press("Save")
    assert "a colon and its secret" in page.destination.problem("Write key")
    page.destination.fill_in({"Write key": "id:fake-secret"})
    page.destination.press("Save")
    page.destination.wait_for("Saved")
    assert (conf["other"]["receiver"], conf["other"]["url"]) == ("jitsu", "http://127.0.0.1:1/v1/batch")

    page.destination.press("Edit: destination other")
    page.destination.choose("Segment, in the European Union")
    page.destination.press("Replace saved secret: Write key")
    page.destination.unfold("Receipts: what Segment did with the events")
    page.destination.unfold("OAuth 2.0: if the source requires it")
    page.destination.fill_in(
        {"Write key": WRITE_KEY, "Source ID": "s1", "Public API token": "fake-token", "Key ID": "k1"}
    )
    page.destination.press("Save")
    assert "with the other ID" in page.destination.problem("Application ID")
    page.destination.fill_in({"Application ID": "a1", "Private key": "fake"})
    page.destination.press("Save")
    assert "RSA key in PEM" in page.destination.problem("Private key")
    page.destination.fill_in(
        {"Private key": "-----BEGIN PRIVATE KEY-----\n" + "ZmFrZQ==\n" * 40 + "-----END PRIVATE KEY-----\n"}
    )
    page.destination.unfold("Network")
    page.destination.fill_in({"Proxy": "http://127.0.0.1:1"})  # so that no request leaves the machine
    page.destination.press("Save")
    page.destination.wait_for("Saved")
    settings = conf["other"].content
    assert [settings[name] for name in ("region", "source_id", "oauth_app_id", "oauth_key_id")] == [
        "eu",
        "s1",
        "a1",
        "k1",
    ]
    assert not settings["url"]
    pieces = secrets_of(environment, "other:oauth.*")
    assert pieces["other:oauth"] + pieces["other:oauth#2"] == "ZmFrZQ==" * 40
    assert secrets_of(environment, "other:api") == {"other:api": "fake-token"}
    page.destination.press("Remove: destination other")
    page.browser.button("Remove").click()
    page.destination.wait_for("Removed destination other")
    assert secrets_of(environment, "other.*") == {}


def test_the_schedule_can_be_chosen(page, environment):
    page.power.choose("Within minutes")
    assert "Not saved" in page.power.text.splitlines()[0]
    page.power.press("Save")
    page.power.wait_for("Saved")
    job = environment.admin.service.saved_searches[JOB]
    assert (job["cron_schedule"], job["is_scheduled"]) == ("*/5 * * * *", "1")
    job.update(cron_schedule="3 * * * *").refresh()
    page.open()
    assert page.power.field("Current schedule: 3 * * * *").attribute("type") == "radio"
    page.power.choose("Within an hour or so")
    page.power.press("Save")
    page.power.wait_for("Saved")
    assert job.refresh()["cron_schedule"] == "7 * * * *"


def test_a_cluster_that_is_switched_off_stays_off(page, environment):
    page.clusters.switch("cluster host")
    page.clusters.wait_for("Cluster host is off")
    assert page.browser.focused.name == "cluster host"
    page.power.press("Turn it on again, and run the job")
    page.power.wait_for("The app is on. The first run", seconds=120)
    assert page.clusters.rows()[0][3] == "Off"
    page.clusters.switch("cluster host")
    page.clusters.wait_for("Cluster host is on")


def test_it_can_be_switched_off_and_on_again(page, environment):
    service = environment.admin.service
    page.power.press("Turn it off")
    page.power.wait_for("The app is off")
    assert page.clusters.rows()[0][3] == "Off"
    assert [search.name for search in service.saved_searches.list() if search["is_scheduled"] == "1"] == []

    page.power.press("Turn it on")
    page.power.wait_for("The app is on. The first run:", seconds=120)
    assert page.clusters.rows()[0][3] == "On"


def test_users_who_are_not_administrators_are_told_so(environment, set_up, borrowed):
    environment.admin.add_user(APP + "_colleague", "fake-password", "segment_bridge_sender")
    page = SetupPage(borrowed, environment.splunk.web)
    page.log_in(APP + "_colleague", "fake-password")
    borrowed.open(environment.splunk.web + "/en-US/app/segment_bridge/setup")
    borrowed.wait_for_text("Ask an administrator to set up this app")
    assert len(page.answers()) == 2, "nothing is looked for"


def test_recipients_who_get_no_mail_are_reported(page, environment):
    environment.admin.set("alert_actions", "email", {"allowedDomainList": "example.com, corp.example"})
    page.alerts.fill_in({"E-mail addresses": "ops@example.com, me@elsewhere.example"})
    page.alerts.press("Save")
    page.alerts.wait_for(r"Saved\.\nSplunk will not send mail to me@elsewhere\.example, ")
    assert "alerts send mail to" not in page.alerts.report
    environment.admin.set("alert_actions", "email", {"allowedDomainList": "allow_all"})
    page.alerts.press("Save")
    page.alerts.wait_for("alerts send mail to ops@example.com, me@elsewhere.example")


def test_other_addresses_of_an_alert_are_reported_before_they_are_replaced(page, environment):
    to = page.alerts.field("E-mail addresses").value
    alert = environment.admin.service.saved_searches[ALERT]
    alert.update(**{"action.email.to": "oncall@example.com"})
    page.open()
    page.alerts.wait_for(
        "Not all alerts have these addresses: The job has not succeeded goes to oncall@example.com. If"
    )
    assert page.alerts.field("E-mail addresses").value == to
    page.alerts.press("Save")
    page.alerts.wait_for("alerts send mail to")
    assert alert.refresh()["action.email.to"] == to


def test_mail_can_be_turned_off_and_on(page, environment):
    def mailed():
        searches = environment.admin.service.saved_searches.list()
        return [search.name for search in searches if "email" in (search.content.get("actions") or "")]

    assert mailed()
    page.alerts.field("E-mail addresses").enter("")
    page.alerts.press("Save")
    page.alerts.wait_for("Nobody gets mail")
    assert mailed() == []
    page.open()
    assert (page.alerts.mark, page.alerts.field("E-mail addresses").value) == ("Optional", "")
    page.alerts.fill_in({"E-mail addresses": "ops@example.com, data@example.com"})
    page.alerts.press("Save")
    page.alerts.wait_for("alerts send mail to ops@example.com, data@example.com")


def test_a_disabled_input_is_not_done(page, environment):
    environment.admin.service.post("data/inputs/usersignups/host/disable")
    page.open()
    assert page.clusters.mark == "Off: host"
    environment.admin.service.post("data/inputs/usersignups/host/enable")
    page.open()
    assert page.clusters.mark == "Done"


def test_only_listed_calls_are_made(page, browser):
    """The test of what Splunk Web passes on relies on that list."""
    page.clusters.press("Test: cluster host")
    page.clusters.wait_for("Cluster host answers")
    listed = [(method, re.compile(re.escape(where).replace(r"\*", "[^/]+"))) for method, where in calls()]
    made = {
        (answer["method"], urlsplit(answer["url"]).path.partition("/nobody/segment_bridge/")[2])
        for answer in page.answers()
    }
    assert len(made) > 8
    assert [
        call
        for call in made
        if not any(method == call[0] and where.fullmatch(unquote(call[1])) for method, where in listed)
    ] == []


# --- For all users --------------------------------------------------------------------------------------------------


def test_everything_that_can_be_used_has_a_name(page, browser):
    page.clusters.press("Edit: cluster host")
    page.clusters.unfold("More settings")
    controls = browser.all("//*[self::input or self::button or self::summary]")
    assert len(controls) > 20
    assert [control.attribute("outerHTML") for control in controls if not control.name] == []
    names = [control.name for control in controls]
    assert {name for name in names if names.count(name) > 1} <= {"Save"}


def test_a_field_can_be_filled_in_and_saved_by_keyboard_alone(page, browser):
    page.alerts.field("E-mail addresses").click()
    browser.focused.type(END + ", third@example.com")
    browser.press(TAB)
    assert browser.focused.name == "Save"
    browser.press(ENTER)
    page.alerts.wait_for("third@example.com")
    assert browser.focused.name == "Save", "and one goes on from there"
