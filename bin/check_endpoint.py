"""The REST endpoint segment_bridge/check, which checks a destination for the app's pages.

A POST with `destination` runs the search command segmentcheck with the caller's rights, and returns its rows:
{"destination": ..., "checks": [{"check", "status", "code", "text"}, ...]}. Thus a separate process makes all requests
to other servers, with the destination's proxy and CA, and no secret reaches the browser.

Only users who may read the password store may call it. For other users, segmentcheck would ask write_key.py to lend the
key, and this same process would have to answer while it waits for the search. Like write_key.py, this file imports
nothing from bin/ or lib/.

Source: restmap.conf.spec, [script:<uniqueName>], scripttype = persist; Splunk REST API reference, "search/v2/jobs".
"""

import http.client
import json
import re
import socket
import ssl
from typing import Any, Dict
from urllib.parse import quote, urlencode, urlsplit

from splunk.persistconn.application import PersistentServerConnectionApplication

_TIMEOUT_S = 25
_FIELDS = ("check", "status", "code", "text")


class Check(PersistentServerConnectionApplication):
    """splunkd creates one for each request, and passes the request as JSON."""

    def __init__(self, command_line: str, command_arg: str):
        super().__init__()

    def handle(self, in_string: str) -> Dict[str, Any]:
        try:
            return _checked(json.loads(in_string))
        except socket.timeout:
            text = "the checks take longer than %d s: run them as a search, with | makeresults | segmentcheck"
            return _refusal(504, text % _TIMEOUT_S)
        except (OSError, http.client.HTTPException) as error:
            text = "the endpoint segment_bridge/check cannot reach splunkd (%s): try again in a minute"
            return _refusal(503, text % type(error).__name__)
        except Exception as error:  # its text might hold anything
            text = "internal error in segment_bridge/check: %s. This is a fault of the app: please report it"
            return _refusal(500, text % type(error).__name__)


def _refusal(status: int, text: str) -> Dict[str, Any]:
    return {"status": status, "payload": {"messages": [{"type": "ERROR", "text": text}]}}


def _checked(request: Dict[str, Any]) -> Dict[str, Any]:
    if request["method"] != "POST":
        return _refusal(405, "use POST: the checks send requests to other servers")
    name = dict(request.get("form", [])).get("destination", "")
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]*", name):
        return _refusal(400, "destination must be the name of a stanza of segment_bridge.conf")
    search = '| makeresults | eval destination="%s" | segmentcheck' % name
    path = "/servicesNS/%s/segment_bridge/search/v2/jobs" % quote(request["session"]["user"], safe="")
    form = {"search": search, "exec_mode": "oneshot", "output_mode": "json", "timeout": _TIMEOUT_S}
    status, content = _post(request["server"]["rest_uri"], request["session"]["authtoken"], path, form)
    if status != 200:
        texts = _texts(content) or "it answered %d" % status
        return _refusal(status if status < 500 else 503, "splunkd did not run the checks: %s" % texts)
    checks = [{field: row.get(field, "") for field in _FIELDS} for row in json.loads(content)["results"]]
    if not checks:
        texts = _texts(content, "ERROR", "FATAL") or "the search has no results"
        return _refusal(503, "the checks have failed: %s" % texts)
    return {"status": 200, "payload": {"destination": name, "checks": checks}}


def _texts(content: bytes, *types: str) -> str:
    """The messages in an answer of splunkd's, of these types or of all; empty if it has none, or is not JSON."""
    try:
        messages = json.loads(content)["messages"]
        return " ".join(message["text"] for message in messages if not types or message["type"] in types)
    except (ValueError, TypeError, KeyError):
        return ""


def _post(uri: str, session: str, path: str, form: Dict[str, Any]) -> Any:
    """Returns status and body of splunkd's answer. Like the SDK, does not verify splunkd's certificate on loopback."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, parts.port, timeout=_TIMEOUT_S, context=tls)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT_S)
    try:
        connection.request(
            "POST",
            path,
            urlencode(form),
            {"Authorization": "Splunk " + session, "Content-Type": "application/x-www-form-urlencoded"},
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
