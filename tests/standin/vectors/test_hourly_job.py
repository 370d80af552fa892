"""The hourly job's search, without segmentsend, turns the recorded audit events into exactly the expected messages."""

import json
import re
from collections import Counter, defaultdict

import pytest

from tests.standin.spl import run
from tests.standin.spl.choices import CHOICES
from tests.standin.values import text
from tests.standin.vectors.app import app_lookups, app_macros
from tests.standin.vectors.host import Host
from tests.support import recorded
from tests.unit.test_messages import builder, laid_out

ATTRIBUTED = (
    "search `segment_bridge_audit` `segment_bridge_candidates` | `segment_bridge_journeys` | "
    "`segment_bridge_attribution`"
)
SEARCH = ATTRIBUTED + " | `segment_bridge_messages`"


def journeys(events, others=(), search=SEARCH):
    """What the job's search finds in these events: texts, oldest first, or rows."""
    rows = [{"index": "k8s_audit", **(event if isinstance(event, dict) else {"_raw": event})} for event in events]
    return run(search, Host(app_macros(), app_lookups(), rows, {"KV_MODE": "auto"}, others=others))


def recorded_events():
    return [
        {"_raw": line.raw, "_time": "%.3f" % (1_699_990_000 + line.offset)}
        for line in sorted(recorded.audit_lines(), key=lambda line: line.offset)
    ]


@pytest.fixture(scope="module", params=[(), CHOICES], ids=["", "the other answers"])
def results(request):
    """Results with both answers of each choice: whatever Splunk does where no manual says it."""
    return journeys(recorded_events(), request.param)


def messages(rows):
    """What segmentsend makes of rows that all have a user. A cell is a text, and a null an empty one."""
    built = builder(max_event_bytes=1_000_000).build(
        *laid_out(*({name: text(value) for name, value in row.items()} for row in rows))
    )
    assert not built.withheld
    return [json.loads(payload) for payload in built.payloads]


def test_rows_with_a_user_are_exactly_the_expected_messages(results):
    expected = recorded.expected_messages()
    got = {message["messageId"]: message for message in messages([row for row in results.rows if "userId" in row])}
    assert set(got) == set(expected)
    assert {key for key in got if got[key] != expected[key]} == set()


def test_rows_are_all_the_journeys(results):
    journeys = recorded.expected_counts()["journeys"]
    assert {name: sum(row["journey"] == name.split(" ", 1)[1] for row in results.rows) for name in journeys} == {
        name: numbers["events"] for name, numbers in journeys.items()
    }


def test_events_have_the_names_that_they_should(results):
    assert (
        Counter(row["event"] for row in results.rows if "userId" in row)
        == recorded.expected_counts()["sent_by_event_name"]
    )


def test_events_without_a_user_have_the_expected_reasons():
    reasons = defaultdict(Counter)
    for row in journeys(recorded_events(), search=ATTRIBUTED).rows:
        if "userId" not in row:
            reasons[row["journey"]][
                "user not in the lookup"
                if row["journey"] in ("Application created", "Component changed")
                else "workspace's owner not in the lookup"
                if "workspace" in row
                else "namespace of no workspace"
            ] += 1
    assert reasons == {
        name.split(" ", 1)[1]: numbers["no_sso_user_id"]
        for name, numbers in recorded.expected_counts()["journeys"].items()
    }


def test_no_message_is_built_by_functions_that_guess_types_or_whose_nulls_are_undocumented():
    macros = app_macros()
    named, left = set(), ["segment_bridge_events"]
    while left:
        name = left.pop()
        named.add(name)
        definition = macros[name].definition
        called = [
            match[1] + ("(%d)" % (match[2].count(",") + 1) if match[2] else "")
            for match in re.finditer(r"`(\w+)(?:\((.*?)\))?`", definition)
        ]
        left += [each for each in called if each not in named]
    assert len(named) > 10
    spl = " ".join(macros[name].definition for name in named)
    assert not re.search(r"\b(json_object|json_array|json_set|json_append|json|mvmap|mvappend|tojson)\(", spl)
