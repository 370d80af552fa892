"""Some of the odd answers that `python -m tests.bench hostile_pages` lists by the hundred thousand."""

from __future__ import annotations

import pytest

from tests.integration import hostile_pages
from tests.support import pythons


@pytest.mark.parametrize("version", pythons.SPLUNKS)
def test_odd_answers_are_pages_or_errors_within_time_and_memory_limits(version, splunk_home):
    python = pythons.find(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed, so odd answers were not listed with it")
    found = hostile_pages.list_pages(python, splunk_home / "etc/apps/segment_bridge", pages=150, seed=7)
    assert {"page", "ClusterError", "Unavailable"} <= set(found.outcomes)
    assert "Unforeseen" not in found.outcomes
    assert found.longest_s < 10  # three requests of half a second, on a busy machine
    assert found.peak_mb < 120
