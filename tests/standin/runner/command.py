"""A custom search command: the program that an app brings, and splunkd's side of the conversation with it.

When a search is parsed, the command is started once, only to ask what it is; it is started again for the search itself.
It receives chunks and sends one reply to each. Sources: commands.conf.spec (chunked = true); splunklib's and MLTK's
clients of the protocol; exchanges recorded with Splunk 8.2; how jobs end, as measured on 9.4.
"""

import itertools
import queue
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Protocol, Tuple, Union
from urllib.parse import quote

from tests.support import chunked

from ..spl.choices import EMPTY_CELL
from ..stores.conf import is_true
from ..values import Results, Row, SplError, text
from .program import GRACE_S, Program, Start

MAX_RESULT_ROWS = 50_000
_KNOWN_TYPES = ("streaming", "stateful")
_INDEX = "_chunked_idx"
_EOF = "EOF while attempting to read transport header read_size=0"
_COMPONENT = "ChunkedExternProcessor"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class SearchInfo(NamedTuple):
    """What a command is told about its search. Times are epoch seconds, and None is no bound."""

    sid: str
    search: str
    app: str
    owner: str
    session_key: str
    splunkd_uri: str
    splunk_version: str
    dispatch_dir: Path
    earliest: Optional[float]
    latest: Optional[float]


class JobView(Protocol):
    """The job that runs the search, as far as it concerns the search's commands."""

    is_cancelled: bool
    is_finalized: bool
    chunk_rows: int
    """The largest number of rows in a chunk."""
    previews: bool
    """Whether commands that run in previews get a preview first."""
    others: FrozenSet[str]
    """The choices (see spl.choices) that are answered the other way."""

    def message(self, level: str, text: str) -> None: ...

    def log(self, level: str, component: str, text: str) -> None:
        """Writes a line to search.log."""
        ...

    def started(self, process: Program) -> None:
        """From here until `ended`, the job signals the process if it is cancelled."""
        ...

    def ended(self, process: Program) -> None: ...


class Command:
    """Implements spl.host.ExternalCommand.

    Args:
        settings: its stanza of commands.conf.
        folder: the app's.
        python: the interpreter.
        start: starts it, with the arguments of subprocess.Popen.
    """

    generating = False

    def __init__(
        self,
        name: str,
        settings: Mapping[str, str],
        folder: Path,
        python: str,
        env: Mapping[str, str],
        info: SearchInfo,
        job: JobView,
        start: Start = subprocess.Popen,
    ):
        self._name, self._settings, self._info, self._job = name, settings, info, job
        self._env, self._start = env, start
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
        self._maxwait_s, self._max_chunk_bytes = self._limit("maxwait"), self._limit("maxchunksize")

    def _limit(self, name: str) -> int:
        """0 means no limit."""
        value = self._settings.get(name, "0").strip()
        if value.isdecimal():
            return int(value)
        self._job.message("WARN", "Invalid %s value in commands.conf: must be a non-negative integer." % name)
        return 0

    def run(self, arguments: List[str], chunks: Iterator[Results]) -> Iterator[Results]:
        """Asks the command what it is. The returned iterator starts it again once rows are wanted.

        Raises:
            SplError: it does not work, or is of a kind that is not known here.
        """
        for word in arguments:
            if word == "," or word.startswith("["):
                raise self._error("'%s' between the arguments of a custom command is not known here." % word[:1])
        getinfo = self._getinfo(arguments)
        with self._process() as process:
            self._introduced(process, getinfo)
            if process.dismiss():
                raise _Ended(_EOF)
        return self._results(getinfo, chunks)

    def _results(self, getinfo: Dict[str, Any], chunks: Iterator[Results]) -> Iterator[Results]:
        chunks = self._cut(chunks)
        if self._job.previews and is_true(self._settings.get("run_in_preview", "false")):
            first = list(itertools.islice(chunks, 1))
            for _ in self._served({**getinfo, "preview": True}, iter(first)):
                pass
            chunks = itertools.chain(first, chunks)
        yield from self._served(getinfo, chunks)

    def _served(self, getinfo: Dict[str, Any], chunks: Iterator[Results]) -> Iterator[Results]:
        """Runs one process, from getinfo to its end."""
        with self._process() as process:
            selection = _Selection(self._introduced(process, getinfo))
            for given, finished in self._requests(chunks):
                reply = process.exchange({"action": "execute", "finished": finished}, selection.encoded(given))
                yield self._decoded(selection, reply, given)
                if reply.finished:
                    break
            process.dismiss()

    def _requests(self, chunks: Iterator[Results]) -> Iterator[Tuple[Results, bool]]:
        """What the command is sent, each with whether it is the last. Fields without rows come first, and again at the
        end until the command says that it has finished. A search that is finalised simply ends.
        """
        fields: List[str] = []
        for number, chunk in enumerate(chunks):
            fields = chunk.fields
            if not number:
                yield Results(fields, []), False
            yield chunk, False
        while not self._job.is_finalized:
            yield Results(fields, []), True

    @contextmanager
    def _process(self) -> Iterator["_Process"]:
        process = _Process(
            self._command_line, self._env, self._job, self._maxwait_s, self._max_chunk_bytes, self._start
        )
        try:
            yield process
        except _Ended as ended:
            if self._job.is_cancelled:
                return
            self._job.log("ERROR", _COMPONENT, str(ended))
            raise self._error(_how_it_ended(ended, process.exit_code())) from ended
        except chunked.Malformed as error:
            self._job.log("ERROR", _COMPONENT, str(error))
            raise self._error(
                "Invalid message received from external search command during %s, see search.log."
                % ("search" if process.is_introduced else "setup")
            ) from error
        finally:
            process.close()

    def _introduced(self, process: "_Process", getinfo: Dict[str, Any]) -> Dict[str, Any]:
        """The reply to getinfo. Its messages are lost, because there is no job yet to show them."""
        reply = process.exchange(getinfo)
        for _ in reply.messages:
            self._job.log("WARN", _COMPONENT, "Error adding inspector message: invalid level or message already exists")
        self._raise_error(reply)
        if reply.finished:
            raise _Ended("The reply to getinfo was the last one.")
        if reply.body:
            raise chunked.Malformed("The reply to getinfo has a body.")
        kind = reply.metadata.get("type", "streaming")
        if reply.metadata.get("generating", False) or kind not in _KNOWN_TYPES:
            raise self._error(
                "Commands of type '%s'%s are not known here, only %s that do not generate events."
                % (
                    kind,
                    " that generate events" if reply.metadata.get("generating") else "",
                    " and ".join(_KNOWN_TYPES),
                )
            )
        if any("*" in field for field in _required(reply.metadata)):
            raise self._error("Wildcards in required_fields are not known here.")
        process.is_introduced = True
        return reply.metadata

    def _decoded(self, selection: "_Selection", reply: chunked.Reply, given: Results) -> Results:
        for level, message in reply.messages:
            self._job.message(level, message)
        self._raise_error(reply)
        try:
            return selection.merged(given, chunked.decode_rows(reply.body, EMPTY_CELL in self._job.others))
        except _OutOfOrder:
            raise self._error(
                "Invalid '%s' from external search process: out of range or out of order." % (_INDEX)
            ) from None

    def _raise_error(self, reply: chunked.Reply) -> None:
        if reply.metadata.get("error"):
            raise self._error(reply.metadata["error"])

    def _getinfo(self, arguments: List[str]) -> Dict[str, Any]:
        info = self._info
        return {
            "action": "getinfo",
            "preview": False,
            "streaming_command_will_restart": False,
            "searchinfo": {
                "args": [_without_quotes(word) for word in arguments],
                "raw_args": arguments,
                "dispatch_dir": str(info.dispatch_dir),
                "sid": info.sid,
                "app": info.app,
                "owner": info.owner,
                "username": info.owner,
                "session_key": info.session_key,
                "splunkd_uri": info.splunkd_uri,
                "splunk_version": info.splunk_version,
                "search": quote(info.search, safe=""),
                "command": self._name,
                "maxresultrows": MAX_RESULT_ROWS,
                "earliest_time": _time(info.earliest),
                "latest_time": _time(info.latest),
            },
        }

    def _cut(self, chunks: Iterator[Results]) -> Iterator[Results]:
        size = min(self._job.chunk_rows, MAX_RESULT_ROWS)
        for chunk in chunks:
            for start in range(0, max(len(chunk.rows), 1), size):
                yield Results(chunk.fields, chunk.rows[start : start + size])

    def _error(self, text: str) -> SplError:
        return SplError("Error in '%s' command: %s" % (self._name, text))


class _Ended(Exception):
    """There is no reply, and none will come."""


class _Deaf(_Ended):
    """The command does not read what it is sent."""


class _OutOfOrder(Exception):
    """A reply's rows are not a selection of the rows sent, in their order."""


class _Process:
    """A running command. Replies are read as they arrive, so it never waits for splunkd while splunkd waits for it."""

    def __init__(
        self,
        command_line: List[str],
        env: Mapping[str, str],
        job: JobView,
        maxwait_s: int,
        max_bytes: int,
        start: Start,
    ):
        self._job, self._maxwait_s, self._max_bytes, self.is_introduced = job, maxwait_s or None, max_bytes, False
        self._replies: queue.SimpleQueue[Union[chunked.Reply, Exception]] = queue.SimpleQueue()
        job.log("INFO", _COMPONENT, "Running process: " + " ".join(command_line))
        self._program = Program(command_line, env, self._log_stderr, start)
        job.started(self._program)
        self._program.in_background(self._read_replies)

    def exchange(self, metadata: Dict[str, Any], body: bytes = b"") -> chunked.Reply:
        """Sends a chunk and returns the reply.

        Raises:
            _Ended, chunked.Malformed: there is no reply.
        """
        if not self._replies.empty():
            raise self._unasked(self._replies.get())
        if self._job.is_cancelled:
            raise _Ended("The search is cancelled.")
        try:
            self._program.stdin.write(chunked.encode(metadata, body))
            self._program.stdin.flush()
            reply = self._replies.get(timeout=self._maxwait_s)
        except OSError as error:
            raise _Deaf(
                "Failure writing result chunk: %s. External process possibly failed to read its stdin." % (error)
            ) from None
        except queue.Empty:
            raise self._too_slow() from None
        if isinstance(reply, Exception):
            raise reply
        return reply

    def dismiss(self) -> int:
        """Ends a command that has done its work. Returns its exit status, which does not count once it has said that it
        has finished.

        Raises:
            chunked.Malformed: it wrote more than it was asked for.
        """
        self._program.end_input()
        if not self._program.ends_within(0 if self._job.is_cancelled else self._maxwait_s):
            raise self._too_slow()
        rest = self._replies.get()
        if not isinstance(rest, _Ended):
            raise self._unasked(rest)
        return self._program.returncode

    def _too_slow(self) -> _Ended:
        self._program.stop()
        return _Ended("No answer within maxwait=%s s" % self._maxwait_s)

    def exit_code(self) -> Optional[int]:
        """The exit status of a process that should end: negative after a signal, None if it does not end by itself."""
        self._program.end_input()
        if self._program.ends_within(GRACE_S):
            return self._program.returncode
        self._program.stop()
        return None

    def close(self) -> None:
        """Ends the process in whatever state it is. It gets a little time to notice that its input has ended."""
        self.exit_code()
        self._program.clear_away()
        self._job.ended(self._program)

    def _unasked(self, reply: Union[chunked.Reply, Exception]) -> Exception:
        """What is wrong with a reply that comes before there is anything to reply to."""
        return reply if isinstance(reply, Exception) else chunked.Malformed("A reply to no chunk: %s" % reply.metadata)

    def _read_replies(self) -> None:
        try:
            while True:
                reply = chunked.read(self._program.stdout, self._max_bytes)
                if reply is None:
                    return self._replies.put(_Ended(_EOF))
                self._replies.put(reply)
        except chunked.Malformed as error:
            self._replies.put(error)

    def _log_stderr(self, pid: int, line: str) -> None:
        thread = "%d %sStderrLogger" % (pid, _COMPONENT)
        self._job.log("ERROR", "%s [%s]" % (_COMPONENT, thread), "stderr: " + line)


class _Selection:
    """The fields that a command wants (required_fields of its reply to getinfo). The others are kept for it meanwhile.

    A command that names any also gets the rows' numbers, which connect its rows to the fields that it did not get.
    """

    def __init__(self, getinfo: Mapping[str, Any]):
        self._required = _required(getinfo)

    def encoded(self, given: Results) -> bytes:
        if not self._required:
            return chunked.encode_rows(given.fields, given.rows)
        fields = self._sent(given)
        rows = [
            {**{field: row[field] for field in fields if field in row}, _INDEX: number}
            for number, row in enumerate(given.rows)
        ]
        return chunked.encode_rows([*fields, _INDEX], rows)

    def merged(self, given: Results, reply: Results) -> Results:
        """A reply's rows with the fields that the command did not get.

        Raises:
            _OutOfOrder
        """
        if not self._required:
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


def _how_it_ended(ended: _Ended, code: Optional[int]) -> str:
    if code is None and isinstance(ended, _Deaf):
        return "Failed to send message to external search command, see search.log."
    if code is not None and code > 0:
        return "External search command exited unexpectedly with non-zero error code %d." % code
    return "External search command exited unexpectedly."


def _required(getinfo: Mapping[str, Any]) -> List[str]:
    """None means all fields."""
    required = getinfo.get("required_fields") or []
    return [] if required == ["*"] else required


def _without_quotes(word: str) -> str:
    return _QUOTED.sub(lambda quoted: re.sub(r'\\(["\\])', r"\1", quoted.group(1)), word)


def _time(seconds: Optional[float]) -> str:
    return "0" if seconds is None else text(seconds)
