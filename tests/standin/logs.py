"""splunkd's own log files in var/log/splunk, in the form that it writes them.

Troubleshooting Manual, "What Splunk software logs about itself".
"""
import threading
import time
from pathlib import Path
from typing import Callable


class Logs:
    """Appends lines to splunkd.log, scheduler.log and search.log files, as of `now()`."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._now = folder, now
        self._lock = threading.Lock()

    def splunkd(self, level: str, component: str, text: str) -> None:
        self.append(self.folder / "splunkd.log", level, component, text)

    def scheduler(self, level: str, text: str) -> None:
        self.append(self.folder / "scheduler.log", level, "SavedSplunker", text)

    def append(self, path: Path, level: str, component: str, text: str) -> None:
        now = self._now()
        stamp = time.strftime("%m-%d-%Y %H:%M:%S", time.gmtime(now))
        line = "%s.%03d +0000 %-5s %s - %s\n" % (stamp, now % 1 * 1000, level, component, " ".join(text.splitlines()))
        with self._lock, open(path, "a", encoding="utf-8") as file:
            file.write(line)
