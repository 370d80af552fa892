"""Indexes splunkd's own log files, var/log/splunk/*.log, into _internal.

Getting Data In, "Monitor files and directories" and "How Splunk Enterprise handles log file rotation": a renamed file
is not read again, and a truncated one is read from its beginning.
"""

import os
import threading
from pathlib import Path
from typing import Dict, List, NamedTuple

from .refusal import Refusal
from .stores.conf import props_for
from .stores.events import HOST, Event, lines

POLL_S = 0.25
_INDEX, _TAIL_BYTES = "_internal", 256


class _Read(NamedTuple):
    """How far a file has been read, by inode. `tail` is the text before that point: it reveals a rewritten file."""

    offset: int
    tail: bytes


class Monitor:
    """`poll` indexes what has been written since the last time. A thread calls it, and a test may."""

    def __init__(self, splunkd):
        self._splunkd = splunkd
        self._folder: Path = splunkd.home / "var" / "log" / "splunk"
        self._read: Dict[int, _Read] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="monitor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Indexes what was written last, too, before it stops."""
        self._stop.set()
        self._thread.join()
        self.poll()

    def _loop(self) -> None:
        while not self._stop.wait(POLL_S):
            self.poll()

    def poll(self) -> None:
        with self._lock:
            for path in sorted(self._folder.glob("*.log*")):
                text = self._fresh(path)
                try:
                    if text:
                        self._splunkd.events.add(self._events(path, text))
                except Refusal as refusal:
                    self._splunkd.logs.splunkd("ERROR", "TailReader", "%s: %s" % (path, refusal.text))

    def _fresh(self, path: Path) -> str:
        """The whole lines that a file has gained since the last time."""
        with open(path, "rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            known = self._read.get(inode, _Read(0, b""))
            file.seek(max(known.offset - len(known.tail), 0))
            if file.read(len(known.tail)) != known.tail:
                known = _Read(0, b"")
                file.seek(0)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read[inode] = _Read(known.offset + len(whole), (known.tail + whole)[-_TAIL_BYTES:])
        return whole.decode(errors="replace")

    def _events(self, path: Path, text: str) -> List[Event]:
        """Without a source type in props.conf, events get Splunk's for sources too small to be recognised."""
        source, stanzas = str(path), self._splunkd.confs.stanzas("props")
        sourcetype = props_for(stanzas, "", source, HOST).get("sourcetype", path.name.split(".")[0] + "-too_small")
        return [
            Event(each, None, _INDEX, HOST, source, sourcetype)
            for each in lines(text, props_for(stanzas, sourcetype, source, HOST))
        ]
