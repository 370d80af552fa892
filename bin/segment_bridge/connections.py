"""Limits the time of HTTP calls and the size of answers, whatever the other side does.

Time: urllib3's time-outs apply to each read from the socket, so an answer that arrives byte by byte could take forever.
On connections of `POOLS`, all that a thread sends and reads within `ended_after` must finish in that block's time.

Size: `read` takes the raw bytes and decodes at most one layer of gzip itself, up to a limit. urllib3 never decodes an
answer (CVE-2025-66418: any number of nested encodings; CVE-2025-66471: a few kilobytes that expand to gigabytes). Nor
does it read chunks, since it would hold a chunk's size line of any length. http.client limits headers to 100 lines of
64 KB.

Interim answers (1xx) are skipped; http.client itself only skips 100.

Sources: RFC 9110, 8.4 ("Content-Encoding") and 15.2 ("Informational"); http.client; urllib3 1.26.
"""

import contextlib
import http.client
import io
import math
import socket
import threading
import time
import zlib
from typing import Any, Iterator, NamedTuple, Optional, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, ProtocolError

_PIECE_BYTES = 65_536
_MOST_INTERIM_LINES = 200


# --- Size -------------------------------------------------------------------------------------------------------------


class Content(NamedTuple):
    """The beginning of an answer's decoded body. `is_whole`: it did not exceed the caller's limit."""

    data: bytes
    is_whole: bool


def read(response: urllib3.HTTPResponse, most_bytes: int) -> Content:
    """Reads the body of an answer that was made with `preload_content=False`, and that nothing has read from yet.

    If the body is not whole, the connection cannot be used again: close the response.

    Raises:
        DecodeError: the encoding is not gzip, is nested, or is not valid.
        ProtocolError, ReadTimeoutError, OSError: the answer broke off, or did not arrive in time.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise DecodeError("the answer is encoded by %s, which was not asked for" % encoding[:100])
    pieces = _pieces(response)
    data = io.BytesIO()
    for piece in _inflated(pieces, most_bytes) if encoding.endswith("gzip") else pieces:
        data.write(piece)
        if data.tell() > most_bytes:
            data.truncate(most_bytes)
            return Content(data.getvalue(), False)
    return Content(data.getvalue(), True)


def _pieces(response: urllib3.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            piece = response.read(_PIECE_BYTES, decode_content=False)
        except ValueError:  # http.client raises it for a chunk of negative size
            raise ProtocolError("the answer is not HTTP") from None
        if not piece:
            break
        yield piece
    if response.length_remaining:
        raise ProtocolError("the answer broke off")


def _inflated(pieces: Iterator[bytes], most_bytes: int) -> Iterator[bytes]:
    """Yields decompressed pieces of at most _PIECE_BYTES.

    Limits the compressed length, too: a gzip header can be endless.
    """
    inflater, is_open, compressed = zlib.decompressobj(31), False, 0
    for piece in pieces:
        compressed += len(piece)
        if compressed > most_bytes + 2 * _PIECE_BYTES:
            raise DecodeError("the answer is too long, even compressed")
        while piece:
            try:
                data = inflater.decompress(piece, _PIECE_BYTES)
            except zlib.error:
                raise DecodeError("the answer claims to be gzip, but is not") from None
            yield data
            piece, is_open = inflater.unconsumed_tail, not inflater.eof
            if inflater.eof:
                piece, inflater = inflater.unused_data, zlib.decompressobj(31)
    if is_open:
        raise DecodeError("the answer broke off in the middle of its gzip")


# --- Time -------------------------------------------------------------------------------------------------------------
# Connections and pools of urllib3 are made to be subclassed like this.


class _Limit(threading.local):
    """The limits of the current thread's call: the end by the monotonic clock, and the longest time without a byte."""

    until = math.inf
    idle_s = math.inf


_limit = _Limit()


@contextlib.contextmanager
def ended_after(seconds: float, idle_s: float = math.inf) -> Iterator[None]:
    """Limits the time that this thread sends and reads on connections of POOLS within the block.

    Args:
        seconds: in all.
        idle_s: without a byte.

    Raises:
        socket.timeout: the time is up; urllib3 may wrap it.
    """
    before = _limit.until, _limit.idle_s
    _limit.until, _limit.idle_s = time.monotonic() + seconds, idle_s
    try:
        yield
    finally:
        _limit.until, _limit.idle_s = before


def _keep_to_limit(connection: socket.socket) -> None:
    left = min(_limit.until - time.monotonic(), _limit.idle_s)
    if left <= 0:
        raise socket.timeout("timed out")
    if left < math.inf:
        connection.settimeout(left)


class _TimedReader(io.RawIOBase):
    """Reads a connection within the limits of the current call."""

    has_ended = False

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        _keep_to_limit(self._connection)
        size = self._raw.readinto(buffer)
        self.has_ended = not size
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any):
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._reader = _TimedReader(sock)
        self.fp = io.BufferedReader(self._reader)

    def begin(self) -> None:
        super().begin()
        if self._reader.has_ended:  # http.client accepts headers that break off
            raise http.client.HTTPException("the answer broke off in its headers")

    def _read_status(self) -> Any:
        """Reads the status line of the final answer, after skipping interim ones."""
        lines = 0
        while True:
            found = cast(Any, super())._read_status()
            if not 100 <= found[1] < 200 or found[1] == http.client.SWITCHING_PROTOCOLS:
                return found
            while self.fp.readline(_PIECE_BYTES).strip():
                lines += 1
            lines += 1
            if lines > _MOST_INTERIM_LINES:
                raise http.client.HTTPException("too many interim answers")


class _Connection(HTTPConnection):
    response_class = _TimedResponse

    def send(self, data: Any) -> None:
        if self.sock is not None:
            _keep_to_limit(self.sock)
        super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


POOLS = {"http": _Pool, "https": _SecurePool}
"""For a PoolManager's or ProxyManager's `pool_classes_by_scheme`."""
