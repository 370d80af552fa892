"""An HTTP/1.1 server on loopback that a test starts, scripts, takes down and inspects.

The fakes subclass `FakeServer` and implement `answer(request) -> Reply`. Everything else is here once: keep-alive
connections, each in its own thread, TLS, latency, faults down to the socket (`tests.support.fakes.faults`), a record of
every request, and `down()`/`up()`.

http.server parses the requests. At the sizes that these services handle (batches of 480 KB, pages of 500 objects) its
cost is negligible, and it leaves the socket within reach, which HTTP mocking libraries do not.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import socket
import socketserver
import ssl
import struct
import time
import urllib.parse
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.fakes import faults
from tests.support.fakes.faults import Fault
from tests.support.fakes.reply import Reply
from tests.support.serving import serve

MAX_BODY_BYTES = 64 * 1024 * 1024
_NO_FAULT = Fault()


class Refusal(Exception):
    """The server cannot take a request; `reply` tells the client so."""

    def __init__(self, reply: Reply):
        super().__init__(reply.status)
        self.reply = reply


class Request:
    """A request as it arrived. Its body is read from the connection on first access."""

    def __init__(self, number: int, connection: _Connection):
        self.number = number  # 1, 2, ... since the server was created
        self.connection = connection.number
        self.method = connection.command
        self.target = connection.path
        url = urllib.parse.urlsplit(connection.path)
        self.path = url.path
        self.query: dict[str, list[str]] = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        self.headers: Mapping[str, str] = connection.headers  # names in any letter case
        self.peer_certificate: dict[str, Any] = connection.peer_certificate
        self.facts: dict[str, Any] = {}  # what the service found out, for the record
        self._file = connection.rfile
        self._wire: bytes | None = None
        self._body: bytes | None = None

    def read(self) -> bytes:
        """The body as it was sent, possibly compressed.

        Raises:
            Refusal: its length is missing or absurd.
            ConnectionError: it ended early.
        """
        if self._wire is None:
            if "Transfer-Encoding" in self.headers:
                raise Refusal(Reply.text(411, "Length Required", Connection="close"))
            length = self.headers.get("Content-Length", "0")
            if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
                raise Refusal(Reply.text(413, "Payload Too Large", Connection="close"))
            self._wire = self._file.read(int(length))
            if len(self._wire) < int(length):
                raise ConnectionError("the request's body ended early")
        return self._wire

    @property
    def body(self) -> bytes:
        """The body, decompressed if it was sent with gzip.

        Raises:
            Refusal: another encoding (415), or bytes that are not gzip (400).
        """
        if self._body is None:
            encoding = self.headers.get("Content-Encoding", "identity").lower()
            if encoding == "identity":
                self._body = self.read()
            elif encoding == "gzip":
                self._body = _inflate(self.read())
            else:
                raise Refusal(Reply.text(415, "Unsupported Media Type"))
        return self._body


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data, MAX_BODY_BYTES)
    except zlib.error:
        raise Refusal(Reply.text(400, "Bad Request")) from None
    if not inflater.eof or inflater.unused_data:
        raise Refusal(Reply.text(400, "Bad Request"))
    return inflated


@dataclass
class Exchange:
    """One request and what became of it."""

    number: int
    connection: int  # 1, 2, ...: the same number where a connection was kept alive
    method: str
    target: str
    headers: Mapping[str, str]
    facts: dict[str, Any]
    started_s: float  # time.monotonic()
    ended_s: float | None = None
    wire_bytes: int = 0
    body_bytes: int = 0
    status: int | None = None  # None if no complete answer went out
    fault: Fault | None = None


class FakeServer:
    """A service on 127.0.0.1, from `up()` to `stop()`, or as a context manager."""

    def __init__(
        self,
        port: int = 0,
        *,
        latency_s: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ):
        self.port = port  # 0 becomes a port that is free at the start
        self.latency_s = latency_s
        self.faults: faults.FaultOrPlan = None
        self.requests: list[Exchange] = []
        self.errors: list[BaseException] = []  # of the server itself; `stop` raises the first one
        self._tls = tls
        self._request_numbers = itertools.count(1)
        self._connection_numbers = itertools.count(1)
        self._connections: dict[int, socket.socket] = {}
        self._listener: _Listener | None = None
        self._reserved: socket.socket | None = None

    def answer(self, request: Request) -> Reply:
        """The service itself.

        Raises:
            Refusal: it cannot take the request.
        """
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *exc_info) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server for good.

        Raises:
            Exception: the first of `errors`.
        """
        self.down()
        if self._reserved:
            self._reserved.close()
        if self.errors:
            raise self.errors[0]

    def up(self) -> None:
        """Listens, on the same port as before."""
        self._listener = _Listener(self.port, self)
        self.port = self._listener.server_address[1]
        if self._reserved:
            self._reserved.close()
        self._end = serve(self._listener)

    def down(self) -> None:
        """Breaks all connections and refuses new ones until `up()`."""
        if not self._listener:
            return
        self._listener = None
        self._end()
        # A socket that is bound but does not listen refuses connections and keeps the port ours.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for _ in range(100):
            try:
                self._reserved.bind(("127.0.0.1", self.port))
                break
            except OSError as error:  # a process that another thread is starting briefly has a copy of every socket
                if error.errno != errno.EADDRINUSE:
                    raise
                time.sleep(0.01)
        else:
            raise OSError(errno.EADDRINUSE, f"cannot keep port {self.port}")
        for connection in list(self._connections.values()):
            with contextlib.suppress(OSError):  # already gone
                connection.shutdown(socket.SHUT_RDWR)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, fake: FakeServer):
        self.fake = fake
        super().__init__(("127.0.0.1", port), _Connection)

    def verify_request(self, request, client_address) -> bool:
        """Whether the server is up."""
        if self.fake._listener is self:
            return True
        request.close()
        return False

    def shutdown_request(self, request) -> None:
        """The connection closes itself, by FIN or by RST."""

    def handle_error(self, request, client_address) -> None:
        """The connection has noted what is the server's own fault, before its client saw it end."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.fake: FakeServer = self.server.fake
        self.number = next(self.fake._connection_numbers)
        self.peer_certificate: dict[str, Any] = {}
        self._keep_track()
        try:
            if self.fake._tls:
                self._secure()
                self._keep_track()
        except OSError:  # no TLS, or none that the client accepts
            self.fake._connections.pop(self.number)
            self.request.close()
            raise
        super().setup()

    def handle(self) -> None:
        """Breaking connections is this server's purpose; anything else is its own fault."""
        try:
            super().handle()
        except OSError:
            raise
        except Exception as error:
            self.fake.errors.append(error)
            raise

    def _keep_track(self) -> None:
        self.fake._connections[self.number] = self.request
        if self.fake._listener is not self.server:  # the server went down in the meantime
            self.request.shutdown(socket.SHUT_RDWR)

    def _secure(self) -> None:
        if self.request.recv(1, socket.MSG_PEEK) not in (b"\x16", b""):
            # As Go's server, and so Kubernetes and most others, answers plain HTTP on a TLS port.
            self.request.recv(65536)
            self.request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
            raise ConnectionError("no TLS")
        self.request = self.fake._tls.wrap_socket(self.request, server_side=True)
        self.peer_certificate = self.request.getpeercert() or {}

    def finish(self) -> None:
        self.fake._connections.pop(self.number, None)
        try:
            super().finish()
        finally:
            self.connection.close()

    def log_message(self, format, *args) -> None:
        """`FakeServer.requests` is the log."""

    def _serve(self) -> None:
        request = Request(next(self.fake._request_numbers), self)
        exchange = Exchange(
            request.number,
            self.number,
            self.command,
            self.path,
            self.headers,
            request.facts,
            time.monotonic(),
        )
        self.fake.requests.append(exchange)
        try:
            self._exchange(request, exchange)
        except OSError:
            exchange.status = None
            self.close_connection = True
        finally:
            exchange.ended_s = time.monotonic()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = _serve

    def _exchange(self, request: Request, exchange: Exchange) -> None:
        fault, reply = _NO_FAULT, None
        try:
            exchange.fault = faults.ask(self.fake.faults, request)
            fault = exchange.fault or _NO_FAULT
            if fault.read:
                request.read()
            if fault.handled:
                reply = self.fake.answer(request)
            if fault.reply:
                reply = fault.reply(request) if callable(fault.reply) else fault.reply
        except Refusal as refusal:
            reply = refusal.reply
        exchange.wire_bytes = len(request._wire or b"")
        exchange.body_bytes = len(request._body or b"")
        time.sleep(self.fake.latency_s + fault.delay_s)
        if reply:
            # Recorded first: a client may look it up as soon as it has the answer.
            exchange.status = reply.status if fault.cut is None else None
            self._send(reply, fault)
            if reply.then:
                reply.then(self.connection)
        self._end(fault, reply)

    def _send(self, reply: Reply, fault: Fault) -> None:
        """Sends the answer, or the part of it that the fault leaves."""
        self.connection.sendall(fault.interim)
        left = fault.cut
        pieces = [reply.head()] if self.command == "HEAD" else itertools.chain([reply.head()], reply.pieces())
        parts = itertools.chain(["head"], itertools.repeat("body"))
        if fault.drip is None and isinstance(reply.body, bytes):
            pieces = [b"".join(pieces)]  # in one segment
        for part, piece in zip(parts, pieces):
            if left is not None:
                piece, left = piece[:left], left - min(left, len(piece))
            if part == fault.drip:
                for position in range(len(piece)):
                    time.sleep(fault.drip_s)
                    self.connection.sendall(piece[position : position + 1])
            else:
                self.connection.sendall(piece)
            if left == 0:
                break

    def _end(self, fault: Fault, reply: Reply | None) -> None:
        if reply and (reply.then or reply.headers.get("Connection") == "close"):
            self.close_connection = True
        if fault.end == faults.KEEP:
            return
        self.close_connection = True
        if fault.end == faults.RESET:
            linger_for_0_s = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_0_s)
        elif fault.end == faults.HANG:
            self.connection.recv(1)  # returns when the client leaves or the server goes down
