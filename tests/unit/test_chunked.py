"""Reads and writes the same rows as splunklib, whatever the body, and refuses what is not a chunk."""

import io
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_bridge.splunk import chunked
from tests.conftest import thorough
from tests.unit import chunked_oracle

BODIES = {
    "nothing": b"",
    "a header and no rows": b"a,b,__mv_a,__mv_b\n",
    "a header without a line end": b"a,b",
    "rows": b'"_time",a,"__mv__time",__mv_a\n1,x,,\n2,y,,\n',
    "no line end after the last row": b"a,b\n1,2\n3,4",
    "CRLF": b"a,b\r\n1,2\r\n3,4\r\n",
    "a line break in the middle of a row": b'a,b\n"x\ny",2\n3,4\n',
    "a line break at the end of a row": b'a,b\n1,"x\n"\n3,4\n',
    "a carriage return in a row": b'a,b\n1,"x\r"\n"\r\n",4\n',
    "line separators that are not CSV's": "a,b\nx\u2028y,x\x85y\n\x1c,\x0b\n".encode(),
    "quotes": b'a,b\n"say ""hi""",""""\n',
    "a quote that stays open": b'a,b\n1,"x\n',
    "empty cells": b"a,b\n,\n,x\n",
    "an empty line": b"a,b\n1,2\n\n3,4\n",
    "a row that is too short": b"a,b,c\n1,2,3\n1\n",
    "several values": b'a,b,__mv_a,__mv_b\n"x\ny",2,$x$;$y$,\n',
    "a dollar in a value": b'a,__mv_a\n"a$b\nc;d",$a$$b$;$c;d$\n',
    "twins before their columns": b'__mv_a,a\n$x$;$y$,"x\ny"\n',
    "chunk index": b'a,"_chunked_idx"\nx,0\ny,3\n',
    "bytes that are not UTF-8": b"a,b\n\xff\xfe,\xe2\x82\nx\xed\xa0\x80y,\xf0\x9f\n",
    "a byte order mark": b"\xef\xbb\xbfa,b\n1,2\n",
    "what it adds is there already": b"segment_error,a,segment_status,__mv_segment_status\nold,1,old,\n,2,,\n",
    "nothing but what it adds": b"segment_error,segment_status,segment_http\nold,old,200\n",
    "one column": b'a\nx\n""\ny\n',
    "a cell of 3 MB": b"a,b\n" + b"x" * 3_000_000 + b',1\n"' + b"y\n" * 100 + b'",2\n',
}


@pytest.mark.parametrize("block_bytes", [1, 3, 65_536])
@pytest.mark.parametrize("name", BODIES)
def test_rows_agree_with_splunklib(name, block_bytes):
    body = BODIES[name]
    chunked_oracle.check(body, block_bytes if len(body) < 100_000 else 65_536)


@settings(max_examples=thorough(400), deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([1, 5, 65_536]))
def test_rows_agree_with_splunklib_for_any_body(chance, block_bytes):
    chunked_oracle.check(chunked_oracle.made_body(chance), block_bytes)


def test_random_bodies_are_read_both_ways(monkeypatch):
    split, ways = chunked.Chunk._split, Counter()

    def counted(chunk, data):
        block = split(chunk, data)
        ways["csv" if block is None else "quotes" if b'"' in data else "no quotes"] += 1
        return block

    monkeypatch.setattr(chunked.Chunk, "_split", counted)
    for seed in range(300):
        chunked_oracle.check(chunked_oracle.made_body(random.Random(seed)))
    assert min(ways["csv"], ways["quotes"], ways["no quotes"]) > 30, ways


@settings(max_examples=thorough(300), deadline=None)
@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=2, max_size=2)))
def test_cells_hold_any_text(table):
    text = "a,b\n" + "".join('"%s","%s"\n' % tuple(cell.replace('"', '""') for cell in cells) for cells in table)
    chunked_oracle.check(text.encode())
    chunk = next(chunked.chunks(io.BytesIO(b"chunked 1.0,2,%d\n{}%s" % (len(text.encode()), text.encode()))))
    assert chunked_oracle.cells_of(chunk) == table


def chunk_of(body, metadata=b"{}"):
    return b"chunked 1.0,%d,%d\n%s%s" % (len(metadata), len(body), metadata, body)


def test_a_row_is_returned_as_its_original_text():
    body = b'a,b\n"quoted",  x \n'
    assert chunked_oracle.answer(body).splitlines()[1].startswith(b'"quoted",  x ,accepted,,')


def test_nul_is_returned_to_splunk_and_is_a_replacement_character_in_messages():
    body = b"a,b\nx\0y,1\n"
    (chunk,) = chunked.chunks(io.BytesIO(chunk_of(body)))
    assert chunked_oracle.answer(body).splitlines()[1].startswith(b"x\0y,1,accepted")
    assert chunked_oracle.cells_of(next(chunked.chunks(io.BytesIO(chunk_of(body))))) == [["x\ufffdy", "1"]]
    assert chunk.header == ["a", "b"]


def test_chunks_follow_each_other_whether_they_were_read_or_not():
    stream = io.BytesIO(chunk_of(b"a\n1\n2\n", b'{"finished":false}') + chunk_of(b"", b'{"finished":true}'))
    headers = [(chunk.header, chunk.metadata) for chunk in chunked.chunks(stream)]
    assert headers == [(["a"], {"finished": False}), ([], {"finished": True})]


@pytest.mark.parametrize("length", range(1, len(chunk_of(b"a,b\n1,2\n3,4\n"))))
def test_a_truncated_chunk_is_noticed(length):
    data = chunk_of(b"a,b\n1,2\n3,4\n")[:length]
    with pytest.raises((chunked.InputEnded, chunked.ProtocolError)):
        for chunk in chunked.chunks(io.BytesIO(data)):
            list(chunk)


@pytest.mark.parametrize("data", [b"hello\n", b"chunked 2.0,2,0\n{}", b"chunked 1.0,-2,0\n{}", b"\n"])
def test_an_invalid_chunk_is_refused(data):
    with pytest.raises(chunked.ProtocolError, match="this is not a chunk"):
        list(chunked.chunks(io.BytesIO(data)))


def test_a_reply_larger_than_memory_should_hold_is_the_same(monkeypatch):
    body = b"a,b\n" + b"".join(b"%d,%s\n" % (number, b"x" * 1_000) for number in range(500))
    expected = chunked_oracle.answer(body)
    monkeypatch.setattr(chunked, "_IN_MEMORY_BYTES", 100_000)
    assert chunked_oracle.answer(body) == expected
    assert len(expected.splitlines()) == 501


def test_outcomes_may_be_set_until_the_reply_is_written():
    reply = chunked.Reply(["a"], ["x", "y"])
    reply.append(chunked.Block([["1", "2"]], [b"1", b"2"]), chunked.encoded(["first", "first"]))
    reply.rest = chunked.encoded(["", "later, and quoted"])
    out = io.BytesIO()
    reply.write(out, {"finished": True})
    assert out.getvalue() == (
        b'chunked 1.0,17,61\n{"finished":true}a,x,__mv_x,y,__mv_y\n1,first,,,\n2,first,,"later, and quoted",\n'
    )
