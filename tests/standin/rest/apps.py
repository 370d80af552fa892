"""Apps: apps/local.

Splunk REST API reference, "Application endpoint descriptions"; app.conf.spec.
"""

import re
from pathlib import Path
from typing import Any, Dict

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..stores.conf import is_true
from .entries import Entry
from .routing import Call, route

_APPS = "apps/local"
_STANZAS = {
    "configured": ("install", "is_configured"),
    "visible": ("ui", "is_visible"),
    "label": ("ui", "label"),
    "author": ("launcher", "author"),
    "description": ("launcher", "description"),
    "version": ("launcher", "version"),
    "check_for_updates": ("package", "check_for_updates"),
}
"""The API's name for a setting of app.conf, with its stanza and key."""
_BOOLEANS = {"configured": "0", "visible": "1", "check_for_updates": "1"}
"""The settings that are booleans, with their defaults."""
_CORE = ("search",)
"""Splunk's own apps, which cannot be removed or disabled."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")


def _entry(call: Call, app: str) -> Entry:
    access = call.splunkd.confs.access(app=app)
    shown = _content(call, app)
    return Entry(
        _APPS,
        app,
        shown,
        app,
        access.owner,
        "app",
        True,
        access.read,
        access.write,
        call.may_write("", "", app),
        ("_reload", "enable" if shown["disabled"] else "disable"),
    )


def _content(call: Call, app: str) -> Dict[str, Any]:
    # What other apps export does not describe this app.
    stanzas = {
        name: stanza.settings for name, stanza in call.splunkd.confs.stanzas("app", app).items() if stanza.app == app
    }
    shown: Dict[str, Any] = {}
    for name, (stanza, key) in _STANZAS.items():
        value = stanzas.get(stanza, {}).get(key, _BOOLEANS.get(name, ""))
        shown[name] = is_true(value) if name in _BOOLEANS else value
    shown.update(
        {
            "label": shown["label"] or app,
            "core": app in _CORE,
            "disabled": call.splunkd.confs.is_disabled(app),
            "show_in_nav": True,
            "state_change_requires_restart": is_true(
                stanzas.get("install", {}).get("state_change_requires_restart", "0")
            ),
        }
    )
    return shown


def _one(call: Call, name: str) -> str:
    if name not in call.splunkd.confs.apps() or not call.may_read("", "", name):
        raise Refusal(404, "Could not find object id=%s" % name)
    return name


@route("GET", _APPS)
def apps(call: Call) -> Response:
    return call.feed([_entry(call, app) for app in call.splunkd.confs.apps() if call.may_read("", "", app)])


@route("GET", _APPS + "/<name>")
def app(call: Call, name: str) -> Response:
    return call.entry(_entry(call, _one(call, name)))


@route("POST", _APPS, "name", "filename", "update", "template", *_STANZAS, capability="edit_local_apps")
def create(call: Call) -> Response:
    """Installs the package at a path on this machine (`filename`), or makes an empty app."""
    name = call.argument("name")
    if is_true(call.argument("filename", "0")):
        return _install(call, Path(name))
    if call.argument("template", "barebones") != "barebones":
        raise Refusal(400, "template = %s is not known here, barebones is." % call.argument("template"))
    if not _NAME.fullmatch(name):
        raise Refusal(400, "Invalid app name '%s'." % name)
    folder = call.splunkd.confs.folder(name)
    if folder.exists():
        raise Refusal(409, "Application does already exist: %s" % name)
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "default.meta").write_text(
        "[]\naccess = read : [ * ], write : [ admin, power ]\n", encoding="utf-8"
    )
    _configure(call, name)
    call.splunkd.changed("app")
    return call.entry(_entry(call, name), 201)


def _install(call: Call, package: Path) -> Response:
    if "install_apps" not in call.session.capabilities:
        raise Refusal(403, "insufficient permission to access this resource")
    for argument in (*_STANZAS, "template"):
        if argument in call.arguments:
            raise Refusal(400, 'Argument "%s" cannot be given with a package.' % argument)
    before = call.splunkd.confs.apps()
    app = call.splunkd.install(package, is_true(call.argument("update", "0")))
    return call.entry(_entry(call, app), 200 if app in before else 201)


@route("POST", _APPS + "/<name>", *_STANZAS, capability="edit_local_apps")
def edit(call: Call, name: str) -> Response:
    call.check_write("", "", _one(call, name))
    _configure(call, name)
    call.splunkd.changed("app")
    return call.entry(_entry(call, name))


def _configure(call: Call, app: str) -> None:
    """Writes the settings in the arguments to local/app.conf."""
    for name in _BOOLEANS:
        if name in call.arguments and call.arguments[name].lower() not in ("0", "1", "true", "false"):
            raise Refusal(
                400, "Invalid value '%s' for argument '%s': a boolean is expected." % (call.arguments[name], name)
            )
    for name, (stanza, key) in _STANZAS.items():
        if name in call.arguments:
            call.splunkd.confs.write("app", app, stanza, {key: call.arguments[name]})


@route("DELETE", _APPS + "/<name>", capability="edit_local_apps")
def remove(call: Call, name: str) -> Response:
    call.check_write("", "", _one(call, name))
    _check_not_core(name)
    call.splunkd.uninstall(name)
    return call.done()


@route("GET", _APPS + "/<name>/_reload")
@route("POST", _APPS + "/<name>/_reload")
def reload(call: Call, name: str) -> Response:
    _one(call, name)
    call.splunkd.changed("app")
    return call.feed([])


@route("GET", _APPS + "/_reload")
@route("POST", _APPS + "/_reload")
def reload_all(call: Call) -> Response:
    call.splunkd.changed("app")
    return call.feed([])


@route("POST", _APPS + "/<name>/enable", capability="edit_local_apps")
def enable(call: Call, name: str) -> Response:
    return _switch(call, name, "enabled")


@route("POST", _APPS + "/<name>/disable", capability="edit_local_apps")
def disable(call: Call, name: str) -> Response:
    return _switch(call, name, "disabled")


def _check_not_core(name: str) -> None:
    if name in _CORE:
        raise Refusal(403, "The app '%s' is part of Splunk: it cannot be removed or disabled." % name)


def _switch(call: Call, name: str, state: str) -> Response:
    call.check_write("", "", _one(call, name))
    _check_not_core(name)
    call.splunkd.confs.write("app", name, "install", {"state": state})
    call.splunkd.changed("app")
    return call.entry(_entry(call, name))
