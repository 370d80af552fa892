"""What is inside Splunk's own pages: the dashboard, to which Overview leads, and the form of "Send to Segment".

The stand-in has only the app's contribution to these pages: where the dashboard is, and the form's HTML.
"""

import pytest

from tests.standin.clients import PASSWORD, connect
from tests.standin.splunkd import Splunkd
from tests.standin.stores.kvstore import STARTING
from tests.support.administrator import APP
from tests.system.browser.browser import TAB, missing
from tests.system.browser.looks import problems, violations
from tests.system.browser.page import SetupPage

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

ACTION = "segment_bridge_send"
ALERT = "An alert"


@pytest.fixture(scope="module")
def splunkd(package, tmp_path_factory):
    """Splunk with the app, set up but not sending, and without a cluster."""
    with Splunkd(tmp_path_factory.mktemp("splunk")) as splunkd:
        splunkd.install(package, update=False)
        splunkd.confs.write("app", APP, "install", {"is_configured": "1"})
        splunkd.sessions.add("ann", PASSWORD, frozenset(["user", "segment_bridge_sender"]))
        splunkd.sessions.add("ana", PASSWORD, frozenset(["user", "segment_bridge_analyst"]))
        yield splunkd


@pytest.fixture(scope="module")
def browser(chromium, splunkd):
    yield chromium
    chromium.forget()


def log_in(browser, splunkd, user):
    SetupPage(browser, splunkd.web_url).log_in(user, PASSWORD)


class TestOverview:
    @pytest.fixture
    def ready(self, splunkd, browser):
        log_in(browser, splunkd, "ann")
        return splunkd.web_url + "/en-US/app/segment_bridge/overview"

    @pytest.mark.parametrize("width", [1280, 400])
    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_it_leads_to_the_dashboard_in_its_readers_theme(self, ready, browser, theme, width):
        """In this variable Splunk Web says which theme the reader has (npm: splunk-utils, themes.js)."""
        script = "window.__splunk_ui_theme__ = %r" % theme
        added = browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=script)
        browser.resize(width)
        try:
            browser.open(ready + "?form.destination=segment")
            browser.wait_for(lambda: browser.address, "/overview_%s[?]form.destination=segment$" % theme)
        finally:
            browser.devtools("Page.removeScriptToEvaluateOnNewDocument", **added)
            browser.devtools("Emulation.clearDeviceMetricsOverride")

    def test_it_does_not_block_the_back_button(self, ready, browser, splunkd):
        browser.open(splunkd.web_url + "/en-US/app/segment_bridge/help")
        before = browser.run("return history.length")
        browser.open(ready)
        browser.wait_for(lambda: browser.address, "/overview_light$")
        assert browser.run("return history.length") == before + 1

    def test_while_kv_store_starts_it_says_so_and_stays(self, ready, browser, splunkd, monkeypatch):
        monkeypatch.setattr(splunkd.kvstore, "status", STARTING)
        browser.open(ready)
        browser.wait_for_text("KV store is not ready .starting.")
        assert problems(browser, "overview-starting") == []
        assert browser.address == ready

    def test_users_who_may_not_see_what_was_sent_are_told_where_to_go(self, browser, splunkd):
        log_in(browser, splunkd, "ana")
        browser.open(splunkd.web_url + "/en-US/app/segment_bridge")
        browser.wait_for_text("You can use the page Journeys")
        assert problems(browser, "overview-without-rights") == []
        for theme in ("light", "dark"):
            browser.open(splunkd.web_url + "/en-US/app/segment_bridge/overview_" + theme)
            browser.wait_for_text("was not found")


DIALOG = """
const [action, name, user] = arguments;
const root = `/en-US/splunkd/__raw/servicesNS/${user}/search/`;
const content = async path => (await (await fetch(`${root}${path}?output_mode=json`)).json()).entry[0].content;
const form = new DOMParser().parseFromString(
    (await content(`data/ui/alerts/${action}`))["eai:data"].replaceAll("{{SPLUNKWEB_URL_PREFIX}}", "/en-US"),
    "text/html",
).querySelector("form");
const settings = await content(`alerts/alert_actions/${action}`);
for (const field of form.elements) {
    field.value = settings[field.name.replace(`action.${action}.`, "")] ?? "";
}
const save = document.createElement("button");
save.textContent = "Save";
const answer = document.createElement("p");
answer.role = "alert";
save.onclick = async () => {
    const [, key] = document.cookie.match(/splunkweb_csrf_token_\\d+=(\\d+)/);
    const body = new URLSearchParams({output_mode: "json", name, search: "| makeresults", actions: action,
        [`action.${action}`]: "1", ...Object.fromEntries(new FormData(form))});
    const reply = await fetch(`${root}saved/searches`, {
        method: "POST", body, headers: {"X-Splunk-Form-Key": key, "X-Requested-With": "XMLHttpRequest"}});
    const said = async () => (await reply.json()).messages.map(({text}) => text).join(" ");
    answer.textContent = reply.ok ? "Saved" : await said();
};
document.body.replaceChildren(form, save, answer);
"""
"""In short, what Splunk Web does in Save As > Alert: it shows the form with the action's defaults, and splunkd's
answer. Sources: "Create a custom alert action user interface"; alert_actions.conf.spec, param.<name>.
"""


class TestTheForm:
    """The form contains no script: the browser itself refuses values while one types, and Splunk marks them in red."""

    @pytest.fixture(scope="class", autouse=True)
    def opened(self, splunkd, browser):
        log_in(browser, splunkd, "ann")
        browser.open(splunkd.web_url + "/en-US/manager/launcher/apps/local")
        browser.run(DIALOG, ACTION, ALERT, "ann")

    def test_it_starts_with_the_defaults(self, browser):
        labels = [label.text for label in browser.all("//label")]
        assert {label: browser.field(label).value for label in labels} == {
            "Destination": "segment",
            "Type": "track",
            "Event name": "",
            "User ID": "$result.userId$",
            "Properties": "",
            "Results": "all",
            "Dry run": "0",
        }

    def test_each_field_has_a_description_and_the_tab_order_is_right(self, browser):
        labels = [label.text for label in browser.all("//label")]
        browser.field(labels[0]).click()
        reached = [browser.focused.name]
        while reached[-1] != "Save":
            browser.press(TAB)
            reached.append(browser.focused.name)
        assert reached == [*labels, "Help for this action", "Save"]

    def test_it_is_accessible(self, browser):
        assert violations(browser, "form") == []

    @pytest.mark.parametrize(
        ("label", "right", "wrong"),
        [
            ("Destination", ["segment", "segment.eu", "a-b_c"], ["a b", "../x", "$result.x$", ".x"]),
            ("Event name", ["Order placed", "$result.x$"], [" "]),
        ],
    )
    def test_invalid_values_are_marked_while_being_typed(self, browser, label, right, wrong):
        field = browser.field(label)
        before = field.value
        marked = {}
        for text in [*right, *wrong]:
            field.enter(text)
            marked[text] = browser.run("return document.activeElement.matches(':focus:invalid')")
        field.enter(before)
        assert marked == {**dict.fromkeys(right, False), **dict.fromkeys(wrong, True)}

    def test_splunkds_refusal_is_shown_and_the_input_is_kept(self, browser, splunkd):
        def save():
            browser.run("document.querySelector('[role=alert]').textContent = ''")
            browser.button("Save").click()
            browser.wait_for(lambda: browser.one('//*[@role="alert"]').text, ".")
            return browser.one('//*[@role="alert"]').text

        assert "Send to Segment: a track event needs an event name" in save()
        browser.field("Event name").enter("Order $result.n$ placed")
        browser.field("Properties").enter("total:int = 5")
        assert "Send to Segment: each line of Properties must look like" in save()
        assert browser.field("Event name").value == "Order $result.n$ placed"
        browser.field("Properties").enter("total:number = $result.total$\nmember:boolean")
        assert save() == "Saved"
        saved = connect(splunkd, "ann", "search", "ann").saved_searches[ALERT].content
        assert saved["action.%s.param.event" % ACTION] == "Order $result.n$ placed"
        lines = saved["action.%s.param.properties" % ACTION].splitlines()
        assert lines == ["total:number = $result.total$", "member:boolean"]
