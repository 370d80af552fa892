"""Configuration files: configs/conf-FILE and properties.

Splunk REST API reference, "Configuration endpoint descriptions".
"""
from typing import Dict

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..stores.conf import Stanza, is_true
from . import entries
from .entries import Entry
from .routing import Call, route

_OWN = ("eai:", "_")


def visible(call: Call, conf: str) -> Dict[str, Stanza]:
    """The stanzas that the caller may read."""
    found = {}
    for name, stanza in call.splunkd.confs.stanzas(conf, call.app).items():
        try:
            call.check("read", conf, name, stanza.app)
        except Refusal:
            continue
        found[name] = stanza
    return found


def one(call: Call, conf: str, name: str) -> Stanza:
    stanza = visible(call, conf).get(name)
    if stanza is None:
        raise Refusal(404, "Could not find object id=%s" % name)
    return stanza


def change(call: Call, conf: str, name: str, settings: Dict[str, str], new: bool) -> Stanza:
    """Writes settings into local/ of the namespace's app.

    Raises:
        Refusal: the stanza is there already (or is not); the caller may not write.
    """
    stanza = visible(call, conf).get(name)
    if new and stanza is not None:
        raise Refusal(409, "Cannot create object, one with name=%s already exists." % name)
    if not new and stanza is None:
        raise Refusal(404, "Could not find object id=%s" % name)
    if not name or name.startswith("_"):
        raise Refusal(400, "Invalid name '%s'." % name)
    for key in settings:
        if key.startswith(_OWN) or not key.strip():
            raise Refusal(400, "Argument \"%s\" is not supported by this handler." % key)
    call.check("write", conf, name, call.app)
    call.splunkd.confs.write(conf, call.app, name, settings)
    call.splunkd.changed(conf)
    return one(call, conf, name)


def remove(call: Call, conf: str, name: str) -> Response:
    stanza = one(call, conf, name)
    call.check("write", conf, name, stanza.app)
    call.splunkd.confs.remove(conf, call.app, name)
    call.splunkd.changed(conf)
    return call.done()


def content(stanza: Stanza) -> Dict[str, object]:
    """Settings as the API shows them, with what it adds."""
    return {**stanza.settings, "disabled": is_true(stanza.settings.get("disabled", "0")),
            "eai:appName": stanza.app, "eai:userName": "nobody"}


def _entry(conf: str, stanza: Stanza) -> Entry:
    return Entry("configs/conf-" + conf, stanza.name, content(stanza), stanza.app, removable=stanza.removable)


@route("GET", "configs/conf-<conf>")
def stanzas(call: Call, conf: str) -> Response:
    return call.feed([_entry(conf, stanza) for stanza in visible(call, conf).values()])


@route("POST", "configs/conf-<conf>", "*")
def create(call: Call, conf: str) -> Response:
    return call.entry(_entry(conf, change(call, conf, call.argument("name"), call.settings("name"), True)), 201)


@route("GET", "configs/conf-<conf>/<name>")
def stanza(call: Call, conf: str, name: str) -> Response:
    return call.entry(_entry(conf, one(call, conf, name)))


@route("POST", "configs/conf-<conf>/<name>", "*")
def edit(call: Call, conf: str, name: str) -> Response:
    return call.entry(_entry(conf, change(call, conf, name, call.settings(), False)))


@route("DELETE", "configs/conf-<conf>/<name>")
def delete(call: Call, conf: str, name: str) -> Response:
    return remove(call, conf, name)


@route("GET", "properties", capability="rest_properties_get")
def files(call: Call) -> Response:
    return call.feed([Entry("properties", name, {}) for name in call.splunkd.confs.names(call.app)])


@route("POST", "properties", "__conf", capability="rest_properties_set")
def create_file(call: Call) -> Response:
    return entries.messages(201, [("INFO", "Created configuration file %s." % call.argument("__conf"))], call.as_json)


@route("GET", "properties/<conf>", capability="rest_properties_get")
def file(call: Call, conf: str) -> Response:
    if not call.splunkd.confs.exists(conf, call.app):
        raise Refusal(404, "%s does not exist" % conf)
    return call.feed([Entry("properties/" + conf, name, {}) for name in visible(call, conf)])


@route("GET", "properties/<conf>/<name>", capability="rest_properties_get")
def properties(call: Call, conf: str, name: str) -> Response:
    settings = one(call, conf, name).settings
    return call.feed([Entry("properties/%s/%s" % (conf, name), key, {"value": value})
                      for key, value in settings.items()])
