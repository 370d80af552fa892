"""Objects that are stanzas of .conf files: who sees them, where they are changed, and their permissions.

REST API User Manual, "Namespace" and "Access Control List"; default.meta.conf.spec. /servicesNS/nobody/APP holds what
an app shares, /servicesNS/USER/APP what is private to USER.
"""

import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from werkzeug.wrappers import Response

from .. import actions
from ..refusal import Refusal
from ..settings import check
from ..stores.conf import NOBODY, SYSTEM, Access, Settings, Stanza, is_true
from .entries import Entry
from .routing import ANY, Call, route

NEVER_PRIVATE = (
    "app",
    "authorize",
    "collections",
    "commands",
    "indexes",
    "inputs",
    "limits",
    "passwords",
    "server",
    "web",
)
ACL_ARGUMENTS = ("sharing", "owner", "app", "perms.read", "perms.write")
BOOLEANS = ("0", "1", "f", "false", "no", "off", "on", "t", "true", "yes")
_OWN = ("eai:", "_")
_KEY = re.compile(r"[^\s=\[\]#]([^=\r\n]*[^\s=])?")


class Kind(NamedTuple):
    """A collection of such objects: its path, its .conf file and what the API shows of a stanza.

    `actions` are what can be done with an object, at paths below its own. `named` is the object's name if it differs
    from the stanza's.
    """

    path: str
    conf: str
    content: Callable[[Call, Stanza], Dict[str, Any]]
    actions: Sequence[str] = ()
    named: Callable[[Stanza], str] = lambda stanza: stanza.name

    def entry(self, call: Call, stanza: Stanza) -> Entry:
        access = call.splunkd.confs.access(self.conf, stanza.name, stanza.app)
        is_private = stanza.user != NOBODY
        sharing = "user" if is_private else "system" if stanza.app == SYSTEM else "global" if access.exported else "app"
        return Entry(
            self.path,
            self.named(stanza),
            self.content(call, stanza),
            stanza.app,
            stanza.user if is_private else access.owner,
            sharing,
            stanza.removable,
            access.read,
            access.write,
            may_change(call, self.conf, stanza),
            self.actions,
        )

    def feed(self, call: Call, stanzas: Sequence[Stanza]) -> Response:
        return call.feed([self.entry(call, stanza) for stanza in stanzas])


def content(call: Call, stanza: Stanza) -> Dict[str, Any]:
    """Settings as the API shows them, with what it adds."""
    return {
        **stanza.settings,
        "disabled": is_true(stanza.settings.get("disabled", "0")),
        "eai:appName": stanza.app,
        "eai:userName": stanza.user,
    }


def visible(call: Call, conf: str) -> List[Stanza]:
    """The stanzas that the caller may read in the namespace."""
    confs = call.splunkd.confs
    found = []
    for app in [*confs.apps(), SYSTEM] if call.app == ANY else [call.app]:
        for stanza in confs.stanzas(conf, app, NOBODY if call.owner == ANY else call.owner).values():
            if call.app != ANY or stanza.app == app:
                found.append(stanza)
        for user in confs.users() if call.owner == ANY else ():
            found += [stanza for stanza in confs.stanzas(conf, app, user).values() if stanza.user == user]
    return [stanza for stanza in found if _may_see(call, conf, stanza)]


def _may_see(call: Call, conf: str, stanza: Stanza) -> bool:
    if stanza.user != NOBODY:
        return call.is_admin or stanza.user == call.session.user
    return call.may_read(conf, stanza.name, stanza.app)


def may_change(call: Call, conf: str, stanza: Stanza) -> bool:
    if stanza.user != NOBODY:
        return call.is_admin or stanza.user == call.session.user
    return call.may_write(conf, stanza.name, stanza.app)


def one(call: Call, conf: str, name: str) -> Stanza:
    """The one stanza with this name.

    Raises:
        Refusal: there is none that the caller may read.
    """
    found = [stanza for stanza in visible(call, conf) if stanza.name == name]
    if not found:
        raise Refusal(404, "Could not find object id=%s" % name)
    return found[0]


def create(call: Call, conf: str, name: str, settings: Settings) -> Stanza:
    """Writes a stanza into local/ of the namespace's app, or of its user within the app.

    Raises:
        Refusal: the stanza exists, or the caller may not write there.
    """
    user = check_creatable(call, conf, name)
    return _write(call, conf, name, _checked(call, conf, name, settings), user)


def check_creatable(call: Call, conf: str, name: str) -> str:
    """The user who will own it, or nobody.

    Raises:
        Refusal: an object of this name exists, or the caller may not write there.
    """
    _check_place(call)
    if not name.strip() or name.startswith("_") or any(mark in name for mark in "[]\r\n"):
        raise Refusal(400, "Invalid name '%s'." % name)
    user = NOBODY if conf in NEVER_PRIVATE else call.owner
    if any((stanza.name, stanza.user, stanza.app) == (name, user, call.app) for stanza in visible(call, conf)):
        raise Refusal(409, "Cannot create object, one with name=%s already exists." % name)
    if user == NOBODY:
        call.check_write("", "", call.app)
    elif user != call.session.user and not call.is_admin:
        call.forbid()
    return user


def edit(call: Call, conf: str, name: str, settings: Settings) -> Stanza:
    """Changes a stanza where it is: among the user's own, or in the namespace's app.

    Raises:
        Refusal: there is no such stanza, or the caller may not write it.
    """
    _check_place(call)
    stanza, settings = one(call, conf, name), _checked(call, conf, name, settings)
    if not may_change(call, conf, stanza):
        call.forbid()
    if stanza.app != call.app:
        call.check_write("", "", call.app)
    return _write(call, conf, name, settings, stanza.user)


def remove(call: Call, conf: str, name: str) -> Response:
    _check_place(call)
    stanza = one(call, conf, name)
    if not may_change(call, conf, stanza):
        call.forbid()
    call.splunkd.confs.remove(conf, call.app, name, stanza.user)
    call.splunkd.changed(conf)
    return call.done()


def _write(call: Call, conf: str, name: str, settings: Settings, user: str) -> Stanza:
    call.splunkd.confs.write(conf, call.app, name, settings, user)
    call.splunkd.changed(conf)
    return call.splunkd.confs.stanzas(conf, call.app, user)[name]


def _check_place(call: Call) -> None:
    if ANY in (call.owner, call.app):
        raise Refusal(400, "An object cannot be written in a namespace with wildcards: name its owner and its app.")


def _checked(call: Call, conf: str, name: str, settings: Settings) -> Settings:
    """The settings as they are written: a macro's iseval becomes 0 or 1.

    Raises:
        Refusal: a key that cannot exist or is not known here; an iseval that is not a boolean.
    """
    for key in settings:
        if key.startswith(_OWN) or not _KEY.fullmatch(key):
            raise Refusal(400, 'Argument "%s" is not supported by this handler.' % key)
    kind = call.splunkd.inputs.kinds().get(name.partition("://")[0]) if conf == "inputs" else None
    own = [*actions.settings_of(actions.custom(call.splunkd.confs, call.session, call.app), settings)]
    check(conf, name, settings, kind.parameters if kind else own if conf == "savedsearches" else ())
    if conf != "macros" or "iseval" not in settings:
        return settings
    if settings["iseval"].lower() not in BOOLEANS:
        raise Refusal(400, "Invalid value '%s' for argument 'iseval': a boolean is expected." % settings["iseval"])
    return {**settings, "iseval": "1" if is_true(settings["iseval"]) else "0"}


# --- What every kind has --------------------------------------------------------------------------------------------


def reading(kind: Kind) -> None:
    """Registers how a kind's objects are listed and shown."""
    route("GET", kind.path)(lambda call: kind.feed(call, visible(call, kind.conf)))
    route("GET", kind.path + "/<name>")(lambda call, name: named(call, kind, name))


def named(call: Call, kind: Kind, name: str) -> Response:
    """All objects of this name that the caller may read: a namespace with wildcards may have several."""
    found = [stanza for stanza in visible(call, kind.conf) if stanza.name == name]
    return kind.feed(call, found or [one(call, kind.conf, name)])


def writing(kind: Kind, arguments: Sequence[str], checked: Callable[[Call, Optional[Settings]], Settings]) -> None:
    """Registers how a kind's objects are created and changed. `checked` turns the arguments into settings. It receives
    the object's previous settings, or None for a new one.
    """

    def make(call: Call) -> Response:
        made = create(call, kind.conf, call.argument("name"), checked(call, None))
        return call.entry(kind.entry(call, made), 201)

    def change(call: Call, name: str) -> Response:
        settings = checked(call, one(call, kind.conf, name).settings)
        return call.entry(kind.entry(call, edit(call, kind.conf, name, settings)))

    route("POST", kind.path, "name", *arguments)(make)
    route("POST", kind.path + "/<name>", *arguments)(change)


def removing(kind: Kind) -> None:
    """Registers how a kind's objects are deleted."""
    route("DELETE", kind.path + "/<name>")(lambda call, name: remove(call, kind.conf, name))


def switching(kind: Kind) -> None:
    """Registers enable and disable."""
    for action, disabled in (("enable", "0"), ("disable", "1")):

        def switch(call: Call, name: str, disabled: str = disabled) -> Response:
            return call.entry(kind.entry(call, edit(call, kind.conf, name, {"disabled": disabled})))

        route("POST", "%s/<name>/%s" % (kind.path, action))(switch)


def permissions(kind: Kind) -> None:
    """Registers the acl of a kind's objects."""
    bare = kind._replace(content=lambda call, stanza: {"eai:appName": stanza.app, "eai:userName": stanza.user})

    def show(call: Call, name: str) -> Response:
        return call.entry(bare.entry(call, one(call, kind.conf, name)))

    def change(call: Call, name: str) -> Response:
        return call.entry(bare.entry(call, share(call, kind.conf, name)))

    route("GET", kind.path + "/<name>/acl")(show)
    route("POST", kind.path + "/<name>/acl", *ACL_ARGUMENTS)(change)


def share(call: Call, conf: str, name: str) -> Stanza:
    """Gives an object the sharing, the owner, and the readers and writers in the arguments.

    Raises:
        Refusal: arguments are missing or wrong, or the caller may not change the object.
    """
    _check_place(call)
    stanza, confs = one(call, conf, name), call.splunkd.confs
    sharing, owner = call.argument("sharing"), call.argument("owner")
    if sharing not in ("user", "app", "global"):
        raise Refusal(400, "Invalid value '%s' for argument 'sharing': it is one of user, app, global." % sharing)
    if owner != NOBODY and owner not in call.splunkd.sessions.users:
        raise Refusal(400, "User '%s' does not exist." % owner)
    if call.arguments.get("app", stanza.app) != stanza.app:
        raise Refusal(400, "Moving an object to another app (.../move) is not known here.")
    if not may_change(call, conf, stanza):
        call.forbid()
    if stanza.user == NOBODY and sharing == "user":
        raise Refusal(400, "Making a shared object private is not known here.")
    if sharing == "user":
        if owner != stanza.user:
            raise Refusal(400, "Giving a private object to another user is not known here.")
        return stanza
    call.check_write("", "", stanza.app)
    access = confs.access(conf, name, stanza.app)
    read, write = (_roles(call, right, getattr(access, right)) for right in ("read", "write"))
    if stanza.user != NOBODY:  # a private object moves into the app
        own = confs.private(conf, stanza.app, name, stanza.user)
        confs.remove(conf, stanza.app, name, stanza.user)
        confs.write(conf, stanza.app, name, own)
    confs.set_access(conf, name, stanza.app, Access(read, write, sharing == "global", owner))
    call.splunkd.changed(conf)
    return confs.stanzas(conf, stanza.app)[name]


def _roles(call: Call, right: str, otherwise) -> frozenset:
    if "perms." + right not in call.arguments:
        return otherwise
    roles = frozenset(each.strip() for each in call.arguments["perms." + right].split(",") if each.strip())
    for role in roles - {"*", NOBODY}:
        if not call.splunkd.confs.stanza("authorize", None, "role_" + role):
            raise Refusal(400, "Role '%s' does not exist." % role)
    return roles
