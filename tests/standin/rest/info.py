"""What splunkd says about itself: server/info, server/settings, and the messages to administrators.

Splunk REST API reference, "Introspection endpoint descriptions" and "System endpoint descriptions".
"""

import os
import platform
from typing import Any, Dict, NamedTuple

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..stores.events import HOST
from .entries import Entry
from .routing import Call, route

SEVERITIES = ("info", "warn", "error")
_GUID = "5E3AB4A5-0000-4000-8000-57A9D1A57A9D"


@route("GET", "server/info")
@route("GET", "server/info/server-info")
def info(call: Call) -> Response:
    release = call.splunkd.release
    return call.feed(
        [
            Entry(
                "server/info",
                "server-info",
                {
                    "version": release.version,
                    "build": release.build,
                    "serverName": HOST,
                    "host": HOST,
                    "guid": _GUID,
                    "server_roles": ["indexer", "search_head", "kv_store"],
                    "product_type": "enterprise",
                    "mode": "normal",
                    "kvStoreStatus": call.splunkd.kvstore.status,
                    "isFree": False,
                    "isTrial": False,
                    "isForwarding": False,
                    "activeLicenseGroup": "Enterprise",
                    "licenseState": "OK",
                    "os_name": platform.system(),
                    "os_version": platform.version(),
                    "cpu_arch": platform.machine(),
                    "numberOfCores": os.cpu_count(),
                    "startup_time": int(call.splunkd.started),
                },
            )
        ]
    )


@route("GET", "server/settings", capability="list_settings")
@route("GET", "server/settings/settings", capability="list_settings")
def settings(call: Call) -> Response:
    return call.feed(
        [
            Entry(
                "server/settings",
                "settings",
                {
                    "serverName": HOST,
                    "host": HOST,
                    "SPLUNK_HOME": str(call.splunkd.home),
                    "sessionTimeout": "1h",
                    "mgmtHostPort": int(call.splunkd.management_url.rsplit(":", 1)[1]),
                    "httpport": int(call.splunkd.web_url.rsplit(":", 1)[1]),
                    "startwebserver": True,
                    "enableSplunkWebSSL": False,
                },
            )
        ]
    )


# --- Messages -------------------------------------------------------------------------------------------------------


class Bulletin(NamedTuple):
    """A message to administrators. splunkd.bulletins holds them by name."""

    text: str
    severity: str
    time: float


def _message(name: str, message: Bulletin) -> Entry:
    content: Dict[str, Any] = {
        name: message.text,
        "message": message.text,
        "severity": message.severity,
        "timeCreated_epochSecs": int(message.time),
        "server": HOST,
    }
    return Entry("messages", name, content, removable=True)


@route("GET", "messages")
def messages(call: Call) -> Response:
    return call.feed([_message(*each) for each in call.splunkd.bulletins.items()])


@route("GET", "messages/<name>")
def message(call: Call, name: str) -> Response:
    return call.entry(_message(name, _one(call, name)))


@route("POST", "messages", "name", "value", "severity", capability="edit_messages")
def create_message(call: Call) -> Response:
    name, severity = call.argument("name"), call.argument("severity", "info")
    if severity not in SEVERITIES:
        raise Refusal(
            400, "Invalid value '%s' for argument 'severity': it is one of %s." % (severity, ", ".join(SEVERITIES))
        )
    call.splunkd.bulletins[name] = Bulletin(call.argument("value"), severity, call.splunkd.clock.now())
    return call.entry(_message(name, call.splunkd.bulletins[name]), 201)


@route("DELETE", "messages/<name>", capability="edit_messages")
def delete_message(call: Call, name: str) -> Response:
    _one(call, name)
    del call.splunkd.bulletins[name]
    return call.done()


def _one(call: Call, name: str) -> Bulletin:
    if name not in call.splunkd.bulletins:
        raise Refusal(404, "Could not find object id=%s" % name)
    return call.splunkd.bulletins[name]
