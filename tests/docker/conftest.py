"""A real Splunk, with the app set up in it."""
import pytest

from tests import recorded
from tests.docker.engine import Engine
from tests.environment import Environment


@pytest.fixture(scope="package")
def bridge(package):
    with Environment() as environment:
        environment.admin.upload(str(package))
        environment.set_up()
        environment.wait_for_user_map()
        environment.index(recorded.audit_lines())
        yield environment


@pytest.fixture(scope="package")
def engine(bridge) -> Engine:
    return bridge.splunk.engine
