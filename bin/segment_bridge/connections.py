"""HTTP connections that keep to a limit of time, and answers that keep to one of size, whatever the other side does.

Time: urllib3's time-outs apply to each read from the socket, so an answer that comes byte by byte would take for ever.
On connections of `POOLS`, everything that this thread reads or sends within `ended_after` ends with that block's time.

Size: `read` takes the bytes as they come and decodes them itself, one layer of gzip, to a bound. urllib3 never decodes
anything of an answer (CVE-2025-66418, any number of encodings one in the other; CVE-2025-66471, a piece of a few
kilobytes that becomes gigabytes), and its own reading of chunks, which holds a chunk's size line whatever its length,
is not used. Heads are bounded by http.client: 100 lines of 64 KB.

Interim answers (1xx) are passed over, which http.client does with 100 alone.

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
    """The beginning of an answer's body, decoded; `is_whole` unless there is more than the caller asked for."""

    data: bytes
    is_whole: bool


def read(response: urllib3.HTTPResponse, most_bytes: int) -> Content:
    """The body of an answer that nobody has read from yet, made with `preload_content=False`.

    If it is not whole, the connection is of no further use: close the response.

    Raises:
        DecodeError: it is encoded otherwise than by gzip, more than once, or not as it says.
        ProtocolError, ReadTimeoutError, OSError: it broke off, or did not come in time.
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
        except ValueError:  # http.client's, of a chunk whose size is negative
            raise ProtocolError("the answer is not HTTP") from None
        if not piece:
            break
        yield piece
    if response.length_remaining:
        raise ProtocolError("the answer broke off")


def _inflated(pieces: Iterator[bytes], most_bytes: int) -> Iterator[bytes]:
    """In pieces, each of which is no larger than what is compressed may be.

    What is compressed may not be longer than what it may become, but for some bytes: there are headers without end.
    """
    inflater, is_open, compressed = zlib.decompressobj(31), False, 0
    for piece in pieces:
        compressed += len(piece)
        if compressed > most_bytes + 2 * _PIECE_BYTES:
            raise DecodeError("the answer is longer compressed than it may be")
        while piece:
            try:
                data = inflater.decompress(piece, _PIECE_BYTES)
            except zlib.error:
                raise DecodeError("the answer says that it is gzip, which it is not") from None
            yield data
            piece, is_open = inflater.unconsumed_tail, not inflater.eof
            if inflater.eof:
                piece, inflater = inflater.unused_data, zlib.decompressobj(31)
    if is_open:
        raise DecodeError("the answer broke off in the middle of its gzip")


# --- Time -------------------------------------------------------------------------------------------------------------
# Connections and pools of urllib3 are made to be subclassed like this.


class _Limit(threading.local):
    """Of this thread's call."""

    until = math.inf
    idle_s = math.inf


_limit = _Limit()


@contextlib.contextmanager
def ended_after(seconds: float, idle_s: float = math.inf) -> Iterator[None]:
    """Ends what this thread sends and reads on connections of POOLS after a time, or a time without a byte.

    Raises:
        socket.timeout: as urllib3 wraps it.
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
    """A connection's bytes, until the call ends."""

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
        if self._reader.has_ended:  # http.client takes a head without its end for a whole one
            raise http.client.HTTPException("the answer broke off in its head")

    def _read_status(self) -> Any:
        """Of the first answer that is none in between; http.client calls this for each."""
        lines = 0
        while True:
            found = cast(Any, super())._read_status()
            if not 100 <= found[1] < 200 or found[1] == http.client.SWITCHING_PROTOCOLS:
                return found
            while self.fp.readline(_PIECE_BYTES).strip():
                lines += 1
            lines += 1
            if lines > _MOST_INTERIM_LINES:
                raise http.client.HTTPException("one interim answer after the other")


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
