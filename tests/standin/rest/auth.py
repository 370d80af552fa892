"""Who calls: auth, authentication and authorization.

Splunk REST API reference, "Access endpoint descriptions".
"""
from werkzeug.wrappers import Response

from . import entries
from .entries import Entry
from .routing import Call, route


@route("POST", "auth/login", "username", "password", "cookie", anonymous=True)
def login(call: Call) -> Response:
    session = call.splunkd.sessions.login(call.argument("username"), call.argument("password"))
    response = entries.element(200, "sessionKey", session.key, call.as_json)
    if call.arguments.get("cookie") == "1":
        response.set_cookie(call.splunkd.sessions.cookie, session.key, secure=True, httponly=True)
    return response


@route("GET", "authentication/current-context")
def current_context(call: Call) -> Response:
    return call.feed([Entry("authentication/current-context", "context", {
        "username": call.session.user, "roles": sorted(call.session.roles),
        "capabilities": sorted(call.session.capabilities)})])


@route("GET", "authentication/users", capability="admin_all_objects")
def users(call: Call) -> Response:
    return call.feed([Entry("authentication/users", name, {"roles": sorted(roles), "type": "Splunk"})
                      for name, (_, roles) in call.splunkd.sessions.users.items()])


@route("POST", "authentication/users", "name", "password", "roles", capability="admin_all_objects")
def create_user(call: Call) -> Response:
    """`roles` may come several times."""
    roles = frozenset(call.request.values.getlist("roles"))
    name = call.argument("name")
    call.splunkd.sessions.add(name, call.argument("password"), roles)
    return call.entry(Entry("authentication/users", name, {"roles": sorted(roles), "type": "Splunk"}), 201)
