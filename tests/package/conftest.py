"""The package as it is after installation: unpacked, with nothing beside it."""

import subprocess
from pathlib import Path

import pytest


def unpack(package: Path, folder: Path) -> Path:
    """Unpacks the package. Returns the app's folder below `folder`."""
    subprocess.run(["tar", "-xzf", package, "-C", folder], check=True)
    return folder / "segment_bridge"


@pytest.fixture(scope="session")
def app(package, tmp_path_factory) -> Path:
    """The app's folder. Tests do not write to it."""
    return unpack(package, tmp_path_factory.mktemp("apps"))
