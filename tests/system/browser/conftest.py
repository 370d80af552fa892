"""A browser logged in to Splunk Web, and Splunk with Segment and a cluster."""

from pathlib import Path
from typing import Iterator

import pytest

from tests.support.environment import Environment
from tests.system.browser.browser import Browser
from tests.system.browser.page import SetupPage


@pytest.fixture(scope="module")
def environment(package: Path) -> Iterator[Environment]:
    """With the app as it is right after the upload."""
    with Environment() as environment:
        environment.admin.upload(str(package))
        environment.receive()
        yield environment


@pytest.fixture(scope="module")
def browser(environment: Environment) -> Iterator[Browser]:
    with Browser() as browser:
        SetupPage(browser, environment.splunk.web).log_in(environment.admin.user, environment.splunk.password)
        yield browser


@pytest.fixture
def page(browser: Browser, environment: Environment) -> SetupPage:
    """The page as administrators find it when they open the app's setup."""
    page = SetupPage(browser, environment.splunk.web)
    page.open()
    return page
