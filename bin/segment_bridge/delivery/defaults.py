"""Adds a destination's `context` and `integrations` to each event; pure.

The event's own members win, at every depth. The app adds the destination's members to each event, for every receiver,
because RudderStack ignores a context beside the events, Customer.io replaces theirs with it, and Segment does not
document which of the two wins.

Sources: Segment's "HTTP API" and "Spec: Common fields" (`integrations` are booleans or objects, `consent` has booleans
by category, `protocols.event_version` is an integer); rudder-server, Jitsu and Customer.io as in receivers.
"""

import functools
import json
from typing import Any, Callable, Dict

from segment_bridge.delivery import ingest, jsontext

Add = Callable[[str], str]
"""Turns the JSON text of an object, or "", into the text to send."""


def add(default: str) -> Add:
    """Returns a function that adds the members of a checked JSON object."""

    # The rows of a search have few different objects.
    @functools.lru_cache(maxsize=64)
    def added(text: str) -> str:
        return jsontext.merged(default, text) if text else default

    return added


def context(text: str) -> str:
    """Checks the setting `context`.

    Raises:
        ValueError: it is not JSON that Segment accepts.
    """
    checked = _object(text)
    problem = ingest.context_problem(checked)
    if problem:
        raise ValueError("must be one that Segment accepts: " + problem[1])
    version = _at(json.loads(checked), "protocols", "event_version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise ValueError("must be an object with a whole number at protocols.event_version")
    return checked


def integrations(text: str) -> str:
    """Checks the setting `integrations`; each member must be true, false or an object.

    Raises:
        ValueError: it is something else.
    """
    checked = _object(text)
    for name, value in json.loads(checked).items():
        if not isinstance(value, (bool, dict)):
            raise ValueError("must be true, false or an object for each name, but %s is not" % name)
    return checked


def _object(text: str) -> str:
    try:
        return jsontext.checked(text)
    except ValueError as error:
        raise ValueError('must be a JSON object, such as {"All": false, "Mixpanel": true}: %s' % error) from None


def _at(value: Dict[str, Any], *path: str) -> Any:
    found: Any = value
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
