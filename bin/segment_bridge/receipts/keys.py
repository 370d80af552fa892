"""Asks Segment's settings endpoint whether Segment knows a write key, and which region its events belong in.

Segment's browser libraries read a source's settings there, and Segment's own destinations that write to a Segment
source check a key there. One host serves all regions. Only the key and the host of the answer are read, since Segment
calls the rest unstable.

Unproven, for lack of an account: whether the endpoint knows HTTP API sources and disabled sources, and how long it
takes to forget a key. So an unknown key only causes a warning.

Sources: action-destinations, packages/destination-actions/src/destinations/segment (testAuthentication);
analytics-next, packages/browser/src/browser; the 404's text, in the tests of Segment's worker for Cloudflare.
"""

import json
from typing import List
from urllib.parse import quote, urlsplit

from segment_bridge.errors import SegmentBridgeError
from segment_bridge.receipts.checks import OK, UNKNOWN, WARN, Ask, Check

SETTINGS_URL = "https://cdn.segment.com/v1/projects/%s/settings"
DEFAULT_HOST = "api.segment.io"
REGIONS = {DEFAULT_HOST: "us", "events.eu1.segmentapis.com": "eu"}
_NAMES = {"us": "the United States", "eu": "the European Union"}
_NO_SUCH_KEY = "invalid path or write key"


def check(ask: Ask, write_key: str, region: str) -> List[Check]:
    """Asks the settings endpoint about a key. Returns two checks, `key` and `region`."""
    try:
        said = ask("GET", SETTINGS_URL % quote(write_key, safe=""), {"Accept": "application/json"})
    except SegmentBridgeError as error:
        return _unknown(error.reason, str(error))
    if said.status == 404 and _NO_SUCH_KEY in said.text.lower():
        return [
            Check(
                "key",
                WARN,
                "key_unknown",
                "Segment knows no source with this write key: was the source deleted, or "
                "the key replaced? Copy it again from the source's Settings > API Keys. Until then Segment may "
                "throw away what it accepts",
            ),
            Check("region", UNKNOWN, "key_unknown", "unknown without a source"),
        ]
    if said.status != 200:
        return _unknown("http_%d" % said.status, "Segment's settings endpoint answered %d" % said.status)
    try:
        source = json.loads(said.text)["integrations"]["Segment.io"]
        key, host = source["apiKey"], source.get("apiHost") or DEFAULT_HOST
        host = urlsplit("//" + host).hostname
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _unknown("unexpected_body", "what answered is not Segment's settings endpoint: is a proxy in between?")
    if key != write_key:
        return _unknown("unexpected_body", "Segment's settings endpoint answered for another key")
    return [Check("key", OK, "", "Segment knows it"), _region(REGIONS.get(host or ""), region, str(host))]


def _region(found: object, due: str, host: str) -> Check:
    if not isinstance(found, str):
        return Check(
            "region", UNKNOWN, "other_host", "the source wants its events at %s, which is neither region's" % host
        )
    if found != due:
        return Check(
            "region",
            WARN,
            "region_wrong",
            "the source's workspace is in %s: set region = %s, or its events are lost" % (_NAMES[found], found),
        )
    return Check("region", OK, "", "the workspace is in %s" % _NAMES[found])


def _unknown(code: str, text: str) -> List[Check]:
    return [
        Check("key", UNKNOWN, code, "could not be found out: %s" % text),
        Check("region", UNKNOWN, code, "could not be found out"),
    ]
