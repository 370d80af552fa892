"""Splunk's .conf files, as tests read them: values by stanza and key."""

from pathlib import Path
from typing import Dict

from ksconf.conf.parser import PARSECONF_STRICT_NC, parse_conf


class Conf(Dict[str, Dict[str, str]]):
    """The stanzas of one file. The lines of a value that spans several are joined by newlines."""

    @classmethod
    def read(cls, path: Path) -> "Conf":
        return cls(parse_conf(str(path), PARSECONF_STRICT_NC))
