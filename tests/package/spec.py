"""What a README/*.conf.spec declares: the names of settings by stanza."""

import re
from pathlib import Path
from typing import Dict, Set


def settings_of(spec: Path) -> Dict[str, Set[str]]:
    stanzas: Dict[str, Set[str]] = {}
    settings = stanzas.setdefault("", set())
    for line in spec.read_text(encoding="utf-8").splitlines():
        stanza = re.fullmatch(r"\[(.+)\]\s*", line)
        setting = re.match(r"([\w.<>-]+) *=", line)
        if stanza:
            settings = stanzas.setdefault(stanza.group(1), set())
        elif setting:
            settings.add(setting.group(1))
    return stanzas
