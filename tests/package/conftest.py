"""The package as it is after installation: unpacked, nothing else beside it."""

import tarfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def app(package, tmp_path_factory) -> Path:
    """The app's folder. Nobody writes into it."""
    folder = tmp_path_factory.mktemp("apps")
    with tarfile.open(package) as archive:
        archive.extractall(folder)  # noqa: S202 - of our own making, and test_contents.py looks at the names
    return folder / "segment_bridge"
