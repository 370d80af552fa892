"""Write keys and tokens in Splunk's password store (storage/passwords), realm segment_bridge.

splunkd encrypts texts of up to 255 characters (so says Splunk's own solnlib, which splits longer ones, too). A longer
secret, such as a Kubernetes token, is kept in pieces under the users NAME, NAME#2, NAME#3, ...: what is read is the
text of NAME with those of its followers behind it, as far as they are numbered without a gap.

Source: Splunk REST API reference, "storage/passwords".
"""

from itertools import count
from typing import Dict, Iterator, List

from splunklib.client import Service

from segment_bridge.credentials import checked
from segment_bridge.errors import SecretError, SplunkdError
from segment_bridge.splunk import rest

REALM = rest.APP
SALT, SALT_BYTES = "_salt", 32
"""The user under which the salt of digests is kept: no destination's name begins so."""
PIECE_CHARS = 255


def pieces(name: str, secret: str) -> Dict[str, str]:
    """What to store under which user. Whoever stores it removes followers of an earlier, longer secret."""
    parts = [secret[start : start + PIECE_CHARS] for start in range(0, len(secret), PIECE_CHARS)]
    return dict(zip(_users(name), parts))


def read(service: Service, name: str, what: str) -> str:
    """The secret under this user, without white space around it. `what` says what it is, for errors: "write key".

    Raises:
        SecretError: there is none, this user must not read it, or it cannot be sent.
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
    """As `read`, but empty where there is none."""
    try:
        secret = _stored(service, name)
    except SplunkdError as error:
        if error.status not in (401, 403):
            raise
        return checked(_lent(service, name, what), "%s that was lent" % what)
    return checked(secret, '%s in the password store (realm "%s", username "%s")' % (what, REALM, name))


def own(service: Service, name: str, what: str) -> str:
    """A secret that is lent to nobody, as it is stored, without white space around it.

    Raises:
        SecretError: there is none, or this user must not read it.
        SplunkdError: splunkd cannot be reached.
    """
    try:
        secret = _stored(service, name).strip()
    except SplunkdError as error:
        if error.status not in (401, 403):
            raise
        raise SecretError(
            "the %s cannot be read by this user: it is for administrators, and for the app's own scheduled searches"
            % what
        ) from None
    if not secret:
        raise SecretError(
            'there is no %s in the password store: save it as realm "%s", username "%s"' % (what, REALM, name)
        )
    return secret


def private_key(destination: str) -> str:
    """The user under which the private key of a destination's OAuth application is kept: PEM, or the base64 in it."""
    return destination + ":oauth"


def api_token(destination: str) -> str:
    """The user under which a token of Segment's Public API is kept."""
    return destination + ":api"


def _stored(service: Service, name: str) -> str:
    """
    Raises:
        SplunkdError
    """
    # All of them in one request: a user without the right to read them gets a 403 here, and a 404 for a single one.
    entries = rest.get(service, "storage/passwords", count=0)["entry"]
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
    """The salt of digests. Where there is none, the endpoint that lends it makes one, which then stays.

    Raises:
        SecretError: this user must not have it.
        SplunkdError: splunkd cannot be reached.
    """
    try:
        entries = rest.get(service, "storage/passwords", count=0)["entry"]
    except SplunkdError as error:
        if error.status not in (401, 403):
            raise
        entries = []
    for entry in entries:
        if (entry["content"].get("realm"), entry["content"]["username"]) == (REALM, SALT):
            return checked(entry["content"]["clear_password"], "salt")
    return checked(_lent(service, destination, "salt of digests", salt="1"), "salt that was lent")


def _lent(service: Service, name: str, what: str, **query: str) -> str:
    """A destination's write key, for a user who must not read the password store; or the salt: see bin/write_key.py."""
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
        raise SecretError(
            "the %s cannot be read by this user: %s. Give the user the role segment_bridge_sender, or "
            "run this as a saved search that an administrator owns" % (what, error)
        ) from None


def _users(name: str) -> Iterator[str]:
    """NAME, NAME#2, NAME#3, ..."""
    yield name
    for number in count(2):
        yield "%s#%d" % (name, number)
