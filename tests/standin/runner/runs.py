"""The processes of an enabled modular input.

Splunk's "Create modular inputs", "Set up streaming" and "Set up logging"; inputs.conf.spec, interval.
"""

import re
import threading
import time
from contextlib import contextmanager
from typing import BinaryIO, Dict, Iterable, Iterator, List, Optional

from .. import cron
from ..refusal import Refusal
from ..sessions import SYSTEM_USER
from ..stores.conf import props_for
from ..stores.events import HOST, Event, lines
from ..values import SplError, number
from . import scheme as xml
from .kinds import Kind, how_it_ended
from .program import Program

DEFAULT_INDEX = "main"
_LEVEL = re.compile(r"(DEBUG|INFO|WARN|ERROR|FATAL) +")
_TICK_S = 0.1


@contextmanager
def handed_over(splunkd, kind: str) -> Iterator[Dict[str, str]]:
    """What an input's program is told about splunkd. The session belongs to the program, and ends with it."""
    session = splunkd.sessions.open(SYSTEM_USER)
    checkpoints = splunkd.home / "var" / "lib" / "splunk" / "modinputs" / kind
    checkpoints.mkdir(parents=True, exist_ok=True)
    try:
        yield {
            "server_host": HOST,
            "server_uri": splunkd.management_url,
            "session_key": session.key,
            "checkpoint_dir": str(checkpoints),
        }
    finally:
        splunkd.sessions.close(session)


def seconds_between(interval: str) -> Optional[float]:
    """An interval in seconds, negative for a single run; None for a cron schedule.

    Raises:
        Refusal: it is neither.
    """
    seconds = number(interval)
    if seconds is not None and (seconds >= 0 or seconds == -1):
        return seconds
    try:
        cron.check(interval)
    except cron.CronError as error:
        raise Refusal(
            400, "interval = %s is neither a number of seconds nor a cron schedule. %s" % (interval, error)
        ) from None
    return None


class Run:
    """Runs an enabled stanza: starts a process whenever one is due, once the run that it comes `after` has ended."""

    def __init__(self, splunkd, kind: Kind, stanza: xml.Stanza, after: Optional["Run"]):
        self._splunkd, self.kind, self.stanza = splunkd, kind, stanza
        self._interval = stanza.parameters["interval"]
        self._command = " ".join(kind.command_line)
        self._is_ending = threading.Event()
        self.thread = threading.Thread(target=self._work, args=(after,), name=stanza.name, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self._is_ending.set()

    def _log(self, level: str, text: str) -> None:
        self._splunkd.logs.splunkd(level, "ExecProcessor", text)

    def _work(self, after: Optional["Run"]) -> None:
        if after:
            after.thread.join()
        self._log("INFO", "New scheduled exec process: " + self._command)
        try:
            due = self._next(None)
            while due is not None and self._wait_until(due):
                began = self._splunkd.clock.now()
                self._run_once()
                due = self._next(began)
        except Refusal as refusal:
            self._log("ERROR", "%s: %s" % (self.stanza.name, refusal.text))

    def _next(self, began: Optional[float]) -> Optional[float]:
        """When the run after the one that began then is due; None for never.

        Raises:
            Refusal: the interval is invalid.
        """
        seconds, now = seconds_between(self._interval), self._splunkd.clock.now()
        if seconds is None:
            return cron.next_time(self._interval, now, self._splunkd.clock.zone)
        if began is None:
            return now
        return None if seconds < 0 else began + seconds

    def _wait_until(self, due: float) -> bool:
        """Waits. False if the input ends before then."""
        while self._splunkd.clock.now() < due:
            if self._is_ending.wait(_TICK_S):
                break
        return not self._is_ending.is_set()

    def _run_once(self) -> None:
        started, stream = time.monotonic(), _Indexed(self._splunkd, self.kind, self.stanza)
        with handed_over(self._splunkd, self.kind.name) as metadata:
            program = Program(self.kind.command_line, self._splunkd.environment, self._log_message)
            program.in_background(lambda: stream.read(program.stdout))
            program.give(xml.configuration(metadata, self.stanza))
            while not program.ends_within(_TICK_S):
                if self._is_ending.is_set():
                    program.stop()
            program.clear_away()
        self._log(
            "INFO" if program.returncode == 0 else "ERROR",
            (
                "Ran script: %s, took %.3f seconds to run, %d bytes read, %s"
                % (self._command, time.monotonic() - started, stream.read_bytes, how_it_ended(program.returncode))
            ),
        )

    def _log_message(self, pid: int, line: str) -> None:
        level = _LEVEL.match(line)
        self._log(
            level.group(1) if level else "ERROR",
            'message from "%s" %s' % (self._command, line[level.end() :] if level else line),
        )


class _Indexed:
    """Turns what a run writes into events. If it is not a stream of events, logs that and throws the rest away."""

    def __init__(self, splunkd, kind: Kind, stanza: xml.Stanza):
        self._splunkd, self._stanza = splunkd, stanza
        given = stanza.parameters
        self._own = given["index"], given["host"], given.get("source", stanza.name), given.get("sourcetype", kind.name)
        self.read_bytes = 0

    def read(self, output: BinaryIO) -> None:
        stream, chunks = xml.Stream(), self._counted(output)
        try:
            for data in chunks:
                self._add(stream.feed(data))
            stream.close()
        except (SplError, Refusal) as error:
            self._splunkd.logs.splunkd("ERROR", "ModularInputs", "%s: %s" % (self._stanza.name, error))
            for _ in chunks:
                pass

    def _counted(self, output: BinaryIO) -> Iterator[bytes]:
        for data in iter(lambda: output.read1(65536), b""):
            self.read_bytes += len(data)
            yield data

    def _add(self, streamed: Iterable[xml.StreamedEvent]) -> None:
        events: List[Event] = []
        try:
            for each in streamed:
                events += self._broken(each)
        finally:  # what came before a fault is indexed
            self._splunkd.events.add(events)

    def _broken(self, each: xml.StreamedEvent) -> List[Event]:
        given = each.index, each.host, each.source, each.sourcetype
        index, host, source, sourcetype = (its or own for its, own in zip(given, self._own))
        index = DEFAULT_INDEX if index == "default" else index
        if index not in self._splunkd.events.indexes():
            self._splunkd.logs.splunkd(
                "WARN",
                "IndexerService",
                (
                    'Received event for unconfigured/disabled/deleted index=%s with source="source::%s" '
                    'host="host::%s" '
                    'sourcetype="sourcetype::%s".' % (index, source, host, sourcetype)
                ),
            )
            return []
        props = props_for(self._splunkd.confs.stanzas("props"), sourcetype, source, host)
        return [
            Event(raw, each.seconds, index, host, source, sourcetype)
            for raw in ([each.data] if each.is_whole else lines(each.data, props))
        ]
