"""Chunks of result rows in and out by the search command protocol (chunked 1.0), at a fraction of splunklib's cost.

A chunk is a line with two lengths, metadata as JSON, and rows as CSV, in which a column x has a twin __mv_x that holds
its values where there are several. What makes the difference to splunklib:

- A body is parsed while it arrives, in blocks of rows; it is never held as one text, nor as a list of rows.
- A block is split into columns at once, by a few calls for all of its rows; no row is a dict.
- A row's own text goes back as it came, with the new cells behind it; nothing that was not changed is encoded again.
- A reply's length stands before it, so no row can leave before the last outcome of its chunk is known. Rows that wait
  do so in a temporary file where there are many.

splunklib is what this is tested against: the same rows in, the same rows out, whatever the body.

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

# For a while, a quote of CSV's own is one character, and a doubled one, which stands for a quote in a cell, is another.
_DOUBLED, _QUOTE = b"\1", b"\2"
_MARKS = bytes.maketrans(_DOUBLED + b'"', b'"' + _QUOTE)
_MARK = _QUOTE.decode()

csv.field_size_limit(2**31 - 1)  # splunklib's limit of 10 MiB would end a search over a row that only passes through


class Block(NamedTuple):
    """Some rows of a chunk."""

    columns: List[Sequence[str]]  # in the order of the header; of each, a cell a row
    texts: Sequence[Optional[bytes]]  # of each row, without line end; None where it cannot go back as it is

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.texts)


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
            raise ProtocolError("this is not a chunk: %r" % line[:80])
        metadata = stream.read(int(lengths[1]))
        if len(metadata) < int(lengths[1]):
            raise InputEnded
        chunk = Chunk(json.loads(metadata), _Body(stream, int(lengths[2])))
        yield chunk
        chunk.skip()


def table(stream: BinaryIO) -> "Table":
    """A whole file of results, such as an alert action gets, uncompressed."""
    return Table(_Stream(stream))


class _Stream:
    """The bytes of a stream. What it gives is empty at the end."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def block(self) -> bytes:
        return self._stream.read(_BLOCK_BYTES)

    def line(self) -> bytes:
        """A line, or what is left of one, with its end."""
        return self._stream.readline()


class _Body(_Stream):
    """So many bytes of one."""

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
    """Rows as splunkd writes them: the names of their columns, and themselves, which can be gone through once."""

    def __init__(self, body: _Stream):
        self._body = body
        self.header: List[str] = next((cells for cells, _ in self._by_csv(body.line())), [])

    def skip(self) -> None:
        """Passes over what has not been read."""
        while self._body.block():
            pass

    def __iter__(self) -> Iterator[Block]:
        """
        Raises:
            ProtocolError, InputEnded
        """
        for data in iter(self._body.block, b""):
            data = data if data.endswith(b"\n") else data + self._body.line()
            yield self._split(data) or self._read(data)

    def _split(self, data: bytes) -> Optional[Block]:
        """These lines as a block; None where it takes csv to tell what they mean.

        csv goes from character to character, and its rows have to be made into columns. This takes half of the time.
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
        """The block that begins with these lines. Its last row may go on in the following ones."""
        width = len(self.header)
        rows, texts = [], []
        for cells, text in self._by_csv(data):
            if len(cells) != width:
                cells, text = (cells + [""] * width)[:width], None
            rows.append(cells)
            texts.append(text)
        return Block([*zip(*rows)], texts)

    def _by_csv(self, data: bytes) -> Iterator[Tuple[List[str], Optional[bytes]]]:
        """Cells and text of each of the rows that begin in these lines."""
        own: List[bytes] = []  # lines of the row
        is_open = False

        def lines() -> Iterator[str]:
            nonlocal is_open
            more = data
            while more:
                text, more = _decoded(more)
                for line, own_line in zip(io.StringIO(text, newline="\n"), io.BytesIO(more)):
                    own.append(own_line)
                    # Before Python 3.11 csv refuses NUL. What goes back to Splunk still has it.
                    yield line.replace("\0", "\ufffd")
                more = self._body.line() if own else b""
            is_open = bool(own)  # a quote

        try:
            for cells in csv.reader(lines()):
                yield cells, None if is_open else b"".join(own).rstrip(b"\r\n")
                own.clear()
        except csv.Error as error:
            raise ProtocolError("a row of a chunk is not CSV: %s" % error) from None


def _decoded(data: bytes) -> Tuple[str, bytes]:
    """A text; and itself as bytes, without those that are no UTF-8, which are not to go back either."""
    text = data.decode("utf-8", "replace")
    return text, text.encode() if "\ufffd" in text else data


class Chunk(Table):
    """A request of splunkd's."""

    def __init__(self, metadata: Dict[str, Any], body: _Body):
        super().__init__(body)
        self.metadata = metadata


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
        self._rows = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)
        self._lengths = array("I")

    def append(self, block: Block, first: Sequence[bytes]) -> None:
        """Rows, each with the cells of its first columns."""
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
        """Sends the reply. Without rows it has no header either, as splunklib does it."""
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
    """Of each row the cells that follow others, each with its empty twin."""
    columns = tuple(
        [_quoted(cell) for cell in column] if _SPECIAL.search("".join(column)) else column for column in columns
    )
    pieces = [piece for column in columns for piece in (itertools.repeat(","), column, itertools.repeat(","))]
    return [*map(str.encode, map("".join, zip(*pieces)))]


_SPECIAL = re.compile('[",\r\n]')


def _quoted(text: str) -> str:
    return '"%s"' % text.replace('"', '""') if _SPECIAL.search(text) else text


def _line(cells: Sequence[str]) -> str:
    """A row, without the line end."""
    return ",".join(map(_quoted, cells))
