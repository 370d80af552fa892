"""Reads splunkd's REST API in the app's namespace, including .conf stanzas.

Sources: Splunk REST API reference, "configs/conf-{file}"; splunklib.client.
"""

import http.client
import json
from typing import Any, Dict
from urllib.parse import urlsplit

from splunklib.binding import HTTPError, UrlEncoded, handler
from splunklib.client import Service

from segment_bridge.errors import SettingsError, SplunkdError

APP = "segment_bridge"
_TIMEOUT_S = 60


def connect(splunkd_uri: str, session_key: str) -> Service:
    """Prepares access to splunkd as the user of this session, in the app's namespace. Sends nothing yet.

    splunkd presents a self-signed certificate on loopback, which the SDK by default does not verify.
    """
    uri = urlsplit(splunkd_uri)
    return Service(
        scheme=uri.scheme,
        host=uri.hostname,
        port=uri.port,
        token=session_key,
        app=APP,
        owner="nobody",
        handler=handler(timeout=_TIMEOUT_S),
    )


def get(service: Service, path: str, **query: Any) -> Dict[str, Any]:
    """Gets a resource as parsed JSON.

    Raises:
        SplunkdError: splunkd cannot be reached, or answered an error; the exception has its status.
    """
    try:
        answer: Dict[str, Any] = json.loads(service.get(path, output_mode="json", **query).body.read())
        return answer
    except HTTPError as error:
        raise SplunkdError("splunkd answered %d to %s: %s" % (error.status, path, said(error)), error.status) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SplunkdError(
            "splunkd cannot be reached at %s: %s" % (service.authority, str(error) or type(error).__name__)
        ) from None


def said(error: HTTPError) -> str:
    """The messages in splunkd's answer, or its HTTP reason if there are none."""
    try:
        return " ".join(message["text"] for message in json.loads(error.body)["messages"]).rstrip(".")
    except (ValueError, TypeError, KeyError):
        return str(error.reason)


def stanza(service: Service, conf: str, name: str, setting: str = "") -> Dict[str, Any]:
    """Reads a stanza with all layers merged. The result includes splunkd's own entries (disabled, eai:...).

    Args:
        setting: the setting or option that names the stanza, for errors.

    Raises:
        SettingsError: there is no such stanza; the text lists those that exist.
        SplunkdError: see `get`.
    """
    path = "configs/conf-" + conf
    try:
        answer = get(service, "%s/%s" % (path, UrlEncoded(name, encode_slash=True)))
        content: Dict[str, Any] = answer["entry"][0]["content"]
        return content
    except SplunkdError as error:
        if error.status != 404:
            raise
    names = [entry["name"] for entry in get(service, path, count=0)["entry"]]
    raise SettingsError(
        "%s.conf has no stanza [%s]; it has %s" % (conf, name, ", ".join("[%s]" % each for each in names) or "none"),
        setting=setting,
    )
