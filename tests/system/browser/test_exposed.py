"""Splunk Web passes on the pages' calls: each is exposed by Splunk's own web.conf or by the app's.

Source: web.conf.spec, [expose:<unique_name>]; what each version of Splunk ships, tests/standin/splunk/README.md.
"""

import re

import pytest

from tests.conftest import ROOT
from tests.package.conf import Conf
from tests.standin.releases import RELEASES
from tests.system.browser.calls import calls, modules

OWN = Conf.read(ROOT / "default/web.conf")


def exposed(stanzas, method: str, path: str) -> list:
    """The stanzas that allow a call. In a pattern, ** is any number of segments, * is one, or the rest of one."""
    return [
        name
        for name, settings in stanzas.items()
        if name.startswith("expose:")
        and method in re.split(r"[,\s]+", settings.get("methods", "GET"))
        and _pattern(settings["pattern"].strip("/")).fullmatch(path)
    ]


def _pattern(pattern: str) -> "re.Pattern":
    return re.compile(re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", "[^/]+"))


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize(("method", "path"), sorted(calls()))
def test_every_call_is_passed_on(version, method, path):
    assert exposed({**RELEASES[version].shipped("web"), **OWN}, method, path)


def test_known_calls_of_the_page_are_found():
    """Proves that the list is not empty because calls are written in another way."""
    assert {
        ("GET", "data/inputs/usersignups"),
        ("POST", "data/inputs/usersignups/*/enable"),
        ("DELETE", "storage/passwords/*"),
        ("POST", "search/jobs"),
        ("GET", "search/v2/jobs/*/results"),
    } <= calls()
    fetching = [name for name, text in modules().items() if "fetch(" in text]
    assert fetching == ["common/splunkd.js", "help/page.js", "operations/reasons.js"]


def test_only_calls_of_the_page_are_exposed():
    exposes = {(method, settings["pattern"]) for settings in OWN.values() for method in settings["methods"].split(",")}
    assert exposes <= calls()


def test_no_call_makes_splunk_web_restart():
    """Splunk's app.conf has reload.web = http_post /server/control/restart_webui_polite: reloading an app with a
    web.conf triggers it.
    """
    assert [path for _, path in calls() if re.search("_reload|_bump|restart", path)] == []
