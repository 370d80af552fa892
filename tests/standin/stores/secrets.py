"""The password store: passwords.conf of each app, encrypted with the installation's own key.

Splunk REST API reference, "storage/passwords"; passwords.conf.spec.
"""

import re
from pathlib import Path
from typing import Dict, List, NamedTuple

from cryptography.fernet import Fernet

from ..refusal import Refusal
from .conf import Confs

MAX_CHARS = 255
_PREFIX, _STANZA = "$7$", "credential:"
_PARTS = re.compile(r"((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):", re.S)


class Secret(NamedTuple):
    """`name` is the resource's name: realm:username: with a backslash before each colon and backslash inside."""

    name: str
    realm: str
    username: str
    encrypted: str
    app: str


class Secrets:
    """`key_file` is etc/auth/splunk.secret, which is created if it is missing."""

    def __init__(self, confs: Confs, key_file: Path):
        self._confs = confs
        if not key_file.exists():
            key_file.parent.mkdir(parents=True, exist_ok=True)
            key_file.touch(0o600)
            key_file.write_bytes(Fernet.generate_key())
        self._cipher = Fernet(key_file.read_bytes())

    def list(self, app: str) -> List[Secret]:
        """The secrets that this app sees."""
        found = []
        for name, stanza in sorted(self._confs.stanzas("passwords", app).items()):
            if name.startswith(_STANZA):
                resource = name[len(_STANZA) :]
                realm, username = (re.sub(r"\\(.)", r"\1", part) for part in _PARTS.fullmatch(resource).groups())
                found.append(Secret(resource, realm, username, stanza.settings["password"], stanza.app))
        return found

    def get(self, app: str, name: str) -> Secret:
        """The colon at the end of the name may be missing."""
        by_name: Dict[str, Secret] = {secret.name: secret for secret in self.list(app)}
        found = by_name.get(name) or by_name.get(name + ":")
        if not found:
            raise Refusal(404, "Could not find object id=%s" % name)
        return found

    def clear(self, secret: Secret) -> str:
        return self._cipher.decrypt(secret.encrypted[len(_PREFIX) :].encode()).decode()

    def create(self, app: str, username: str, realm: str, password: str) -> Secret:
        name = "%s:%s:" % (_escaped(realm), _escaped(username))
        if any(secret.name == name for secret in self.list(app)):
            raise Refusal(
                409,
                'Cannot perform action "POST" without a target name to act on: the credential %s '
                "exists already." % name,
            )
        if not username:
            raise Refusal(400, 'Argument "name" must not be empty.')
        self._write(app, name, password)
        return self.get(app, name)

    def change(self, app: str, name: str, password: str) -> None:
        secret = self.get(app, name)
        self._write(secret.app, secret.name, password)

    def remove(self, app: str, name: str) -> None:
        secret = self.get(app, name)
        self._confs.remove("passwords", secret.app, _STANZA + secret.name)

    def _write(self, app: str, name: str, password: str) -> None:
        if not password or len(password) > MAX_CHARS:
            raise Refusal(400, "The password must have 1 to %d characters." % MAX_CHARS)
        encrypted = _PREFIX + self._cipher.encrypt(password.encode()).decode()
        self._confs.write("passwords", app, _STANZA + name, {"password": encrypted})


def _escaped(text: str) -> str:
    return re.sub(r"([:\\])", r"\\\1", text)
