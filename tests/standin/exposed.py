"""What Splunk Web passes on to splunkd: web.conf.spec, [expose:<unique_name>].

Splunk Web passes on only those endpoints that a stanza of some web.conf, possibly an app's, names. search/v2/jobs is in
none of Splunk's lists, but is known to work.
"""

import re
from typing import Dict, Iterator, Pattern, Tuple

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
        method in methods and pattern.fullmatch(endpoint) for pattern, methods in _patterns(stanzas)
    )


def _patterns(stanzas: Dict[str, Stanza]) -> Iterator[Tuple[Pattern, Tuple[str, ...]]]:
    for name, stanza in stanzas.items():
        if name.startswith(_PREFIX) and "pattern" in stanza.settings:
            steps = re.split(r"(\*\*|\*)", stanza.settings["pattern"].strip("/"))
            yield (
                re.compile("".join({"**": ".+", "*": "[^/]+"}.get(step) or re.escape(step) for step in steps)),
                tuple(method.strip() for method in stanza.settings.get("methods", "GET").split(",")),
            )
