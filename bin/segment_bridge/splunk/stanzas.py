"""The destinations that segment_bridge.conf has."""

from typing import List

from splunklib.client import Service

from segment_bridge.splunk import rest

CONF = "segment_bridge"
CHECKS = "segment_checks"
"""The collection of what was found out about them."""


def destinations(service: Service, name: str) -> List[str]:
    """The one of this name, or without a name all that are not disabled.

    Raises:
        SplunkdError
    """
    if name:
        return [name]
    entries = rest.get(service, "configs/conf-" + CONF, count=0)["entry"]
    return [entry["name"] for entry in entries if str(entry["content"].get("disabled", "0")).lower() in ("0", "false")]
