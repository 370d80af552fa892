"""HTTP/1.1 servers on loopback: keep-alive, a thread per connection, TLS with a certificate of splunkd's own.

Requests and responses are werkzeug's.
"""

import socket
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Callable, Optional
from urllib.parse import unquote_to_bytes

import trustme
from werkzeug.wrappers import Request, Response

from tests.support.serving import serve

MAX_BODY_BYTES = 512 * 1024 * 1024
_IDLE_S = 60

App = Callable[[Request], Response]


class Server:
    """Listens as soon as it is created. `port` 0 means any free one. `url` is its address."""

    def __init__(self, app: App, port: int, tls: Optional[ssl.SSLContext]):
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.app, self._server.tls = app, tls
        self.port = self._server.server_address[1]
        self.url = "%s://127.0.0.1:%d" % ("https" if tls else "http", self.port)
        self.stop = serve(self._server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    app: App
    tls: Optional[ssl.SSLContext]

    def finish_request(self, request, client_address) -> None:
        """Runs in the connection's own thread, so that a slow handshake delays nobody."""
        request.settimeout(_IDLE_S)
        try:
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            self.RequestHandlerClass(request, client_address, self)
        except OSError:  # the client went away, or does not accept the certificate
            pass
        finally:
            request.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Splunkd", ""
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self.send_error(411 if "Transfer-Encoding" in self.headers else 413)
            return
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.flush()
        environ = self._environ(self._stream() if self._is_streaming else self.rfile.read(int(length)))
        with Request(environ) as request:
            response = self.server.app(request)
        chunks, status, headers = response.get_wsgi_response(environ)
        body = b"".join(chunks)
        self.send_response_only(int(status.split(" ")[0]))
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "Keep-Alive")  # splunkd sends this, whatever the client asked for
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    @property
    def _is_streaming(self) -> bool:
        """Whether the body goes on until the client ends the connection (receivers/stream)."""
        return self.headers.get("X-Splunk-Input-Mode", "").lower() == "streaming"

    def _stream(self) -> bytes:
        self.close_connection = True
        self.connection.settimeout(None)
        return self.rfile.read()

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _answer

    def _environ(self, body: bytes) -> dict:
        path, _, query = self.path.partition("?")
        host, _, port = self.headers.get("Host", "127.0.0.1").partition(":")
        environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "REQUEST_URI": self.path,
            "QUERY_STRING": query,
            "SERVER_NAME": host,
            "SERVER_PORT": port or "443",
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            # A body without a content type is a form, and splunklib relies on that.
            "CONTENT_TYPE": self.headers.get("Content-Type", "application/x-www-form-urlencoded"),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "https" if self.server.tls else "http",
            "wsgi.input": BytesIO(body),
        }
        for name, value in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = "%s,%s" % (environ[key], value) if key in environ else value
        return environ

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        super().setup()

    def log_message(self, *_) -> None:
        """Nobody reads an access log of this server."""


def own_certificate(folder: Path, newest: ssl.TLSVersion) -> ssl.SSLContext:
    """The server's side of TLS, with a certificate from an authority that nobody trusts until told to (ca.pem)."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="Splunk", organization_unit_name="SplunkCommonCA")
    (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    authority.issue_cert("127.0.0.1", "localhost", common_name="SplunkServerDefaultCert").configure_cert(context)
    return context
