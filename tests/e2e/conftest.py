"""Splunk with the app installed and set up, and the recorded audit events indexed."""
import contextlib

import pytest

from tests import recorded
from tests.environment import Environment

MESSAGE_FIELDS = ("context", "event", "messageId", "properties", "timestamp", "type", "userId")


@contextlib.contextmanager
def bridge_with(package, *standin_options):
    """Splunk, set up and filled, as a context manager."""
    with Environment(*standin_options) as environment:
        environment.admin.upload(str(package))
        environment.set_up()
        environment.wait_for_user_map()
        environment.index(recorded.audit_lines())
        yield environment


@pytest.fixture(scope="module")
def bridge(package):
    """One for all tests of a module, which may leave their events in it."""
    with bridge_with(package) as environment:
        yield environment


@pytest.fixture
def fresh_bridge(package):
    """One that a test may break."""
    with bridge_with(package) as environment:
        yield environment
