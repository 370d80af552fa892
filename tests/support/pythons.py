"""The Pythons that Splunk runs the app with, as far as this machine has them on the PATH or from pyenv.

`python -m tests.support.pythons 3.9 3.13` prints the path of the first one found, or exits with status 1.
"""

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from shutil import which
from typing import Dict, Iterable, Optional

SPLUNKS = ("3.9", "3.13")
"""Splunk 9.3 to 10.0 ships 3.9; from 10.2 on, Splunk uses 3.13 for an app that allows both."""


@lru_cache
def find(version: str) -> Optional[Path]:
    """The interpreter of a Python version such as "3.9", or None if none is found that starts."""
    if measured():
        return Path(sys.executable)  # the one with coverage.py
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = filter(None, [which("python" + version)])
    candidates = [*map(Path, on_path), *sorted(pyenv.glob("versions/%s.*/bin/python" % version), reverse=True)]
    # pyenv puts a shim on the PATH even if it leads nowhere, and it takes longer to ask than all others together.
    candidates.sort(key=lambda found: found.parent == pyenv / "shims")
    return next((found for found in candidates if _is(found, version)), None)


def installed(versions: Iterable[str] = SPLUNKS) -> Dict[str, Path]:
    """The interpreters of these versions that this machine has, by version; if it has none, the one that runs this."""
    found = {version: python for version in versions if (python := find(version))}
    return found or {"%d.%d" % sys.version_info[:2]: Path(sys.executable)}


def measured() -> Dict[str, str]:
    """The environment variables that `make coverage` sets, with which programs of the app are measured too."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


def _is(python, version: str) -> bool:
    says = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return says.stdout.strip() == version


if __name__ == "__main__":
    first = next(filter(None, map(find, sys.argv[1:])), None)
    sys.exit(print(first) if first else 1)
