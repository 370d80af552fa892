"""The app's SPL: whatever it names exists."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Iterator, Set, Tuple

import pytest

from tests.package.conf import Conf

COMMENT = re.compile(r"```.*?```", re.DOTALL)
MACRO = re.compile(r"`\s*(\w+)\s*(?:\((.*?)\))?\s*`", re.DOTALL)
LOOKUP = re.compile(r"(?:^|\|)\s*(?:input|output)?lookup\b((?:\s+\w+\s*=\s*\S+)*)\s+(\"[^\"]+\"|\S+)")
SAVED = re.compile(r"\|\s*savedsearch\s+(\"[^\"]+\"|\S+)|\|\s*loadjob\s+savedsearch=\"?[^:]*:[^:]*:([^\"|]+)")


def searches(app: Path) -> Iterator[Tuple[str, str]]:
    """(place, SPL) of every search, and of every part of one, in the package."""
    for name, macro in Conf.read(app / "default/macros.conf").items():
        yield "macros.conf [%s]" % name, macro["definition"]
    for name, saved in Conf.read(app / "default/savedsearches.conf").items():
        yield "savedsearches.conf [%s]" % name, saved["search"]
        yield "savedsearches.conf [%s] alert_condition" % name, saved.get("alert_condition", "")
        yield "savedsearches.conf [%s] description" % name, saved["description"]  # it may mention a macro to use
    for name, entry in Conf.read(app / "default/searchbnf.conf").items():
        yield from (
            ("searchbnf.conf [%s] %s" % (name, key), value) for key, value in entry.items() if key.startswith("example")
        )
    for view in sorted((app / "default/data/ui/views").glob("*.xml")):
        root = ElementTree.parse(view).getroot()
        yield from ((view.name, query.text or "") for query in root.iter("query"))
        yield from (
            (view.name, query)
            for definition in root.iter("definition")
            for query in queries(json.loads(definition.text))
        )


def queries(definition) -> Iterator[str]:
    """Every search in a Dashboard Studio definition."""
    if isinstance(definition, dict):
        for key, value in definition.items():
            if key == "query" and isinstance(value, str):
                yield value
            else:
                yield from queries(value)
    elif isinstance(definition, list):
        for value in definition:
            yield from queries(value)


@pytest.fixture(scope="module")
def spl(app):
    found = [(where, COMMENT.sub(" ", text)) for where, text in searches(app)]
    assert found
    return found


def macros_named(text: str) -> Set[str]:
    """The macros named, as in macros.conf: with the number of arguments, if there are any."""
    names = set()
    for name, arguments in MACRO.findall(text):
        count = len(re.findall(r'(?:"[^"]*"|[^,"])+', arguments))
        names.add("%s(%d)" % (name, count) if count else name)
    return names


def test_macros_exist(app, spl):
    known = set(Conf.read(app / "default/macros.conf"))
    assert {(where, name) for where, text in spl for name in macros_named(text) - known} == set()


def test_every_macro_is_used(app, spl):
    pages = [path.read_text(encoding="utf-8") for path in sorted((app / "appserver/static").rglob("*.js"))]
    in_pages = {name for page in pages for name in re.findall(r"\bsegment_bridge_\w+", page)}
    used = set().union(*(macros_named(text) for _, text in spl))
    unused = set(Conf.read(app / "default/macros.conf")) - used
    assert {name for name in unused if name.partition("(")[0] not in in_pages} == set()


def test_macros_take_the_arguments_that_they_name(app):
    for name, macro in Conf.read(app / "default/macros.conf").items():
        arguments = re.split(", *", macro["args"]) if "args" in macro else []
        assert name.endswith("(%d)" % len(arguments) if arguments else name.rstrip("0123456789()")), name
        assert set(re.findall(r"\$(\w+)\$", macro["definition"])) == set(arguments), name


def test_lookups_exist(app, spl):
    known = set(Conf.read(app / "default/transforms.conf"))
    # An example in the search assistant mentions the reader's own lookups.
    named = {
        (where, name.strip('"')) for where, text in spl for _, name in LOOKUP.findall(text) if "searchbnf" not in where
    }
    assert {(where, name) for where, name in named if name not in known} == set()
    assert {name for _, name in named}, "the pattern above finds none: it no longer fits the searches"


def test_saved_searches_exist(app, spl):
    known = set(Conf.read(app / "default/savedsearches.conf"))
    named = {(where, (name or job).strip('"')) for where, text in spl for name, job in SAVED.findall(text)}
    assert {(where, name) for where, name in named if name not in known} == set()


def alerts(app: Path):
    searches = Conf.read(app / "default/savedsearches.conf")
    return {name: saved for name, saved in searches.items() if " - Alert - " in name}


def test_a_mail_explains_the_alert_and_says_what_to_do_and_where(app):
    """alert_actions.conf.spec, [email]: by default a mail says only that the condition was triggered."""
    views = {path.stem for path in (app / "default/data/ui/views").glob("*.xml")}
    for name, alert in alerts(app).items():
        assert re.match(r"Means: .+ To\s+do: .+", alert["description"], re.DOTALL), name
        text = alert["action.email.message.alert"]
        assert text.startswith("$description$\n"), name
        assert re.search(r"/app/segment_bridge/(\w+)$", text)[1] in views, name
        heading = name.rpartition(" - ")[2].lower().replace(" ", "-")
        assert "/app/segment_bridge/help?page=operations#%s\n" % heading in text, name
        assert alert["action.email.priority" if alert["alert.severity"] == "5" else "action.email.inline"] in "12", name


def test_a_mails_subject_contains_a_fact_from_the_result(app):
    macros = Conf.read(app / "default/macros.conf")
    for name, alert in alerts(app).items():
        search = alert["search"] + "".join(
            macros.get(called[1], {}).get("definition", "") for called in MACRO.finditer(alert["search"])
        )
        facts = re.findall(r"\$result\.(\w+)\$", alert["action.email.subject"])
        assert facts or name.endswith("No audit events arrive"), name
        assert [fact for fact in facts if not re.search(r"\b%s\b" % fact, search)] == [], name


def test_no_address_is_empty(app):
    """Splunk's rule for action.email.to refuses an empty one at each save: restmap.conf, alert_action_part."""
    assert [name for name, alert in alerts(app).items() if "action.email.to" in alert] == []
