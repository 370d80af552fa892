"""The REST endpoint segment_bridge/write_key, which lends a destination's write key to users who may send events there.

It serves users who may not read the password store, as that would open the secrets of all apps to them. Whatever
splunkd has checked before, this file checks three things: the request is a GET, its user has the capability, and
splunkd's permissions let that user read the destination's stanza. Then it reads the one password of that name with
splunkd's own rights. No destination can have a name under which the app keeps another secret.

With salt=1 it lends the salt for digests, on the same conditions, and creates one if there is none yet.

splunkd's process for such handlers (splunk/persistconn/appserver.py) loads this file by path, along with the handlers
of other apps. So the file stands alone: it imports nothing from bin/ or lib/, and leaves the modules of other apps and
Python's module search path untouched.

Source: restmap.conf.spec, [script:<uniqueName>], scripttype = persist, passSystemAuth.
"""

import http.client
import json
import re
import secrets
import ssl
from typing import Any, Dict, List, Optional, Sequence
from urllib.parse import quote, urlencode, urlsplit

from splunk.persistconn.application import PersistentServerConnectionApplication

CAPABILITY = "segment_bridge_send"
SALT = "_salt"
_NAMESPACE = "/servicesNS/nobody/segment_bridge/"
_TIMEOUT_S = 30


class WriteKey(PersistentServerConnectionApplication):
    """splunkd creates one for each request, and passes the request as JSON."""

    def __init__(self, command_line: str, command_arg: str):
        super().__init__()

    def handle(self, in_string: str) -> Dict[str, Any]:
        try:
            request = json.loads(in_string)
            name = _allowed(request)
            if dict(request["query"]).get("salt") == "1":
                return {"status": 200, "payload": {"salt": _salt(request)}}
            return {"status": 200, "payload": {"write_key": _lend(request, name)}}
        except _Refused as refused:
            return _refusal(refused.status, str(refused))
        except (OSError, http.client.HTTPException) as error:
            text = "the endpoint segment_bridge/write_key cannot reach splunkd (%s): try again in a minute"
            return _refusal(503, text % type(error).__name__)
        except Exception as error:  # its text might quote an answer with a key in it
            text = "internal error in segment_bridge/write_key: %s. This is a fault of the app: please report it"
            return _refusal(500, text % type(error).__name__)


class _Refused(Exception):
    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


def _refusal(status: int, text: str) -> Dict[str, Any]:
    return {"status": status, "payload": {"messages": [{"type": "ERROR", "text": text}]}}


def _allowed(request: Dict[str, Any]) -> str:
    """Returns the destination that the request names, if the user may send events there."""
    if request["method"] != "GET":
        raise _Refused(405, "use GET: write keys can only be read")
    name = str(dict(request.get("query", [])).get("destination", ""))
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]*", name):
        raise _Refused(400, "destination must be the name of a stanza of segment_bridge.conf")
    uri, user = request["server"]["rest_uri"], request["session"]["authtoken"]
    context = _get(uri, user, "/services/authentication/current-context")
    if context is None or CAPABILITY not in context.get("capabilities", ()):
        raise _Refused(403, "this needs the capability %s, which the role segment_bridge_sender has" % CAPABILITY)
    if _get(uri, user, _NAMESPACE + "configs/conf-segment_bridge/" + name) is None:
        raise _Refused(404, "there is no destination [%s] that this user may read" % name)
    return name


def _salt(request: Dict[str, Any]) -> str:
    uri, session = request["server"]["rest_uri"], request["system_authtoken"]
    if not _password(uri, session, SALT):
        form = {"name": SALT, "realm": "segment_bridge", "password": secrets.token_hex(32)}
        _ask(uri, session, "POST", _NAMESPACE + "storage/passwords", urlencode(form), (200, 201, 409))
    # If two requests create one at the same time, splunkd keeps the first.
    return _password(uri, session, SALT)


def _lend(request: Dict[str, Any], name: str) -> str:
    key = _password(request["server"]["rest_uri"], request["system_authtoken"], name)
    if not key:
        raise _Refused(
            404,
            "there is no write key of [%s] in the password store: save it on the app's setup page, or "
            'as realm "segment_bridge", username "%s"' % (name, name),
        )
    return key


def _password(uri: str, session: str, name: str) -> str:
    """Joins the pieces of a password: NAME, NAME#2, ... (see segment_bridge/splunk/passwords.py)."""
    pieces: List[str] = []
    while True:
        user = "%s#%d" % (name, len(pieces) + 1) if pieces else name
        path = _NAMESPACE + "storage/passwords/" + quote("segment_bridge:%s:" % user, safe="")
        piece = _get(uri, session, path, absent=(404,))  # any other refusal must not look like a missing password
        if piece is None:
            return "".join(pieces).strip()
        pieces.append(piece["clear_password"])


def _get(uri: str, session: str, path: str, absent: Sequence[int] = (401, 403, 404)) -> Any:
    """The settings of an entry; None if there is none that the session may read, which these statuses say."""
    content = _ask(uri, session, "GET", path + "?output_mode=json", None, (200, *absent))
    return json.loads(content)["entry"][0]["content"] if content else None


def _ask(uri: str, session: str, method: str, path: str, form: Optional[str], expected: Sequence[int]) -> bytes:
    """Returns the body of a 200 or 201, and an empty one for any other expected status.

    splunkd presents a self-signed certificate on loopback. Like the SDK, this function does not verify it.
    """
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
        headers = {"Authorization": "Splunk " + session}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, form, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status not in expected:
            raise _Refused(503, "splunkd answered %d to the write key endpoint" % answer.status)
        return content if answer.status in (200, 201) else b""
    finally:
        connection.close()
