"""Indexes, and the receivers that take events for them.

Splunk REST API reference, "Introspection endpoint descriptions" (data/indexes) and "Input endpoint descriptions"
(receivers/simple, receivers/stream); indexes.conf.spec.
"""

import re
from typing import Any, Dict

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..stores.conf import Stanza, is_true, props_for
from ..stores.events import Event, lines
from . import objects
from .entries import xml_response
from .objects import Kind
from .routing import Call, route

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def _content(call: Call, stanza: Stanza) -> Dict[str, Any]:
    settings, events = stanza.settings, call.splunkd.events
    span = events.span(stanza.name)
    return {
        "datatype": "event",
        "disabled": is_true(settings.get("disabled", "0")),
        "homePath": "$SPLUNK_DB/%s/db" % stanza.name,
        "coldPath": "$SPLUNK_DB/%s/colddb" % stanza.name,
        "thawedPath": "$SPLUNK_DB/%s/thaweddb" % stanza.name,
        "isInternal": stanza.name.startswith("_"),
        "totalEventCount": events.count(stanza.name),
        "currentDBSizeMB": 1,
        "minTime": span[0],
        "maxTime": span[1],
        "eai:appName": stanza.app,
        "eai:userName": stanza.user,
    }


_INDEXES = Kind("data/indexes", "indexes", _content, ("enable", "disable"))
objects.reading(_INDEXES)


@route("POST", "data/indexes", "name", "datatype", capability="indexes_edit")
def create(call: Call) -> Response:
    name = call.argument("name")
    if not _NAME.fullmatch(name) or "kvstore" in name:
        raise Refusal(
            400,
            "Index name must consist of only lowercase letters, numbers, underscores, and hyphens, "
            'cannot begin with an underscore or hyphen, and cannot contain "kvstore": %s' % name,
        )
    if call.argument("datatype", "event") != "event":
        raise Refusal(400, "datatype = %s is not known here." % call.argument("datatype"))
    if call.splunkd.confs.stanza("indexes", None, name):
        raise Refusal(409, "Index name=%s already exists." % name)
    paths = {
        path: "$SPLUNK_DB/%s/%s" % (name, folder)
        for path, folder in (("homePath", "db"), ("coldPath", "colddb"), ("thawedPath", "thaweddb"))
    }
    made = objects.create(call, "indexes", name, paths)
    return call.entry(_INDEXES.entry(call, made), 201)


@route("DELETE", "data/indexes/<name>", capability="indexes_edit")
def delete(call: Call, name: str) -> Response:
    """Deletes an index with its events."""
    answer = objects.remove(call, "indexes", name)
    call.splunkd.events.drop(name)
    return answer


for _action, _disabled in (("enable", "0"), ("disable", "1")):

    @route("POST", "data/indexes/<name>/" + _action, capability="indexes_edit")
    def _switch(call: Call, name: str, disabled: str = _disabled) -> Response:
        return call.entry(_INDEXES.entry(call, objects.edit(call, "indexes", name, {"disabled": disabled})))


# --- Receivers ------------------------------------------------------------------------------------------------------


_EVENT_ARGUMENTS = ("index", "host", "source", "sourcetype")


@route("POST", "receivers/simple", *_EVENT_ARGUMENTS, raw_body=True)
def receive(call: Call) -> Response:
    event = _received(call, "http-simple")
    fields = {
        "_index": event.index,
        "bytes": str(len(event.raw.encode())),
        "host": event.host,
        "source": event.source,
        "sourcetype": event.sourcetype,
    }
    shown = "".join(
        "<field k='%s'><value><text>%s</text></value></field>" % (name, _escaped(value))
        for name, value in fields.items()
    )
    return xml_response("<response><results><result>%s</result></results></response>" % shown)


@route("POST", "receivers/stream", *_EVENT_ARGUMENTS, raw_body=True)
def receive_stream(call: Call) -> Response:
    """Indexes events when the client ends its stream."""
    _received(call, "http-stream")
    return Response(status=204)


def _received(call: Call, source: str) -> Event:
    """Indexes the request's data, by default with the source type for sources too small to be recognised."""
    splunkd = call.splunkd
    try:
        text = call.request.get_data().decode()
    except UnicodeDecodeError:
        raise Refusal(400, "The data must be UTF-8.") from None
    source = call.argument("source", source)
    whole = Event(
        text,
        None,
        call.argument("index", "main"),
        call.argument("host", "127.0.0.1"),
        source,
        call.argument("sourcetype", source + "-too_small"),
    )
    splunkd.events.check_index(whole.index)
    props = props_for(splunkd.confs.stanzas("props"), whole.sourcetype, whole.source, whole.host)
    splunkd.events.add(whole._replace(raw=line) for line in lines(text, props))
    return whole


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
