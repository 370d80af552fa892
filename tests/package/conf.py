"""Splunk's .conf files, as tests read them: stanza -> key -> value."""

from pathlib import Path
from typing import Dict

from ksconf.conf.parser import PARSECONF_STRICT_NC, parse_conf


class Conf(Dict[str, Dict[str, str]]):
    """The stanzas of one file. A value that goes on over several lines has them joined by newlines."""

    @classmethod
    def read(cls, path: Path) -> "Conf":
        return cls(parse_conf(str(path), PARSECONF_STRICT_NC))
