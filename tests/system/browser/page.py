"""The setup page as its users know it: five steps, with fields, buttons and reports."""

from typing import Dict

from tests.system.browser.browser import Browser, Element

DESTINATION, CLUSTERS, AUDIT, ALERTS, POWER = (
    "1. Destinations",
    "2. Clusters",
    "3. Audit events",
    "4. Alerts",
    "5. Turn it on",
)
_RECORD = """
window.answers = [];
const plain = window.fetch;
window.fetch = async (...call) => {
    const answer = await plain(...call);
    window.answers.push({url: String(call[0]), method: call[1]?.method ?? "GET", text: await answer.clone().text()});
    return answer;
};
"""

_LOG_IN = """
const cval = document.cookie.match(/cval=([^;]*)/)[1];
const form = new URLSearchParams({username: arguments[0], password: arguments[1], cval});
return (await fetch(location.pathname, {method: "POST", body: form})).status;
"""
"""What the script of Splunk's own login page does: it puts the cookie into the form."""


_NOT_BUSY = '[not(.//*[contains(@class, "sb-busy")])]'
_LOADED = '//section[normalize-space(h2/span) or normalize-space(.//*[@role="status"])]/h2'
"""The headings of the steps that have a mark or a report."""


class Step:
    """A section of the page."""

    _REPORT = '//*[@role="status"]'

    def __init__(self, browser: Browser, title: str):
        self._browser, self.title = browser, title
        self._xpath = '//section[h2[contains(., "%s")]]' % title

    @property
    def element(self) -> Element:
        return self._browser.one(self._xpath)

    @property
    def text(self) -> str:
        return self.element.text

    @property
    def mark(self) -> str:
        """Whether the step is done, from its heading; "" before that is known."""
        return self._text_of("/h2/span")

    @property
    def report(self) -> str:
        """The result of the last action."""
        return self._text_of(self._REPORT)

    def _text_of(self, xpath: str) -> str:
        return "".join(self._browser.texts(self._xpath + xpath)[:1])

    def wait_for(self, pattern: str, seconds: float = 60) -> None:
        """Waits until the step's report matches this regular expression and the step is no longer busy."""
        self._browser.wait_for(lambda: self._text_of(_NOT_BUSY + self._REPORT), pattern, seconds)

    def field(self, label: str) -> Element:
        return self._browser.field(label, self._xpath)

    def problem(self, label: str) -> str:
        """The message beside a field; "" if it is not marked as wrong."""
        field = self.field(label)
        return field.description if field.attribute("aria-invalid") == "true" else ""

    def choose(self, label: str) -> None:
        self.field(label).click()

    def fill_in(self, texts: Dict[str, str]) -> None:
        """Enters values into the fields with these labels."""
        for label, text in texts.items():
            self.field(label).enter(text)

    def press(self, button: str) -> None:
        self._browser.button(button, self._xpath).click()

    def switch(self, name: str) -> None:
        """Switches between on and off."""
        self._browser.one('%s//button[@role="switch"][@aria-label="%s"]' % (self._xpath, name)).click()

    def unfold(self, summary: str) -> None:
        self._browser.one('%s//details[not(@open)]/summary[normalize-space()="%s"]' % (self._xpath, summary)).click()

    def rows(self) -> list:
        """The cells of its list's rows, as soon as the values that come later are there."""
        rows = '%s//*[@class="sb-list"]//tbody/tr' % self._xpath
        awaited = '%s/*[normalize-space()="..."]' % rows
        self._browser.wait_for(lambda: "%d cells to come" % len(self._browser.all(awaited)), "^0 ")
        return self._browser.cells(rows)


class SetupPage:
    """Splunk Web at `web`, in a browser."""

    def __init__(self, browser: Browser, web: str):
        self.browser, self._web = browser, web
        self.destination, self.clusters, self.audit, self.alerts, self.power = (
            Step(browser, title) for title in (DESTINATION, CLUSTERS, AUDIT, ALERTS, POWER)
        )

    def log_in(self, user: str, password: str) -> None:
        """Logs in with a browser that knows nobody, and from then on records Splunk's answers to the page."""
        self.browser.forget()
        self.browser.devtools("Page.enable")
        self.browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=_RECORD)
        self.browser.open(self._web + "/en-US/account/login")
        status = self.browser.run(_LOG_IN, user, password)
        assert status == 200, "Splunk Web answered %d to the login" % status

    def open(self, path: str = "/en-US/app/segment_bridge/setup") -> None:
        """Opens the page. Returns once all steps have been loaded."""
        self.browser.open(self._web + path)
        self.browser.wait_for(self._to_come, "^to come: $", 60)

    def _to_come(self) -> str:
        """Which steps have not been loaded yet."""
        loaded = "".join(self.browser.texts(_LOADED))
        titles = (DESTINATION, CLUSTERS, AUDIT, ALERTS, POWER)
        return "to come: %s" % ", ".join(title for title in titles if title not in loaded)

    def answers(self) -> list:
        """All of Splunk's answers to the page's requests since it was opened: url, method, text."""
        return self.browser.run("return window.answers")
