"""Chunks of result rows in and out by the search command protocol (chunked 1.0), at a fraction of splunklib's cost.

A chunk is a line with two lengths, metadata as JSON, and rows as CSV, in which a column x has a twin __mv_x that holds
its values where there are several. What makes the difference to splunklib:

- A body is parsed while it arrives; it is never held as one text, nor as a list of rows or of dicts.
- A row is a list of cells in the order of the header.
- A row's own text goes back as it came, with the new cells behind it; nothing that was not changed is encoded again.
- A reply's length stands before it, so no row can leave before the last outcome of its chunk is known. Rows that wait
  do so in a temporary file where there are many.

splunklib is what this is tested against: the same rows in, the same rows out, whatever the body.

Source: splunklib.searchcommands 2.1.1 (search_command, internals).
"""
import csv
import io
import json
import re
import tempfile
from array import array
from typing import Any, BinaryIO, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

_TRANSPORT = re.compile(rb"chunked\s+1\.0\s*,\s*(\d+)\s*,\s*(\d+)\s*\n")
_BLOCK_BYTES = 65_536
_IN_MEMORY_BYTES = 4_000_000

csv.field_size_limit(2**31 - 1)  # splunklib's limit of 10 MiB would end a search over a row that only passes through

Row = Tuple[List[str], Optional[str]]
"""Its cells, as many as the header has; and its text without line end, or None where that cannot go back as it is."""


class ProtocolError(Exception):
    """What is read is not what splunkd writes."""


class InputEnded(Exception):
    """splunkd has gone in the middle of a chunk."""


def chunks(stream: BinaryIO) -> Iterator["Chunk"]:
    """The chunks that splunkd sends, until it closes the stream. What is not read of one is skipped.

    Raises:
        ProtocolError, InputEnded
    """
    while True:
        line = stream.readline()
        if not line:
            return
        lengths = _TRANSPORT.fullmatch(line)
        if not lengths:
            raise ProtocolError("this is no chunk: %r" % line[:80])
        metadata = stream.read(int(lengths[1]))
        if len(metadata) < int(lengths[1]):
            raise InputEnded
        chunk = Chunk(json.loads(metadata), _Body(stream, int(lengths[2])))
        yield chunk
        chunk.skip()


class _Body(io.BufferedIOBase):
    """So many bytes of a stream, for a TextIOWrapper."""

    def __init__(self, stream: BinaryIO, length: int):
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        """The next block; the wrapper asks for smaller ones than a pipe holds, and takes what it gets."""
        if not self._left:
            return b""
        block = self._stream.read1(min(_BLOCK_BYTES, self._left))  # type: ignore[attr-defined]
        if not block:
            raise InputEnded
        self._left -= len(block)
        return block

    def skip(self) -> None:
        while self.read1():
            pass


class Chunk:
    """A request of splunkd's: its metadata, the names of its columns, and its rows, which can be gone through once."""

    def __init__(self, metadata: Dict[str, Any], body: _Body):
        self.metadata = metadata
        self._body = body
        self._line = ""  # the last one that was read
        self._lines = io.TextIOWrapper(body, encoding="utf-8", errors="replace", newline="\n")
        self._reader = csv.reader(self._noted())
        self.header: List[str] = next(self._reader, [])

    def _noted(self) -> Iterator[str]:
        for line in self._lines:
            self._line = line
            # Before Python 3.11 csv refuses NUL. What goes back to Splunk still has it.
            yield line.replace("\0", "\ufffd") if "\0" in line else line

    def skip(self) -> None:
        """Passes over what has not been read."""
        self._body.skip()

    def __iter__(self) -> Iterator[Row]:
        """
        Raises:
            ProtocolError, InputEnded
        """
        reader, width = self._reader, len(self.header)
        lines_before = reader.line_num
        try:
            for cells in reader:
                lines = reader.line_num
                if len(cells) != width:
                    yield (cells + [""] * width)[:width], None
                # A row of several lines; or the last one of all, without its end, or with a quote that is still open.
                elif lines - lines_before > 1 or self._line[-1] != "\n" or cells[-1][-1:] == "\n":
                    yield cells, None
                else:
                    yield cells, self._line.rstrip("\r\n")
                lines_before = lines
        except csv.Error as error:
            raise ProtocolError("row %d of a chunk is no CSV: %s" % (reader.line_num, error)) from None


class Reply:
    """The answer to a chunk: its rows, with cells for `columns` behind them in place of those that they had before.

    `rest` has the last cells of each row, which may be put in until the reply is written. `encoded` makes cells.
    """

    def __init__(self, header: Sequence[str], columns: Sequence[str]):
        replaced = {*columns, *("__mv_" + name for name in columns)}
        kept = [position for position, name in enumerate(header) if name not in replaced]
        self._kept = kept if len(kept) < len(header) else None
        names = [header[position] for position in kept]
        self._header = _line([*names, *(each for name in columns for each in (name, "__mv_" + name))]) + "\n"
        self.rest: List[bytes] = []
        self._file: BinaryIO = io.BytesIO()
        self._lengths = array("L")
        self._block: List[bytes] = []
        self._block_bytes = self._bytes = 0

    def add(self, row: Row, first: str, rest: bytes = b"") -> None:
        """A row, with the cells of the first columns, and those of the rest if they are known."""
        cells, text = row
        if self._kept is not None:
            text = _line([cells[position] for position in self._kept])
        elif text is None:
            text = _line(cells)
        data = (text + first if self._kept != [] else first[1:]).encode()
        self._lengths.append(len(data))
        self.rest.append(rest)
        self._block.append(data)
        self._block_bytes += len(data)
        if self._block_bytes >= _BLOCK_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._bytes += self._block_bytes
        if self._bytes > _IN_MEMORY_BYTES and isinstance(self._file, io.BytesIO):
            memory, self._file = self._file, tempfile.TemporaryFile()  # noqa: SIM115
            self._file.write(memory.getbuffer())
        self._file.write(b"".join(self._block))
        self._block, self._block_bytes = [], 0

    def write(self, stream: BinaryIO, metadata: Dict[str, Any]) -> None:
        """Sends the reply. Without rows it has no header either, as splunklib does it."""
        self._flush()
        header = self._header.encode() if self._lengths else b""
        write_head(stream, metadata, len(header) + self._bytes + sum(map(len, self.rest)) + len(self._lengths))
        stream.write(header)
        self._file.seek(0)
        read = self._file.read
        block: List[bytes] = []
        for length, cells in zip(self._lengths, self.rest):
            block += (read(length), cells, b"\n")
            if len(block) > 300:
                stream.write(b"".join(block))
                block.clear()
        stream.write(b"".join(block))
        stream.flush()
        self._file.close()


def write_head(stream: BinaryIO, metadata: Dict[str, Any], body_bytes: int) -> None:
    data = json.dumps(metadata, separators=(",", ":")).encode()
    stream.write(b"chunked 1.0,%d,%d\n%s" % (len(data), body_bytes, data))


def encoded(values: Iterable[str]) -> str:
    """Cells that follow others in a row, each with its empty twin."""
    return "".join([",%s," % (_quoted(value) if _SPECIAL.search(value) else value) for value in values])


_SPECIAL = re.compile('[",\r\n]')


def _quoted(text: str) -> str:
    return '"%s"' % text.replace('"', '""')


def _line(cells: Sequence[str]) -> str:
    """A row, without the line end."""
    return ",".join([_quoted(cell) if _SPECIAL.search(cell) else cell for cell in cells])
