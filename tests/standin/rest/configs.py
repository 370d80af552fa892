"""Configuration files: configs/conf-FILE and properties.

Splunk REST API reference, "Configuration endpoint descriptions".
"""

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..stores.conf import SYSTEM
from . import entries, objects
from .entries import Entry
from .objects import Kind
from .routing import Call, route


def _kind(conf: str) -> Kind:
    return Kind("configs/conf-" + conf, conf, objects.content)


@route("GET", "configs/conf-<conf>")
def stanzas(call: Call, conf: str) -> Response:
    return _kind(conf).feed(call, objects.visible(call, conf))


@route("POST", "configs/conf-<conf>", "*")
def create(call: Call, conf: str) -> Response:
    made = objects.create(call, conf, call.argument("name"), call.settings("name"))
    return call.entry(_kind(conf).entry(call, made), 201)


@route("GET", "configs/conf-<conf>/<name>")
def stanza(call: Call, conf: str, name: str) -> Response:
    return objects.named(call, _kind(conf), name)


@route("POST", "configs/conf-<conf>/<name>", "*")
def edit(call: Call, conf: str, name: str) -> Response:
    return call.entry(_kind(conf).entry(call, objects.edit(call, conf, name, call.settings())))


@route("DELETE", "configs/conf-<conf>/<name>")
def delete(call: Call, conf: str, name: str) -> Response:
    return objects.remove(call, conf, name)


@route("GET", "configs/conf-<conf>/<name>/acl")
def acl(call: Call, conf: str, name: str) -> Response:
    return call.entry(_kind(conf).entry(call, objects.one(call, conf, name)))


@route("POST", "configs/conf-<conf>/<name>/acl", *objects.ACL_ARGUMENTS)
def share(call: Call, conf: str, name: str) -> Response:
    return call.entry(_kind(conf).entry(call, objects.share(call, conf, name)))


@route("GET", "properties")
def files(call: Call) -> Response:
    return call.feed([_property(call, "properties", name) for name in call.splunkd.confs.names(call.app)])


@route("POST", "properties", "__conf")
def create_file(call: Call) -> Response:
    conf = call.argument("__conf")
    status = 303 if call.splunkd.confs.exists(conf, call.app) else 201
    call.check_write("", "", call.app)
    call.splunkd.confs.create(conf, call.app)
    return entries.messages(status, [("INFO", "Created configuration file %s." % conf)], call.as_json)


@route("GET", "properties/<conf>")
def file(call: Call, conf: str) -> Response:
    if not call.splunkd.confs.exists(conf, call.app):
        raise Refusal(404, "%s does not exist" % conf)
    return call.feed([_property(call, "properties/" + conf, stanza.name) for stanza in objects.visible(call, conf)])


@route("GET", "properties/<conf>/<name>")
def properties(call: Call, conf: str, name: str) -> Response:
    settings = objects.one(call, conf, name).settings
    return call.feed(
        [_property(call, "properties/%s/%s" % (conf, name), key, value) for key, value in settings.items()]
    )


@route("GET", "properties/<conf>/<name>/<key>")
def value(call: Call, conf: str, name: str, key: str) -> Response:
    """Answers in plain text."""
    settings = objects.one(call, conf, name).settings
    if key not in settings:
        raise Refusal(404, "Could not find key=%s" % key)
    return Response(settings[key], content_type="text/plain; charset=UTF-8")


def _property(call: Call, path: str, name: str, value: str = "") -> Entry:
    sharing = "system" if call.app == SYSTEM else "app"
    return Entry(path, name, {"value": value} if value else {}, call.app, sharing=sharing)
