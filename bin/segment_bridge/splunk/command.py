"""The search command `segmentsend`: what splunkd asks of it, and how errors reach the user.

splunklib does what happens once, getinfo; segment_bridge.delivery.options.Options has the arguments. Chunks of rows
are read and answered by segment_bridge.splunk.chunked. Whatever makes the search fail is the reply's `error`, a message
and exit status 1: a message alone does not fail a search, and a status does not say why, nor does it count after the
last reply.

Sources: Splunk's "Create custom search commands for apps"; splunklib.searchcommands.
"""

import contextlib
import signal
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, BinaryIO, Dict, Iterable, List, Optional, Tuple
from urllib.parse import quote

from splunklib.searchcommands import Configuration

from segment_bridge.delivery.options import Options
from segment_bridge.errors import SegmentBridgeError, SettingsError, SplunkdError, unforeseen
from segment_bridge.runlog import RunLog
from segment_bridge.splunk import chunked, rest, run_records
from segment_bridge.splunk.search_command import SearchCommand

if TYPE_CHECKING:
    from segment_bridge.delivery.run import Run

PROGRAM = "segmentsend"
Message = Tuple[str, str]
"""Level and text, for whoever runs the search."""


class _Cancelled(Exception):
    """splunkd has ended the search."""


@Configuration(distributed=False)  # one process on the search head: it has side effects, and needs secrets and lib/
class SegmentSend(SearchCommand):
    """Sends each row as an event to Segment; segment_* fields of the row say what became of it."""

    def stream(self, records: Iterable[Any]) -> Iterable[Any]:
        """Never called: `_execute` has its own way with rows. splunklib wants it to be there."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Checks the arguments, and no more: Splunk starts the command for a search that is only parsed, too."""
        try:
            self._given = Options.parse(self.fieldnames)
        except SettingsError as error:
            self.write_error(error.coded)

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
            reply.append(block, [b""] * block.rows)
        reply.write(stdout, {"finished": bool(chunk.metadata.get("finished"))})


class _Run:
    """One run of the command: splunkd's chunks in, replies out, a beginning and an end in the run log."""

    def __init__(self, options: Options, searchinfo: Any):
        self._options = options
        self._info = searchinfo
        self._service = rest.connect(searchinfo.splunkd_uri, searchinfo.session_key)
        self._log = RunLog(PROGRAM, searchinfo.sid, destination=options.destination, dryrun=options.dryrun)
        self._window = {"earliest": searchinfo.earliest_time, "latest": searchinfo.latest_time}
        self._run: Optional[Run] = None
        self._began = time.monotonic()
        self._has_ended = False
        self._messages: List[Message] = []

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
        return not any(level == "ERROR" for level, _ in self._messages)

    def _answer_all(self, stdin: BinaryIO, stdout: BinaryIO, stack: ExitStack) -> None:
        """
        Raises:
            SegmentBridgeError: nothing can be sent.
            chunked.InputEnded, _Cancelled, BrokenPipeError: splunkd does not want any more of it.
        """
        # requests takes as long to import as all else together, and getinfo is not to wait for it.
        from segment_bridge.splunk.replies import OutcomeReply

        for chunk in chunked.chunks(stdin):
            reply = OutcomeReply(chunk.header, self._options.payload)
            try:
                if self._run is None:
                    self._run = stack.enter_context(self._begin())
                self._run.deliver(chunk, reply)
            finally:
                chunk.skip()  # splunkd does not read before it has written all
            finished = bool(chunk.metadata.get("finished"))
            if finished:
                self._messages += [(note.level, note.told(PROGRAM)) for note in self._run.notes()]
                self._end("failed" if self._run.has_failed else "ok")
            reply.write(stdout, _metadata(self._messages, finished))
            if finished:
                return
            if self._run.is_cancelled:
                break
        raise _Cancelled

    def _begin(self) -> "Run":
        """Reads settings and key. (Not before there are rows to come: a search that is only parsed needs neither.)

        Raises:
            SegmentBridgeError
        """
        from segment_bridge.splunk.destinations import open_run

        window = self._info.earliest_time, self._info.latest_time
        run, warnings = open_run(self._service, self._options, self._log, window)
        for warning in warnings:
            self._messages.append(("WARN", warning.told(PROGRAM)))
            self._log.warning("warning", reason=warning.reason, setting=warning.setting or None, error=str(warning))
        return run

    def _fail(self, stdout: BinaryIO, error: SegmentBridgeError) -> None:
        """The last reply: no rows, and why."""
        self._messages.append(("ERROR", error.told(PROGRAM)))
        self._log.error("error", reason=error.reason, setting=error.setting or None, error=str(error))
        self._end("failed")
        chunked.write_head(stdout, _metadata(self._messages, True), 0)
        stdout.flush()

    def _end(self, status: str) -> None:
        """Says once how the run ended: before the last reply, after which splunkd may end the process."""
        if self._has_ended:
            return
        self._has_ended = True
        facts: Dict[str, Any] = {}
        if self._run:
            self._run.log_outcomes()
            facts = self._run.facts()
        facts.update(status=status, duration_s=time.monotonic() - self._began, scanned=self._scanned(status))
        self._log.info("run_end", **facts, **self._window)
        window = {"earliest": self._info.earliest_time, "latest": self._info.latest_time}
        events = self._run.accepted_by_name() if self._run else ""
        run_records.keep(self._service, self._log, **facts, **window, events=events or None)

    def _scanned(self, status: str) -> Optional[int]:
        """How many events the search has read; None where splunkd does not say, or is in a hurry."""
        if status != "cancelled":
            with contextlib.suppress(SplunkdError, KeyError, IndexError, ValueError, TypeError):
                job = rest.get(self._service, "search/jobs/" + quote(self._info.sid, safe=""))
                return int(job["entry"][0]["content"]["scanCount"])
        return None

    def _terminated(self, number: int, frame: Any) -> None:
        """SIGTERM: the messages that are being sent are settled, and nothing new is begun."""
        if self._has_ended:
            return
        if self._run is None or not self._run.is_busy:
            raise _Cancelled
        self._run.cancel()


def _metadata(messages: List[Message], finished: bool) -> Dict[str, Any]:
    """Of a reply; the last has the messages. splunkd ends the search at `error`: what it is to read comes before."""
    if not finished or not messages:
        return {"finished": finished}
    errors = [text.replace(PROGRAM + ": ", "", 1) for level, text in messages if level == "ERROR"]
    return {
        "inspector": {"messages": [list(message) for message in messages]},
        **({"error": "; ".join(errors)} if errors else {}),
        "finished": True,
    }
