"""The package as it is after installation: unpacked, nothing else beside it."""

import subprocess
from pathlib import Path

import pytest


def unpack(package: Path, folder: Path) -> Path:
    """The app's folder below `folder`."""
    subprocess.run(["tar", "-xzf", package, "-C", folder], check=True)
    return folder / "segment_bridge"


@pytest.fixture(scope="session")
def app(package, tmp_path_factory) -> Path:
    """The app's folder. Nobody writes into it."""
    return unpack(package, tmp_path_factory.mktemp("apps"))
