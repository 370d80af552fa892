"""Every setting is documented, with the default in the code; so is everything that others object to in the package."""

import re
from dataclasses import fields

import pytest

from segment_bridge.delivery.options import Destination, Options
from segment_bridge.users.settings import Cluster
from tests.conftest import ROOT
from tests.package.conf import Conf
from tests.package.test_appinspect import ACCEPTED

RELEASING = (ROOT / "docs/releasing.md").read_text(encoding="utf-8")


def described(spec):
    """The default in each setting's description, None if there is none."""
    found = {}
    for block in re.split(r"\n\n+", spec.read_text(encoding="utf-8")):
        name = re.search(r"^([\w.]+) = ", block, re.MULTILINE)
        default = re.search(r"^\* Default: (.+?)\.?( .*)?$", block, re.MULTILINE)
        if name:
            found[name.group(1)] = default and default.group(1)
    return found


def as_text(default) -> str:
    if default == ():
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    return format(default, "g") if isinstance(default, float) else str(default)


@pytest.mark.parametrize(("kind", "spec"), [(Destination, "segment_bridge"), (Cluster, "inputs")])
def test_every_setting_is_described_with_its_default(app, kind, spec):
    stated = described(app / "README" / (spec + ".conf.spec"))
    checked = {field.name: field.default for field in fields(kind) if "check" in field.metadata}
    assert checked
    assert set(checked) <= set(stated)
    wrong = {
        name: (stated[name], default)
        for name, default in checked.items()
        if default not in ("", None) and stated[name] != as_text(default)
    }
    assert wrong == {}


def test_every_option_of_the_command_is_in_the_search_assistant(app):
    stanzas = Conf.read(app / "default/searchbnf.conf")
    options = {field.name for field in fields(Options)} - {"overrides"} | set(Options.OVERRIDES)
    syntax = " ".join(stanza["syntax"] for stanza in stanzas.values())
    assert set(re.findall(r"(\w+)=", syntax)) == options


def test_every_stanza_of_the_search_assistant_is_used(app):
    stanzas = Conf.read(app / "default/searchbnf.conf")
    named = set(re.findall(r"<([a-z-]+)>", " ".join(stanza["syntax"] for stanza in stanzas.values())))
    assert named - {"bool", "int", "num", "string"} == {name for name in stanzas if not name.endswith("-command")}


def test_every_warning_of_appinspect_is_explained(app):
    explained = set(re.findall(r"^\| `(check_\w+)` \| .{20,} \|$", RELEASING, re.MULTILINE))
    assert explained == set(ACCEPTED)


def test_the_changelog_has_an_entry_for_the_version(app):
    version = Conf.read(app / "default/app.conf")["id"]["version"]
    assert "\n## %s\n" % version in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
