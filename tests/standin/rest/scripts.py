"""Endpoints that apps bring: restmap.conf, [script:<uniqueName>] with scripttype = persist.

restmap.conf.spec.
"""

from typing import Dict

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..sessions import SYSTEM_USER
from ..stores.conf import Stanza, is_true
from ..values import SplError
from . import capabilities, entries
from .routing import Call, fallback

_PREFIX = "script:"
_KNOWN = {
    "match",
    "script",
    "scripttype",
    "handler",
    "python",
    "requireAuthentication",
    "capability",
    "passSystemAuth",
    "output_modes",
}
_OTHERWISE = (("requireAuthentication", "false"), ("output_modes", "xml"))


@fallback("*")
def run(call: Call, path: str) -> Response:
    """Handles every path that is not one of splunkd's own endpoints."""
    for name, stanza in call.splunkd.confs.stanzas("restmap").items():
        if name.startswith(_PREFIX) and "/" + path == stanza.settings.get("match"):
            return _answered(call, stanza)
    raise Refusal(404, "Not Found")


def _answered(call: Call, stanza: Stanza) -> Response:
    settings = stanza.settings
    for key, value in settings.items():
        if key.partition(".")[0] not in _KNOWN or (key, value) in _OTHERWISE:
            raise Refusal(501, "restmap.conf [%s] %s = %s is not known here." % (stanza.name, key, value))
    if settings.get("scripttype") != "persist":
        raise Refusal(501, "restmap.conf [%s] scripttype other than persist is not known here." % stanza.name)
    call.require(capabilities.of_stanza(settings, call.method))
    system = call.splunkd.sessions.open(SYSTEM_USER)
    request = _request(call)
    if is_true(settings.get("passSystemAuth", "0")):
        request["system_authtoken"] = system.key
    script = call.splunkd.confs.folder(stanza.app) / "bin" / settings["script"]
    try:
        answer = call.splunkd.handlers.ask(call.splunkd.pythons.for_settings(settings), script, request)
        return entries.json_response(answer["payload"], answer["status"])
    except (ValueError, KeyError, SplError) as error:
        raise Refusal(500, "The handler of [%s] failed: %s" % (stanza.name, error)) from None
    finally:
        call.splunkd.sessions.close(system)


def _request(call: Call) -> Dict:
    query = [[name, value] for name, value in call.request.args.items(multi=True)]
    return {
        "output_mode": "json",
        "output_mode_explicit": call.as_json,
        "method": call.method,
        "query": query,
        "form": [[name, value] for name, value in call.request.form.items(multi=True)],
        "connection": {"src_ip": call.request.remote_addr, "ssl": True, "listening_port": 0},
        "server": {"rest_uri": call.splunkd.management_url},
        "session": {"user": call.session.user, "authtoken": call.session.key},
    }
