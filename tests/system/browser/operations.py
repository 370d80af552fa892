"""The view "operations" as its users know it: the state, and one part at a time."""

from tests.support.administrator import APP
from tests.system.browser.browser import Browser
from tests.system.browser.page import Step

TITLES = {
    "runs": "Runs",
    "letters": "Dead letters",
    "backfill": "Backfill",
    "event": "One event",
    "check": "Check this installation",
}


class Part(Step):
    """A part of the view. Other texts in it, such as where a list is, are not reports."""

    _REPORT = '//*[@class="sb-report"]'

    def rows(self) -> list:
        """The cells of its tables' rows."""
        return self._browser.cells(self._xpath + "//tbody/tr")


class Operations:
    """The view in a browser."""

    def __init__(self, browser: Browser, web: str):
        self.browser, self._web = browser, web
        self.state = Part(browser, "State")

    def open(self, part: str = "runs", query: str = "") -> Part:
        """Opens the view with one of its parts. Returns once both have been loaded."""
        title = TITLES[part]
        self.browser.open("%s/en-US/app/%s/operations?part=%s%s" % (self._web, APP, part, query))
        step = Part(self.browser, title)
        self.browser.wait_for(lambda: self.word, r"\w", 60)
        self.browser.wait_for(lambda: "busy" if step.report else step.text, r"(?s)^(?!busy)(?=.*\n)", 60)
        return step

    @property
    def word(self) -> str:
        """The state in one word."""
        return "".join(self.browser.texts('//p[contains(@class, "sb-state")]/strong')[:1])
