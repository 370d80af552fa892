"""Inputs: HTTP Event Collector tokens, and modular inputs.

Splunk REST API reference, "Input endpoint descriptions"; inputs.conf.spec, [http://<name>]; Splunk's "Modular inputs
configuration". Splunk's other endpoints under data/inputs are not known here.
"""

import re
import uuid
from typing import Any, Callable, Dict, List

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..stores.conf import Stanza, is_true
from ..stores.events import HOST
from . import objects
from .entries import Entry
from .objects import Kind
from .routing import Call, route

HTTP = "http://"
_HTTP_ARGUMENTS = ("description", "disabled", "host", "index", "indexes", "source", "sourcetype", "token")
_IMPLICIT = ("source", "sourcetype", "host", "index", "disabled", "interval")
_TOKEN = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@route("GET", "data/inputs", capability="list_inputs")
def kinds(call: Call) -> Response:
    return call.feed(
        [Entry("data/inputs", name, {}, actions=("create",)) for name in ["http", *call.splunkd.inputs.kinds()]]
    )


@route("GET", "data/modular-inputs", capability="list_inputs")
def schemes(call: Call) -> Response:
    return call.feed([_scheme(call, name) for name in call.splunkd.inputs.kinds()])


@route("GET", "data/modular-inputs/<name>", capability="list_inputs")
def scheme(call: Call, name: str) -> Response:
    if name not in call.splunkd.inputs.kinds():
        raise Refusal(404, "Could not find object id=%s" % name)
    return call.entry(_scheme(call, name))


def _scheme(call: Call, name: str) -> Entry:
    kind = call.splunkd.inputs.kinds()[name]
    arguments = {
        argument.name: {
            "title": argument.title,
            "description": argument.description,
            "data_type": argument.data_type,
            "required_on_create": argument.required_on_create,
            "required_on_edit": argument.required_on_edit,
            "order": order,
        }
        for order, argument in enumerate(kind.scheme.args)
    }
    return Entry(
        "data/modular-inputs",
        name,
        {
            "title": kind.scheme.title,
            "description": kind.scheme.description,
            "streaming_mode": "xml",
            "use_external_validation": kind.scheme.use_external_validation,
            "use_single_instance": kind.scheme.use_single_instance,
            "endpoint": {"args": arguments},
        },
        kind.app,
        sharing="app",
    )


def _switched(call: Call, kind: Kind, stanza: str, action: str) -> Response:
    if action not in ("enable", "disable"):
        raise Refusal(404, "Not Found")
    edited = objects.edit(call, "inputs", stanza, {"disabled": "0" if action == "enable" else "1"})
    return call.entry(kind.entry(call, edited))


# --- HTTP Event Collector -------------------------------------------------------------------------------------------


def _token_content(call: Call, stanza: Stanza) -> Dict[str, Any]:
    settings = {name: stanza.settings[name] for name in _HTTP_ARGUMENTS if name in stanza.settings}
    indexes = [name for name in re.split(r"[,\s]+", settings.get("indexes", "")) if name]
    return {
        "host": HOST,
        "index": "default",
        **settings,
        "indexes": indexes,
        "disabled": is_true(settings.get("disabled", "0")),
        "useACK": "0",
        "eai:appName": stanza.app,
        "eai:userName": stanza.user,
    }


_TOKENS = Kind("data/inputs/http", "inputs", _token_content, ("enable", "disable"))


@route("GET", _TOKENS.path, capability="list_token_http or edit_token_http")
def tokens(call: Call) -> Response:
    return _TOKENS.feed(call, [stanza for stanza in objects.visible(call, "inputs") if stanza.name.startswith(HTTP)])


@route("GET", _TOKENS.path + "/<name>", capability="list_token_http or edit_token_http")
def token(call: Call, name: str) -> Response:
    return call.entry(_TOKENS.entry(call, objects.one(call, "inputs", _token_stanza(name))))


@route("POST", _TOKENS.path, "name", *_HTTP_ARGUMENTS, capability="edit_token_http")
def create_token(call: Call) -> Response:
    name = call.argument("name")
    settings = {"token": str(uuid.uuid4()), **_checked_token(call)}
    made = objects.create(call, "inputs", name if name.startswith(HTTP) else HTTP + name, settings)
    return call.entry(_TOKENS.entry(call, made), 201)


@route("POST", _TOKENS.path + "/<name>", *_HTTP_ARGUMENTS, capability="edit_token_http")
def edit_token(call: Call, name: str) -> Response:
    return call.entry(_TOKENS.entry(call, objects.edit(call, "inputs", _token_stanza(name), _checked_token(call))))


@route("DELETE", _TOKENS.path + "/<name>", capability="edit_token_http")
def remove_token(call: Call, name: str) -> Response:
    return objects.remove(call, "inputs", _token_stanza(name))


@route("POST", _TOKENS.path + "/<name>/<action>", capability="edit_token_http")
def switch_token(call: Call, name: str, action: str) -> Response:
    return _switched(call, _TOKENS, _token_stanza(name), action)


def _token_stanza(name: str) -> str:
    return name if name.startswith(HTTP) else HTTP + name


def _checked_token(call: Call) -> Dict[str, str]:
    settings = call.settings("name")
    for index in filter(None, [settings.get("index", ""), *re.split(r"[,\s]+", settings.get("indexes", ""))]):
        call.splunkd.events.check_index(index)
    value = settings.get("token")
    if value is not None and not _TOKEN.fullmatch(value):
        raise Refusal(400, "Token value '%s' is not a GUID." % value)
    if value is not None and any(
        stanza.settings.get("token") == value for stanza in call.splunkd.confs.stanzas("inputs").values()
    ):
        raise Refusal(409, "Token with value '%s' already exists." % value)
    _check_boolean(settings, "disabled")
    return settings


# --- Modular inputs -------------------------------------------------------------------------------------------------


def _modular(call: Call, kind: str) -> Kind:
    """The kind of modular input with this scheme.

    Raises:
        Refusal: no app brings such a kind.
    """
    if kind not in call.splunkd.inputs.kinds():
        raise Refusal(404, "Not Found")
    return Kind(
        "data/inputs/" + kind,
        "inputs",
        _input_content,
        ("enable", "disable"),
        lambda stanza: stanza.name.partition("://")[2],
    )


def _changeable(call: Call, kind: str) -> Kind:
    """The kind of modular input with this scheme, if the user may change it.

    Raises:
        Refusal: no app brings such a kind, or the user may not change inputs of it (authorize.conf.spec,
            edit_modinput_<scheme>; whether a role has it without being given it is not documented).
    """
    shown, capability = _modular(call, kind), "edit_modinput_" + kind
    if capability not in call.session.capabilities:
        call.forbid(capability)
    return shown


def _input_content(call: Call, stanza: Stanza) -> Dict[str, Any]:
    settings = _merged(call, stanza)
    return {
        "host": HOST,
        "index": "default",
        "interval": "60",
        **settings,
        "disabled": is_true(settings.get("disabled", "0")),
        "eai:appName": stanza.app,
        "eai:userName": stanza.user,
    }


def _merged(call: Call, stanza: Stanza) -> Dict[str, str]:
    """The settings, with the defaults of its kind's stanza."""
    scheme = call.splunkd.confs.stanza("inputs", None, stanza.name.partition("://")[0])
    return {**(scheme.settings if scheme else {}), **stanza.settings}


@route("GET", "data/inputs/<kind>", capability="list_inputs")
def inputs(call: Call, kind: str) -> Response:
    shown = _modular(call, kind)
    return shown.feed(
        call, [stanza for stanza in objects.visible(call, "inputs") if stanza.name.startswith(kind + "://")]
    )


@route("POST", "data/inputs/<kind>", "*", capability="list_inputs")
def create_input(call: Call, kind: str) -> Response:
    shown, name, settings = _changeable(call, kind), call.argument("name"), call.settings("name")
    _check_arguments(call, kind, settings, lambda argument: argument.required_on_create)
    stanza = "%s://%s" % (kind, name)
    defaults = _merged(call, Stanza(stanza, {}, call.app, True))
    objects.check_creatable(call, "inputs", stanza)
    call.splunkd.inputs.validate(kind, name, {**defaults, **settings})
    return call.entry(shown.entry(call, objects.create(call, "inputs", stanza, settings)), 201)


@route("GET", "data/inputs/<kind>/<name>", capability="list_inputs")
def one_input(call: Call, kind: str, name: str) -> Response:
    return call.entry(_modular(call, kind).entry(call, objects.one(call, "inputs", "%s://%s" % (kind, name))))


@route("POST", "data/inputs/<kind>/<name>", "*", capability="list_inputs")
def edit_input(call: Call, kind: str, name: str) -> Response:
    shown, settings = _changeable(call, kind), call.settings()
    stanza = objects.one(call, "inputs", "%s://%s" % (kind, name))
    _check_arguments(call, kind, settings, lambda argument: argument.required_on_edit)
    call.splunkd.inputs.validate(kind, name, {**_merged(call, stanza), **settings})
    return call.entry(shown.entry(call, objects.edit(call, "inputs", stanza.name, settings)))


@route("DELETE", "data/inputs/<kind>/<name>", capability="list_inputs")
def remove_input(call: Call, kind: str, name: str) -> Response:
    _changeable(call, kind)
    return objects.remove(call, "inputs", "%s://%s" % (kind, name))


@route("POST", "data/inputs/<kind>/<name>/<action>", capability="list_inputs")
def switch_input(call: Call, kind: str, name: str, action: str) -> Response:
    return _switched(call, _changeable(call, kind), "%s://%s" % (kind, name), action)


def _check_arguments(call: Call, kind: str, settings: Dict[str, str], is_required: Callable[[Any], bool]) -> None:
    arguments = call.splunkd.inputs.kinds()[kind].scheme.args
    known = [argument.name for argument in arguments] + list(_IMPLICIT)
    for name in settings:
        if name not in known:
            raise Refusal(400, 'Argument "%s" is not supported by this handler.' % name)
    missing: List[str] = [
        argument.name for argument in arguments if is_required(argument) and not settings.get(argument.name)
    ]
    if missing:
        raise Refusal(400, "The following required arguments are missing: %s." % ", ".join(missing))
    for name in ["disabled"] + [argument.name for argument in arguments if argument.data_type == "boolean"]:
        _check_boolean(settings, name)
    if "index" in settings and settings["index"] != "default":
        call.splunkd.events.check_index(settings["index"])


def _check_boolean(settings: Dict[str, str], name: str) -> None:
    if name in settings and settings[name].strip().lower() not in objects.BOOLEANS:
        raise Refusal(400, "Invalid value '%s' for argument '%s': a boolean is expected." % (settings[name], name))
