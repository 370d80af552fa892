"""The setup page when Splunk refuses something, has another version, or is not ready: it says so in one sentence, and
the rest works.

The test replaces answers that this Splunk would not give.
"""

import json
from typing import Any, Dict, List, Tuple

import pytest

from tests.standin.releases import RELEASES
from tests.system.browser.browser import Browser, missing
from tests.system.browser.looks import problems
from tests.system.browser.page import SetupPage

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

_ANSWER_INSTEAD = """{
const changes = %s;
const passing = window.fetch;
window.fetch = async (url, options = {}) => {
    const change = changes.find(({method, path, form, times}) => method === options.method && times !== 0
        && new RegExp(path).test(String(url)) && new RegExp(form).test(String(options.body)));
    const answer = await passing(url, options);
    if (!change) return answer;
    change.times -= 1;
    if (!change.content) return new Response(change.body, {status: change.status});
    const told = await answer.json();
    Object.assign(told.entry[0].content, change.content);
    return new Response(JSON.stringify(told), {status: 200});
};
}"""
HTML = "<!doctype html><title>Splunk</title>"


def instead(
    method: str, path: str, status: int, body: Any = HTML, form: str = "", times: int = 1_000
) -> Dict[str, Any]:
    """An answer that replaces the true one, the first `times` if a form matches."""
    text = body if isinstance(body, str) else json.dumps(body)
    return {"method": method, "path": path, "form": form, "times": times, "status": status, "body": text}


def but(path: str, **content: Any) -> Dict[str, Any]:
    """The true answer to a GET, with other settings in its entry."""
    return {"method": "GET", "path": path, "form": "", "times": 1_000, "content": content}


def refusal(text: str) -> Dict[str, Any]:
    return {"messages": [{"type": "ERROR", "text": text}]}


@pytest.fixture
def opened(browser: Browser, environment):
    """Opens the page with such answers."""
    scripts: List[str] = []

    def open_with(*changes: Dict[str, Any], waits: bool = True) -> SetupPage:
        scripts.append(
            browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=_ANSWER_INSTEAD % json.dumps(changes))[
                "identifier"
            ]
        )
        page = SetupPage(browser, environment.splunk.web)
        if waits:
            page.open()
        else:
            browser.open(environment.splunk.web + "/en-US/app/segment_bridge/setup")
        return page

    yield open_with
    for script in scripts:
        browser.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def told(browser: Browser, pattern: str) -> str:
    """All of the page's text, once it contains this."""
    browser.wait_for_text(pattern)
    return browser.run("return document.querySelector('#segment-bridge-setup').innerText")


@pytest.mark.parametrize(
    ("version", "is_told"), [("9.2.6", True), ("8.2.1", True), *((version, False) for version in RELEASES)]
)
def test_an_older_splunk_gets_one_line(opened, browser, version, is_told):
    opened(but("server/info", version=version), waits=False)
    if is_told:
        assert told(browser, "needs Splunk").split("\n\n") == [
            "Set up Segment Bridge",
            "Segment Bridge needs Splunk 9.3 or later; this is %s." % version,
        ]
    else:
        assert "1. Destinations" in told(browser, "5. Turn it on")


def test_users_without_permission_read_one_sentence(opened, browser):
    opened(but("current-context", capabilities=["search"]), waits=False)
    text = told(browser, "administrator")
    assert "edit_modinput_usersignups" in text
    assert problems(browser, "setup-without-rights") == []
    assert "1. Destinations" not in text


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (instead("GET", "current-context", 200), "Your session has ended"),
        (instead("GET", "current-context", 401, refusal("call not properly authenticated")), "Your session has ended"),
    ],
)
def test_a_session_that_has_ended(opened, browser, answer, sentence):
    opened(answer, waits=False)
    assert sentence in told(browser, "session")


def test_a_page_that_does_not_load_says_so(opened, browser, environment):
    browser.devtools("Network.enable")
    browser.devtools("Network.setBlockedURLs", urls=["*setup/page.js"])
    try:
        browser.open(environment.splunk.web + "/en-US/app/segment_bridge/setup")
        text = told(browser, "could not be loaded")
    finally:
        browser.devtools("Network.setBlockedURLs", urls=[])
    assert "_bump" in text
    assert "JavaScript" not in text


@pytest.mark.parametrize("status", ["starting", "failed"])
def test_a_kv_store_that_is_not_ready_is_reported(opened, browser, status):
    page = opened(but("server/info", kvStoreStatus=status))
    assert "KV store is not ready (%s)" % status in browser.text
    assert problems(browser, "setup-kv-store-%s" % status) == []
    assert page.destination.mark


def test_a_kv_store_that_refuses_is_reported_by_its_status(opened):
    page = opened(instead("GET", "data/inputs/usersignups", 503, refusal("KV Store is initializing.")))
    page.clusters.wait_for("KV Store is initializing")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (instead("GET", r"data/inputs/usersignups\?", 404), "does not pass on data/inputs/usersignups"),
        (instead("GET", r"data/inputs/usersignups\?", 403, refusal("no")), "capability edit_modinput_usersignups"),
        (instead("GET", r"data/inputs/usersignups\?", 405, refusal("not allowed")), "not allowed"),
    ],
)
def test_if_inputs_are_refused_the_page_says_what_to_do_and_continues(opened, environment, answer, why):
    page = opened(answer)
    assert page.clusters.mark == "By hand"
    text = page.clusters.text
    assert why in text
    assert "Settings > Data inputs > UserSignups" in text

    page.clusters.press("Save a cluster's token")
    page.clusters.fill_in({"Name": "cloud", "Bearer token": "fake-token"})
    page.clusters.press("Save")
    page.clusters.wait_for("create the input under Settings > Data inputs > UserSignups, with the name cloud")
    passwords = environment.admin.service.storage_passwords
    kept = [entry for entry in passwords.list() if entry.username == "usersignups:cloud"]
    assert [entry.clear_password for entry in kept] == ["fake-token"]
    assert [page.destination.mark, page.power.mark] == ["To do", "Off"]
    kept[0].delete()


def test_an_input_that_splunk_does_not_know_needs_a_restart(opened):
    page = opened(instead("GET", r"data/inputs/usersignups\?", 404, refusal("Not Found")))
    page.clusters.wait_for("Splunk does not know the app's input, usersignups. .*restart it")


def test_a_path_that_web_conf_does_not_expose_is_named(opened):
    page = opened(instead("GET", "storage/passwords", 404))
    page.destination.wait_for(r"Splunk Web does not pass on storage/passwords \(status 404\)")


def test_a_member_that_does_not_know_that_it_is_set_up(opened, environment):
    roles: Dict[str, Any] = but("server/info", server_roles=["search_head", "shc_member", "kv_store"])
    page = opened(roles)
    note = "this member does not know that it is set up"
    assert note not in page.power.text
    scheduled = {
        "entry": [
            {
                "name": "Segment Bridge - Send user journeys",
                "acl": {"app": "segment_bridge"},
                "content": {"cron_schedule": "7 * * * *", "is_scheduled": True, "disabled": False},
            }
        ]
    }
    page = opened(roles, instead("GET", "saved/searches", 200, scheduled))
    assert note in page.power.text
    assert page.power.mark == "On"


def test_splunks_boilerplate_is_left_out(opened):
    said = "Encountered the following error while trying to save: "
    page = opened(instead("POST", "conf-macros/segment_bridge_audit", 400, refusal(said + "The macro is odd.")))
    page.audit.press("Save and count")
    page.audit.wait_for("The macro is odd")
    assert page.audit.report == "The macro is odd."


def test_the_apps_message_is_found_after_splunks_own_words(opened, environment):
    said = (
        "In handler 'usersignups': Argument validation for scheme=usersignups: usersignups: inputs.conf "
        '[usersignups://x] server must be right, got "y" (reason=settings setting=server)'
    )
    page = opened(instead("POST", "data/inputs/usersignups$", 400, refusal(said)))
    page.clusters.press("Add a cluster")
    page.clusters.fill_in({"Name": "x", "API server": "https://127.0.0.1:1", "Bearer token": "fake-token"})
    page.clusters.press("Test and save")
    page.browser.wait_for(lambda: page.clusters.problem("API server"), "server must be right")
    assert page.clusters.problem("API server").startswith('server must be right, got "y".')


def test_wide_fields_are_wide(opened, browser):
    page = opened()
    widths = {
        label: browser.run(
            "return arguments[0].getBoundingClientRect().width",
            {"element-6066-11e4-a52e-4f735466cecf": step.field(label).reference},
        )
        for step, label in ((page.audit, "Search terms"), (page.alerts, "E-mail addresses"))
    }
    assert all(width > 500 for width in widths.values()), widths


def checks(*found: Tuple[str, str, str]) -> Dict[str, Any]:
    """The answer of the endpoint segment_bridge/check."""
    return instead(
        "POST",
        "segment_bridge/check",
        200,
        {
            "destination": "segment",
            "checks": [{"check": check, "status": status, "code": "", "text": text} for check, status, text in found],
        },
    )


def test_a_key_that_segment_does_not_know_is_reported(opened):
    page = opened(
        checks(("key", "warn", "no source of Segment has it"), ("region", "unknown", "not known without a source"))
    )
    page.destination.press("Check: destination segment")
    page.destination.wait_for("Write key: no source of Segment has it")
    assert page.destination.report.splitlines()[-1] == "Write key: no source of Segment has it."
    assert "Region not known not known without a source" in page.destination.report.replace("\n", " ")


def test_a_check_that_fails_is_reported(opened):
    page = opened(instead("POST", "segment_bridge/check", 504, refusal("the checks take longer than 25 s")))
    page.destination.press("Check: destination segment")
    page.destination.wait_for("The checks of this destination failed: the checks take longer than 25 s")


def test_a_step_that_is_not_loaded_can_be_tried_again(opened):
    page = opened(instead("GET", "conf-segment_bridge", 503, times=1))
    assert "It may be starting" in page.destination.report
    assert "Add a destination" not in page.destination.text
    assert page.clusters.mark == "To do"
    page.destination.press("Try again")
    page.browser.wait_for(lambda: page.destination.mark, "To do")
    assert page.destination.report == ""


def test_lists_are_shown_without_kv_store(opened):
    page = opened(instead("GET", "collections/data/segment_runs", 503, refusal("starting")))
    (row,) = page.destination.rows()
    assert row[4:6] == ["not known", "not known"]
    assert "Not all is known: KV store is not ready yet." in page.destination.text
    assert [page.destination.mark, page.destination.report] == ["To do", ""]


def test_saving_continues_where_it_failed(opened, environment):
    full = refusal("The disk is full.")
    page = opened(instead("POST", "storage/passwords$", 500, full, form="name=staging&", times=1))
    page.destination.press("Add a destination")
    page.destination.choose("Another address: your own proxy, or any receiver of Segment's protocol")
    page.destination.fill_in(
        {"Name": "staging", "URL for batches": environment.segment.url + "/v1/batch", "Write key": "k" * 32}
    )
    page.destination.press("Save")
    page.destination.wait_for("The disk is full")
    assert [row[0] for row in page.destination.rows()] == ["segment", "staging"]
    page.destination.press("Save")
    page.destination.wait_for("Saved. Nothing was sent yet")
    assert page.destination.rows()[1][2] == "saved"
    page.destination.press("Remove: destination staging")
    page.browser.button("Remove").click()
    page.destination.wait_for("Removed destination staging")


def test_search_terms_that_cannot_be_searched_are_still_saved(opened):
    page = opened(instead("POST", "search/jobs$", 400, refusal("Unable to parse the search.")))
    page.audit.press("Save and count")
    page.audit.wait_for("The search terms are saved, but searching with them failed: Unable to parse the search")
    assert page.audit.mark == "To do"
