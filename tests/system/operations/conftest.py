"""A site whose hours pass as the test decides, and one that really sends."""

import pytest

from tests.standin.conftest import MovedClock
from tests.standin.splunkd import Splunkd
from tests.system.operations.bridge import bridge as running_bridge
from tests.system.operations.site import Site


@pytest.fixture
def site(tmp_path, package):
    clock = MovedClock()
    with Splunkd(tmp_path / "splunk", clock=clock) as splunkd:
        yield Site(splunkd, clock, package)


@pytest.fixture
def bridge(tmp_path, package):
    with running_bridge(tmp_path, package) as running:
        yield running
