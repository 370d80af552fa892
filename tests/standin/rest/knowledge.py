"""Macros and lookup definitions: admin/macros, data/transforms/lookups.

Splunk REST API reference, "Knowledge endpoint descriptions"; macros.conf.spec; transforms.conf.spec.
"""
from werkzeug.wrappers import Response

from ..refusal import Refusal
from . import objects
from .objects import Kind
from .routing import Call, route

_MACROS = Kind("admin/macros", "macros", objects.content, ("disable",))
_LOOKUPS = Kind("data/transforms/lookups", "transforms", objects.content, ("disable",))
_MACRO_ARGUMENTS = ("definition", "args", "iseval", "validation", "errormsg", "description", "disabled")
_LOOKUP_ARGUMENTS = ("external_type", "collection", "fields_list", "filename", "max_matches", "min_matches",
                     "default_match", "case_sensitive_match", "match_type", "filter", "disabled")

for _kind in (_MACROS, _LOOKUPS):
    objects.reading(_kind)
    objects.switching(_kind)
    objects.permissions(_kind)


@route("POST", _MACROS.path, "name", *_MACRO_ARGUMENTS)
def create_macro(call: Call) -> Response:
    call.argument("definition")
    made = objects.create(call, "macros", call.argument("name"), call.settings("name"))
    return call.entry(_MACROS.entry(call, made), 201)


@route("POST", _MACROS.path + "/<name>", *_MACRO_ARGUMENTS)
def edit_macro(call: Call, name: str) -> Response:
    return call.entry(_MACROS.entry(call, objects.edit(call, "macros", name, call.settings())))


@route("DELETE", _MACROS.path + "/<name>")
def remove_macro(call: Call, name: str) -> Response:
    return objects.remove(call, "macros", name)


@route("POST", _LOOKUPS.path, "name", *_LOOKUP_ARGUMENTS)
def create_lookup(call: Call) -> Response:
    settings = call.settings("name")
    if settings.get("external_type", "kvstore") != "kvstore":
        raise Refusal(400, "external_type = %s is not known here." % settings["external_type"])
    if ("filename" in settings) == ("collection" in settings):
        raise Refusal(400, "A lookup has either a filename or a collection.")
    if "collection" in settings and "fields_list" not in settings:
        raise Refusal(400, "The following required arguments are missing: fields_list.")
    made = objects.create(call, "transforms", call.argument("name"), settings)
    return call.entry(_LOOKUPS.entry(call, made), 201)


@route("POST", _LOOKUPS.path + "/<name>", *_LOOKUP_ARGUMENTS)
def edit_lookup(call: Call, name: str) -> Response:
    return call.entry(_LOOKUPS.entry(call, objects.edit(call, "transforms", name, call.settings())))


@route("DELETE", _LOOKUPS.path + "/<name>")
def remove_lookup(call: Call, name: str) -> Response:
    return objects.remove(call, "transforms", name)
