"""A custom search command: the program that an app brings, and splunkd's side of talking to it.

When a search is read, the command is started once and only asked what it is; for the search that runs, it is started
anew. It gets a chunk and answers it, one reply a chunk. Sources: commands.conf.spec (chunked = true); splunklib's and
MLTK's clients of the protocol; recorded exchanges of Splunk 8.2; how jobs end as measured on 9.4.
"""
import queue
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Protocol, Union
from urllib.parse import quote

from ..stores.conf import is_true
from ..values import Results, Row, SplError, text
from . import chunked
from .program import GRACE_S, Program

SPLUNK_VERSION = "9.4.0"
MAX_RESULT_ROWS = 50_000
_KNOWN_TYPES = ("streaming", "stateful")
_INDEX = "_chunked_idx"
_COMPONENT = "ChunkedExternProcessor"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class SearchInfo(NamedTuple):
    """What a command is told of its search; times are epoch seconds, None is no bound."""

    sid: str
    search: str
    app: str
    owner: str
    session_key: str
    splunkd_uri: str
    dispatch_dir: Path
    earliest: Optional[float]
    latest: Optional[float]


class JobView(Protocol):
    """The job that the search is, as far as its commands have to do with it."""

    is_cancelled: bool
    is_finalized: bool
    chunk_rows: int
    """The most rows of a chunk."""
    previews: bool
    """Whether commands that run in previews get one first."""

    def message(self, level: str, text: str) -> None: ...

    def log(self, level: str, component: str, text: str) -> None:
        """A line of search.log."""
        ...

    def started(self, process: subprocess.Popen) -> None:
        """From here on until `ended` it is up to the job to signal the process if it is cancelled."""
        ...

    def ended(self, process: subprocess.Popen) -> None: ...


class Command:
    """It implements spl.host.ExternalCommand.

    Args:
        settings: its stanza of commands.conf.
        folder: the app's.
        python: the interpreter.
    """

    generating = False

    def __init__(self, name: str, settings: Mapping[str, str], folder: Path, python: str, env: Mapping[str, str],
                 info: SearchInfo, job: JobView):
        self._name, self._settings, self._info, self._job, self._env = name, settings, info, job, env
        if not is_true(settings.get("chunked", "false")):
            raise self._error("Commands without chunked = true are not known here.")
        if any(key.startswith("command.arg.") for key in settings):
            raise self._error("command.arg.<N> is not known here.")
        file = settings.get("filename", name + ".py").strip()
        if "/" in file or not file.endswith(".py"):
            raise self._error("filename = %s is not known here: it can be a .py file in the app's bin." % file)
        script = folder / "bin" / file
        if not script.is_file():
            raise self._error("Could not find file: '%s'." % file)
        self._command_line = [python, str(script)]
        self._maxwait_s = float(settings.get("maxwait", "0"))

    def run(self, arguments: List[str], chunks: Iterator[Results]) -> Iterator[Results]:
        """Asks the command what it is, and returns what goes on once rows are wanted.

        Raises:
            SplError: it is not well, or of a kind that is not known here.
        """
        for word in arguments:
            if word == "," or word.startswith("["):
                raise self._error("'%s' between the arguments of a custom command is not known here." % word[:1])
        getinfo = self._getinfo(arguments)
        with self._process() as process:
            self._introduced(process, getinfo)
            process.dismiss()
        return self._results(getinfo, chunks)

    def _results(self, getinfo: Dict[str, Any], chunks: Iterator[Results]) -> Iterator[Results]:
        chunks = self._cut(chunks)
        if self._job.previews and is_true(self._settings.get("run_in_preview", "false")):
            first = next(chunks, Results([], []))
            for _ in self._served({**getinfo, "preview": True}, iter([first])):
                pass
            chunks = _with_first(first, chunks)
        return (yield from self._served(getinfo, chunks))

    def _served(self, getinfo: Dict[str, Any], chunks: Iterator[Results]) -> Iterator[Results]:
        """One process, from getinfo to its end. A header without rows comes before all rows, and as the last chunk."""
        if self._job.is_cancelled:
            return
        with self._process() as process:
            selection = _Selection(self._introduced(process, getinfo))
            fields: List[str] = []
            for number, chunk in enumerate(chunks):
                fields = chunk.fields
                for given in [Results(fields, []), chunk] if not number else [chunk]:
                    reply = process.execute(selection.encoded(given), finished=False)
                    yield self._decoded(process, selection, reply, given)
                    if reply.finished:
                        return process.dismiss()
                if self._job.is_cancelled:
                    return
            if self._job.is_finalized:
                return process.dismiss()
            while True:
                given = Results(fields, [])
                reply = process.execute(selection.encoded(given), finished=True)
                yield self._decoded(process, selection, reply, given)
                if reply.finished:
                    return process.dismiss()

    @contextmanager
    def _process(self) -> Iterator["_Process"]:
        process = _Process(self._command_line, self._env, self._job, self._maxwait_s)
        try:
            yield process
        except _Ended as ended:
            if self._job.is_cancelled:
                return
            self._job.log("ERROR", _COMPONENT, "EOF while attempting to read transport header read_size=0")
            code = process.exit_code()
            raise self._error("External search command exited unexpectedly%s." % (
                " with non-zero error code %d" % code if code > 0 else "")) from ended
        except chunked.Malformed as error:
            self._job.log("ERROR", _COMPONENT, str(error))
            raise self._error("Invalid message received from external search command during %s, see search.log." % (
                "search" if process.is_introduced else "setup")) from error
        except _Silent:
            raise self._error("The external search command did not answer within maxwait = %g seconds." % (
                self._maxwait_s)) from None
        finally:
            process.close()

    def _introduced(self, process: "_Process", getinfo: Dict[str, Any]) -> Dict[str, Any]:
        """The reply to getinfo. Its messages reach nobody: there is no job yet that they could be shown with."""
        reply = process.exchange(getinfo)
        for level, message in reply.metadata.get("inspector", {}).get("messages", []):
            self._job.log("WARN", _COMPONENT, "Error adding inspector message: invalid level or message already exists"
                                              ": %s %s" % (level, message))
        self._raise_error(reply)
        if reply.finished:
            raise _Ended
        if reply.body:
            raise chunked.Malformed("The reply to getinfo has a body.")
        kind = reply.metadata.get("type", "streaming")
        if reply.metadata.get("generating", False) or kind not in _KNOWN_TYPES:
            raise self._error("Commands of type '%s'%s are not known here: %s are, that generate nothing." % (
                kind, " that generate events" if reply.metadata.get("generating") else "", " and ".join(_KNOWN_TYPES)))
        process.is_introduced = True
        return reply.metadata

    def _decoded(self, process: "_Process", selection: "_Selection", reply: chunked.Reply, given: Results) -> Results:
        for level, message in reply.metadata.get("inspector", {}).get("messages", []):
            self._job.message(level, message)
        self._raise_error(reply)
        try:
            return selection.merged(given, chunked.decode_rows(reply.body))
        except _OutOfOrder:
            raise self._error("Invalid '%s' from external search process: out of range or out of order." % (
                _INDEX)) from None

    def _raise_error(self, reply: chunked.Reply) -> None:
        if reply.metadata.get("error"):
            raise self._error(reply.metadata["error"])

    def _getinfo(self, arguments: List[str]) -> Dict[str, Any]:
        info = self._info
        return {"action": "getinfo", "preview": False, "streaming_command_will_restart": False, "searchinfo": {
            "args": [_without_quotes(word) for word in arguments], "raw_args": arguments,
            "dispatch_dir": str(info.dispatch_dir), "sid": info.sid, "app": info.app, "owner": info.owner,
            "username": info.owner, "session_key": info.session_key, "splunkd_uri": info.splunkd_uri,
            "splunk_version": SPLUNK_VERSION, "search": quote(info.search, safe=""), "command": self._name,
            "maxresultrows": MAX_RESULT_ROWS, "earliest_time": _time(info.earliest), "latest_time": _time(info.latest)}}

    def _cut(self, chunks: Iterator[Results]) -> Iterator[Results]:
        size = min(self._job.chunk_rows, MAX_RESULT_ROWS)
        for chunk in chunks:
            for start in range(0, max(len(chunk.rows), 1), size):
                yield Results(chunk.fields, chunk.rows[start:start + size])

    def _error(self, text: str) -> SplError:
        return SplError("Error in '%s' command: %s" % (self._name, text))


class _Ended(Exception):
    """The command's output ended where a reply was due."""


class _Silent(Exception):
    """No reply within maxwait."""


class _OutOfOrder(Exception):
    """A reply's rows are not a selection of those that were sent, in their order."""


class _Process:
    """A command that runs. Replies are read as they come: it never waits for splunkd while splunkd waits for it."""

    def __init__(self, command_line: List[str], env: Mapping[str, str], job: JobView, maxwait_s: float):
        self._job, self._maxwait_s, self.is_introduced = job, maxwait_s or None, False
        self._replies: queue.SimpleQueue[Union[chunked.Reply, Exception]] = queue.SimpleQueue()
        job.log("INFO", _COMPONENT, "Running process: " + " ".join(command_line))
        self._program = Program(command_line, env, self._log_stderr)
        job.started(self._program)
        self._program.read_in_background(self._read_replies)

    def exchange(self, metadata: Dict[str, Any], body: bytes = b"") -> chunked.Reply:
        """
        Raises:
            _Ended, _Silent, chunked.Malformed: there is no reply.
        """
        if not self._replies.empty():
            self._refuse_more(self._replies.get())
        try:
            self._program.stdin.write(chunked.encode(metadata, body))
            self._program.stdin.flush()
            reply = self._replies.get(timeout=self._maxwait_s)
        except OSError:
            raise _Ended from None
        except queue.Empty:
            raise _Silent from None
        if isinstance(reply, Exception):
            raise reply
        return reply

    def execute(self, body: bytes, finished: bool) -> chunked.Reply:
        return self.exchange({"action": "execute", "finished": finished}, body)

    def dismiss(self) -> None:
        """The end of a command that has done what it was asked for. Its exit status does not count any more.

        Raises:
            chunked.Malformed: it wrote more than it was asked for.
        """
        self._program.end_input()
        try:
            code = self._program.wait(self._maxwait_s)
        except subprocess.TimeoutExpired:
            raise _Silent from None
        if code and not self._job.is_cancelled:
            self._job.log("WARN", _COMPONENT, "The process ended with status %d after its last reply." % code)
        self._refuse_more(self._replies.get())

    def exit_code(self) -> int:
        """Of a process whose output has ended; negative if a signal ended it."""
        self._program.end_input()
        try:
            return self._program.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._program.stop()
            return 0

    def close(self) -> None:
        """Whatever state it is in: it has a little time to see that its input has ended."""
        self._program.end_input()
        try:
            self._program.wait(GRACE_S)
            self._program.clear_away()
        except subprocess.TimeoutExpired:
            self._program.stop()
        self._job.ended(self._program)

    def _refuse_more(self, reply: Union[chunked.Reply, Exception]) -> None:
        if isinstance(reply, chunked.Malformed):
            raise reply
        if isinstance(reply, chunked.Reply):
            raise chunked.Malformed("A reply to no chunk: %s" % reply.metadata)

    def _read_replies(self) -> None:
        try:
            while True:
                reply = chunked.read(self._program.stdout)
                self._replies.put(_Ended() if reply is None else reply)
                if reply is None:
                    return
        except chunked.Malformed as error:
            self._replies.put(error)

    def _log_stderr(self, line: str) -> None:
        thread = "%d %sStderrLogger" % (self._program.pid, _COMPONENT)
        self._job.log("ERROR", "%s [%s]" % (_COMPONENT, thread), "stderr: " + line)


class _Selection:
    """Which fields a command wants, required_fields of its reply to getinfo; the others are kept for it meanwhile.

    A command that names any gets the rows' numbers, too, by which its rows find the fields that it did not get.
    """

    def __init__(self, getinfo: Mapping[str, Any]):
        required = getinfo.get("required_fields")
        self._required: Optional[List[str]] = None if required in (None, [], ["*"]) else required

    def encoded(self, given: Results) -> bytes:
        if self._required is None:
            return chunked.encode_rows(given.fields, given.rows)
        fields = self._sent(given)
        rows = [{**{field: row[field] for field in fields if field in row}, _INDEX: number}
                for number, row in enumerate(given.rows)]
        return chunked.encode_rows([*fields, _INDEX], rows)

    def merged(self, given: Results, reply: Results) -> Results:
        """
        Raises:
            _OutOfOrder
        """
        if self._required is None:
            return reply
        sent = set(self._sent(given))
        last, rows = -1, []
        for row in reply.rows:
            number = str(row.pop(_INDEX, ""))
            if not number.isdecimal() or not last < int(number) < len(given.rows):
                raise _OutOfOrder
            last = int(number)
            rest: Row = {field: value for field, value in given.rows[last].items() if field not in sent}
            rows.append({**rest, **row})
        kept = [field for field in given.fields if field not in sent or field in reply.fields]
        return Results([*kept, *(field for field in reply.fields if field not in kept and field != _INDEX)], rows)

    def _sent(self, given: Results) -> List[str]:
        return [field for field in given.fields if field in self._required]


def _with_first(first: Results, rest: Iterator[Results]) -> Iterator[Results]:
    yield first
    yield from rest


def _without_quotes(word: str) -> str:
    return _QUOTED.sub(lambda quoted: re.sub(r'\\(["\\])', r"\1", quoted.group(1)), word)


def _time(seconds: Optional[float]) -> str:
    return "0" if seconds is None else text(seconds)
