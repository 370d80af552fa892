"""What the command takes and gives is in the README, in the search assistant and in the spec file, all of it."""

import re

import pytest

from segment_bridge.messages import OBJECTS, TYPES
from segment_bridge.settings import Destination, Options
from segment_bridge.splunk.sending import COLUMNS, PAYLOAD_COLUMN
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n## Send events of your own\n")[2].partition("\n## ")[0]
SEARCHBNF = (ROOT / "default/searchbnf.conf").read_text(encoding="utf-8")
SPEC = (ROOT / "app/README/segment_bridge.conf.spec").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", Options.names())
def test_an_option_is_documented(option):
    assert "`%s`" % option in SECTION
    assert re.search(r"\b%s=" % option, SEARCHBNF)


@pytest.mark.parametrize("option", Options.OVERRIDES)
def test_an_options_default_is_the_settings(option):
    default = Destination.__dataclass_fields__[option].default
    text = str(default).lower() if isinstance(default, bool) else "%g" % default if default < 1e5 else str(default)
    row = next(line for line in SECTION.splitlines() if line.startswith("| ") and "`%s`" % option in line)
    assert re.search(r"\b%s\b" % text, row)
    stanza = SPEC.partition("\n%s = " % option)[2].partition("\n\n")[0]
    assert "(option)" in stanza
    assert re.search(r"Default: %s\b" % text, stanza)


@pytest.mark.parametrize("setting", [name for name in Destination.__dataclass_fields__ if name != "name"])
def test_a_setting_is_in_the_spec(setting):
    assert "\n%s = <" % setting in SPEC or "\n%s = us" % setting in SPEC


@pytest.mark.parametrize("name", [*COLUMNS, PAYLOAD_COLUMN, *TYPES, *OBJECTS, "userId", "anonymousId", "messageId",
                                  "timestamp", "groupId", "previousId", "event", "name"])  # fmt: skip
def test_a_field_or_type_is_documented(name):
    assert "`%s`" % name in SECTION or name == "segment_status"
    assert re.search(r"\b%s\b" % name, SEARCHBNF)
