"""A Splunk that somebody else runs, in place of the stand-in, with its owner's permission. The tests touch only what is
theirs.

It has to reach services on this machine's loopback, and see the folder build/shared under the same path: it runs on
this machine, or on one whose loopback is tied to this one's (ssh -R).
"""

import os
import shutil
from pathlib import Path
from typing import List, Mapping
from urllib.parse import urlsplit

from tests.docker.engine import ROOT, NotStarted
from tests.support.administrator import APP, AUDIT_INDEX, Administrator, splunk_is_ready, trusting_session

CONSENT = "SPLUNK_MAY_BE_CHANGED"
_OURS = {
    "app": "apps/local",
    "index": "data/indexes",
    "user": "authentication/users",
    "event collector": "data/inputs/http",
}
"""What the tests create, under names that begin with the app's (except AUDIT_INDEX), and where it is."""
_PATIENCE_S = 60


class SplunkElsewhere:
    """A context manager. The Splunk holds nothing of ours before, and nothing afterwards.

    `management`, `web` and `hec` are base URLs: SPLUNK_URL, SPLUNK_WEB_URL and SPLUNK_HEC_URL in the environment, or
    Splunk's own ports on the first one's host. SPLUNK_USER is an administrator, by default admin.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ):
        self.management = environment["SPLUNK_URL"].rstrip("/")
        host = urlsplit(self.management).hostname
        self.web = environment.get("SPLUNK_WEB_URL", "http://%s:8000" % host).rstrip("/")
        self.hec = environment.get("SPLUNK_HEC_URL", "https://%s:8088" % host).rstrip("/")
        self.user, self.password = environment.get("SPLUNK_USER", "admin"), environment.get("SPLUNK_PASSWORD", "")
        self.shared = ROOT / "build" / "shared"
        self._consent = environment.get(CONSENT) == "yes"

    def __enter__(self) -> "SplunkElsewhere":
        self.shared.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *exc_info) -> None:
        self.clean()

    def check(self) -> None:
        """Checks, before anything is touched, that the tests may and can use it.

        Raises:
            NotStarted: they may not, or cannot.
        """
        if not self._consent:
            raise NotStarted(
                "%s is not touched: its owner must set %s=yes. The app, an index, users and an event "
                "collector are made there and removed at the end, and Splunk is restarted if it asks for "
                "it" % (self.management, CONSENT)
            )
        if not splunk_is_ready(self.management, self.web, self.user, self.password):
            raise NotStarted(
                "Splunk does not answer at %s and %s as %s (SPLUNK_URL, SPLUNK_WEB_URL, SPLUNK_USER, "
                "SPLUNK_PASSWORD), or its KV store is not ready" % (self.management, self.web, self.user)
            )
        there = [what for what, _ in self._ours()]
        if there:
            raise NotStarted(
                "%s is not touched: it already has something with a name that the tests use (%s)"
                % (self.management, ", ".join(there))
            )

    def clean(self) -> None:
        """Removes what the tests have created, starting with the records in KV store.

        Raises:
            NotStarted: something is left; the text says what.
        """
        ours = self._ours()
        if "app " + APP in dict(ours):
            admin = Administrator(self.management, self.web, self.hec, self.password, self.user)
            for collection in admin.service.kvstore.list():
                collection.data.delete()
        left = []
        for what, link in reversed(ours):
            with trusting_session() as session:
                answer = session.delete(self.management + link, auth=(self.user, self.password), timeout=_PATIENCE_S)
            if not answer.ok:
                left.append("%s (%d)" % (what, answer.status_code))
        shutil.rmtree(self.shared, ignore_errors=True)
        if left:
            raise NotStarted("could not be removed from %s: %s" % (self.management, ", ".join(left)))

    def share(self, file: Path) -> Path:
        """Copies the file. Returns the path where Splunk sees the copy."""
        copy = self.shared / file.name
        shutil.copy(file, copy)
        copy.chmod(0o644)
        return copy

    def _ours(self) -> List[tuple]:
        """Each thing of ours that exists, and the path by which to remove it."""
        found = []
        for kind, path in _OURS.items():
            with trusting_session() as session:
                answer = session.get(
                    self.management + "/servicesNS/-/-/" + path,
                    auth=(self.user, self.password),
                    params={"output_mode": "json", "count": "0"},
                    timeout=_PATIENCE_S,
                )
            found += [
                ("%s %s" % (kind, entry["name"]), entry["links"]["remove"])
                for entry in answer.json()["entry"]
                if _is_ours(entry["name"])
            ]
        return found


def _is_ours(name: str) -> bool:
    return name == AUDIT_INDEX or name.rpartition("/")[2].startswith(APP)
