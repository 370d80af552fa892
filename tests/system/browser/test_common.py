"""What the pages share and the setup page does not use: records, saved searches, long tables, dialogs."""

import json

import pytest

from tests.system.browser.browser import ESCAPE, missing

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

DEAD_LETTER = {
    "destination": "segment",
    "message_id": "1",
    "event": "Page opened",
    "status": "rejected",
    "reason": "too_large",
    "attempts": 1,
    "first_time": 1,
    "last_time": 1,
}
_IN = """
const load = (name) => import(`/en-US/static/app/segment_bridge/common/${name}.js`);
const [kvstore, searches, dialog, pages, splunkd, section, dom] = await Promise.all(
    ["kvstore", "searches", "dialog", "pages", "splunkd", "section", "dom"].map(load));
const failed = (promise) => promise.then(() => "", ({code, message}) => `${code}: ${message}`);
"""


_ASK = 'window.answer = dialog.confirmed("Drop 3 events?", ["They are not sent."], "Drop"); return null;'


@pytest.fixture
def run(browser, page):
    """Runs a script with the modules in the page."""
    return lambda script, *arguments: browser.run(_IN + script, *arguments)


@pytest.fixture
def letters(environment):
    """The collection, with one record: segment/1."""
    letters = environment.admin.service.kvstore["segment_dead_letters"].data
    letters.insert(json.dumps({"_key": "segment/1", **DEAD_LETTER}))
    yield letters
    letters.delete()


def test_a_change_keeps_the_other_fields(run, letters):
    written = run("""
        const [seen] = await kvstore.records("segment_dead_letters", {query: {reason: "too_large"}});
        return kvstore.change("segment_dead_letters", seen, {status: "again"});""")
    assert written["status"] == "again"
    assert letters.query_by_id("segment%2F1")["event"] == "Page opened"


def test_another_users_change_is_not_overwritten(run, letters):
    letters.update("segment%2F1", json.dumps({**DEAD_LETTER, "attempts": 2}))
    told = run(
        """
        const seen = {_key: "segment/1", ...arguments[0]};
        return Promise.all([
            failed(kvstore.change("segment_dead_letters", seen, {status: "again"})),
            failed(kvstore.drop("segment_dead_letters", seen)),
            failed(kvstore.drop("segment_dead_letters", {...seen, _key: "segment/2"}))]);""",
        DEAD_LETTER,
    )
    assert [text.partition(":")[0] for text in told] == ["changed", "changed", "gone"]
    assert letters.query_by_id("segment%2F1")["status"] == "rejected"


def test_a_long_table_has_pages(run, letters):
    letters.batch_save(*({"_key": "segment/%d" % number, **DEAD_LETTER, "last_time": number} for number in range(2, 6)))
    pages = run("""
        const read = (skip, limit) => kvstore.records("segment_dead_letters", {sort: "last_time", skip, limit});
        const list = new pages.Pages({last_time: "Time"}, "Letters", read, {size: 2});
        document.querySelector(".sb-page").append(list.element);
        const found = [];
        for (const skip of [0, 2, 4, 6]) {
            await list.show(skip);
            const shown = [...list.element.querySelectorAll("td, button, [role=status]")];
            found.push(shown.filter((each) => each.checkVisibility()).map((each) => each.textContent).join(" "));
        }
        return found;""")
    last = "5 Previous 5 to 5"
    assert pages == ["1 2 Next 1 to 2", "3 4 Previous Next 3 to 4", last, last]


def test_a_page_of_a_table_that_cannot_be_read_says_why(run):
    assert (
        run("""
        const list = new pages.Pages({}, "Letters", async (skip) => {
            if (skip) throw new Error("It has gone.");
            return [{}, {}];
        }, {size: 1});
        document.querySelector(".sb-page").append(list.element);
        await list.show(0);
        const [, next] = list.element.querySelectorAll("button");
        next.click();
        await splunkd.pause(0);
        return list.element.querySelector("[role=status]").textContent;""")
        == "It has gone."
    )


MESSAGE = '{"messages": [{"type": "ERROR", "text": "It said so."}]}'
AWAY = "Splunk answered with status %d. It may be starting: try again in a minute"
HTML = "<!doctype html><title>Splunk</title>"


def test_each_refusal_says_what_to_do(run):
    """An answer that is not JSON is not splunkd's: Splunk Web or a proxy gives it."""
    answers = {
        ("GET", "any", 503, HTML): AWAY % 503,
        ("GET", "any", 502, ""): AWAY % 502,
        ("GET", "any", 500, '{"messages": []}'): AWAY % 500,
        ("GET", "any", 503, MESSAGE): "It said so.",
        ("GET", "storage/collections/data/segment_runs", 503, HTML): AWAY % 503,
        ("GET", "storage/collections/data/segment_runs", 503, MESSAGE): "KV store is not ready yet",
        ("GET", "search/jobs/1", 404, MESSAGE): "Splunk has cancelled this search, or no longer keeps its results. Run",
        ("GET", "search/jobs/1", 404, HTML): "Splunk Web does not pass on search/jobs/1",
        ("POST", "any", 200, MESSAGE): "It said so.",
        ("GET", "any", 200, HTML): "Your session has ended. Log in again",
        ("POST", "storage/collections/data/segment_journeys", 403, MESSAGE): "Splunk does not permit this to you. It "
        "requires the role segment_bridge_analyst or admin",
    }
    told = run(
        """
        const told = [];
        for (const [method, where, status, text] of arguments[0]) {
            window.fetch = async () => new Response(text, {status});
            told.push(await failed((method === "GET" ? splunkd.get : splunkd.post)(where)));
        }
        const cut = new ReadableStream({start: (stream) => stream.error(new TypeError("network error"))});
        window.fetch = async () => new Response(cut);
        told.push(await failed(splunkd.get("any")));
        window.fetch = async (url, {signal}) => { throw new DOMException("", signal && "TimeoutError"); };
        told.push(await failed(splunkd.get("any")));
        return told.map((text) => text.replace(/^\\w*: /, ""));""",
        list(answers),
    )
    expected = [*answers.values(), "Cannot reach Splunk Web.", "Splunk has not answered within 120 s. Reload this page"]
    assert [text[: len(beginning)] for text, beginning in zip(told, expected)] == expected


def test_a_search_that_ends_badly_does_not_look_like_one_that_found_nothing(run):
    """A zombie's process ended before its search did: Splunk REST API reference, "search/jobs"."""
    jobs = [
        {"isZombie": True},
        {"isDone": True, "resultCount": 0, "messages": [{"type": "ERROR", "text": "It broke."}]},
        {"isDone": True, "resultCount": 1, "messages": [{"type": "ERROR", "text": "A part broke."}]},
        {"isDone": True, "resultCount": 0, "messages": [{"type": "WARN", "text": "It is late."}]},
    ]
    told = run(
        """
        const told = [];
        for (const job of arguments[0]) {
            const content = {isDone: false, isFailed: false, isZombie: false, messages: [], resultCount: 0, ...job};
            window.fetch = async (url) => new Response(JSON.stringify(String(url).includes("/results")
                ? {results: Array(content.resultCount).fill({})} : {entry: [{content}]}));
            told.push(await searches.finished("1").then(({errors}) => errors, ({message}) => message));
        }
        return told;""",
        jobs,
    )
    assert told == ["The search failed without an error message. Run it again.", "It broke.", ["A part broke."], []]


def test_the_focus_goes_to_what_replaced_the_pressed_button(run):
    assert run("""
        const place = new section.Section("x", "X", "");
        document.querySelector(".sb-page").append(place.element);
        const found = [];
        const show = (label) => {
            const made = dom.element("button", {"aria-label": label}, "Do");
            place.body.replaceChildren(made);
            return made;
        };
        for (const next of ["Do: one", "Do: two"]) {
            show("Do: one").focus();
            await place.during("...", async () => void show(next));
            found.push(document.activeElement.ariaLabel ?? document.activeElement.tagName);
        }
        return found;""") == ["Do: one", "H2"]


def test_a_dialog_waits_for_its_answer(run, browser):
    run("""
        window.asked = [];
        const answer = () => new Promise((done) => asked.push(done));
        window.left = dialog.ask("Edit", [], {Save: {kind: "primary", answer}});
        return null;""")
    browser.button("Save", "//dialog").click()
    browser.press(ESCAPE)
    assert "Please wait" in browser.one("//dialog").text
    assert run("""
        document.querySelector("dialog button").focus();
        const isFree = document.activeElement.tagName === "BUTTON";
        asked[0]("saved");
        return [isFree, asked.length, await window.left];""") == [False, 1, "saved"]


def test_an_argument_cannot_break_out_of_its_quotes(run):
    for value in ('a" | delete', "`macro`", "[search *]", "$x$", "back\\slash"):
        told = run("return failed(searches.dispatch(searches.JOB, {args: {x: arguments[0]}}));", value)
        assert told.startswith("argument: "), value


@pytest.mark.parametrize(("button", "answer"), [("Drop", True), ("Cancel", False)])
def test_a_question_is_answered_by_a_button(run, browser, button, answer):
    run(_ASK)
    assert browser.one('//*[@aria-labelledby="sb-dialog-title"]').name == "Drop 3 events?"
    browser.button(button, "//dialog").click()
    assert run("return window.answer") is answer
    assert browser.all("//dialog") == []


def test_escape_means_no(run, browser):
    run(_ASK)
    browser.one("//dialog")
    browser.press(ESCAPE)
    assert run("return window.answer") is False
