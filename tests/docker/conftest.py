"""A real Splunk, with the app set up in it."""
import pytest

from tests.docker.engine import Engine
from tests.environment import bridged


@pytest.fixture(scope="package")
def bridge(package):
    with bridged(package) as environment:
        yield environment


@pytest.fixture(scope="package")
def engine(bridge) -> Engine:
    return bridge.splunk.engine
