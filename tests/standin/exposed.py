"""What Splunk Web passes on to splunkd: web.conf.spec, [expose:<unique_name>].

Splunk Web passes on only those endpoints that a stanza of some web.conf, possibly an app's, names. search/v2/jobs is in
none of Splunk's lists, but is known to work.
"""

import re
from functools import cache
from typing import Dict, FrozenSet, Pattern

from .stores.conf import Stanza

_PREFIX = "expose:"
_ALWAYS = re.compile("search/v2/jobs(/.*)?")
_NAMESPACE = re.compile("services/|servicesNS/[^/]+/[^/]+/")


def is_exposed(stanzas: Dict[str, Stanza], method: str, path: str) -> bool:
    """`stanzas` are those of web.conf. `path` is what splunkd receives, with its namespace."""
    namespace = _NAMESPACE.match(path.lstrip("/"))
    if not namespace:
        return False
    endpoint = path.lstrip("/")[namespace.end() :].rstrip("/")
    return bool(_ALWAYS.fullmatch(endpoint)) or any(
        name.startswith(_PREFIX)
        and "pattern" in stanza.settings
        and method in _methods(stanza.settings.get("methods", "GET"))
        and _pattern(stanza.settings["pattern"]).fullmatch(endpoint)
        for name, stanza in stanzas.items()
    )


@cache
def _methods(setting: str) -> FrozenSet[str]:
    return frozenset(method.strip() for method in setting.split(","))


@cache
def _pattern(setting: str) -> Pattern:
    steps = re.split(r"(\*\*|\*)", setting.strip("/"))
    return re.compile("".join({"**": ".+", "*": "[^/]+"}.get(step) or re.escape(step) for step in steps))
