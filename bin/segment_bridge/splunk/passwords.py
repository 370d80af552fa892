"""Reads write keys and tokens from Splunk's password store (storage/passwords), realm segment_bridge.

splunkd encrypts at most 255 characters at a time. A longer secret, such as a Kubernetes token, is stored in pieces
under the usernames NAME, NAME#2, NAME#3, ... Reading joins the pieces up to the first gap in the numbers.

Sources: Splunk REST API reference, "storage/passwords"; Splunk's solnlib, which also splits longer secrets.
"""

from itertools import count
from typing import Dict, Iterator, List, Optional

from splunklib.client import Service

from segment_bridge.credentials import checked
from segment_bridge.errors import SecretError, SplunkdError
from segment_bridge.splunk import rest

REALM = rest.APP
SALT, SALT_BYTES = "_salt", 32
"""The username under which the salt of digests is stored. No destination's name can begin with "_"."""
PIECE_CHARS = 255


def pieces(name: str, secret: str) -> Dict[str, str]:
    """Splits a secret into pieces by username. The caller has to remove further pieces of an earlier, longer secret."""
    parts = [secret[start : start + PIECE_CHARS] for start in range(0, len(secret), PIECE_CHARS)]
    return dict(zip(_users(name), parts))


def read(service: Service, name: str, what: str) -> str:
    """Reads the secret stored under this username, without surrounding white space.

    Args:
        what: describes the secret in errors, such as "write key".

    Raises:
        SecretError: there is none, this user may not read it, or no HTTP header can carry it.
        SplunkdError: splunkd cannot be reached.
    """
    secret = find(service, name, what)
    if not secret:
        raise SecretError(
            'there is no %s in the password store: save it on the app\'s setup page, or as realm "%s", '
            'username "%s"' % (what, REALM, name)
        )
    return secret


def find(service: Service, name: str, what: str) -> str:
    """Like `read`, but returns an empty string if there is no secret."""
    secret = _stored(service, name)
    if secret is None:
        if ":" in name:  # the secret of an input, which is not lent
            raise _withheld(what)
        return checked(_lent(service, name, what), "%s that was lent" % what)
    return checked(secret, '%s in the password store (realm "%s", username "%s")' % (what, REALM, name))


def own(service: Service, name: str, what: str) -> str:
    """Reads a secret that the app never lends, without surrounding white space.

    Raises:
        SecretError: there is none, or this user may not read it.
        SplunkdError: splunkd cannot be reached.
    """
    secret = _stored(service, name)
    if secret is None:
        raise _withheld(what)
    if not secret.strip():
        raise SecretError(
            'there is no %s in the password store: save it as realm "%s", username "%s"' % (what, REALM, name)
        )
    return secret.strip()


def private_key(destination: str) -> str:
    """The username under which a destination's OAuth private key is stored, as PEM or only the base64 in it."""
    return destination + ":oauth"


def api_token(destination: str) -> str:
    """The username under which a destination's token of Segment's Public API is stored."""
    return destination + ":api"


def _stored(service: Service, name: str) -> Optional[str]:
    """Joins the pieces of a secret; empty if there are none, None if this user may not list passwords.

    Raises:
        SplunkdError: splunkd cannot be reached.
    """
    # Lists all passwords, as a user without the right to read them gets 403 for the list, but 404 for a single one.
    try:
        entries = rest.get(service, "storage/passwords", count=0)["entry"]
    except SplunkdError as error:
        if error.status not in (401, 403):
            raise
        return None
    stored = {
        entry["content"]["username"]: entry["content"]["clear_password"]
        for entry in entries
        if entry["content"].get("realm") == REALM
    }
    found: List[str] = []
    for user in _users(name):
        if user not in stored:
            break
        found.append(stored[user])
    return "".join(found)


def salt(service: Service, destination: str) -> str:
    """The salt of digests. If there is none yet, the lending endpoint makes one and stores it.

    Raises:
        SecretError: this user may not have it.
        SplunkdError: splunkd cannot be reached.
    """
    stored = _stored(service, SALT)
    return checked(stored or _lent(service, destination, "salt of digests", salt="1"), "salt of digests")


def _lent(service: Service, name: str, what: str, **query: str) -> str:
    """Asks bin/write_key.py for a destination's write key, or for the salt, if the user may not list passwords."""
    try:
        lent = rest.get(service, "segment_bridge/write_key", destination=name, **query)
        return str(lent["salt" if query else "write_key"])
    except SplunkdError as error:
        if error.status is None:
            raise
        if error.status >= 500:
            raise SplunkdError(
                "the %s cannot be lent: %s. If it does not start, splunkd.log says why" % (what, error), error.status
            ) from None
        if error.status == 403:
            raise SecretError(
                "the %s cannot be read by this user: %s. Give the user the role segment_bridge_sender, or "
                "run this as a saved search that an administrator owns" % (what, error)
            ) from None
        raise SecretError("the %s cannot be lent: %s" % (what, error)) from None


def _withheld(what: str) -> SecretError:
    text = "the %s cannot be read by this user: it is for administrators, and for the app's own searches and inputs"
    return SecretError(text % what)


def _users(name: str) -> Iterator[str]:
    """NAME, NAME#2, NAME#3, ..."""
    yield name
    for number in count(2):
        yield "%s#%d" % (name, number)
