"""Lists the destinations in segment_bridge.conf."""

from typing import List

from splunklib.client import Service

from segment_bridge.splunk import rest

CONF = "segment_bridge"
CHECKS = "segment_checks"
"""The collection that holds the latest checks of destinations."""


def destinations(service: Service, name: str) -> List[str]:
    """The given name alone, or if it is empty the names of all destinations that are not disabled.

    Raises:
        SplunkdError: splunkd cannot be reached, or refuses.
    """
    if name:
        return [name]
    entries = rest.get(service, "configs/conf-" + CONF, count=0)["entry"]
    return [entry["name"] for entry in entries if str(entry["content"].get("disabled", "0")).lower() in ("0", "false")]
