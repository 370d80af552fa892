"""A browser logged in to Splunk Web, and Splunk with Segment and a cluster."""

from pathlib import Path
from typing import Iterator

import pytest

from tests.support.environment import Environment
from tests.system.browser.browser import Browser
from tests.system.browser.page import SetupPage


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """For all modules: to start it takes as long as five pages."""
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def environment(package: Path) -> Iterator[Environment]:
    """With the app as it is right after the upload."""
    with Environment() as environment:
        environment.admin.upload(str(package))
        environment.receive()
        yield environment


@pytest.fixture(scope="module")
def browser(chromium: Browser, environment: Environment) -> Iterator[Browser]:
    """Logged in as the administrator."""
    _log_in(chromium, environment)
    yield chromium
    chromium.forget()


@pytest.fixture
def borrowed(browser: Browser, environment: Environment) -> Iterator[Browser]:
    """The browser, for a test that logs in as somebody else."""
    yield browser
    _log_in(browser, environment)


def _log_in(browser: Browser, environment: Environment) -> None:
    SetupPage(browser, environment.splunk.web).log_in(environment.admin.user, environment.splunk.password)


@pytest.fixture
def page(browser: Browser, environment: Environment) -> SetupPage:
    """The page as administrators find it when they open the app's setup."""
    page = SetupPage(browser, environment.splunk.web)
    page.open()
    return page
