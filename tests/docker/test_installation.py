"""What "Check this installation" finds on a real Splunk, through its searches and, with a browser, in the view."""

import re

import pytest

from tests.support.environment import is_real
from tests.system.browser.browser import Browser, missing
from tests.system.browser.operations import Operations
from tests.system.browser.page import SetupPage

if not is_real():
    pytest.skip("needs a real Splunk: make test-splunk", allow_module_level=True)

SEARCH = "Segment Bridge - Operations - "


def test_each_search_function_gives_its_known_answer(bridge):
    rows = bridge.admin.run_saved_search(SEARCH + "Check search functions").rows
    assert len(rows) > 15
    assert [row for row in rows if row["expected"] != row["got"]] == []


@pytest.mark.parametrize(
    "name",
    ["State", "State without KV store", "Check lookups", "Check audit events", "Check unreadable events"]
    + ["Check user map", "Check skipped runs", "Check time", "Count audit events"],
)
def test_its_other_searches_run(bridge, name):
    outcome = bridge.admin.run_saved_search(SEARCH + name)
    assert not outcome.failed, outcome.messages


def test_an_argument_is_put_into_the_search_unchanged(bridge):
    """REST API reference, saved/searches, args.*: args.username=foobar, "when the search is search $username$"."""
    audit_id = "no%20such%22%5D"
    outcome = bridge.admin.run_saved_search(SEARCH + "One event", **{"args.id": audit_id})
    assert not outcome.failed, outcome.messages
    assert {row["part"] for row in outcome.rows} <= {"run"}


@pytest.mark.skipif(bool(missing()), reason="no browser: apt-get install chromium chromium-driver")
def test_the_view_says_what_it_found(bridge, record_property):
    with Browser() as browser:
        SetupPage(browser, bridge.splunk.web).log_in(bridge.admin.user, bridge.splunk.password)
        part = Operations(browser, bridge.splunk.web).open("check")
        part.press("Check")
        part.wait_for("checks are OK", 300)
        found = re.findall(r"^(?:Failed|Review|Unknown) .*", part.text, re.M)
        record_property("answer", ("what Check this installation finds", "; ".join(found) or "nothing wrong"))
        assert [line for line in found if " instead of " in line] == []
