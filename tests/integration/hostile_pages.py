"""The oddest possible answers of an API server: statuses, headers, encodings, bodies and timing, each chosen by a
number.

`answer(seed)` always makes the same answer for a seed. A client may turn it into a page, or into an error that it
names.
"""

from __future__ import annotations

import gzip
import json
import random
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.fakes.tls import Authority

SECRET = "fake0token0that0no0text0may0show"
ANSWER_TIMEOUT_S, PAGE_SIZE = 0.5, 4
PAUSE_S = 0.05
KEPT_OPEN = 20
"""One in this many connections stays open after its answer, and waits."""
LONGEST_S = 3
"""However slow an answer is, its connection is closed after this many seconds."""


# --- Bodies


def _page(chance: random.Random, **more: object) -> dict:
    items = [
        {"metadata": {"name": f"user-{number}"}, "status": {"compliantUsername": f"user-{number}"}}
        for number in range(chance.randrange(5))
    ]
    return {"kind": "UserSignupList", "apiVersion": "v1", "metadata": {}, "items": items, **more}


def _odd_value(chance: random.Random, secret: str) -> object:
    return chance.choice(
        [None, True, 0, -1.5, 1e308, "", "\0", "\ud800", "\x1b[2J", secret, "]]>&<", "x" * 1_000, [], {}, [[]], [None]]
        + [{"metadata": []}, {"status": {"compliantUsername": {}}}, {"continue": {}}]
    )


def _changed(chance: random.Random, secret: str) -> bytes:
    """A page with some parts replaced by something else."""
    page = _page(chance)
    for _ in range(chance.randrange(1, 4)):
        target = chance.choice([page, page["metadata"], *(page["items"] if isinstance(page["items"], list) else [])])
        if isinstance(target, dict):
            target[chance.choice(["kind", "metadata", "items", "continue", "status", "name"])] = _odd_value(
                chance, secret
            )
        page.setdefault("items", None), page.setdefault("metadata", None)
    return json.dumps(page).encode()


def _broken(chance: random.Random, secret: str) -> bytes:
    """A page with some bytes missing or changed."""
    body = bytearray(json.dumps(_page(chance, message=secret)).encode())
    for _ in range(chance.randrange(1, 9)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return bytes(body[: chance.randrange(len(body))] if chance.random() < 0.5 else body)


def _vast(chance: random.Random, secret: str) -> bytes:
    """Small to send, but large to keep."""
    many = 10 ** chance.randrange(3, 7)
    return chance.choice(
        [b"[" * many, b'{"a":' * (many // 5), b'{"items":[' + b"{}," * (many // 3), b"9" * many, b"-0." + b"1" * many]
        + [b'"' + b"\\u20ac" * (many // 6) + b'"', b" " * many, b'{"kind":"' + b"k" * many, b"[1e" + b"9" * many]
    )


def _message(chance: random.Random, secret: str) -> bytes:
    """The text of an error."""
    text = chance.choice(["", "\r\nX: y", "\x1b]0;title\x07", "<a>&amp;", "\u202e\u0000", "Bearer ", "\ud83d"])
    return json.dumps({"kind": "Status", "message": (text + secret) * chance.choice([1, 1, 1, 5_000])}).encode()


def _noise(chance: random.Random, secret: str) -> bytes:
    return chance.randbytes(chance.randrange(5_000)) + secret.encode()


def _encoded(chance: random.Random, body: bytes) -> tuple[bytes, str]:
    """The body, and the encoding that it claims, which may be true."""
    kind = chance.randrange(9)
    packed = gzip.compress(body, 6)
    if kind == 0:
        return packed, "gzip"
    if kind == 1:
        return gzip.compress(packed), "gzip, gzip"
    if kind == 2:
        return packed[: chance.randrange(len(packed))], "gzip"
    if kind == 3:
        return gzip.compress(bytes(chance.choice([10, 30]) * 1_000_000), 9) + packed, "gzip"
    if kind == 4:
        return packed + packed + chance.randbytes(100), "gzip"
    if kind == 5:
        return zlib.compress(body), "deflate"
    if kind == 6:
        return body, chance.choice(["gzip", "br", "identity", "zstd", "gzip" * 100, "\xff"])
    return body, ""


# --- Answers


def answer(seed: int, secret: str) -> Iterator[bytes]:
    """Bytes to send, with a pause wherever there are none. `secret` may come back in any of them."""
    chance = random.Random(seed)
    body = chance.choice([_changed, _changed, _broken, _vast, _message, _noise])(chance, secret)
    if chance.random() < 0.3:  # only its content is odd
        return iter([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body])
    body, encoding = _encoded(chance, body)
    if chance.random() < 0.3:  # and how it is packed
        head = "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body))
        return iter([head.encode("latin-1"), body])
    status = chance.choice(
        [200, 200, 200, 200, 201, 204, 206, 301, 304, 400, 401, 403, 404, 410, 429, 500, 503, 504, 999]
    )
    fields = [("Content-Type", chance.choice(["application/json", "text/html", "\xff", ""]))]
    if encoding:
        fields.append(("Content-Encoding", encoding))
    pieces = [body]
    if chance.random() < 0.3:
        fields.append(("Transfer-Encoding", "chunked"))
        pieces = list(_chunks(chance, body))
    elif chance.random() < 0.9:
        fields.append(
            ("Content-Length", chance.choice([str(len(body))] * 8 + [str(len(body) + 5), "-1", "0", "9" * 30, "x"]))
        )
    for _ in range(chance.choice([0, 0, 0, 1, 3, 150])):
        name = chance.choice(
            ["Retry-After", "X-RateLimit-Reset", "Location", "Set-Cookie", "Connection", "X-" + "a" * 70_000]
        )
        fields.append(
            (name, chance.choice(["0", "-1", "1e9", "nan", "inf", "Thu, 99 Foo 9999", secret, "close", "\x00"]))
        )
    chance.shuffle(fields)
    head = chance.choice([b"HTTP/1.1 %d OK", b"HTTP/1.0 %d ", b"HTTP/1.1 %d " + secret.encode()]) % status
    head += b"\r\n" + b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields) + b"\r\n"
    if chance.random() < 0.1:
        head = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * chance.choice([1, 2, 300]) + head
    if chance.random() < 0.05:
        head = chance.choice(
            [b"", b"\r\n", b"HTTP/9", b"GET / HTTP/1.1\r\n\r\n", chance.randbytes(200), b"H" * 100_000]
        )
    whole = [head, *pieces]
    if chance.random() < 0.1:
        whole = [b"".join(whole)[: chance.randrange(1, len(head) + 200)]]
    if chance.random() < 0.01:
        return _dripped(b"".join(whole))
    return iter(whole)


def _chunks(chance: random.Random, body: bytes) -> Iterator[bytes]:
    size = chance.randrange(1, len(body) + 2)
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
        if size < 50 and start > 5_000:
            break
    yield chance.choice([b"0\r\n\r\n"] * 8 + [b"", b"f" * 100_000, b"-1\r\n", b"zz\r\n", b"ffffffff\r\n"])


def _dripped(content: bytes) -> Iterator[bytes]:
    for byte in content:
        yield bytes([byte])
        yield b""


class HostileServer:
    """Answers requests over TLS, one after the other, with `answer(seed)` for increasing seeds."""

    def __init__(self, seed: int, secret: str):
        self._next, self._secret = seed, secret
        authority = Authority()
        self._authority, self.ca_file = authority, authority.ca_file
        self._tls = authority.server()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = "https://127.0.0.1:%d" % self._listener.getsockname()[1]

    def __enter__(self) -> HostileServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ssl.SSLError), connection:
            connection.settimeout(LONGEST_S)
            with self._tls.wrap_socket(connection, server_side=True) as client:
                while self._received(client):
                    seed, self._next = self._next, self._next + 1
                    is_left_open = seed % KEPT_OPEN == 0
                    ends = time.monotonic() + LONGEST_S
                    for piece in answer(seed, self._secret):
                        if time.monotonic() > ends:
                            return
                        client.sendall(piece) if piece else time.sleep(PAUSE_S)
                    if not is_left_open:
                        return

    @staticmethod
    def _received(client: ssl.SSLSocket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65_536)
            if not piece:
                return False
            head += piece
        return True


# --- The client


LISTING = """
import json, sys, time
from collections import Counter
sys.path.insert(0, sys.argv[1])
import segment_bridge
from segment_bridge.users.access import Access
from segment_bridge.users.settings import Cluster
from segment_bridge.errors import SegmentBridgeError
from segment_bridge.users.kube_api import ApiServer
from segment_bridge.retry import Retry
from segment_bridge.users.sources import kinds
given = json.loads(sys.stdin.readline())
kind = kinds(Cluster("bench"))[0]
access = Access(given["server"], given["token"], ca_file=given["ca_file"], connect_timeout_s=2,
                read_timeout_s=given["timeout_s"], answer_timeout_s=given["timeout_s"])
with ApiServer(access, Retry(1)) as server:
    for _ in range(given["pages"]):
        began, said, outcome = time.monotonic(), "", "page"
        try:
            list(kind.entries(next(server.pages(kind.resource, given["page_size"])), Counter()))
        except SegmentBridgeError as error:
            outcome, said = type(error).__name__, str(error)
        print(json.dumps([outcome, said, time.monotonic() - began]))
print(json.dumps(["peak", next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")).split()[1], 0]))
"""


class Findings(NamedTuple):
    outcomes: Counter
    longest_s: float
    peak_mb: float


def list_pages(python: Path, app: Path, pages: int, seed: int) -> Findings:
    """Lists with the input's own client, in its own process.

    Each answer must become a page, or an error of the app's in one printable line without the token.

    Args:
        app: a folder with the app's bin and lib.

    Raises:
        SystemExit: an outcome is wrong.
    """
    outcomes: Counter = Counter()
    longest_s = peak_mb = 0.0
    with (
        HostileServer(seed, SECRET) as server,
        subprocess.Popen(
            [python, "-c", LISTING, app / "bin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        process.stdin.write(json.dumps({
            "server": server.url, "token": SECRET, "ca_file": str(server.ca_file), "timeout_s": ANSWER_TIMEOUT_S,
            "pages": pages, "page_size": PAGE_SIZE}) + "\n")  # fmt: skip
        process.stdin.close()
        process.stdin = None
        for line in process.stdout:
            outcome, said, took_s = json.loads(line)
            if outcome == "peak":
                peak_mb = int(said) / 1000
                continue
            if SECRET in said or not said.isprintable() or len(said) > 2_000:
                raise SystemExit(f"seed {seed}, answer {sum(outcomes.values())}: an error that must not be: {said!r}")
            outcomes[outcome] += 1
            longest_s = max(longest_s, took_s)
        complaint = process.stderr.read()
    if process.returncode or complaint or sum(outcomes.values()) != pages:
        raise SystemExit(f"seed {seed}, answer {sum(outcomes.values())}: {complaint}")
    return Findings(outcomes, longest_s, peak_mb)
