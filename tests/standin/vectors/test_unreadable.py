"""Audit events that cannot become journeys because of how they are logged: the macro segment_bridge_unreadable.

Sources: Kubernetes, "Auditing" (levels; the annotation audit.k8s.io/truncated comes from k8s.io/apiserver's truncation
plugin); OpenShift, "Configuring the audit log policy" (WriteRequestBodies); props.conf.spec (TRUNCATE,
SHOULD_LINEMERGE).
"""

import json
import re

import pytest
import yaml

from tests.standin.spl import run
from tests.standin.vectors.app import ROOT, app_macros
from tests.standin.vectors.host import Host
from tests.standin.vectors.test_hourly_job import journeys
from tests.support import recorded

GOOD = json.loads(recorded.case("ssa-create-application"))
METADATA = json.loads(recorded.case("metadata-application-created"))
TRUNCATED = json.loads(recorded.case("truncated-app-create"))
BARE = {name: value for name, value in GOOD.items() if name != "log_type"}


def without(event, *names):
    return {name: value for name, value in event.items() if name not in names}


def found(*events):
    """The kinds, with their number and cure, in these events: objects, or texts as they are."""
    texts = [event if isinstance(event, str) else json.dumps(event) for event in events]
    rows = [{"index": "k8s_audit", "_raw": text, "sourcetype": "kube:audit"} for text in texts]
    return run("search `segment_bridge_unreadable`", Host(app_macros(), events=rows, props={"KV_MODE": "auto"})).rows


def flattened(event, prefix=""):
    fields = {}
    for name, value in event.items():
        fields.update(flattened(value, prefix + name + ".") if isinstance(value, dict) else {prefix + name: value})
    return fields


def event(verb, resource, subresource=None, group="appstudio.redhat.com", **changes):
    reference = {"apiGroup": group, "resource": resource, "namespace": "x", "name": "y"}
    if subresource:
        reference["subresource"] = subresource
    return {**METADATA, "verb": verb, "objectRef": reference, **changes}


KINDS = [
    ("cut", json.dumps(GOOD)[:1000], "TRUNCATE = 0"),
    ("cut", json.dumps(GOOD)[:-1], "[kube:audit]"),
    ("merged", json.dumps(GOOD) + "\n" + json.dumps(GOOD), "SHOULD_LINEMERGE = false"),
    ("prefixed", "Nov 23 19:52:01 node1 audit: " + json.dumps(GOOD), "SEDCMD"),
    ("wrapped", recorded.case("wrapped-message"), "top level"),
    ("wrapped", {"log_type": "audit", "log": json.dumps(BARE)}, "top level"),
    ("wrapped", {"message": json.dumps(BARE) + "\n"}, "top level"),
    ("wrapped", {"log_type": "audit", "structured": BARE}, "top level"),
    ("wrapped", {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [BARE]}, "top level"),
    ("wrapped", {"event": {"data": BARE}, "host": "x"}, "top level"),
    ("flattened", flattened(GOOD), "objects as objects"),
    ("flattened", flattened(without(GOOD, "log_type")), "objects as objects"),
    ("unmarked", BARE, "log_type"),
    ("unmarked", {**GOOD, "log_type": "k8s"}, "log_type"),
    ("truncated", TRUNCATED, "--audit-log-truncate-max-event-size"),
    ("level", METADATA, "RequestResponse"),
    ("level", {**without(GOOD, "responseObject"), "level": "Request"}, "RequestResponse"),
    ("level", event("update", "components"), "WriteRequestBodies"),
    ("level", event("patch", "applications"), "RequestResponse"),
    ("level", event("create", "pipelineruns", group="tekton.dev"), "RequestResponse"),
    ("level", event("update", "pipelineruns", "status", "tekton.dev"), "RequestResponse"),
    ("level", event("update", "taskruns", "status", "tekton.dev"), "RequestResponse"),
    ("level", event("patch", "releases", "status"), "RequestResponse"),
]


@pytest.mark.parametrize(("kind", "given", "cure"), KINDS)
def test_each_kind_is_found_with_its_cure(kind, given, cure):
    (row,) = found(given)
    assert (row["kind"], row["events"]) == (kind, 1)
    assert cure in row["cure"] and row["what"]


@pytest.mark.parametrize("given", [given for kind, given, _ in KINDS if kind != "level"])
def test_none_of_them_is_a_journey(given):
    assert journeys([given if isinstance(given, str) else json.dumps(given)]).rows == []


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("message", recorded.case("wrapped-message")),
        ("log", {"log": json.dumps(BARE)}),
        ("structured", {"structured": BARE}),
    ],
)
def test_the_wrapping_field_is_named(field, given):
    (row,) = found(given)
    assert row["what"].endswith("in the field " + field)


def test_kinds_are_counted():
    rows = found(METADATA, TRUNCATED, METADATA, GOOD, recorded.case("wrapped-message"))
    assert {row["kind"]: row["events"] for row in rows} == {"level": 2, "truncated": 1, "wrapped": 1}


@pytest.mark.parametrize(
    "given",
    [
        GOOD,
        event("get", "applications"),
        event("watch", "components"),
        event("delete", "components"),
        event("update", "components", "status"),
        event("patch", "applications", "status"),
        event("update", "pipelineruns", group="tekton.dev"),
        event("create", "snapshots"),
        event("create", "applications", responseStatus={"code": 409}),
        without(METADATA, "responseStatus"),
        event("create", "applications", requestURI="/apis/x?dryRun=All"),
        {**METADATA, "log_type": "infrastructure"},
        without(event("get", "applications", requestURI="/apis/tekton.dev/v1"), "objectRef"),
        {"log_type": "application", "message": json.dumps(BARE)},
        {"log_type": "audit", "message": "type=SYSCALL auditID create tekton.dev"},
    ],
)
def test_events_that_could_not_be_journeys_are_not_reported(given):
    assert found(given) == []


def test_truncated_recorded_events_are_found():
    (row,) = found(*(line.raw for line in recorded.audit_lines()))
    assert (row["kind"], row["events"]) == ("cut", 3)


def policy():
    text = re.search(r"```yaml\n(apiVersion: audit.*?)```", (ROOT / "docs/setup.md").read_text("utf-8"), re.S)[1]
    return yaml.safe_load(text)


def level(rules, seen):
    """The level of the first matching rule, as in the API server's policy checker: subresources must be named."""
    reference = seen["objectRef"]
    resource = "/".join(filter(None, (reference["resource"], reference.get("subresource"))))
    for rule in rules:
        of = [each for each in rule.get("resources", []) if each["group"] == reference["apiGroup"]]
        if seen["verb"] in rule.get("verbs", [seen["verb"]]) and (
            "resources" not in rule or any(resource in each["resources"] for each in of)
        ):
            return rule["level"]
    return "None"


def test_the_readmes_policy_logs_the_bodies_of_all_journeys():
    expected = recorded.expected_messages()
    events = (json.loads(line.raw) for line in recorded.audit_lines() if line.raw.endswith("}"))
    levels = [level(policy()["rules"], each) for each in events if each.get("auditID") in expected]
    assert len(levels) >= len(expected)
    assert set(levels) == {"RequestResponse"}
    assert level(policy()["rules"], event("get", "applications")) == "Metadata"
