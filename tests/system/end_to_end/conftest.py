"""Splunk with the app set up in it, and the recorded audit events indexed."""

import pytest

from tests.support.environment import bridged


@pytest.fixture(scope="module")
def bridge(package):
    """One Splunk for all tests of a module, which may leave their events in it."""
    with bridged(package) as environment:
        yield environment
