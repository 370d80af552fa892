"""The alert action's form, its rule and its specification agree with each other and with what the action accepts.

Sources: alert_actions.conf.spec; "Create a custom alert action user interface", which allows only HTML in a form;
restmap.conf.spec, [validation:<handler-name>], whose rules apply to everything that is saved, in any app.
"""

from html.parser import HTMLParser

import pytest

from segment_bridge.delivery.alert_form import Form
from segment_bridge.delivery.messages import TYPES
from segment_bridge.errors import SettingsError
from tests.package.conf import Conf
from tests.package.spec import settings_of
from tests.standin.spl.expressions import of_any_search

ACTION = "segment_bridge_send"
PARAM = "action.%s.param." % ACTION


class _Form(HTMLParser):
    """The elements of an alert action's form, and their attributes."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def values(self, name):
        """The values that a control with options can have."""
        tags = [tag if attributes.get("name") != name else name for tag, attributes in self.elements]
        first = tags.index(name) + 1
        rest = [attributes for tag, attributes in self.elements[first:]]
        ends = [place for place, tag in enumerate(tags[first:]) if tag != "option"]
        return [attributes["value"] for attributes in rest[: ends[0] if ends else None]]


@pytest.fixture(scope="module")
def action(app):
    return Conf.read(app / "default/alert_actions.conf")[ACTION]


@pytest.fixture(scope="module")
def form(app):
    return _Form((app / ("default/data/ui/alerts/%s.html" % ACTION)).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rule(app):
    return Conf.read(app / "default/restmap.conf")["validation:savedsearch"]["action." + ACTION]


def test_its_files_exist(app, action):
    assert (app / "bin" / action["alert.execute.cmd"]).is_file()
    assert (app / "appserver/static" / action["icon_path"]).is_file()


def test_the_specifications_list_its_parameters_and_the_forms_fields(app, action, form):
    own = {name for name in settings_of(app / "README/alert_actions.conf.spec")[ACTION] if name.startswith("param.")}
    saved = settings_of(app / "README/savedsearches.conf.spec")[""]
    assert own == {name for name in action if name.startswith("param.")}
    assert saved - {"action." + ACTION} == {"action.%s.%s" % (ACTION, name) for name in own}
    asked = {attributes["name"] for _, attributes in form.elements if "name" in attributes}
    assert asked == saved - {"action." + ACTION}


def test_the_form_is_plain_html_and_each_control_has_a_label(form):
    assert {tag for tag, _ in form.elements} <= {
        "form", "div", "label", "input", "select", "option", "textarea", "span", "code", "a"
    }  # fmt: skip
    attributes = {name for _, each in form.elements for name in each}
    assert not {name for name in attributes if name.startswith("on")} | attributes & {"style"}
    labelled = [attributes["for"] for tag, attributes in form.elements if tag == "label"]
    assert labelled == [attributes["id"] for tag, attributes in form.elements if "name" in attributes]


def test_the_form_offers_what_the_action_takes(form, action):
    assert set(form.values(PARAM + "type")) == TYPES.keys()
    for name in ("type", "rows", "dryrun"):
        values = form.values(PARAM + name)
        assert action["param." + name] == values[0]
        for value in values:
            Form({"event": "E", name: value}, {})


def test_the_defaults_lack_only_the_events_name(action):
    texts = {name[len("param.") :]: text for name, text in action.items() if name.startswith("param.")}
    with pytest.raises(SettingsError, match="a track event needs an event name"):
        Form(texts, {})
    assert Form({**texts, "event": "E"}, {}).fields == {"userId"}


def test_sending_ends_in_time_with_the_shipped_settings(action):
    """A destination's deadline is 600 seconds by default, and a minute is kept in reserve."""
    assert action["maxtime"] == "12m"


RIGHT = {
    "destination": "segment",
    "type": "track",
    "event": "Order",
    "user": "$result.user$",
    "rows": "all",
    "dryrun": "0",
}
WRONG = [
    ({"destination": ""}, "Destination"),
    ({"destination": "a b"}, "Destination"),
    ({"destination": "$result.x$"}, "Destination"),
    ({"type": "trak"}, "Type"),
    ({"type": ""}, "Type"),
    ({"event": " "}, "event name"),
    ({"event": ""}, "event name"),
    ({"rows": "some"}, "Results"),
    ({"dryrun": "perhaps"}, "Dry run"),
    ({"properties": "= x"}, "Properties"),
    ({"properties": "a=1\n\nb:int=2"}, "Properties"),
    ({"properties": "a b: c = d"}, "Properties"),
    ({"properties": "$result.a$"}, "Properties"),
]
FINE = [
    {},
    {"properties": ""},
    {"properties": "plan = $result.plan$\r\namount:number=12\n\n  member:boolean\r\n a b.c : json = {}"},
    {"properties": "a = b = c: d"},
    {"type": "identify", "event": ""},
    {"dryrun": "true"},
    {"rows": "first"},
    {"user": ""},
]


def given(**texts):
    """The arguments of a request that saves an alert."""
    return {"action." + ACTION: "1", **{PARAM + name: text for name, text in {**RIGHT, **texts}.items()}}


@pytest.mark.parametrize(("texts", "said"), WRONG)
def test_the_rule_explains_errors_in_the_form(rule, texts, said):
    verdict = of_any_search(rule)(given(**texts))
    assert verdict.startswith("Send to Segment: ") and said in verdict


@pytest.mark.parametrize("texts", FINE)
def test_the_rule_accepts_what_the_action_accepts(rule, texts):
    assert of_any_search(rule)(given(**texts)) is None
    Form({**RIGHT, **texts}, {})


@pytest.mark.parametrize("texts", [texts for texts, _ in WRONG if texts not in ({"destination": ""}, {"type": ""})])
def test_the_rule_refuses_nothing_that_the_action_accepts(texts):
    """Except an empty text for a parameter with a default, which no form sends."""
    with pytest.raises(SettingsError):
        Form({**RIGHT, **texts}, {})


def test_the_rule_ignores_other_alerts(rule):
    """splunkd may apply it to every alert. A missing argument is null, or its own name (Splunk's slack_alerts)."""
    judge = of_any_search(rule)
    names = ["action." + ACTION, *(PARAM + name for name in (*RIGHT, "properties"))]
    for switch in ({}, {"action." + ACTION: "0"}, {"action." + ACTION: ""}, {"action." + ACTION: "false"}):
        assert judge(switch) is None
        assert judge({**{name: name for name in names}, **switch}) is None


def test_the_rule_ignores_missing_arguments(rule):
    judge = of_any_search(rule)
    alone = {"action." + ACTION: "1"}
    names = [PARAM + name for name in (*RIGHT, "properties")]
    assert judge(alone) is None
    assert judge({**alone, **{name: name for name in names}}) is None


def test_the_action_has_the_only_rule(app):
    stanzas = Conf.read(app / "default/restmap.conf")
    rules = {name: rules for name, rules in stanzas.items() if name.startswith("validation:")}
    assert {name: [*each] for name, each in rules.items()} == {"validation:savedsearch": ["action." + ACTION]}
