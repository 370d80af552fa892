"""The search command `segmentsend`: what splunkd asks of it, and how errors reach the user.

splunklib does what happens once, getinfo; segment_bridge.delivery.options.Options has the arguments. Chunks of rows
are read and answered by segment_bridge.splunk.chunked. Whatever makes the search fail is the reply's `error`, a message
and exit status 1: a message alone does not fail a search, and a status does not say why, nor does it count after the
last reply.

Sources: Splunk's "Create custom search commands for apps"; splunklib.searchcommands.
"""

import signal
import sys
import time
from contextlib import ExitStack
from typing import Any, BinaryIO, Dict, Iterable, List, Tuple

from splunklib.searchcommands import Configuration

from segment_bridge.delivery.options import Destination, Options
from segment_bridge.errors import SecretError, SegmentBridgeError, SettingsError, unforeseen
from segment_bridge.runlog import RunLog
from segment_bridge.splunk import chunked, passwords, rest, run_records
from segment_bridge.splunk.search_command import SearchCommand

WRITE_KEY_CHARS = 32  # of Segment's; other receivers have their own


class _Cancelled(Exception):
    """splunkd has ended the search."""


@Configuration(distributed=False)  # one process on the search head: it has side effects, and needs secrets and lib/
class SegmentSend(SearchCommand):
    """Sends each row as an event to Segment; segment_* fields of the row say what became of it."""

    def stream(self, records: Iterable) -> Iterable:
        """Never called: `_execute` has its own way with rows. splunklib wants it to be there."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Checks the arguments, and no more: Splunk starts the command for a search that is only parsed, too."""
        try:
            self._given = Options.parse(self.fieldnames)
        except SettingsError as error:
            self.write_error(str(error))

    def _execute(self, ifile: Any, process: Any) -> None:
        stdin, stdout = self._as_binary_stream(ifile), self._record_writer.ofile
        if not stdin.peek(1):  # the search is only parsed: no run, and nothing to log
            return
        if getattr(self._metadata, "preview", False):
            _pass_through(stdin, stdout)
        elif not _Run(self._given, self._metadata.searchinfo).serve(stdin, stdout):
            sys.exit(1)


SegmentSend.option_definitions = []  # splunklib's own, in whatever version


def _pass_through(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """A preview shows part of the rows, some of them more than once: nothing is sent."""
    for chunk in chunked.chunks(stdin):
        reply = chunked.Reply(chunk.header, [])
        for block in chunk:
            reply.add(block, [b""] * len(block.texts))
        reply.write(stdout, {"finished": bool(chunk.metadata.get("finished"))})


class _Run:
    """One run of the command: splunkd's chunks in, replies out, a beginning and an end in the run log."""

    def __init__(self, options: Options, searchinfo: Any):
        self._options = options
        self._info = searchinfo
        self._log = RunLog("segmentsend", searchinfo.sid, destination=options.destination, dryrun=options.dryrun)
        self._window = {"earliest": searchinfo.earliest_time, "latest": searchinfo.latest_time}
        self._sending: Any = None
        self._began = time.monotonic()
        self._has_ended = False
        self._notes: List[Tuple[str, str]] = []  # (level, text), for whoever runs the search

    def serve(self, stdin: BinaryIO, stdout: BinaryIO) -> bool:
        """Answers all chunks; False if the search is to fail."""
        with self._log as log, ExitStack() as stack:
            signal.signal(signal.SIGTERM, self._terminated)
            log.info("run_start", app=self._info.app, owner=self._info.owner, **self._window)
            try:
                self._answer_all(stdin, stdout, stack)
            except (chunked.InputEnded, _Cancelled, BrokenPipeError):
                self._end("cancelled")
            except SegmentBridgeError as error:
                self._fail(stdout, error)
            except Exception as error:  # the user is told of any
                self._fail(stdout, unforeseen(error))
        return not any(level == "ERROR" for level, _ in self._notes)

    def _answer_all(self, stdin: BinaryIO, stdout: BinaryIO, stack: ExitStack) -> None:
        """
        Raises:
            SegmentBridgeError: nothing can be sent.
            rows.InputEnded, _Cancelled, BrokenPipeError: splunkd does not want any more of it.
        """
        for chunk in chunked.chunks(stdin):
            try:
                if self._sending is None:
                    self._sending = stack.enter_context(self._begin())
                reply = self._sending.answer(chunk)
            finally:
                chunk.skip()  # splunkd does not read before it has written all
            finished = bool(chunk.metadata.get("finished"))
            if finished:
                self._notes += self._sending.report()
                self._end("failed" if self._sending.has_failed else "ok")
            reply.write(stdout, _metadata(self._notes, finished))
            if finished:
                return
            if self._sending.is_cancelled:
                break
        raise _Cancelled

    def _begin(self) -> Any:
        """Reads settings and key. (Not before there are rows to come: a search that is only parsed needs neither.)

        Raises:
            SegmentBridgeError
        """
        # requests takes as long to import as all else together, and getinfo is not to wait for it.
        from segment_bridge.delivery.client import fingerprint
        from segment_bridge.splunk.dead_letters import DeadLetters
        from segment_bridge.splunk.ledger import Ledger
        from segment_bridge.splunk.sending import Sending

        options, name = self._options, self._options.destination
        service = rest.connect(self._info.splunkd_uri, self._info.session_key)
        destination = Destination.parse(name, rest.stanza(service, "segment_bridge", name), options.overrides)
        try:
            write_key = passwords.read(service, name, "write key of [%s]" % name)
        except SecretError as error:
            if not options.dryrun:
                raise
            write_key = ""
            self._note(
                "WARN",
                SecretError(
                    "%s. (Without it, the messageIds that are made differ from those of a run that sends)" % error,
                    reason=error.reason,
                ),
            )
        if not destination.url and len(write_key) not in (0, WRITE_KEY_CHARS):
            self._note(
                "WARN",
                SecretError(
                    "the write key of [%s] has %d characters, Segment's have %d: events may vanish without an error"
                    % (name, len(write_key), WRITE_KEY_CHARS)
                ),
            )
        keeps = destination.dead_letters and not options.dryrun
        letters = DeadLetters(service, name) if keeps else None
        ledger = Ledger(service, name, fingerprint(write_key)) if destination.ledger and not options.dryrun else None
        window = self._info.earliest_time, self._info.latest_time
        return Sending(options, destination, write_key, self._log, letters, ledger, window)

    def _note(self, level: str, error: SegmentBridgeError) -> None:
        self._notes.append((level, error.told("segmentsend")))
        if level == "ERROR":
            self._log.error("error", reason=error.reason, error=str(error))
        else:
            self._log.warning("warning", reason=error.reason, error=str(error))

    def _fail(self, stdout: BinaryIO, error: SegmentBridgeError) -> None:
        """The last reply: no rows, and why."""
        self._note("ERROR", error)
        self._end("failed")
        chunked.write_head(stdout, _metadata(self._notes, True), 0)
        stdout.flush()

    def _end(self, status: str) -> None:
        """Says once how the run ended: before the last reply, after which splunkd may end the process."""
        if self._has_ended:
            return
        self._has_ended = True
        facts = {}
        if self._sending:
            self._sending.log_outcomes()
            facts = self._sending.facts()
        facts.update(status=status, duration_s=time.monotonic() - self._began)
        self._log.info("run_end", **facts, **self._window)
        run_records.keep(
            rest.connect(self._info.splunkd_uri, self._info.session_key),
            self._log,
            **facts,
            earliest=self._info.earliest_time,
        )

    def _terminated(self, number: int, frame: Any) -> None:
        """SIGTERM: the messages that are being sent are settled, and nothing new is begun."""
        if self._has_ended:
            return
        if self._sending is None or not self._sending.is_busy:
            raise _Cancelled
        self._sending.cancel()


def _metadata(notes: List[Tuple[str, str]], finished: bool) -> Dict[str, Any]:
    """Of a reply; the last has the notes. splunkd ends the search at `error`: what it is to read stands before it."""
    if not finished or not notes:
        return {"finished": finished}
    errors = [text.replace("segmentsend: ", "", 1) for level, text in notes if level == "ERROR"]
    return {
        "inspector": {"messages": [list(note) for note in notes]},
        **({"error": "; ".join(errors)} if errors else {}),
        "finished": True,
    }
