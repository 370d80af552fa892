"""Rules for saved searches: those that Splunk ships (splunk/restmap.tsv, [validation:...]), and those of apps."""

import pytest

from tests.standin.clients import connect, package, refusal
from tests.standin.releases import RELEASES
from tests.standin.splunkd import Splunkd

ONE_OF = "One of the email addresses in '%s' is invalid"
BOOLEAN = "Value of argument '%s' must be a boolean"
PERIOD = "must be of the format <integer>[smhd]?"


@pytest.fixture
def service(splunkd):
    return connect(splunkd, app="search", owner="nobody")


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("action.email.to", "", ONE_OF % "action.email.to"),
        ("action.email.to", "ops@corp.x", ONE_OF % "action.email.to"),
        ("action.email.to", "ops@a.xn--p1ai", ONE_OF % "action.email.to"),
        ("action.email.cc", "a b@c.org", "is invalid"),
        ("action.email.bcc", "a@b.org,", "is invalid"),
        ("action.email.priority", "6", "either '1', '2', '3', '4', '5'"),
        ("action.email.inline", "maybe", BOOLEAN % "action.email.inline"),
        ("action.email.include.results_link", "", BOOLEAN % "action.email.include.results_link"),
        ("alert.suppress", "2", BOOLEAN % "alert.suppress"),
        ("alert.digest_mode", "", BOOLEAN % "alert.digest_mode"),
        ("alert.suppress.period", "1w", PERIOD),
        ("alert.suppress.period", "", PERIOD),
        ("alert.expires", "ack", PERIOD),
        ("alert.severity", "7", "an integer between 1 and 6"),
        ("alert.severity", "0", "an integer between 1 and 6"),
        ("dispatch.auto_cancel", "-1", "non-negative integer"),
        ("dispatch.auto_pause", "1.5", "non-negative integer"),
    ],
)
def test_an_argument_that_breaks_a_rule_is_refused_in_its_words(service, name, value, said):
    status, text = refusal(service.saved_searches.create, "s", "| makeresults", **{name: value})
    assert status == 400 and said in text
    assert "s" not in service.saved_searches


@pytest.mark.parametrize(
    "name, value",
    [
        ("action.email.to", "a@b.io, c@d.example.com"),
        ("action.email.to", "$result.owner$;A@B.ORG"),
        ("action.email.inline", "1"),
        ("alert.suppress.period", "ACK"),
        ("alert.suppress.period", "30"),
        ("alert.expires", "24h"),
        ("alert.severity", "6"),
        ("dispatch.auto_cancel", "0"),
        ("action.email.priority", "1"),
    ],
)
def test_arguments_that_follow_the_rules_are_accepted(service, name, value):
    assert service.saved_searches.create("s", "| makeresults", **{name: value})[name] == value


def test_a_rule_without_words_gets_default_ones(tmp_path):
    with Splunkd(tmp_path / "splunk", release=RELEASES["9.3.0"]) as splunkd:
        service = connect(splunkd, app="search", owner="nobody")
        status, text = refusal(service.saved_searches.create, "s", "| makeresults", **{"alert.severity": "7"})
        assert (status, "alert.severity" in text) == (400, True)


def test_an_apps_rules_count_too(splunkd, service, tmp_path):
    rule = """[validation:savedsearch]
action.webhook.param.url = validate(match('action.webhook.param.url', "^https:"), "only https")
"""
    splunkd.install(package(tmp_path, "one", {"default/restmap.conf": rule}), False)
    url = {"action.webhook.param.url": "http://127.0.0.1"}
    assert "only https" in refusal(service.saved_searches.create, "s", "| makeresults", **url)[1]


def test_an_unknown_rule_is_named(splunkd, service, tmp_path):
    splunkd.install(
        package(
            tmp_path,
            "one",
            {
                "default/restmap.conf": "[validation:savedsearch]\n"
                "description = validate(is_json('description'), \"no\")\n"
            },
        ),
        False,
    )
    assert (
        "rule for description is not known here"
        in refusal(service.saved_searches.create, "s", "| makeresults", description="{}")[1]
    )


@pytest.mark.parametrize(
    "name, value, capability",
    [
        ("schedule_window", "5", "edit_search_schedule_window"),
        ("schedule_priority", "higher", "edit_search_schedule_priority"),
        ("is_scheduled", "1", "schedule_search"),
    ],
)
def test_some_settings_require_a_capability(splunkd, tmp_path, name, value, capability):
    splunkd.install(
        package(
            tmp_path,
            "one",
            {
                "default/authorize.conf": "[role_lone]\nsearch = enabled\n",
                "metadata/default.meta": "[]\naccess = read : [ * ], write : [ * ]\n",
            },
        ),
        False,
    )
    settings = {name: value, "cron_schedule": "7 * * * *"}
    searches = connect(splunkd, "lone", "one", "nobody").saved_searches
    status, text = refusal(searches.create, "s", "| makeresults", **settings)
    assert status == 403 and "requires capability: " + capability in text
