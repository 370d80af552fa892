"""A receiver that gives the worst possible answers at random: status, headers, encodings, bodies and timing.

As a program, `python -m tests.support.fakes.hostile --seed N`, it first prints its address. It echoes what it receives,
including the write key, in every way it can.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import random
import re
import socketserver
import threading
import time
import zlib
from collections.abc import Iterator

from tests.support.serving import serve

SLOW = 0.01
"""The share of answers that take longer than any client waits."""
BOMB = gzip.compress(bytes(20_000_000), 9)
BOMBS = (BOMB, gzip.compress(BOMB, 9), zlib.compress(bytes(10_000_000), 9), b"\x1f\x8b\x08\x08" + b"n" * 300_000)
TEXTS = (
    *(b"", b"OK", b"null", b"true", b"false", b"{}", b"[]", b"0", b'"ok"', b'"error"', b'{"success":true}', b"\0" * 99),
    *(b'{"success":false}', b'{"ok":false}', b'{"error":"%s"}', b'{"errors":["Message ID: m: %s"],"okEvents":1}'),
    *(b"<html>%s</html>", b"\xff\xfe%s", b"%s\r\n\x1b[31m%s\x1b[0m\0\x07\x9b\xe2\x80\xae", b'{"message":"%s'),
    *(b"[" * 50_000, b'{"a":' * 30_000, b"9" * 60_000, b"%s" * 50, b'{"errors":[null,{},7],"okEvents":[]}'),
    *(b"\xed\xa0\x80", "\u2028\u2029\ufeff\ufffe".encode(), b"Traceback (most recent call last):\n%s", b"x" * 200_000),
)
ENCODINGS = (b"gzip", b"GZIP", b"gzip, gzip", b"deflate", b"br", b"zstd", b"identity", b"", b"gzip;q=1", b"\xff")
FIELDS = (
    *(b"Retry-After: %d", b"Retry-After: nan", b"Retry-After: inf", b"Retry-After: -1", b"Retry-After: 1e400"),
    *(b"Retry-After: Mon, 01 Jan 20260 00:00:00 GMT", b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", b"Retry-After:"),
    *(b"X-RateLimit-Reset: 99999999999999999999", b"X-RateLimit-Reset: 1764000000", b"Date: never"),
    *(b"Date: Thu, 01 Jan 1970 00:00:00 GMT", b"Location: http://127.0.0.1:1/%s", b"Location: \x1b[2J%s"),
    *(b"Set-Cookie: a=%s; Domain=.", b"Connection: close", b"Content-Type: application/json; charset=\xff"),
    *(b"Content-Type: text/html; charset=no-such", b"X: %s", b": nameless", b"no colon at all", b" folded: 1"),
    *(b"X: " + b"y" * 70_000, b"Content-Length: -5", b"Content-Length: 1, 2", b"Trailer: x", b"\0: \0"),
    *(b"Transfer-Encoding: gzip, chunked", b"Content-Length: 99999999999999999999", b"Keep-Alive: timeout=0"),
)
STATUSES = (b"200", b"2", b"99999", b"-200", b"abc", b"", b"\xb2\xb0\xb0", b"000", b"101", b"200 200")
PHRASES = (b"OK", b"", b"%s", b"\x1b[31mno", b"x" * 60_000)


def answer(chance: random.Random, told: list[bytes]) -> Iterator[bytes | float]:
    """The bytes of an answer, and the pauses in seconds between them."""

    def filled(text: bytes) -> bytes:
        return text.replace(b"%s", chance.choice(told)).replace(b"%d", b"%d" % chance.choice((0, 1, 300, 10**12)))

    if chance.random() < SLOW:
        yield from chance.choice(((5.0,), (b"HTTP/1.1 ", 5.0), _dripping()))
        return
    for _ in range(chance.choice((0, 0, 0, 0, 1, 3, 300) if chance.random() < 0.1 else (0,))):
        yield b"HTTP/1.1 %d Early\r\nLink: <a>\r\n\r\n" % chance.choice((100, 102, 103, 199))
    lot = chance.random()
    status = b"200" if lot < 0.35 else b"%d" % (chance.randint(200, 460) if lot < 0.85 else chance.randint(100, 999))
    status = status if lot < 0.97 else chance.choice(STATUSES)
    body = filled(chance.choice(TEXTS)) if chance.random() < 0.9 else chance.choice(BOMBS)
    fields = [filled(chance.choice(FIELDS)) for _ in range(chance.choice((0,) * 9 + (1,) * 9 + (2, 200)))]
    if chance.random() < 0.3:
        fields.append(b"Content-Encoding: " + chance.choice(ENCODINGS))
        if chance.random() < 0.5:
            body = gzip.compress(gzip.compress(body) if chance.random() < 0.3 else body)
    if chance.random() < 0.3:
        fields.append(b"Transfer-Encoding: chunked")
        right, *wrong = b"%x;x\r\n%s\r\n0\r\n\r\n", b"%x\r\n%s", b"zz%x\r\n%s", b"-1%x\r\n%s"
        body = (right if chance.random() < 0.8 else chance.choice(wrong)) % (len(body), body)
        if chance.random() < 0.05:
            body = b"1" * 3_000_000
    elif chance.random() < 0.9:
        fields.append(b"Content-Length: %d" % (len(body) + chance.choice((0, 0, 0, 0, 0, 0, 0, 0, 1, -1, 10**9))))
    chance.shuffle(fields)
    version = chance.choice((b"HTTP/1.1",) * 90 + (b"HTTP/1.0", b"HTTP/2", b"HTTP/0.9", b"ICY", b"HTTP/1.1\x00"))
    lines = b"".join(field + b"\r\n" for field in fields)
    whole = b"%s %s %s\r\n%s\r\n%s" % (version, status, filled(chance.choice(PHRASES)), lines, body)
    yield whole[: chance.randrange(len(whole))] if chance.random() < 0.03 else whole


def _dripping() -> Iterator[bytes | float]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    for _ in range(100):
        yield b" "
        yield 0.05


def forms(secret: str) -> list[bytes]:
    """A secret in the forms in which a receiver can echo it."""
    return [secret.encode(), base64.b64encode(secret.encode() + b":"), base64.b64encode(secret.encode())]


class HostileReceiver(socketserver.ThreadingTCPServer):
    """A context manager that listens on loopback from its creation on. `count` is the number of answers begun."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, seed: int):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.chance = random.Random(seed)
        self.choosing = threading.Lock()
        self.count = 0
        self.url = "http://127.0.0.1:%d" % self.server_address[1]

    def __enter__(self) -> HostileReceiver:
        self._end = serve(self)
        return self

    def __exit__(self, *exc_info) -> None:
        self._end()

    def handle_error(self, request, client_address) -> None:
        """Broken connections are this server's purpose."""


class _Connection(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while self._exchange():
                pass

    def _exchange(self) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return False
            head += line
        length = re.search(rb"content-length: (\d+)", head.lower())
        self.rfile.read(int(length[1]) if length else 0)
        authorization = re.search(rb"Authorization: (Basic (\S+))", head)
        basic = authorization[2] if authorization else b""
        key = base64.b64decode(basic)[:-1]
        with self.server.choosing:
            self.server.count += 1
            pieces = answer(random.Random(self.server.chance.random()), [key, basic, b"Basic " + basic, head])
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                self.wfile.write(piece)
        return False


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.support.fakes.hostile", description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, default=1)
    with HostileReceiver(options.parse_args().seed) as receiver:
        print(receiver.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
