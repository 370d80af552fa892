"""Macros and lookup definitions: admin/macros, data/transforms/lookups.

Splunk REST API reference, "Knowledge endpoint descriptions"; macros.conf.spec; transforms.conf.spec.
"""

from typing import Optional

from ..refusal import Refusal
from ..stores.conf import Settings
from . import objects
from .objects import Kind
from .routing import Call

_MACROS = Kind("admin/macros", "macros", objects.content, ("disable",))
_LOOKUPS = Kind("data/transforms/lookups", "transforms", objects.content, ("disable",))
_MACRO_ARGUMENTS = ("definition", "args", "iseval", "validation", "errormsg", "description", "disabled")
_LOOKUP_ARGUMENTS = (
    "external_type",
    "collection",
    "fields_list",
    "filename",
    "max_matches",
    "case_sensitive_match",
    "disabled",
)


def _checked_macro(call: Call, before: Optional[Settings]) -> Settings:
    if before is None:
        call.argument("definition")
    return call.settings("name")


def _checked_lookup(call: Call, before: Optional[Settings]) -> Settings:
    settings = call.settings("name")
    whole = {**(before or {}), **settings}
    if whole.get("external_type", "kvstore") != "kvstore":
        raise Refusal(400, "external_type = %s is not known here." % whole["external_type"])
    if ("filename" in whole) == ("collection" in whole):
        raise Refusal(400, "A lookup has either a filename or a collection.")
    if "collection" in whole and "fields_list" not in whole:
        raise Refusal(400, "The following required arguments are missing: fields_list.")
    return settings


for _kind in (_MACROS, _LOOKUPS):
    objects.reading(_kind)
    objects.removing(_kind)
    objects.switching(_kind)
    objects.permissions(_kind)
objects.writing(_MACROS, _MACRO_ARGUMENTS, _checked_macro)
objects.writing(_LOOKUPS, _LOOKUP_ARGUMENTS, _checked_lookup)
