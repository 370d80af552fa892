"""Callers: auth, authentication and authorization. authorize.conf defines the roles.

Splunk REST API reference, "Access endpoint descriptions"; authorize.conf.spec, edit_user and list_all_users.
"""

from typing import Any, Collection, Dict, List

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..stores.conf import Stanza
from . import entries
from .entries import Entry
from .objects import Kind
from .routing import Call, route

_USERS, _ROLE = "authentication/users", "role_"


@route("POST", "auth/login", "username", "password", "cookie", anonymous=True)
def login(call: Call) -> Response:
    session = call.splunkd.sessions.login(call.argument("username"), call.argument("password"))
    response = entries.element(200, "sessionKey", session.key, call.as_json)
    if call.arguments.get("cookie") == "1":
        response.set_cookie(call.splunkd.sessions.cookie, session.key, secure=True, httponly=True)
    return response


@route("GET", "authentication/current-context")
def current_context(call: Call) -> Response:
    return call.feed(
        [
            Entry(
                "authentication/current-context",
                "context",
                {
                    "username": call.session.user,
                    "roles": sorted(call.session.roles),
                    "capabilities": sorted(call.session.capabilities),
                },
            )
        ]
    )


@route("DELETE", "authentication/httpauth-tokens/<key>")
def logout(call: Call, key: str) -> Response:
    if key != call.session.key:
        raise Refusal(404, "Could not find object id=%s" % key)
    call.splunkd.sessions.close(call.session)
    return call.done()


def _user(name: str, roles: Collection[str]) -> Entry:
    return Entry(_USERS, name, {"roles": sorted(roles), "type": "Splunk"}, removable=True)


@route("GET", _USERS, capability="list_all_users or edit_user")
def users(call: Call) -> Response:
    return call.feed([_user(name, roles) for name, (_, roles) in call.splunkd.sessions.users.items()])


@route("GET", _USERS + "/<name>", capability="list_all_users or edit_user")
def user(call: Call, name: str) -> Response:
    return call.entry(_user(name, _known(call, name)))


@route("DELETE", _USERS + "/<name>", capability="edit_user")
def delete_user(call: Call, name: str) -> Response:
    _known(call, name)
    call.splunkd.sessions.remove(name)
    return call.done()


def _known(call: Call, name: str) -> Collection[str]:
    """The user's roles."""
    if name not in call.splunkd.sessions.users:
        raise Refusal(404, "Could not find object id=%s" % name)
    return call.splunkd.sessions.users[name][1]


@route("POST", _USERS, "name", "password", "roles", capability="edit_user")
def create_user(call: Call) -> Response:
    """`roles` may occur several times."""
    roles = frozenset(call.request.values.getlist("roles"))
    name = call.argument("name")
    call.splunkd.sessions.add(name, call.argument("password"), roles)
    return call.entry(_user(name, roles), 201)


def _role_content(call: Call, stanza: Stanza) -> Dict[str, Any]:
    def listed(name: str) -> List[str]:
        return [each.strip() for each in stanza.settings.get(name, "").split(";") if each.strip()]

    return {
        "capabilities": sorted(name for name, value in stanza.settings.items() if value.strip() == "enabled"),
        "imported_roles": listed("importRoles"),
        "srchIndexesAllowed": listed("srchIndexesAllowed"),
        "srchIndexesDefault": listed("srchIndexesDefault"),
    }


_ROLES = Kind("authorization/roles", "authorize", _role_content, named=lambda stanza: stanza.name[len(_ROLE) :])


@route("GET", _ROLES.path, capability="list_all_roles or edit_roles")
def roles(call: Call) -> Response:
    return _ROLES.feed(
        call, [stanza for stanza in call.splunkd.confs.stanzas("authorize").values() if stanza.name.startswith(_ROLE)]
    )


@route("GET", _ROLES.path + "/<name>", capability="list_all_roles or edit_roles")
def role(call: Call, name: str) -> Response:
    stanza = call.splunkd.confs.stanza("authorize", None, _ROLE + name)
    if stanza is None:
        raise Refusal(404, "Could not find object id=%s" % name)
    return call.entry(_ROLES.entry(call, stanza))
