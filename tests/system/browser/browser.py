"""Headless Chromium, used as people use it: by labels, button texts, the keyboard, and what is visible.

chromedriver controls it, with the W3C's "WebDriver" protocol over HTTP; both come from Debian's packages chromium and
chromium-driver. WebDriver refuses to click or type where a person could not.
"""

import base64
import contextlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Callable, List, Optional

import requests

from tests.support.waiting import attempts

PROGRAMS = ("chromium", "chromedriver")
WAIT_S = 30
_TYPED_CHARACTERS = 20
"""The longest text that is typed. A few keys take the browser as long as a whole text that is pasted."""
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's reference, from the standard
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,1000",
    # What turns while a page waits would be drawn sixty times a second, for nobody.
    "--force-prefers-reduced-motion",
)

_VISIBLE = """
const isVisible = element => element.checkVisibility({visibilityProperty: true});
const textOf = element => element.innerText.trim().replaceAll("\t", " ");
const found = document.evaluate(arguments[0], document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
return Array.from({length: found.snapshotLength}, (_, number) => found.snapshotItem(number))
    .filter(isVisible)"""
_TEXTS = _VISIBLE + ".map(textOf)"
_CELLS = _VISIBLE + ".map(row => Array.from(row.children).filter(isVisible).map(textOf))"
_SELECT_ALL = """
const [field] = arguments;
field.focus();
if (document.activeElement !== field || field.readOnly || !field.checkVisibility({visibilityProperty: true})) {
    throw new Error(`nobody can write into ${field.outerHTML.slice(0, 200)}`);
}
field.select();
"""
"""Like WebDriver, refuses a field that a person could not use: what is disabled or inert does not take the focus."""
_MIDDLE = """
const [element] = arguments;
element.scrollIntoView({block: "nearest", inline: "nearest", behavior: "instant"});
const {left, top, width, height} = element.getClientRects()[0];
const [x, y] = [Math.floor(left + width / 2), Math.floor(top + height / 2)];
const hit = document.elementFromPoint(x, y);
if (!element.contains(hit)) {
    throw new Error(`who clicks on ${element.outerHTML.slice(0, 200)} hits ${hit?.outerHTML.slice(0, 200)}`);
}
return [x, y];
"""
_DOWN_AND_UP = ({"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0})

TAB, ENTER, ESCAPE, END, DELETE = "\ue004", "\ue007", "\ue00c", "\ue010", "\ue017"
"""Keys, as WebDriver encodes them."""


def missing() -> List[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if not shutil.which(name)]


class NotThere(AssertionError):
    """What the test waited for has not appeared."""


class Browser:
    """A context manager for a browser without any earlier state."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> "Browser":
        with self._stack:
            profile = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="chromium-"))
            driver = subprocess.Popen(
                ["chromedriver", "--port=0"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            self._stack.callback(_end, driver)
            self._session = self._start("http://127.0.0.1:%d" % _port(driver), profile)
            self._stack.callback(lambda: self._http.delete(self._session, timeout=WAIT_S))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack.close()

    def _start(self, driver: str, profile: str) -> str:
        options = {"args": [*_OPTIONS, "--user-data-dir=" + profile], "binary": shutil.which("chromium")}
        answer = self._http.post(
            driver + "/session",
            timeout=120,
            json={
                "capabilities": {
                    "alwaysMatch": {
                        "browserName": "chrome",
                        "goog:chromeOptions": options,
                        "timeouts": {"script": 60_000},
                    }
                }
            },
        ).json()["value"]
        if "sessionId" not in answer:
            raise RuntimeError("chromium does not start: %s" % answer["message"])
        return "%s/session/%s" % (driver, answer["sessionId"])

    def _call(self, method: str, path: str, **body: Any) -> Any:
        answer = self._http.request(method, self._session + path, json=body if method == "POST" else None, timeout=120)
        value = answer.json()["value"]
        if answer.status_code != 200:
            raise NotThere("%s: %s" % (value["error"], value["message"].split("\n")[0]))
        return value

    # --- The page ---

    def open(self, url: str) -> None:
        self._call("POST", "/url", url=url)

    @property
    def address(self) -> str:
        return self._call("GET", "/url")

    def run(self, script: str, *arguments: Any) -> Any:
        """The result, in the page, of a function body, or of the promise that it returns."""
        return self._call("POST", "/execute/sync", script=script, args=list(arguments))

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Sends a command of the Chrome DevTools Protocol."""
        return self._call("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def forget(self) -> None:
        """Becomes a browser without any earlier state again, with an empty page."""
        fresh = self._call("POST", "/window/new", type="tab")["handle"]
        self._call("DELETE", "/window")
        self._call("POST", "/window", handle=fresh)
        for kind in ("Cookies", "Cache"):
            self.devtools("Network.clearBrowser" + kind)

    def resize(self, width: int) -> None:
        """Resizes the window, in CSS pixels."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False)

    def screenshot(self, file: Path) -> None:
        """Takes a picture of the whole page."""
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.devtools(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
        )
        file.write_bytes(base64.b64decode(shot["data"]))

    @property
    def text(self) -> str:
        """The visible text of the page."""
        return self.run("return document.body.innerText")

    def wait_for_text(self, pattern: str, seconds: float = WAIT_S) -> None:
        """Like wait_for, with all visible text of the page."""
        self.wait_for(lambda: self.text, pattern, seconds)

    def wait_for(self, text: Callable[[], str], pattern: str, seconds: float = WAIT_S) -> None:
        """Waits until a regular expression matches a text."""
        found = ""
        for _ in attempts(seconds):
            found = text()
            if re.search(pattern, found):
                return
        raise NotThere("waited %g s in vain for /%s/ at %s in: %s" % (seconds, pattern, self.address, found))

    # --- Its elements ---

    def all(self, xpath: str) -> List["Element"]:
        """The visible elements that match."""
        return [Element(self, found[_ELEMENT]) for found in self.run(_VISIBLE, xpath)]

    def texts(self, xpath: str) -> List[str]:
        """The texts of the visible elements that match."""
        return self.run(_TEXTS, xpath)

    def cells(self, rows: str) -> List[List[str]]:
        """The texts of the cells of a table's rows, which the XPath selects."""
        return self.run(_CELLS, rows)

    def one(self, xpath: str, what: Optional[str] = None) -> "Element":
        """The only visible one, as soon as it exists."""
        found: List[Element] = []
        for _ in attempts(WAIT_S):
            found = self.all(xpath)
            if len(found) == 1:
                return found[0]
        raise NotThere("%d of: %s" % (len(found), what or xpath))

    def field(self, label: str, within: str = "") -> "Element":
        """The control with this label."""
        named = self.one("%s//label[normalize-space()=%s]" % (within, _quoted(label)), 'field "%s"' % label)
        return Element(self, self.run("return arguments[0].control", {_ELEMENT: named.reference})[_ELEMENT])

    def button(self, text: str, within: str = "") -> "Element":
        """A button, by its text or by its accessible name."""
        quoted = _quoted(text)
        return self.one(
            "%s//button[@aria-label=%s or not(@aria-label) and normalize-space()=%s]" % (within, quoted, quoted),
            'button "%s"' % text,
        )

    def press(self, key: str) -> None:
        """Presses a key, wherever the focus is."""
        self.act("key", {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})

    def act(self, device: str, *actions: Any) -> None:
        """Performs actions of the "pointer" or of the "key"board, as WebDriver describes them."""
        self._call("POST", "/actions", actions=[{"type": device, "id": device, "actions": actions}])

    @property
    def focused(self) -> "Element":
        return Element(self, self._call("GET", "/element/active")[_ELEMENT])


class Element:
    """An element of a page."""

    def __init__(self, browser: Browser, reference: str):
        self._browser, self.reference = browser, reference

    def _call(self, method: str, path: str, **body: Any) -> Any:
        return self._browser._call(method, "/element/%s%s" % (self.reference, path), **body)

    @property
    def text(self) -> str:
        return self._call("GET", "/text")

    @property
    def value(self) -> str:
        return self._call("GET", "/property/value")

    @property
    def name(self) -> str:
        """Its accessible name."""
        return self._call("GET", "/computedlabel")

    def attribute(self, name: str) -> Optional[str]:
        return self._call("GET", "/attribute/" + name)

    @property
    def description(self) -> str:
        """The text that describes it, through aria-describedby."""
        return self._browser.run(
            "return (arguments[0].getAttribute('aria-describedby') || '').split(' ').map("
            "id => document.getElementById(id)?.innerText || '').join(' ').trim()",
            {_ELEMENT: self.reference},
        )

    def click(self) -> None:
        """Clicks in the middle, if it is what one sees there. (WebDriver's own click takes four times as long.)"""
        x, y = self._browser.run(_MIDDLE, {_ELEMENT: self.reference})
        self._browser.act("pointer", {"type": "pointerMove", "x": x, "y": y}, *_DOWN_AND_UP)

    def type(self, keys: str) -> None:
        """Types at the end of the existing text."""
        self._call("POST", "/value", text=keys)

    def enter(self, text: str) -> None:
        """Replaces the existing text. Pastes what nobody would type, such as a URL or a certificate."""
        self._browser.run(_SELECT_ALL, {_ELEMENT: self.reference})
        if len(text) > _TYPED_CHARACTERS:
            self._browser.devtools("Input.insertText", text=text)
        else:
            self.type(text or DELETE)


def _port(driver: subprocess.Popen) -> int:
    for line in driver.stdout:
        found = re.search(r"started successfully on port (\d+)", line)
        if found:
            return int(found.group(1))
    raise RuntimeError("chromedriver does not start")


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    process.wait(WAIT_S)
    process.stdout.close()


def _quoted(text: str) -> str:
    """An XPath literal."""
    assert '"' not in text
    return '"%s"' % text
