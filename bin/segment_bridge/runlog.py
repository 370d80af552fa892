"""Writes the run log, $SPLUNK_HOME/var/log/splunk/segment_bridge.log, which Splunk indexes into _internal.

A line has a time with zone, a level, an event, and facts as key=value, which Splunk extracts automatically:

    2026-11-24 01:02:03.456 +0000 INFO event=run_end component=segmentsend sid="scheduler_1" status=ok accepted=312

Events are run_start, batch, rejection, outcome, dropped, run_end, warning and error. Errors, and events that were not
sent, have a `reason`, one of segment_bridge.reasons. Callers must not log bodies or secrets.
"""

import contextlib
import logging
import os
import sys
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from typing import Any, Dict, List, Optional

from segment_bridge import texts

FILE_NAME = "segment_bridge.log"
_MAX_BYTES, _KEPT_FILES = 10_000_000, 4
_FACT_CHARS = 1_000

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/@+-")


class RunLog:
    """Logs the lines of one run. A context manager that closes the file.

    If the log cannot be written, the run goes on. One complaint goes to stderr, which splunkd copies to search.log or
    splunkd.log.

    Attributes:
        run: facts on every line: `component`, `sid`, and those given to the constructor.
        problems: the facts of warnings and errors so far.
    """

    def __init__(self, component: str, sid: str = "", folder: Optional[str] = None, **facts: Any):
        """`folder` defaults to that of Splunk's own logs."""
        self.run = {"component": component, "sid": sid or None, **facts}
        self.problems: List[Dict[str, Any]] = []
        self._logger = logging.Logger(component)  # outside logging's tree, so that no other handler gets these lines
        if folder is None:
            folder = os.path.join(os.environ.get("SPLUNK_HOME", ""), "var", "log", "splunk")
        try:
            handler: logging.Handler = _Handler(
                os.path.join(folder, FILE_NAME), maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8"
            )
        except OSError as error:
            _complain(error)
            handler = logging.NullHandler()
        handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._logger.addHandler(handler)

    def info(self, event: str, **facts: Any) -> None:
        self._logger.info(line(event=event, **self.run, **facts))

    def warning(self, event: str, **facts: Any) -> None:
        self.problems.append({"event": event, **facts})
        self._logger.warning(line(event=event, **self.run, **facts))

    def error(self, event: str, *, reason: str, **facts: Any) -> None:
        self.problems.append({"event": event, "reason": reason, **facts})
        self._logger.error(line(event=event, **self.run, reason=reason, **facts))

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        for handler in self._logger.handlers:
            with contextlib.suppress(OSError):  # a full disk, about which `handleError` has complained
                handler.close()


def line(**facts: Any) -> str:
    """Formats each fact that is not None as key=value. Quotes texts that Splunk would otherwise cut short."""
    return " ".join("%s=%s" % (name, _value(fact)) for name, fact in facts.items() if fact is not None)


def _value(fact: Any) -> str:
    if isinstance(fact, bool):
        return "true" if fact else "false"
    text = "%.3f" % fact if isinstance(fact, float) else texts.printable(str(fact), _FACT_CHARS)
    if text and _PLAIN.issuperset(text):
        return text
    # Splunk's automatic extraction ends a quoted value at the next quote, with or without a backslash before it.
    return '"%s"' % text.replace('"', "'")


class _Formatter(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: Optional[str] = None) -> str:
        seconds = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created))
        return "%s.%03d +0000" % (seconds, record.msecs)


class _Handler(RotatingFileHandler):
    """Writes files that only the user that Splunk runs as can read, like Splunk's own logs."""

    _complained = False

    def _open(self) -> TextIOWrapper:
        return open(
            self.baseFilename, "a", encoding=self.encoding, opener=lambda path, flags: os.open(path, flags, 0o600)
        )

    def handleError(self, record: logging.LogRecord) -> None:
        """Complains once, for instance of a full disk. By default, every line would write a traceback to stderr."""
        if not self._complained:
            self._complained = True
            _complain(sys.exc_info()[1])


def _complain(error: Optional[BaseException]) -> None:
    said = texts.printable(str(error), _FACT_CHARS)
    print("segment_bridge: the run log cannot be written: %s" % said, file=sys.stderr)
