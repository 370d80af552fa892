"""Whatever answers, it takes no more time and memory than allowed."""

import contextlib
import gzip
import socket
import threading
import time
import tracemalloc
import zlib

import pytest
import urllib3
from urllib3.exceptions import DecodeError, HTTPError

from segment_bridge import connections

MOST = 1_000_000
OK = b"HTTP/1.1 200 OK\r\n"


@contextlib.contextmanager
def answering(*pieces, pause_s=0.0, forever=b""):
    """The port of a server that answers one request with these bytes, followed by `forever` again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65_536)
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause_s)
                while forever:
                    connection.sendall(forever)
                    time.sleep(pause_s)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


def get(port, seconds=5.0, idle_s=3.0):
    """Status and content. Closes the response, so that the server sees its end."""
    manager = urllib3.PoolManager(retries=False)
    manager.pool_classes_by_scheme = connections.POOLS
    with connections.ended_after(seconds, idle_s):
        response = manager.request("GET", "http://127.0.0.1:%d/" % port, preload_content=False, timeout=3)
        try:
            return response.status, connections.read(response, MOST)
        finally:
            response.close()


def sized(body, encoding=""):
    encoding = "Content-Encoding: %s\r\n" % encoding if encoding else ""
    return OK + b"%sContent-Length: %d\r\n\r\n%s" % (encoding.encode(), len(body), body)


def bomb(layers, size=50_000_000):
    data = bytes(size)
    for _ in range(layers):
        data = gzip.compress(data, mtime=0)
    return data


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (sized(b"x" * 100), (b"x" * 100, True)),
        (sized(b""), (b"", True)),
        (sized(b"x" * MOST), (b"x" * MOST, True)),
        (sized(b"x" * (MOST + 1)), (b"x" * MOST, False)),
        (OK + b"\r\nto the end", (b"to the end", True)),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nT: r\r\n\r\n", (b"abcde", True)),
        (sized(gzip.compress(b"x" * 100, mtime=0), "gzip"), (b"x" * 100, True)),
        (sized(gzip.compress(b"x" * 100, mtime=0), "X-GZip"), (b"x" * 100, True)),
        (sized(gzip.compress(b"x" * MOST, mtime=0), "gzip"), (b"x" * MOST, True)),
        (
            sized(gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0), "gzip"),
            (b"ab", True),
        ),  # RFC 1952, 2.2: members
        (sized(b"x", "identity"), (b"x", True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (b"", True)),
    ],
)
def test_a_body_is_read_to_its_end_or_to_the_limit(answer, content):
    with answering(answer) as port:
        assert get(port)[1] == content


def test_a_bomb_is_not_unpacked():
    """CVE-2025-66471: urllib3 decompresses a piece completely."""
    packed = bomb(1)
    with answering(sized(packed, "gzip")) as port:
        tracemalloc.start()
        try:
            assert get(port)[1] == (bytes(MOST), False)
            assert tracemalloc.get_traced_memory()[1] < 5 * MOST
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (bomb(2), "gzip, gzip"),  # CVE-2025-66418: urllib3 undoes as many encodings as are named
        (b"x", ", ".join(["gzip"] * 500)),
        (zlib.compress(b"x"), "deflate"),
        (b"x", "br"),
        (b"x", "zstd"),
        (b"x", "no such thing"),
        (b"x" * 100, "gzip"),
        (gzip.compress(b"x" * 100, mtime=0)[:-9], "gzip"),
        (gzip.compress(b"x" * 100, mtime=0) + b"junk", "gzip"),
        (b"\x1f\x8b\x08\x08" + b"n" * (2 * MOST), "gzip"),  # a file name without an end
    ],
)
def test_an_unrequested_encoding_is_not_decoded(body, encoding):
    with answering(sized(body, encoding)) as port, pytest.raises(DecodeError, match="the answer"):
        get(port)


@pytest.mark.parametrize(
    "answer",
    [
        sized(b"x" * 100)[:-1],
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nab",
        OK + b"Content-Length: 5",
        b"",
        b"no HTTP at all\r\n\r\n",
        OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        OK + b"X: y\r\n" * 101 + b"\r\n",
    ],
)
def test_a_truncated_or_invalid_answer_is_an_error(answer):
    with answering(answer) as port, pytest.raises((HTTPError, OSError)):
        get(port)


INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@pytest.mark.parametrize("before", [INTERIM, b"HTTP/1.1 100 Continue\r\n\r\n" + INTERIM * 3, b"HTTP/1.1 102 P\r\n\r\n"])
def test_interim_answers_are_skipped(before):
    """http.client skips only 100: cpython#42550."""
    with answering(before + sized(b"x")) as port:
        assert get(port) == (200, (b"x", True))


def test_an_answer_of_another_protocol_is_final():
    with answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n") as port:
        assert get(port)[0] == 101


@pytest.mark.parametrize(
    ("begin", "forever"),
    [
        (b"", INTERIM),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n",
            b"1",
        ),  # a chunk size without an end, which urllib3 reads completely
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"Trailer: x\r\n"),
        (OK + b"\r\n", b"x"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"", mtime=0), gzip.compress(b"", mtime=0)),
    ],
)
@pytest.mark.parametrize("pause_s", [0.0, 0.01])
def test_an_endless_answer_is_ended(begin, forever, pause_s):
    began = time.monotonic()
    with answering(begin, forever=forever * (1 if pause_s else 1_000), pause_s=pause_s) as port:
        tracemalloc.start()
        try:
            with contextlib.suppress(HTTPError, OSError):
                assert not get(port, seconds=0.5)[1].is_whole
            assert tracemalloc.get_traced_memory()[1] < 5 * MOST
        finally:
            tracemalloc.stop()
    assert time.monotonic() - began < 3


def test_silence_is_ended_before_the_call_is():
    began = time.monotonic()
    with answering(OK, pause_s=0.6) as port, pytest.raises((HTTPError, OSError)):
        get(port, seconds=30, idle_s=0.3)
    assert time.monotonic() - began < 3
