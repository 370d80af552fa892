"""A site whose hours pass as the test has it."""
import pytest

from tests.ops.site import Site
from tests.standin.conftest import MovedClock
from tests.standin.splunkd import Splunkd


@pytest.fixture
def site(tmp_path, package):
    clock = MovedClock()
    with Splunkd(tmp_path / "splunk", clock=clock) as splunkd:
        yield Site(splunkd, clock, package)
