"""limits.conf: the settings that the stand-in heeds, with the values that Splunk ships. It refuses any other setting.

Relies on: limits.conf.spec; limits.conf as shipped with Splunk 9.3 to 10.4, which all have these values.
"""

from typing import Dict, Mapping, Tuple

from .values import SplError

Key = Tuple[str, str]
"""(stanza, setting)"""
SHIPPED: Dict[Key, int] = {
    ("kv", "limit"): 100,
    ("kv", "indexed_kv_limit"): 200,  # for fields made at index time, which the stand-in does not make
    ("kv", "maxchars"): 10_240,
    ("kv", "maxcols"): 512,
    ("spath", "extract_all"): 1,
    ("spath", "extraction_cutoff"): 5_000,
    ("subsearch", "maxout"): 10_000,
}
_TRUE = frozenset(("1", "true", "t", "yes", "y"))


class Limits:
    """The limits of a search: limits["kv", "maxchars"].

    Raises:
        SplError: a setting that is not known here, or an impossible value.
    """

    def __init__(self, stanzas: Mapping[str, Mapping[str, str]]):
        self._values = dict(SHIPPED)
        for stanza, settings in stanzas.items():
            for name, value in settings.items():
                self._values[_known(stanza, name)] = _number(stanza, name, value.strip())

    def __getitem__(self, key: Key) -> int:
        return self._values[key]


def _known(stanza: str, name: str) -> Key:
    if (stanza, name) not in SHIPPED:
        raise SplError("limits.conf: %s in [%s] is not known here." % (name, stanza))
    return stanza, name


def _number(stanza: str, name: str, value: str) -> int:
    if name == "extract_all":
        if value.lower() not in _TRUE:
            raise SplError("limits.conf: %s = %s in [%s] is not known here." % (name, value, stanza))
        return 1
    if not value.isdecimal():
        raise SplError("limits.conf: %s = %s in [%s] is not a number." % (name, value, stanza))
    return int(value)
