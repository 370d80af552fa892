"""An HTTP proxy on loopback, with or without credentials, that reaches nothing beyond loopback.

Public host names can be routed to a fake, so that a client can connect to `api.segment.io:443` and reach a
`FakeSegment` that has a certificate for that name.
"""

from __future__ import annotations

import base64
import http.client
import selectors
import socket
import urllib.parse

from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer, Refusal, Request

_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authorization", "proxy-connection", "transfer-encoding"}


class FakeProxy(FakeServer):
    """Tunnels https (CONNECT) and forwards http. `targets` lists where it was asked to go.

    Args:
        user, password: the credentials that it demands with 407, unless empty.
    """

    def __init__(self, port: int = 0, *, user: str = "", password: str = "", **server_options):
        super().__init__(port, **server_options)
        self.targets: list[str] = []
        self.routes: dict[str, int] = {}  # "host:port" to a port on loopback; loopback itself needs no route
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._authorization = f"Basic {credentials}" if user else None

    def answer(self, request: Request) -> Reply:
        if self._authorization not in (None, request.headers.get("Proxy-Authorization")):
            denial = Reply.text(407, "Proxy Authentication Required", **{"Proxy-Authenticate": 'Basic realm="proxy"'})
            raise Refusal(denial)
        target = request.target if request.method == "CONNECT" else urllib.parse.urlsplit(request.target).netloc
        self.targets.append(target)
        try:
            upstream = socket.create_connection(("127.0.0.1", self._port(target)))
        except OSError as error:
            raise Refusal(Reply.text(502, f"Bad Gateway: {error}")) from None
        if request.method == "CONNECT":
            return Reply(200, then=lambda client: _join(client, upstream))
        with upstream:
            return _forward(request, target, upstream)

    def _port(self, target: str) -> int:
        host, _, port = target.rpartition(":")
        if target in self.routes:
            return self.routes[target]
        if host in ("127.0.0.1", "localhost"):
            return int(port)
        raise OSError(f"{target} is beyond loopback")


def _join(client: socket.socket, upstream: socket.socket) -> None:
    """Passes bytes both ways until either side has no more."""
    with upstream, selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ, upstream)
        ready.register(upstream, selectors.EVENT_READ, client)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(65536)
                if not data:
                    return
                key.data.sendall(data)


def _forward(request: Request, target: str, upstream: socket.socket) -> Reply:
    connection = http.client.HTTPConnection(target)
    connection.sock = upstream
    path = request.path + ("?" + urllib.parse.urlsplit(request.target).query).rstrip("?")
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
    connection.request(request.method, path, request.read(), headers)
    answer = connection.getresponse()
    kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP | {"content-length"}}
    return Reply(answer.status, answer.read(), kept)
