"""A real Splunk, with the app set up in it."""

import pytest

from tests.docker.engine import Engine, NoEngine
from tests.docker.splunk import SplunkContainer
from tests.support.environment import bridged


@pytest.fixture(scope="package")
def bridge(package):
    with bridged(package) as environment:
        yield environment


@pytest.fixture(scope="package")
def container(bridge) -> SplunkContainer:
    """The engine whose container Splunk runs in."""
    if not isinstance(bridge.splunk, SplunkContainer):
        pytest.skip("Splunk runs elsewhere")
    return bridge.splunk


@pytest.fixture(scope="package")
def engine(bridge) -> Engine:
    """An engine for other containers."""
    if isinstance(bridge.splunk, SplunkContainer):
        return bridge.splunk.engine
    try:
        return Engine()
    except NoEngine as error:
        pytest.skip(str(error))
