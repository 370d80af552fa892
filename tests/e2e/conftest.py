"""Splunk with the app installed and set up, and the recorded audit events indexed."""
import pytest

from tests import recorded
from tests.environment import Environment

MESSAGE_FIELDS = ("context", "event", "messageId", "properties", "timestamp", "type", "userId")


def _bridge(package):
    with Environment() as environment:
        environment.admin.upload(str(package))
        environment.set_up()
        environment.wait_for_user_map()
        environment.index(recorded.audit_lines())
        yield environment


@pytest.fixture(scope="module")
def bridge(package):
    """One for all tests of a module, which may leave their events in it."""
    yield from _bridge(package)


@pytest.fixture
def fresh_bridge(package):
    """One that a test may break."""
    yield from _bridge(package)
