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
import itertools
import json
import re
import tempfile
from array import array
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Sequence, Tuple

_TRANSPORT = re.compile(rb"chunked\s+1\.0\s*,\s*(\d+)\s*,\s*(\d+)\s*\n")
_BLOCK_BYTES = 65_536
_IN_MEMORY_BYTES = 1_000_000

csv.field_size_limit(2**31 - 1)  # splunklib's limit of 10 MiB would end a search over a row that only passes through

Row = Tuple[List[str], Optional[bytes]]
"""Its cells, as many as the header has; and itself without line end, or None where that cannot go back as it is."""


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


class _Body:
    """So many bytes of a stream."""

    def __init__(self, stream: BinaryIO, length: int):
        self._stream = stream
        self._left = length
        self.is_whole = True  # the last line has its end

    def skip(self) -> None:
        while self._block():
            pass

    def lines(self) -> Iterator[Tuple[str, bytes]]:
        """Lines as texts and as bytes, without their ends; those of a block are made at once."""
        return itertools.chain.from_iterable(self._blocks())

    def _blocks(self) -> Iterator[Iterator[Tuple[str, bytes]]]:
        begun: List[bytes] = []  # of a line
        for block in iter(self._block, b""):
            end = block.rfind(b"\n")
            if end >= 0:
                yield _lines(b"".join([*begun, block[:end]]))
                begun = []
            begun.append(block[end + 1:])
        last = b"".join(begun)
        if last:
            self.is_whole = False
            yield _lines(last)

    def _block(self) -> bytes:
        """As much as there is; empty at the end."""
        if not self._left:
            return b""
        block = self._stream.read1(min(_BLOCK_BYTES, self._left))  # type: ignore[attr-defined]
        if not block:
            raise InputEnded
        self._left -= len(block)
        return block


def _lines(data: bytes) -> Iterator[Tuple[str, bytes]]:
    text = data.decode("utf-8", "replace")
    if "\ufffd" in text:  # maybe in place of what is no UTF-8, which is not to go back either
        data = text.encode()
    return zip(text.split("\n"), data.split(b"\n"))


class Chunk:
    """A request of splunkd's: its metadata, the names of its columns, and its rows, which can be gone through once."""

    def __init__(self, metadata: Dict[str, Any], body: _Body):
        self.metadata = metadata
        self._body = body
        self._lines = body.lines()
        first = next(self._lines, None)
        self.header: List[str] = self._by_csv(*first)[0] if first else []

    def skip(self) -> None:
        """Passes over what has not been read."""
        self._body.skip()

    def __iter__(self) -> Iterator[Row]:
        """
        Raises:
            ProtocolError, InputEnded
        """
        width = len(self.header)
        for text, raw in self._lines:
            cells = _split(text)
            if cells is None:
                cells, raw = self._by_csv(text, raw)
            if len(cells) != width:
                cells, raw = (cells + [""] * width)[:width], None
            yield cells, raw

    def _by_csv(self, text: str, raw: bytes) -> Row:
        """A row that begins with this line, and may go on in the following ones."""
        raws: List[bytes] = []
        is_open = False

        def lines() -> Iterator[str]:
            nonlocal is_open
            for line, line_raw in itertools.chain([(text, raw)], self._lines):
                raws.append(line_raw)
                # Before Python 3.11 csv refuses NUL. What goes back to Splunk still has it.
                yield line.replace("\0", "\ufffd") + ("\n" if self._body.is_whole else "")
            is_open = True  # a quote

        try:
            cells = next(csv.reader(lines()))
        except csv.Error as error:
            raise ProtocolError("a row of a chunk is no CSV: %s" % error) from None
        return cells, None if is_open else b"\n".join(raws).rstrip(b"\r")


def _split(text: str) -> Optional[List[str]]:
    """The cells of a line; None where it takes csv to tell. (Until Python 3.11 csv takes twice as long.)"""
    if not text or "\r" in text or "\0" in text:
        return None
    if '"' not in text:
        return text.split(",")
    pieces = text.replace('""', "\0").split('"')  # outside and inside of quotes in turn
    outside = '"'.join(pieces[::2])
    if not len(pieces) % 2 or "\0" in outside:
        return None
    cells = outside.split(",")
    position = 0
    try:
        for inside in pieces[1::2]:
            position = cells.index('"', position)
            cells[position] = inside.replace("\0", '"')
            position += 1
    except ValueError:  # a quote in the middle of a cell
        return None
    return cells


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
        self._bytes = 0
        self._latest: List[bytes] = []  # the rows that are not in the file
        self._latest_bytes = 0
        self._file: Optional[BinaryIO] = None
        self._lengths = array("L")  # of the rows in the file

    def add(self, row: Row, first: bytes, rest: bytes = b"") -> None:
        """A row, with the cells of the first columns, and those of the rest if they are known."""
        cells, raw = row
        if self._kept is not None:
            raw = _line([cells[position] for position in self._kept]).encode()
        elif raw is None:
            raw = _line(cells).encode()
        data = raw + first if self._kept != [] else first[1:]
        self.rest.append(rest)
        self._latest.append(data)
        self._latest_bytes += len(data)
        if self._latest_bytes >= _IN_MEMORY_BYTES:
            self._put_away()

    def _put_away(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.write(b"".join(self._latest))
        self._lengths.extend(map(len, self._latest))
        self._bytes += self._latest_bytes
        self._latest, self._latest_bytes = [], 0

    def write(self, stream: BinaryIO, metadata: Dict[str, Any]) -> None:
        """Sends the reply. Without rows it has no header either, as splunklib does it."""
        header = self._header.encode() if self.rest else b""
        size = len(header) + self._bytes + self._latest_bytes + sum(map(len, self.rest)) + len(self.rest)
        write_head(stream, metadata, size)
        stream.write(header)
        rows = zip(itertools.chain(self._put_away_rows(), self._latest), self.rest)
        while True:
            block = [b"%b%b\n" % row for row in itertools.islice(rows, 100)]
            if not block:
                break
            stream.write(b"".join(block))
        stream.flush()

    def _put_away_rows(self) -> Iterator[bytes]:
        if self._file is not None:
            with self._file:
                self._file.seek(0)
                yield from map(self._file.read, self._lengths)


def write_head(stream: BinaryIO, metadata: Dict[str, Any], body_bytes: int) -> None:
    data = json.dumps(metadata, separators=(",", ":")).encode()
    stream.write(b"chunked 1.0,%d,%d\n%s" % (len(data), body_bytes, data))


def encoded(values: Sequence[str]) -> bytes:
    """Cells that follow others in a row, each with its empty twin."""
    if _SPECIAL.search("".join(values)):
        values = [_quoted(value) if _SPECIAL.search(value) else value for value in values]
    return (",%s," % ",,".join(values)).encode()


_SPECIAL = re.compile('[",\r\n]')


def _quoted(text: str) -> str:
    return '"%s"' % text.replace('"', '""')


def _line(cells: Sequence[str]) -> str:
    """A row, without the line end."""
    return ",".join([_quoted(cell) if _SPECIAL.search(cell) else cell for cell in cells])
