"""The command's page, the search assistant and the spec file document everything that the command takes and gives."""

import ast
import re

import pytest

from segment_bridge import reasons
from segment_bridge.delivery.messages import OBJECTS, TYPES
from segment_bridge.delivery.options import Destination, Options
from segment_bridge.splunk.replies import COLUMNS, PAYLOAD_COLUMN
from tests.conftest import ROOT

SECTION = (ROOT / "docs/segmentsend.md").read_text(encoding="utf-8")
REASONS = (ROOT / "docs/reasons.md").read_text(encoding="utf-8")
SEARCHBNF = (ROOT / "default/searchbnf.conf").read_text(encoding="utf-8")
SPEC = (ROOT / "app/README/segment_bridge.conf.spec").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", Options.names())
def test_an_option_is_documented(option):
    assert "`%s`" % option in SECTION
    assert re.search(r"\b%s=" % option, SEARCHBNF)


@pytest.mark.parametrize("option", Options.OVERRIDES)
def test_an_options_default_is_the_settings_default(option):
    default = Destination.__dataclass_fields__[option].default
    if isinstance(default, str):
        assert not default
        default = "none"
    is_short = isinstance(default, (int, float)) and not isinstance(default, bool) and default < 1e5
    text = "%g" % default if is_short else str(default).lower()
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


def test_reasons_in_code_and_documentation_agree():
    cells = [line.split("|")[1] for line in REASONS.splitlines() if line.startswith("| `")]
    codes = [code for cell in cells for code in re.findall("`([^`]+)`", cell)]
    assert len(codes) == len(set(codes))
    told = {code.replace("<object>", name) for code in codes for name in OBJECTS} - {"http_<status>"}
    assert "http_<status>" in codes and told == reasons.ALL


def test_the_codes_of_wrong_journeys_are_documented_and_explained_on_the_page():
    macros = (ROOT / "default/macros.conf").read_text(encoding="utf-8")
    checks = (
        macros.partition("\n[segment_bridge_checked_rows]\n")[2].partition("problem=case(")[2].partition("detail=")[0]
    )
    codes = [*re.findall(r'"([a-z_]+)"\)?, \\$', checks, re.M), "repeated"]
    assert len(codes) == len(set(codes)) and 'again) OR names > 1, "repeated")' in macros
    listed = (
        (ROOT / "docs/journeys.md")
        .read_text(encoding="utf-8")
        .partition("\n## What is wrong\n")[2]
        .partition("\n## ")[0]
    )
    documented = re.findall(r"^\| `(\w+)` \|", listed, re.M)
    assert len(documented) == len(codes) and set(documented) == set(codes)
    page = (ROOT / "app/appserver/static/journeys/rows.js").read_text(encoding="utf-8")
    told = page.partition("const PROBLEMS = {")[2].partition("};")[0]
    assert set(re.findall(r"^  (\w+): ", told, re.M)) == set(codes)


TAKES_REASON = {"reject": 1, "Outcome": 1, "Answer": 1, "stop": 0, "Stop": 0, "_note": 1}
"""Functions and classes, with the position of their argument `reason` if it has another name."""


def reasons_in(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield from (word.value for word in node.keywords if word.arg == "reason")
            if len(node.args) > TAKES_REASON.get(name, len(node.args)):
                yield node.args[TAKES_REASON[name]]
        elif isinstance(node, ast.Assign) and any(getattr(each, "id", "") == "reason" for each in node.targets):
            yield node.value


@pytest.mark.parametrize("file", sorted((ROOT / "bin").rglob("*.py")), ids=lambda file: file.stem)
def test_only_listed_reasons_are_given(file):
    found = [each.value for each in reasons_in(ast.parse(file.read_text(encoding="utf-8")))
             if isinstance(each, ast.Constant) and each.value]  # fmt: skip
    listed = reasons.ALL | {code.partition("_")[2] for code in reasons.EVENT}  # of an object
    assert set(found) <= listed


def test_every_listed_reason_is_given():
    code = "".join(file.read_text("utf-8") for file in (ROOT / "bin").rglob("*.py") if file.stem != "reasons")
    words = set(re.findall(r"[a-z]+(?:_[a-z]+)*", code))
    assert not [reason for reason in reasons.ALL if not {reason, reason.partition("_")[2]} & words]
