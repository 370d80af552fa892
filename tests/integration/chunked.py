"""splunkd's side of the chunked search command protocol (version 1.0): starts a command and feeds it.

It sends what splunkd sends (LF, quotes around header names that begin with an underscore, every `x` before every
`__mv_x`, header-only chunks, an empty last one), and accepts only what splunkd accepts: exactly one reply to each
chunk, well-formed metadata, no more bytes than the lengths say, each body with its own columns.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

from tests.support import chunked, pythons
from tests.support.chunked import Malformed

Value = Union[str, list[str]]
Row = dict[str, Value]


@dataclass
class Reply:
    metadata: dict[str, Any]
    rows: list[Row]


@dataclass
class Result:
    """What a search gets from the command by the end."""

    exit_code: int
    stderr: str
    rows: list[Row] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)  # (level, text)

    def texts(self, level: str) -> list[str]:
        return [text for each, text in self.messages if each == level]


class Command:
    """A running search command, as a context manager that leaves no process behind.

    Args:
        program: the command line, without arguments of the search.
        arguments: those of the search, as words.
        searchinfo: what `getinfo` contains besides; `splunkd_uri`, `session_key`, `dispatch_dir`, ...
        start: starts the program, with the arguments of subprocess.Popen.
    """

    def __init__(
        self,
        program: Sequence[str],
        arguments: Sequence[str],
        searchinfo: Mapping[str, Any],
        environment: Mapping[str, str],
        start: Callable[..., Any] = subprocess.Popen,
    ):
        self._process = start(
            program,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.pid = self._process.pid
        self._stderr: list[bytes] = []
        self._errors = threading.Thread(target=self._collect_stderr, daemon=True)
        self._errors.start()
        self._getinfo = {
            "action": "getinfo",
            "preview": False,
            "streaming_command_will_restart": False,
            "searchinfo": {
                "args": [re.sub(r'"((?:[^"\\]|\\.)*)"', r"\1", word) for word in arguments],
                "raw_args": list(arguments),
                "app": "search",
                "owner": "admin",
                "username": "admin",
                "splunk_version": "9.3.0",
                "search": "%7C%20makeresults",
                "maxresultrows": 50000,
                "earliest_time": "0",
                "latest_time": "0",
                **searchinfo,
            },
        }

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *exc_info) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.join()
        for pipe in self._process.stdin, self._process.stdout, self._process.stderr:
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    def getinfo(self) -> Reply:
        return self.exchange(self._getinfo, b"")

    def execute(self, rows: Sequence[Row], *, finished: bool = False) -> Reply:
        return self.exchange({"action": "execute", "finished": finished}, encode(rows))

    def exchange(self, metadata: Mapping[str, Any], body: bytes) -> Reply:
        """Sends one chunk and returns the reply.

        Raises:
            Malformed: splunkd would refuse the reply.
            EOFError: the command ended before it replied.
        """
        self.send(metadata, body)
        return self.receive()

    def send(self, metadata: Mapping[str, Any], body: bytes, *, claimed_bytes: int | None = None) -> None:
        """Sends a chunk. With `claimed_bytes`, its header claims a longer body than it has."""
        self._process.stdin.write(chunked.encode(metadata, body, claimed_bytes))
        self._process.stdin.flush()

    def close_output(self) -> None:
        """Acts as if the reader of the replies were gone."""
        self._process.stdout.close()

    def receive(self) -> Reply:
        reply = chunked.read(self._process.stdout)
        if reply is None:
            raise EOFError("the command ended without a reply")
        return Reply(reply.metadata, decode(reply.body))

    def finish(self, timeout_s: float = 60) -> Result:
        """Closes the command's input and waits for its end."""
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        rest = b"" if self._process.stdout.closed else self._process.stdout.read()
        if rest:
            raise Malformed(f"more than was asked for: {rest[:200]!r}")
        exit_code = self._process.wait(timeout_s)
        self._errors.join()
        return Result(exit_code, b"".join(self._stderr).decode(errors="replace"))

    def _collect_stderr(self) -> None:
        self._stderr.extend(iter(lambda: self._process.stderr.read1(65536), b""))


def run(command: Command, rows: Iterable[Row], *, chunk_rows: int = 2500) -> Result:
    """Runs a whole search: sends all rows through the command, as splunkd does."""
    result_rows: list[Row] = []
    messages: list[tuple[str, str]] = []

    def note(reply: Reply) -> bool:
        """Records a reply. Returns whether the search continues."""
        inspector = reply.metadata.get("inspector", {})
        messages.extend((level, text) for level, text in inspector.get("messages", []))
        if "error" in reply.metadata:
            messages.append(("ERROR", reply.metadata["error"]))
        result_rows.extend(reply.rows)
        # A message does not end a search.
        return "error" not in reply.metadata and not reply.metadata.get("finished", False)

    try:
        goes_on = note(command.getinfo())
        for chunk in _chunks(rows, chunk_rows):
            goes_on = goes_on and note(command.execute(chunk))
        if goes_on:
            note(command.execute([], finished=True))
    except (EOFError, BrokenPipeError):
        messages.append(("ERROR", "External search command exited unexpectedly."))
    result = command.finish()
    result.rows, result.messages = result_rows, messages
    return result


def _chunks(rows: Iterable[Row], chunk_rows: int) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == chunk_rows:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def encode(rows: Sequence[Row]) -> bytes:
    """Rows as splunkd writes them. A list is a multivalue field."""
    return chunked.encode_rows(list(dict.fromkeys(name for row in rows for name in row)), rows)


def decode(body: bytes) -> list[Row]:
    """The rows of a reply. An empty cell is no value."""
    return list(chunked.decode_rows(body).rows)


def environment(splunk_home: Path) -> dict[str, str]:
    """The part of its environment that splunkd passes to a command."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, **pythons.measured(), "SPLUNK_HOME": str(splunk_home), "PYTHONHASHSEED": "random"}
