"""A private certificate authority for servers on loopback. It issues good certificates and bad ones."""

from __future__ import annotations

import datetime
import shutil
import ssl
import tempfile
import weakref
from pathlib import Path

import trustme

LOOPBACK = ("127.0.0.1", "localhost")


class Authority:
    """A certificate authority. Its clients have to trust `ca_file`."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self._folder = Path(tempfile.mkdtemp(prefix="fake-authority-"))
        weakref.finalize(self, shutil.rmtree, self._folder)
        self.ca_pem: bytes = self._ca.cert_pem.bytes()
        self.ca_file = self.write("ca.pem", self.ca_pem)

    def server(self, *identities: str, expired: bool = False) -> ssl.SSLContext:
        """A server's side of TLS, with a certificate for these names and addresses, or for loopback.

        The server requests a client certificate, and accepts one from this authority or none.
        """
        until = _yesterday() if expired else None
        leaf = self._ca.issue_cert(*(identities or LOOPBACK), not_after=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        self._ca.configure_trust(context)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def client(self, common_name: str, *, expired: bool = False) -> tuple[bytes, bytes]:
        """A client's certificate (with its chain) and private key, as PEM."""
        until = _yesterday() if expired else None
        leaf = self._ca.issue_cert(
            f"{common_name}@example.com", common_name=common_name, organization_name="", not_after=until
        )
        return b"".join(pem.bytes() for pem in leaf.cert_chain_pems), leaf.private_key_pem.bytes()

    def write(self, name: str, content: bytes) -> Path:
        """Writes a file into a folder that lives as long as the authority."""
        path = self._folder / name
        path.write_bytes(content)
        return path


def _yesterday() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
