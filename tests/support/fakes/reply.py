"""An HTTP answer before it is turned into bytes."""

from __future__ import annotations

import http
import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """Status, header fields and body. A body that is not bytes is sent chunk by chunk, without a length."""

    status: int
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Callable[[socket.socket], None] | None = None
    """Gets the connection to itself after the answer, as CONNECT requires, until this returns."""

    @classmethod
    def text(cls, status: int, body: str, content_type: str = "text/plain", **headers: str) -> Reply:
        return cls(status, body.encode(), {"Content-Type": content_type, **headers})

    @classmethod
    def json(cls, status: int, value: Any, **headers: str) -> Reply:
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return cls.text(status, body, "application/json", **headers)

    def head(self) -> bytes:
        try:
            phrase = http.HTTPStatus(self.status).phrase
        except ValueError:  # 460 and 529 have no phrase
            phrase = "Unknown"
        length = (
            {"Content-Length": str(len(self.body))}
            if isinstance(self.body, bytes)
            else {"Transfer-Encoding": "chunked"}
        )
        fields = "".join(f"{name}: {value}\r\n" for name, value in {**self.headers, **length}.items())
        return f"HTTP/1.1 {self.status} {phrase}\r\n{fields}\r\n".encode("latin-1")

    def pieces(self) -> Iterator[bytes]:
        """The body as it goes over the wire."""
        if isinstance(self.body, bytes):
            yield self.body
            return
        for piece in self.body:
            if piece:
                yield b"%x\r\n%s\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"
