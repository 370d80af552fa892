"""The job's search finds what the plain implementation finds, whatever the events contain and however they are written.

Recorded events are changed at random, both in content (everything that a journey depends on, and what looks like it)
and in notation. Sources for the notation: Go's encoding/json escapes < > & and U+2028 (func appendString), PHP and
html-safe writers escape the slash, Python everything that is not ASCII; none escapes any other ASCII character. What
Tekton writes: with v1beta1 the PipelineRun's status could contain the TaskRuns' (feature flag embedded-status), with v1
it does not; its messages are in pkg/reconciler/pipelinerun/resources/pipelinerunstate.go (GetPipelineConditionStatus).
"""

import copy
import json
import random
import re

import pytest

from tests.standin.spl.choices import CHOICES, MISSING_PATH, NESTED_ARRAY, NULL_ELEMENT
from tests.standin.vectors import journeys as plainly
from tests.standin.vectors.test_hourly_job import journeys, messages
from tests.support import recorded

EVENTS, MOST_BYTES = 700, 60_000
REASONS = ["Running", "Completed", "Failed", "Succeeded", "Cancelled", "Started", "Progressing", "completed", "", None]
SAID = [
    "Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 9, Skipped: 0",
    "Tasks Completed: 0 (Failed: 0)",
    "Tasks Completed: 10 (Failed: 0, Cancelled 0), Incomplete: 2, Skipped: 0",
    "Tasks Completed: 0",
    "tasks completed: 0 (Failed: 0)",
    "Tasks Completed: 3 (Failed: 1, Cancelled 0), Skipped: 2",
    "Incomplete: 3",
    "",
    None,
]
LONE = [None, "", "null", "1.10", "true", '"', "<&>/\u2028", "text"]
BEFORE_V1 = {
    "build-x-1": {
        "pipelineTaskName": "init",
        "status": {
            "completionTime": "2026-11-23T19:52:01Z",
            "conditions": [{"type": "Succeeded", "status": "True", "reason": "Failed"}],
            "taskResults": [{"name": "SCAN_OUTPUT", "value": "{}"}],
        },
    }
}
MANAGED = [
    {
        "manager": "controller",
        "operation": "Update",
        "subresource": "status",
        "fieldsV1": {"f:status": {"f:completionTime": {}, "f:startTime": {}, "f:conditions": {}}},
    }
]


@pytest.fixture(scope="module")
def pool():
    """The recorded events with the verbs of journeys, half of them journeys."""
    known = recorded.expected_messages()
    lines = (line.raw for line in recorded.audit_lines() if line.raw.endswith("}") and len(line.raw) < MOST_BYTES)
    events = [
        event
        for event in map(json.loads, lines)
        if event.get("verb") in ("create", "update", "patch", "delete")
        and re.search(r"tekton|appstudio", json.dumps(event.get("objectRef")))
    ]
    return (
        [event for event in events if event.get("auditID") in known],
        [event for event in events if event.get("auditID") not in known],
    )


def put(event, path, value):
    """Puts a value at the path. Creates missing objects on the way, and puts nothing into anything but an object."""
    *parents, key = path
    for parent in parents:
        if not isinstance(event, dict):
            return
        if event.get(parent) is None:
            event[parent] = {}
        event = event[parent]
    if isinstance(event, dict):
        event[key] = value


def taken(event, path):
    *parents, key = path
    for parent in parents:
        event = event.get(parent) if isinstance(event, dict) else None
    if isinstance(event, dict):
        event.pop(key, None)


META, STATUS, SPEC = ("responseObject", "metadata"), ("responseObject", "status"), ("responseObject", "spec")
PUT = [
    (("verb",), ["create", "update", "patch", "delete", "get"]),
    (("responseStatus", "code"), [200, 201, 202, 404, None]),
    (("log_type",), ["application", None]),
    (("objectRef", "resource"), ["applications", "components", "releases", "pipelineruns", "taskruns", "snapshots"]),
    (("objectRef", "apiGroup"), ["tekton.dev", "appstudio.redhat.com", None]),
    (("objectRef", "subresource"), ["status", "scale", None]),
    (("objectRef", "name"), ["1.10", "null", None]),
    (("requestURI",), ["/x?dryRun=All", "/x?%64ryRun=All", "/x?a=dryRun", None]),
    (("user", "username"), ["system:admin", "someone", plainly.BUILD_SERVICE, "null", "", None]),
    (("impersonatedUser",), [{"username": "someone"}, {"groups": []}, None]),
    (("userAgent",), LONE),
    (
        ("requestObject",),
        [
            None,
            [],
            {},
            {"dryRun": ["All"]},
            {"dryRun": []},
            {"metadata": {"annotations": {plainly.BUILD_REQUEST: "configure-pac"}}},
            [{"op": "add", "path": "/metadata/annotations/build.appstudio.openshift.io~1request", "value": "x"}],
        ],
    ),
    (("responseObject",), [None]),
    ((*META, "resourceVersion"), ["7", None]),
    ((*META, "labels"), [None, {}]),
    ((*META, "annotations"), [None, {}]),
    ((*META, "ownerReferences"), [None, [], [{}], [{"name": "the-app"}]]),
    ((*META, "managedFields"), [MANAGED, None]),
    ((*META, "labels", "pipelines.appstudio.openshift.io/type"), ["build", "test", None]),
    ((*META, "labels", "tekton.dev/pipelineTask"), ["clair-scan", "clair-scan-2", None]),
    ((*META, "labels", "appstudio.openshift.io/application"), LONE),
    ((*META, "annotations", plainly.BUILD_REQUEST), ["", "x", None]),
    (
        (*META, "annotations", plainly.BUILD_STATUS),
        ['{"pac":{"state":"enabled","merge-url":"https://x/%d"}}', "{", None],
    ),
    ((*META, "annotations", "build.appstudio.openshift.io/repo"), ["https://x?rev=1", "", None]),
    ((*STATUS, "startTime"), ["2026-11-23T19:52:01Z", None]),
    ((*STATUS, "completionTime"), ["2026-11-23T19:52:01Z", None]),
    ((*STATUS, "conditions"), [None, [], [None, {"message": "no type"}]]),
    ((*STATUS, "taskRuns"), [BEFORE_V1, None]),
    (
        (*STATUS, "results"),
        [None, [], [{"name": "SCAN_OUTPUT", "value": '{"vulnerabilities":{"critical":1,"high":"2"}}'}]],
    ),
    ((*SPEC, "application"), LONE),
    ((*SPEC, "componentName"), LONE),
    (
        (*SPEC, "description"),
        [
            'to create, "create", update and patch',
            "Incomplete: ",
            '"completionTime"',
            "Tasks Completed: 0 ",
            "Completed",
            "201",
        ],
    ),
    ((*SPEC, "completionTime"), ["2026-11-23T19:52:01Z"]),
]


def changed(event, chance, number):
    """The event with some changes to its content. The request's and the response's objects stay alike."""
    event = copy.deepcopy(event)
    for _ in range(chance.choice([0, 1, 1, 2, 4])):
        path, values = chance.choice(PUT)
        value = chance.choice([*values, ...])
        if value is ...:
            taken(event, path)
        else:
            put(event, path, value.replace("%d", str(number % 7)) if isinstance(value, str) else copy.deepcopy(value))
    conditions = plainly._status(event).get("conditions")
    if conditions and chance.random() < 0.8:
        each = chance.choice(conditions)
        if isinstance(each, dict):
            each["reason"] = chance.choice([each.get("reason")] * len(REASONS) + REASONS)
            each["message"] = chance.choice([each.get("message"), *SAID])
        chance.shuffle(conditions)
    status = plainly._status(event)
    if chance.random() < 0.2:
        for one, other in (("results", "taskResults"), ("taskResults", "results")):
            if one in status:
                status[other] = status.pop(one)
                break
    for result in status.get("results") or status.get("taskResults") or []:
        result["name"] = chance.choice([result.get("name"), "SCAN_OUTPUT", "TEST_OUTPUT"])
    sent, held = event.get("requestObject"), event.get("responseObject")
    if isinstance(sent, dict) and isinstance(held, dict) and event.get("verb") in ("create", "update"):
        sent.update((part, held[part]) for part in ("metadata", "spec", "status") if part in sent and part in held)
    event["auditID"] = "00000000-0000-4000-8000-%012d" % number
    event["requestReceivedTimestamp"] = "2026-11-23T%02d:%02d:%02d.%06dZ" % (
        number // 3600,
        number // 60 % 60,
        number % 60,
        number,
    )
    return event


def shuffled(value, chance):
    if isinstance(value, dict):
        return {key: shuffled(value[key], chance) for key in chance.sample(list(value), len(value))}
    return [shuffled(each, chance) for each in value] if isinstance(value, list) else value


def written(event, chance):
    """The event as some collector might write it."""
    style = chance.choice(
        [
            {"separators": (",", ":")},
            {},
            {"indent": 1},
            {"separators": (" ,\t", " : ")},
            {"indent": "\t", "separators": (",\r\n", ":\n ")},
        ]
    )
    text = json.dumps(
        shuffled(event, chance) if chance.random() < 0.5 else event, ensure_ascii=chance.random() < 0.5, **style
    )
    for plain, escaped in (("/", r"\/"), ("<", r"\u003c"), (">", r"\u003E"), ("&", r"\u0026"), ("\u2028", r"\u2028")):
        if chance.random() < 0.3:
            text = text.replace(plain, escaped)
    return text


def normal(message):
    """The journeys without what depends on the lookups."""
    return {
        **{name: value for name, value in message.items() if name != "userId"},
        "properties": {name: value for name, value in message["properties"].items() if name != "workspaceID"},
    }


@pytest.mark.parametrize(
    ("seed", "others"), [(1, ()), (2, (MISSING_PATH,)), (3, (NULL_ELEMENT,)), (4, (NESTED_ARRAY,)), (5, CHOICES)]
)
def test_the_search_agrees_with_the_plain_implementation(pool, seed, others):
    chance = random.Random(seed)
    events = [changed(chance.choice(pool[number % 2]), chance, number) for number in range(EVENTS)]
    expected = plainly.messages(events)
    rows = journeys(
        [{"_raw": written(event, chance), "_time": str(1_700_000_000 + number)} for number, event in enumerate(events)],
        others,
    ).rows
    found = {
        message["messageId"]: (row["journey"], normal(message))
        for row, message in zip(rows, messages([{"userId": "?", **row} for row in rows]))
    }
    assert len(found) == len(rows)
    assert set(found) == set(expected)
    assert {key: (found[key], expected[key]) for key in found if found[key] != expected[key]} == {}
    assert len({name for name, _ in expected.values()}) == 8 and len(expected) > EVENTS / 5


def test_the_plain_implementation_gives_the_expected_messages_of_the_recorded_events():
    events = {}
    for line in recorded.audit_lines():
        event = json.loads(line.raw) if line.raw.endswith("}") else {}
        if "auditID" in event:
            events.setdefault((event["auditID"], plainly._at(event, "responseStatus", "code")), event)
    expected = recorded.expected_messages()
    found = plainly.messages(events.values())
    assert {key: found.get(key, (None, None))[1] for key in expected} == {
        key: normal(message) for key, message in expected.items()
    }
    assert len(found) == sum(each["events"] for each in recorded.expected_counts()["journeys"].values())
