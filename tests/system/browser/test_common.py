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
const [kvstore, searches, dialog, pages] = await Promise.all(["kvstore", "searches", "dialog", "pages"].map(load));
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
