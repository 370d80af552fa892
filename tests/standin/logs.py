"""splunkd's own log files in var/log/splunk, in splunkd's format.

Troubleshooting Manual, "What Splunk software logs about itself".
"""

import threading
from datetime import datetime
from pathlib import Path

from .clock import Clock


class Logs:
    """Appends lines to splunkd.log, scheduler.log and search.log files, by the server's clock."""

    def __init__(self, folder: Path, clock: Clock):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._clock = folder, clock
        self._lock = threading.Lock()

    def splunkd(self, level: str, component: str, text: str) -> None:
        self.append(self.folder / "splunkd.log", level, component, text)

    def scheduler(self, level: str, text: str) -> None:
        self.append(self.folder / "scheduler.log", level, "SavedSplunker", text)

    def append(self, path: Path, level: str, component: str, text: str) -> None:
        now = datetime.fromtimestamp(self._clock.now(), self._clock.zone)
        stamp = "%s.%03d %s" % (now.strftime("%m-%d-%Y %H:%M:%S"), now.microsecond // 1000, now.strftime("%z"))
        line = "%s %-5s %s - %s\n" % (stamp, level, component, " ".join(text.splitlines()))
        with self._lock, open(path, "a", encoding="utf-8") as file:
            file.write(line)
