"""Compares segment_bridge.splunk.chunked with splunklib's reader and writer.

`python -m tests.unit.chunked_oracle COUNT` compares them on that many random bodies, for a Python without pytest and
hypothesis.
"""

import contextlib
import csv
import io
import random
import sys
from typing import Sequence

from splunklib.searchcommands.internals import RecordWriterV2
from splunklib.searchcommands.search_command import SearchCommand

from segment_bridge.delivery.columns import values_of
from segment_bridge.splunk import chunked

ADDED = {"segment_status": "accepted", "segment_error": 'a "b", c', "segment_http": ""}
"""Fields added to rows. In some bodies the second one exists as a column already."""

_ALPHABET = [
    "a",
    "B",
    "7",
    " ",
    '"',
    '""',
    ",",
    "\n",
    "\r\n",
    "$",
    "$$",
    ";",
    "$;$",
    "é",
    "漢",
    "😀",
    "\\",
    "'",
    "\t",
    "\u2028",
    "\x1c",
    "\x01",
    "\x02",
    "\ufffd",
    "\x85",
    "\ufeff",
    "<bad>",
]
_PLAIN = [each for each in _ALPHABET if not any(one in each for one in ("\r", "\n", "\x01", "\x02", "\ufffd", "<bad>"))]
_NAMES = [
    "_time",
    "_chunked_idx",
    "a",
    "b c",
    'q"uote',
    "x,y",
    "Ünïcode",
    "__x",
    "line\nbreak",
    "properties.plan{}",
    "segment_error",
]
_BAD_UTF_8 = [b"\xff", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f"]


def check(body: bytes, block_bytes: int = 65_536) -> None:
    """Checks that the same rows in give the same rows out, and the same cells for every row."""
    chunk = _chunk(body)
    with blocks_of(block_bytes):
        found = [_record(chunk.header, cells) for cells in cells_of(chunk)]
    assert found == [_normal(record) for record in _read(body)]
    assert [_normal(record) for record in _read(answer(body, block_bytes))] == [
        _normal(record) for record in _read(splunklibs_answer(body))
    ]


def answer(body: bytes, block_bytes: int = 65_536) -> bytes:
    """The body of the reply that the rows of a chunk give with ADDED."""
    chunk = _chunk(body)
    reply = chunked.Reply(chunk.header, list(ADDED))
    first, *rest = ADDED.values()
    with blocks_of(block_bytes):
        for block in chunk:
            reply.append(block, chunked.encoded([first] * len(block.texts)))
    reply.rest = chunked.encoded(*([value] * len(reply.rest) for value in rest))
    out = io.BytesIO()
    reply.write(out, {"finished": False})
    return _body(out)


def splunklibs_answer(body: bytes) -> bytes:
    out = io.BytesIO()
    writer = RecordWriterV2(out, 50_000)
    writer.write_records({**record, **ADDED} for record in _read(body))
    writer.write_chunk(finished=False)
    return _body(out)


def cells_of(chunk: chunked.Chunk):
    """The rows of a chunk, one by one."""
    return [[column[row] for column in block.columns] for block in chunk for row in range(len(block.texts))]


@contextlib.contextmanager
def blocks_of(block_bytes: int):
    """The blocks in which chunks are read: a number of bytes, then on to the end of the line."""
    before, chunked._BLOCK_BYTES = chunked._BLOCK_BYTES, block_bytes
    try:
        yield
    finally:
        chunked._BLOCK_BYTES = before


def _chunk(body: bytes) -> chunked.Chunk:
    return next(chunked.chunks(io.BytesIO(b"chunked 1.0,2,%d\n{}%s" % (len(body), body))))


def _body(out: io.BytesIO) -> bytes:
    head, _, rest = out.getvalue().partition(b"\n")
    metadata_bytes, body_bytes = (int(length) for length in head.split(b",")[1:])
    assert len(rest) == metadata_bytes + body_bytes
    return rest[metadata_bytes:]


def _read(body: bytes):
    return list(SearchCommand._read_csv_records(SearchCommand, io.StringIO(body.decode("utf-8", "replace"))))


def _record(header, cells):
    record = dict(zip(header, cells))
    for name in header:
        if name.startswith("__mv_") and record[name]:
            record[name[5:]] = values_of(record[name])
    return _normal({name: value for name, value in record.items() if not name.startswith("__mv_")})


def _normal(record):
    """One value in a list is that value, and an empty list is nothing: Splunk does not distinguish them."""
    single = {name: value[0] for name, value in record.items() if isinstance(value, list) and len(value) == 1}
    return {name: value for name, value in {**record, **single}.items() if value}


# --- Random bodies --------------------------------------------------------------------------------------------------


def made_body(chance: random.Random) -> bytes:
    """A body as splunkd or splunklib might write it: header, rows, and twins of some columns, in some order.

    Half of the bodies contain nothing that needs csv to be read.
    """
    is_plain = chance.random() < 0.5
    names = chance.sample(_NAMES, chance.randint(1, 6))
    twins = ["__mv_" + name for name in names if chance.random() < 0.7]
    header = names + twins
    if chance.random() < 0.3:
        chance.shuffle(header)
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        lineterminator="\n" if is_plain else chance.choice(["\n", "\r\n"]),
        quoting=csv.QUOTE_MINIMAL if is_plain else chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )
    writer.writerow(header)
    for _ in range(chance.choice([0, 1, 2, 5, 30])):
        record = {}
        for name in names:
            record[name] = _text(chance, _PLAIN).lstrip('"') if is_plain else _text(chance, _ALPHABET)
            if "__mv_" + name in twins and chance.random() < 0.3 and not is_plain:
                values = [_text(chance, _ALPHABET) for _ in range(chance.randint(2, 4))]
                record[name] = "\n".join(values)
                record["__mv_" + name] = ";".join("$%s$" % value.replace("$", "$$") for value in values)
        writer.writerow([record.get(name, "") for name in header])
    body = text.getvalue()
    if chance.random() < 0.2:
        body = body.rstrip("\r\n")
    if chance.random() < 0.05:
        body = ""
    pieces = body.split("<bad>")
    return pieces[0].encode() + b"".join(chance.choice(_BAD_UTF_8) + piece.encode() for piece in pieces[1:])


def _text(chance: random.Random, alphabet: Sequence[str]) -> str:
    return "".join(chance.choice(alphabet) for _ in range(chance.choice([0, 0, 1, 2, 5, 20])))


if __name__ == "__main__":
    for seed in range(int(sys.argv[1])):
        made = made_body(random.Random(seed))
        try:
            check(made, random.Random(seed).choice([1, 7, 65_536]))
        except Exception:
            sys.stderr.write("body %d: %r\n" % (seed, made))
            raise
