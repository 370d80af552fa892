"""Lends the write key of a destination to a user who may send events, but not read the password store.

splunkd has checked the user's capability (restmap.conf), and hands over a session of its own, with which the key is
read. Nothing but write keys can be had: any other secret's name has a character that no destination's name has.

Source: restmap.conf.spec, [script:<uniqueName>], scripttype = persist, passSystemAuth.
"""
from typing import Any, Dict

from segment_bridge.errors import SecretError, SegmentBridgeError
from segment_bridge.settings import NAME
from segment_bridge.splunk import conf, secrets


def lend(request: Dict[str, Any]) -> Dict[str, Any]:
    """The answer to a request, both as splunkd's persistent scripts have them; `destination` is in its query."""
    name = dict(request.get("query", [])).get("destination", "")
    if not NAME.fullmatch(name):
        return _refused(400, "destination must be the name of a stanza of segment_bridge.conf")
    service = conf.connect(request["server"]["rest_uri"], request["system_authtoken"])
    try:
        return {"status": 200, "payload": {"write_key": secrets.read(service, name, "write key of [%s]" % name)}}
    except SecretError as error:
        return _refused(404, str(error))
    except SegmentBridgeError as error:
        return _refused(503, str(error))


def _refused(status: int, text: str) -> Dict[str, Any]:
    return {"status": status, "payload": {"messages": [{"type": "ERROR", "text": text}]}}
