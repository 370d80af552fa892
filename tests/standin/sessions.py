"""Users, roles and sessions.

Splunk REST API reference, "auth/login"; authorize.conf.spec. splunkd's own session keys are those of
splunk-system-user, who may do everything.
"""

import base64
import hmac
import secrets
import threading
from typing import Dict, FrozenSet, Iterable, Mapping, NamedTuple, Set, Tuple

from werkzeug.wrappers import Request

from .refusal import Refusal
from .stores.conf import NOBODY, Confs, Stanza

SYSTEM_USER, _SYSTEM_ROLE = "splunk-system-user", "splunk-system-role"


class Session(NamedTuple):
    key: str
    user: str
    roles: FrozenSet[str]
    capabilities: FrozenSet[str]


class Sessions:
    """`users` maps names to (password, roles)."""

    def __init__(self, confs: Confs, users: Dict[str, Tuple[str, FrozenSet[str]]]):
        self._confs, self.users = confs, users
        self._sessions: Dict[str, Session] = {}
        self._rights: Dict[FrozenSet[str], Tuple[Mapping[str, Stanza], FrozenSet[str], FrozenSet[str]]] = {}
        self._lock = threading.Lock()
        self.cookie = ""  # its name contains splunkd's port, which is known only once it listens

    def login(self, user: str, password: str) -> Session:
        """Opens a session.

        Raises:
            Refusal: the password is wrong, or there is no such user.
        """
        known, _ = self.users.get(user, ("", frozenset()))
        if not known or not hmac.compare_digest(known.encode(), password.encode()):
            raise Refusal(401, "Login failed")
        return self.open(user)

    def add(self, user: str, password: str, roles: FrozenSet[str]) -> None:
        """Adds a user.

        Raises:
            Refusal: the user exists, there is no such role, or the password is too short.
        """
        if user in self.users:
            raise Refusal(400, "User name=%s already exists" % user)
        for role in roles or [""]:
            if not self._confs.stanza("authorize", None, "role_" + role):
                raise Refusal(400, "Role name=%s does not exist" % role)
        if len(password) < 8:
            raise Refusal(400, "Password did not meet complexity requirements: at least 8 characters.")
        self.users[user] = (password, roles)

    def remove(self, user: str) -> None:
        """Removes a user, with the user's sessions."""
        with self._lock:
            del self.users[user]
            self._sessions = {key: session for key, session in self._sessions.items() if session.user != user}

    def open(self, user: str) -> Session:
        """Opens a session for a user, or for splunkd itself."""
        session = self._now(Session(secrets.token_urlsafe(48), user, frozenset(), frozenset()))
        with self._lock:
            self._sessions[session.key] = session
        return session

    def open_of(self, owner: str) -> Session:
        """Opens a session for an owner. For nobody it is splunkd's own.

        Raises:
            Refusal: the user no longer exists.
        """
        if owner == NOBODY:
            return self.open(SYSTEM_USER)
        if owner not in self.users:
            raise Refusal(400, "The owner '%s' does not exist." % owner)
        return self.open(owner)

    def close(self, session: Session) -> None:
        with self._lock:
            self._sessions.pop(session.key, None)

    def of(self, request: Request) -> Session:
        """The session that a request belongs to, with its current permissions: by header, by user and password, or by
        cookie.

        Raises:
            Refusal: the request belongs to none.
        """
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            try:
                user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
            except ValueError:
                raise Refusal(401, "call not properly authenticated") from None
            return self.login(user, password)
        key = credentials if scheme in ("Splunk", "Bearer") else request.cookies.get(self.cookie, "")
        session = self._sessions.get(key)
        if session is None:
            raise Refusal(401, "call not properly authenticated")
        return self._now(session)

    def _now(self, session: Session) -> Session:
        """The session with its user's current roles and capabilities."""
        stanzas = self._confs.shared("authorize")
        own = frozenset([_SYSTEM_ROLE]) if session.user == SYSTEM_USER else self.users[session.user][1]
        known = self._rights.get(own)
        if known is None or known[0] is not stanzas:
            known = self._rights[own] = (stanzas, *_rights(own, stanzas))
        return session._replace(roles=known[1], capabilities=known[2])


def _rights(own: Iterable[str], stanzas: Mapping[str, Stanza]) -> Tuple[FrozenSet[str], FrozenSet[str]]:
    """These roles with those that they import, and the capabilities of all of them."""
    roles: Set[str] = set()
    capabilities: Set[str] = set()
    waiting = list(own)
    while waiting:
        role = waiting.pop()
        if role not in roles and "role_" + role in stanzas:
            roles.add(role)
            settings = stanzas["role_" + role].settings
            capabilities.update(name for name, value in settings.items() if value.strip() == "enabled")
            waiting += filter(None, settings.get("importRoles", "").split(";"))
    return frozenset(roles), frozenset(capabilities)
