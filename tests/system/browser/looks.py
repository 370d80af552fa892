"""Checks that everybody can read and use a page: what axe-core finds, and what overflows a narrow window.

axe-core comes from npm: `make test` installs it into build/axe if Node.js is there. If the environment variable
PICTURES names a folder, each look saves a picture there.
"""

import os
from pathlib import Path
from typing import List

import pytest

from tests.conftest import ROOT
from tests.system.browser.browser import Browser

AXE = ROOT / "build/axe/node_modules/axe-core/axe.min.js"
WIDTHS = (1280, 400)
THEMES = {"light": "#ffffff", "dark": "#171d21"}
"""The background of a page in Splunk."""

_FIND = """
const found = await axe.run(arguments[0], {resultTypes: ["violations"]});
return found.violations.flatMap(({id, nodes}) => nodes.map(({html, failureSummary}) =>
    `${id}: ${html.slice(0, 200)}: ${failureSummary.split("\\n").slice(1).join(" ")}`));
"""
_STICKS_OUT = """
const page = document.documentElement;
const found = page.scrollWidth > page.clientWidth ? [`the page is ${page.scrollWidth} wide`] : [];
for (const each of document.querySelectorAll(".sb-section *")) {
    const edge = each.closest(".sb-section").getBoundingClientRect().right;
    if (each.checkVisibility() && !each.closest("thead") && each.getBoundingClientRect().right > edge) {
        found.push(`sticks out: ${each.outerHTML.slice(0, 200)}`);
    }
}
return found;
"""
_SHOW_IN = """
document.body.style.background = arguments[0];
dispatchEvent(new Event("load"));
return document.querySelector(".sb-page").dataset.theme;
"""


def violations(browser: Browser, selector: str) -> List[str]:
    """What axe-core finds in a part of the open page, as it looks now."""
    _load_axe(browser)
    return browser.run(_FIND, selector)


def picture(browser: Browser, name: str) -> None:
    """Saves a picture of the page as it is now, if somebody wants pictures."""
    if "PICTURES" in os.environ:
        folder = Path(os.environ["PICTURES"])
        folder.mkdir(parents=True, exist_ok=True)
        browser.screenshot(folder / (name + ".png"))


def _load_axe(browser: Browser) -> None:
    if not AXE.is_file():
        pytest.skip("%s is missing: make axe, with Node.js and npm" % AXE.relative_to(ROOT))
    browser.run(AXE.read_text(encoding="utf-8"))


def problems(browser: Browser, name: str) -> List[str]:
    """Everything wrong with the open page, in all its looks. `name` is the name of its pictures."""
    _load_axe(browser)
    found: List[str] = []
    try:
        for width in WIDTHS:
            browser.resize(width)
            for theme, color in THEMES.items():
                look = "%d-%s" % (width, theme)
                assert browser.run(_SHOW_IN, color) == theme
                picture(browser, "%s-%s" % (name, look))
                found += [
                    "%s: %s" % (look, each) for each in [*browser.run(_FIND, ".sb-page"), *browser.run(_STICKS_OUT)]
                ]
    finally:
        browser.devtools("Emulation.clearDeviceMetricsOverride")
        browser.run(_SHOW_IN, THEMES["light"])
    return found
