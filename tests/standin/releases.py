"""Which version of Splunk the stand-in plays: the versions that it knows, and what each ships (sources:
splunk/README.md).

Pythons: server.conf of 9.3 and 9.4 ships python.version = force_python3, which is 3.9 whatever an app asks for; release
notes of 10.0 (only 3.9) and of 10.2 (3.9 and 3.13, python.required).
"""

from functools import cache
from pathlib import Path
from ssl import TLSVersion
from typing import Dict, NamedTuple, Tuple

from ksconf.conf.parser import write_conf_string

from .stores.conf import Settings

FILES = Path(__file__).parent / "splunk"
CONFS = tuple(sorted(path.stem for path in FILES.glob("*.tsv")))
"""The configuration files for which there are facts."""


class Release(NamedTuple):
    """A version of Splunk. `pythons` are the ones that it offers to apps."""

    version: str
    build: str
    pythons: Tuple[str, ...]

    @property
    def heeds_python_required(self) -> bool:
        """Older versions do not know the key, and have only one Python."""
        return len(self.pythons) > 1

    @property
    def newest_tls(self) -> TLSVersion:
        """The newest that its servers speak. "Configure TLS protocol version support for secure connections": 1.2 in
        9.3 and 9.4. Of 10.4, "Secure SSO with TLS certificates" says that 1.3 is new.
        """
        is_new = tuple(map(int, self.version.split("."))) >= (10, 4)
        return TLSVersion.TLSv1_3 if is_new else TLSVersion.TLSv1_2

    def shipped(self, conf: str) -> Dict[str, Settings]:
        """The known stanzas of its default file with this name."""
        found: Dict[str, Settings] = {}
        for line in (FILES / (conf + ".tsv")).read_text("utf-8").splitlines():
            versions, stanza, *pairs = line.split("\t")
            if versions[list(RELEASES).index(self.version)] == "1":
                found.setdefault(stanza, {}).update(zip(pairs[::2], pairs[1::2]))
        return found


@cache
def default_file(release: Release, conf: str) -> str:
    """Its text. To write it takes ksconf longer than a whole start of the stand-in without it."""
    return write_conf_string(release.shipped(conf))


RELEASES = {
    release.version: release
    for release in (
        Release("9.3.0", "d8ae995bf219", ("3.9",)),
        Release("9.4.3", "237ebbd22314", ("3.9",)),
        Release("10.0.0", "e8eb0c4654f8", ("3.9",)),
        Release("10.2.0", "d749cb17ea65", ("3.9", "3.13")),
        Release("10.4.2", "33c3bf42cd73", ("3.9", "3.13")),
    )
}
"""By version, the oldest first, which is the order of the digits in the files."""
DEFAULT = RELEASES["10.2.0"]
