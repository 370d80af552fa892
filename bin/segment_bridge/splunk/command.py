"""The search command `segmentsend`: talks to splunkd, and gets errors to the user.

splunklib handles getinfo, which happens once; segment_bridge.delivery.options.Options parses the arguments;
segment_bridge.splunk.chunked reads and answers chunks of rows. A failure goes out three times: as `error` of the reply,
as a message, and as exit status 1. A message alone does not fail a search, and an exit status does not say why, nor
does splunkd heed it after the last reply.

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
from segment_bridge.errors import SegmentBridgeError, SettingsError, SplunkdError, presentable
from segment_bridge.runlog import RunLog
from segment_bridge.splunk import chunked, rest, run_records
from segment_bridge.splunk.search_command import SearchCommand

if TYPE_CHECKING:
    from segment_bridge.delivery.run import Run

PROGRAM = "segmentsend"
Message = Tuple[str, str]
"""Level and text of a message to the user who runs the search."""


class _Cancelled(Exception):
    """splunkd ended the search."""


@Configuration(distributed=False)  # one process on the search head: it has side effects, and needs secrets and lib/
class SegmentSend(SearchCommand):
    """Sends each row to Segment as an event. The row's segment_* fields tell the outcome."""

    def stream(self, records: Iterable[Any]) -> Iterable[Any]:
        """Never called, as `_execute` reads the rows itself. splunklib requires the method."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Only checks the arguments: Splunk also starts the command for a search that it parses but does not run."""
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
    """Returns the rows unsent: a preview has only some of the rows, and may repeat them."""
    for chunk in chunked.chunks(stdin):
        reply = chunked.Reply(chunk.header, [])
        for block in chunk:
            reply.append(block, [b""] * block.rows)
        reply.write(stdout, {"finished": bool(chunk.metadata.get("finished"))})


class _Run:
    """One run of the command: answers splunkd's chunks, and logs the run's start and end."""

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
        """Answers all chunks. Returns False if the search must fail."""
        with self._log as log, ExitStack() as stack:
            signal.signal(signal.SIGTERM, self._terminated)
            log.info("run_start", app=self._info.app, owner=self._info.owner, **self._window)
            try:
                self._answer_all(stdin, stdout, stack)
            except (chunked.InputEnded, _Cancelled, BrokenPipeError):
                self._end("cancelled")
            except Exception as error:  # whatever it is, the user must see it
                self._fail(stdout, presentable(error))
        return not any(level == "ERROR" for level, _ in self._messages)

    def _answer_all(self, stdin: BinaryIO, stdout: BinaryIO, stack: ExitStack) -> None:
        """Delivers the rows of each chunk, and replies with their outcomes.

        Raises:
            SegmentBridgeError: nothing can be sent.
            chunked.InputEnded, _Cancelled, BrokenPipeError: splunkd ended the search.
        """
        # requests takes as long to import as everything else together, and getinfo must not wait for it.
        from segment_bridge.splunk.replies import OutcomeReply

        for chunk in chunked.chunks(stdin):
            reply = OutcomeReply(chunk.header, self._options.payload)
            try:
                if self._run is None:
                    self._run = stack.enter_context(self._begin())
                self._run.deliver(chunk, reply)
            finally:
                chunk.skip()  # splunkd does not read a reply until it has written its whole chunk
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
        """Reads the settings and the write key. Not called until rows arrive, as a search that is only parsed has none.

        Raises:
            SegmentBridgeError: nothing can be sent.
        """
        from segment_bridge.splunk.destinations import open_run

        window = self._info.earliest_time, self._info.latest_time
        run, warnings = open_run(self._service, self._options, self._log, window)
        for warning in warnings:
            self._messages.append(("WARN", warning.told(PROGRAM)))
            self._log.warning("warning", reason=warning.reason, setting=warning.setting or None, error=str(warning))
        return run

    def _fail(self, stdout: BinaryIO, error: SegmentBridgeError) -> None:
        """Sends the last reply, without rows, and with the reason."""
        self._messages.append(("ERROR", error.told(PROGRAM)))
        self._log.error("error", reason=error.reason, setting=error.setting or None, error=str(error))
        self._end("failed")
        chunked.write_head(stdout, _metadata(self._messages, True), 0)
        stdout.flush()

    def _end(self, status: str) -> None:
        """Logs once how the run ended. Must come before the last reply, after which splunkd may kill the process."""
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
        prunes = self._info.app == rest.APP
        run_records.keep(self._service, self._log, **facts, **window, prunes=prunes, events=events or None)

    def _scanned(self, status: str) -> Optional[int]:
        """The number of events that the search has read; None if it was cancelled or splunkd does not tell."""
        if status != "cancelled":
            with contextlib.suppress(SplunkdError, KeyError, IndexError, ValueError, TypeError):
                job = rest.get(self._service, "search/jobs/" + quote(self._info.sid, safe=""))
                return int(job["entry"][0]["content"]["scanCount"])
        return None

    def _terminated(self, number: int, frame: Any) -> None:
        """Handles SIGTERM: waits for the requests under way, and begins no more."""
        if self._has_ended:
            return
        if self._run is None or not self._run.is_busy:
            raise _Cancelled
        self._run.cancel()


def _metadata(messages: List[Message], finished: bool) -> Dict[str, Any]:
    """The metadata of a reply; only the last has messages. They precede `error`, at which splunkd stops reading."""
    if not finished or not messages:
        return {"finished": finished}
    errors = [text.replace(PROGRAM + ": ", "", 1) for level, text in messages if level == "ERROR"]
    return {
        "inspector": {"messages": [list(message) for message in messages]},
        **({"error": "; ".join(errors)} if errors else {}),
        "finished": True,
    }
