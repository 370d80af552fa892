"""Chooses the Python that runs a program of an app, and the environment that splunkd gives it.

commands.conf.spec and inputs.conf.spec, python.version and (from 10.2 on) python.required; splunk-launch.conf.
"""

import subprocess
import sys
from datetime import timezone, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from tests.support.pythons import find, measured

from ..releases import DEFAULT, Release
from ..values import SplError
from .program import Process

_VERSION = {"python3": "3.9", "python3.7": "3.9", "python3.9": "3.9", "default": "3.9"}
"""What python.version means. 3.7 is gone since 10.0, and its name leads to 3.9."""


class Pythons:
    """The Pythons that come with Splunk.

    Args:
        paths: interpreters by version, such as "3.9". By default those of the release that this machine has; if it has
            none of them, the one that runs the stand-in replaces them.
        release: of Splunk.
    """

    def __init__(self, paths: Optional[Mapping[str, str]] = None, release: Release = DEFAULT):
        self._release, self._given = release, paths

    @cached_property
    def _paths(self) -> Dict[str, str]:
        if self._given is not None:
            return dict(self._given)
        found = {version: str(path) for version, path in ((each, find(each)) for each in self._release.pythons) if path}
        return found or dict.fromkeys(self._release.pythons, sys.executable)

    def for_settings(self, settings: Mapping[str, str]) -> str:
        """The interpreter that a stanza asks for: the highest of python.required, else python.version.

        Raises:
            SplError: there is none, or the stanza names one that Splunk does not know.
        """
        required = settings.get("python.required", "").strip() if self._release.heeds_python_required else ""
        if required:
            names = [self._latest(name.strip()) for name in required.split(",")]
            setting = "python.required = " + required
        else:
            version = settings.get("python.version", "default").strip()
            names, setting = [_VERSION.get(version, self._latest(version))], "python.version = " + version
        unknown = [name for name in names if name not in self._release.pythons]
        if unknown:
            raise SplError(
                "%s: there is no Python '%s' in Splunk, which has %s."
                % (setting, unknown[0], " and ".join(self._release.pythons))
            )
        here = [self._paths[name] for name in sorted(names, key=self._release.pythons.index) if name in self._paths]
        if not here:
            raise SplError("%s: no such Python is installed." % setting)
        return here[-1]

    def start(self, command: List[str], **how: Any) -> Process:
        """Starts one of these Pythons, like subprocess.Popen."""
        return subprocess.Popen(command, **how)

    def behind(self, path: str) -> str:
        """The interpreter that a path leads to, if it is that of a wrapper."""
        return path

    def _latest(self, name: str) -> str:
        return self._release.pythons[-1] if name == "latest" else name


def environment(home: Path, zone: tzinfo = timezone.utc) -> Dict[str, str]:
    """The whole environment of a program. It inherits nothing from the stand-in's own, least of all a proxy."""
    return {
        "SPLUNK_HOME": str(home),
        "SPLUNK_DB": str(home / "var" / "lib" / "splunk"),
        "SPLUNK_SERVER_NAME": "Splunkd",
        "PATH": "%s:/usr/local/bin:/usr/bin:/bin" % (home / "bin"),
        "LANG": "C.UTF-8",
        "PYTHONHTTPSVERIFY": "0",
        "PYTHONUTF8": "1",
        "TZ": str(zone),
        **measured(),
    }
