"""Reads and writes chunks of result rows in the search command protocol (chunked 1.0), much faster than splunklib.

A chunk is a line with two lengths, metadata as JSON, and rows as CSV. If a cell of column x has several values, column
__mv_x holds them. What makes this module faster:

- It parses a body while it arrives, in blocks of rows, and never holds it as one string or as a list of rows.
- It splits a block into columns with a few calls for all of its rows; no row becomes a dict.
- It returns a row's text unchanged, with the new cells appended, so nothing is encoded twice.

A reply begins with its length, so no row can be sent before the last outcome of its chunk is known. Many waiting rows
go to a temporary file.

Tests compare it with splunklib: the same rows in must give the same rows out, whatever the body.

Source: splunklib.searchcommands 2.1.1 (search_command, internals).
"""

import csv
import io
import itertools
import json
import operator
import re
import tempfile
from array import array
from typing import Any, BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

_TRANSPORT = re.compile(rb"chunked\s+1\.0\s*,\s*(\d+)\s*,\s*(\d+)\s*\n")
_BLOCK_BYTES = 65_536
_IN_MEMORY_BYTES = 1_000_000
_ROWS_AT_ONCE = 100

# While a block is split, one character stands for a CSV quote, and another for a doubled quote inside a cell.
_DOUBLED, _QUOTE = b"\1", b"\2"
_MARKS = bytes.maketrans(_DOUBLED + b'"', b'"' + _QUOTE)
_MARK = _QUOTE.decode()

csv.field_size_limit(2**31 - 1)  # splunklib's limit of 10 MiB would end a search over a row that only passes through


class Block(NamedTuple):
    """Some rows of a chunk."""

    columns: List[Sequence[str]]  # in the order of the header; each has one cell for every row
    texts: Sequence[Optional[bytes]]  # one for every row, without line end; None if it has to be encoded again

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.texts)


class ProtocolError(Exception):
    """The input does not follow the protocol."""


class InputEnded(Exception):
    """The input ended in the middle of a chunk."""


def chunks(stream: BinaryIO) -> Iterator["Chunk"]:
    """Yields the chunks that splunkd sends, until it closes the stream. Skips what the caller does not read of one.

    Raises:
        ProtocolError: the input does not follow the protocol.
        InputEnded: it ended in the middle of a chunk.
    """
    while True:
        line = stream.readline()
        if not line:
            return
        lengths = _TRANSPORT.fullmatch(line)
        if not lengths:
            raise ProtocolError("this is not a chunk: %r" % line[:80])
        metadata = stream.read(int(lengths[1]))
        if len(metadata) < int(lengths[1]):
            raise InputEnded
        chunk = Chunk(json.loads(metadata), _Body(stream, int(lengths[2])))
        yield chunk
        chunk.skip()


def table(stream: BinaryIO) -> "Table":
    """Reads a whole results file, uncompressed, such as an alert action gets."""
    return Table(_Stream(stream))


class _Stream:
    """Reads a stream to its end, at which methods return empty bytes."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def block(self) -> bytes:
        return self._stream.read(_BLOCK_BYTES)

    def line(self) -> bytes:
        """The rest of the current line, including its end."""
        return self._stream.readline()


class _Body(_Stream):
    """Reads the next `length` bytes of a stream."""

    def __init__(self, stream: BinaryIO, length: int):
        super().__init__(stream)
        self._left = length

    def block(self) -> bytes:
        return self._counted(self._stream.read(min(_BLOCK_BYTES, self._left)))

    def line(self) -> bytes:
        return self._counted(self._stream.readline(self._left))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left and not data:
            raise InputEnded
        return data


class Table:
    """Rows as splunkd writes them. Has the names of the columns in `header`; can be iterated over once."""

    def __init__(self, body: _Stream):
        self._body = body
        self.header: List[str] = next((cells for cells, _ in self._by_csv(body.line())), [])

    def skip(self) -> None:
        """Discards the rows that have not been read."""
        while self._body.block():
            pass

    def __iter__(self) -> Iterator[Block]:
        """Yields blocks of rows.

        Raises:
            ProtocolError: a row is not CSV.
            InputEnded: the input ended in the middle of a chunk.
        """
        for data in iter(self._body.block, b""):
            data = data if data.endswith(b"\n") else data + self._body.line()
            yield self._split(data) or self._read(data)

    def _split(self, data: bytes) -> Optional[Block]:
        """Splits lines into a block; None if only the csv module can tell what they mean.

        The csv module reads character by character, and its rows still have to be turned into columns; splitting takes
        half as long.
        """
        data = data[:-1] if data.endswith(b"\n") else data
        if any(character in data for character in (b"\r", b"\0", _DOUBLED, _QUOTE)):
            return None
        marked = data.replace(b'""', b"\0" + _DOUBLED).translate(_MARKS, b"\0").decode("utf-8", "replace")
        pieces = marked.split(_MARK)  # outside and inside of quotes in turn
        outside = _MARK.join(pieces[::2])
        texts = data.split(b"\n")
        lines = outside.split("\n")
        width = len(self.header)
        if (
            not len(pieces) % 2
            or '"' in outside
            or "\ufffd" in marked
            or len(lines) != len(texts)
            or {line.count(",") for line in lines} != {width - 1}
        ):
            return None
        cells = outside.replace("\n", ",").split(",")
        position = -1
        try:
            for inside in pieces[1::2]:
                position = cells.index(_MARK, position + 1)
                cells[position] = inside
        except ValueError:  # a quote in the middle of a cell
            return None
        return Block([cells[column::width] for column in range(width)], texts)

    def _read(self, data: bytes) -> Block:
        """Parses a block with the csv module. Its last row may continue in lines that follow `data`."""
        width = len(self.header)
        rows, texts = [], []
        for cells, text in self._by_csv(data):
            if len(cells) != width:
                cells, text = (cells + [""] * width)[:width], None
            rows.append(cells)
            texts.append(text)
        return Block([*zip(*rows)], texts)

    def _by_csv(self, data: bytes) -> Iterator[Tuple[List[str], Optional[bytes]]]:
        """Yields cells and text of each row that begins in these lines."""
        own: List[bytes] = []  # lines of the row
        is_open = False

        def lines() -> Iterator[str]:
            nonlocal is_open
            more = data
            while more:
                text, more = _decoded(more)
                for line, own_line in zip(io.StringIO(text, newline="\n"), io.BytesIO(more)):
                    own.append(own_line)
                    # Before Python 3.11, csv refuses NUL. The text that goes back to Splunk keeps it.
                    yield line.replace("\0", "\ufffd")
                more = self._body.line() if own else b""
            is_open = bool(own)  # the input ended inside a quoted cell

        try:
            for cells in csv.reader(lines()):
                yield cells, None if is_open else b"".join(own).rstrip(b"\r\n")
                own.clear()
        except csv.Error as error:
            raise ProtocolError("a row of a chunk is not CSV: %s" % error) from None


def _decoded(data: bytes) -> Tuple[str, bytes]:
    """Decodes UTF-8. Returns the text, and its bytes, in both of which U+FFFD replaces what is not UTF-8."""
    text = data.decode("utf-8", "replace")
    return text, text.encode() if "\ufffd" in text else data


class Chunk(Table):
    """A chunk that splunkd sent: metadata and rows."""

    def __init__(self, metadata: Dict[str, Any], body: _Body):
        super().__init__(body)
        self.metadata = metadata


class Reply:
    """The reply to a chunk: its rows, with cells for `columns` appended; existing columns of these names are dropped.

    `rest` holds the last cells of each row, as `encoded` makes them. They may be filled in until the reply is written.
    """

    def __init__(self, header: Sequence[str], columns: Sequence[str]):
        replaced = {*columns, *("__mv_" + name for name in columns)}
        kept = [position for position, name in enumerate(header) if name not in replaced]
        self._kept = kept if len(kept) < len(header) else None
        names = [header[position] for position in kept]
        self._header = _line([*names, *(each for name in columns for each in (name, "__mv_" + name))]) + "\n"
        self.rest: List[bytes] = []
        self._rows = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)
        self._lengths = array("I")

    def append(self, block: Block, first: Sequence[bytes]) -> None:
        """Adds rows; `first` has the first of the new cells for each of them."""
        columns, texts = block
        if self._kept == []:
            rows = [cells[1:] for cells in first]
        else:
            if self._kept is not None:
                columns, texts = [columns[position] for position in self._kept], [None] * len(texts)
            if None in texts:
                texts = [
                    _line([column[row] for column in columns]).encode() if text is None else text
                    for row, text in enumerate(texts)
                ]
            rows = [*map(operator.add, texts, first)]
        self.rest += [b""] * len(rows)
        self._lengths.extend(map(len, rows))
        self._rows.write(b"".join(rows))

    def write(self, stream: BinaryIO, metadata: Dict[str, Any]) -> None:
        """Sends the reply. Like splunklib, it leaves out the header if there are no rows."""
        header = self._header.encode() if self.rest else b""
        size = len(header) + self._rows.tell() + sum(map(len, self.rest)) + len(self.rest)
        write_head(stream, metadata, size)
        stream.write(header)
        with self._rows:
            self._rows.seek(0)
            for start in range(0, len(self.rest), _ROWS_AT_ONCE):
                end = start + _ROWS_AT_ONCE
                lengths, rest = self._lengths[start:end], self.rest[start:end]
                rows = map(io.BytesIO(self._rows.read(sum(lengths))).read, lengths)
                stream.write(b"".join(itertools.chain.from_iterable(zip(rows, rest, itertools.repeat(b"\n")))))
        stream.flush()


def write_head(stream: BinaryIO, metadata: Dict[str, Any], body_bytes: int) -> None:
    data = json.dumps(metadata, separators=(",", ":")).encode()
    stream.write(b"chunked 1.0,%d,%d\n%s" % (len(data), body_bytes, data))


def encoded(*columns: Sequence[str]) -> List[bytes]:
    """Encodes columns of cells. Returns the text to append to each row, with an empty __mv_ cell after every cell."""
    columns = tuple(
        [_quoted(cell) for cell in column] if _is_special("".join(column)) else column for column in columns
    )
    pieces = [piece for column in columns for piece in (itertools.repeat(","), column, itertools.repeat(","))]
    return [*map(str.encode, map("".join, zip(*pieces)))]


def _is_special(text: str) -> bool:
    return '"' in text or "," in text or "\n" in text or "\r" in text


def _quoted(text: str) -> str:
    return '"%s"' % text.replace('"', '""') if _is_special(text) else text


def _line(cells: Sequence[str]) -> str:
    """Encodes a row, without a line end."""
    return ",".join(map(_quoted, cells))
