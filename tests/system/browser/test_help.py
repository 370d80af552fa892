"""Help in Splunk Web, and its pages on their own, which can be read before the app is set up."""

import pytest

from tests.system.browser.browser import missing

if missing():
    pytest.skip(
        "no browser, %s not found: apt-get install chromium chromium-driver" % " and ".join(missing()),
        allow_module_level=True,
    )

HEADING_IS_IN_SIGHT = """
const {top} = document.getElementById(arguments[0]).getBoundingClientRect();
return top >= 0 && top < innerHeight;
"""


def test_help_can_be_read_in_splunk_and_on_its_own(environment, browser):
    web = environment.splunk.web
    browser.open(web + "/en-US/static/app/segment_bridge/help/index.html")
    browser.one('//nav//a[@aria-current="page"][normalize-space()="Segment Bridge help"]')

    environment.admin.set("app", "install", {"is_configured": "1"})
    browser.open(web + "/en-US/app/segment_bridge/help")
    browser.one('//nav//a[normalize-space()="Architecture"]').click()
    browser.wait_for_text("Which UserSignup wins")
    assert browser.address.endswith("/app/segment_bridge/help?page=architecture")
    assert browser.one("//nav//a[@aria-current]").text == "Architecture"

    browser.open(web + "/en-US/app/segment_bridge/help?page=architecture#decisions")
    browser.wait_for_text("Delivery is at least once")
    browser.wait_for(lambda: str(browser.run(HEADING_IS_IN_SIGHT, "help-decisions")), "True")

    browser.open(web + "/en-US/app/segment_bridge/help?page=../setup")
    browser.wait_for_text(r"Help has no page \.\./setup\. Go to its first page")
