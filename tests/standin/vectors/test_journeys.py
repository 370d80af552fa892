"""Which audit events are journeys, and under which id: kinds of events that once came out wrong, and similar ones.

Kubernetes settles what is right: a delete's options in its body (cli-runtime's resource helper, the API server's delete
handler), dryRun in the query (metav1.CreateOptions), 201 for objects that server-side apply creates (the API server's
patch handler), the client's own Audit-ID (the API server's filter WithAuditID). Names of the scan's result: Konflux's
task clair-scan, 0.1 and 0.2.
"""

import json
import random

import pytest

from segment_bridge.delivery import ids
from tests.standin.vectors.test_hourly_job import journeys, messages
from tests.support import recorded

BUILD_REQUEST = "build.appstudio.openshift.io/request"


def event(name, **changes):
    """A case's event with other values at the keys, which use __ for a dot."""
    found = json.loads(recorded.case(name))
    for path, value in changes.items():
        *parents, key = path.split("__")
        holder = found
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[key] = value
    return found


def sent(*events):
    """The messages from these events, including events without a user, in the order in which they are sent."""
    return messages([{"userId": "?", **row} for row in journeys([json.dumps(each) for each in events]).rows])


class TestDryRun:
    """A dry run changes nothing and is never a journey."""

    def test_a_delete_says_it_in_the_body(self):
        assert sent(json.loads(recorded.case("dryrun-delete-in-body"))) == []

    @pytest.mark.parametrize(
        "options",
        [
            {"kind": "DeleteOptions", "propagationPolicy": "Background"},
            {"kind": "DeleteOptions", "dryRun": []},
            {"kind": "DeleteOptions", "dryRun": None},
            None,
        ],
    )
    def test_a_delete_without_it_is_a_journey(self, options):
        (found,) = sent(event("dryrun-delete-in-body", requestObject=options))
        assert found["event"] == "Component deleted"

    @pytest.mark.parametrize(
        "query",
        [
            "dryRun=All",
            "fieldManager=x&dryRun=All",
            "%64ryRun=All",
            "dry%52un=All",
            "x=1&%64%72%79%52%75%6E=All",
            "dryRu%6e=All",
            "dryRun=%41ll",
        ],
    )
    def test_the_query_says_it_in_any_encoding(self, query):
        uri = "/apis/appstudio.redhat.com/v1alpha1/namespaces/plain-sandbox/applications?" + query
        assert sent(event("ssa-create-application", requestURI=uri)) == []
        assert sent(event("ssa-create-application", requestURI=uri, verb="create")) == []
        assert sent(event("dryrun-delete-in-body", requestURI=uri, requestObject={})) == []

    @pytest.mark.parametrize(
        "query",
        [
            "fieldManager=dryRun",
            "fieldManager=a%26dryRun=All",
            "labelSelector=dryRun%3DAll",
            "xdryRun=All",
            "dryrun=All",
        ],
    )
    def test_another_query_does_not(self, query):
        uri = "/apis/appstudio.redhat.com/v1alpha1/namespaces/plain-sandbox/applications?" + query
        (found,) = sent(event("ssa-create-application", requestURI=uri))
        assert found["event"] == "Application created"

    def test_an_object_with_a_field_of_that_name_is_a_journey(self):
        """Only a delete's body contains options."""
        assert sent(event("ssa-create-application", requestObject__dryRun=["All"]))


class TestServerSideApply:
    """A patch answered with 201 has created the object."""

    def test_an_application(self):
        (found,) = sent(event("ssa-create-application"))
        assert (found["event"], found["messageId"]) == ("Application created", "case-ssa-create-application")

    def test_a_component_even_with_a_build_requested(self):
        (found,) = sent(
            event(
                "ssa-create-application",
                objectRef__resource="components",
                requestObject__metadata={"annotations": {BUILD_REQUEST: "configure-pac"}},
            )
        )
        assert found["event"] == "Component created"

    def test_a_build(self):
        (found,) = sent(event("hash-branch-word", verb="patch"))
        assert found["event"] == "Build PipelineRun created"

    def test_nothing_that_was_not_persisted(self):
        found = event("ssa-create-application")
        del found["responseObject"]["metadata"]["resourceVersion"]
        assert sent(found) == []

    @pytest.mark.parametrize(
        ("value", "name"), [("configure-pac", "Component configure-pac"), ("", "Component patched")]
    )
    def test_a_build_requested_of_an_existing_component(self, value, name):
        (found,) = sent(
            event(
                "ssa-create-application",
                objectRef__resource="components",
                responseStatus__code=200,
                requestObject__metadata={"annotations": {BUILD_REQUEST: value}},
            )
        )
        assert found["event"] == name


class TestScan:
    def status(self, *results, field="results"):
        return {
            "completionTime": "2026-11-23T19:52:01Z",
            field: list(results),
            "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}],
        }

    @pytest.mark.parametrize("name", ["CLAIR_SCAN_RESULT", "SCAN_OUTPUT"])
    @pytest.mark.parametrize("field", ["results", "taskResults"])
    def test_the_result_has_either_name_in_either_version(self, name, field):
        result = {"name": name, "value": json.dumps({"vulnerabilities": {"critical": 1, "high": 0}})}
        other = {"name": "TEST_OUTPUT", "value": json.dumps({"vulnerabilities": {"critical": 99}})}
        (found,) = sent(event("clair-scan-output", responseObject__status=self.status(other, result, field=field)))
        assert {
            name: found["properties"].get("vulnerabilities_" + name) for name in ("critical", "high", "medium", "low")
        } == {"critical": 1, "high": 0, "medium": None, "low": None}

    def test_a_recorded_event(self):
        (found,) = sent(event("clair-scan-output"))
        assert found["event"] == "Clair scan TaskRun completed"
        assert (found["properties"]["vulnerabilities_critical"], found["properties"]["vulnerabilities_high"]) == (1, 0)

    @pytest.mark.parametrize(
        ("written", "sent_as"),
        [
            ("0", 0),
            ("3", 3),
            ("12345678901234567890", 12345678901234567890),
            ("2.5", 2.5),
            ("1e3", 1000),
            ("-1", -1),
            ('"3"', "3"),
            ('"007"', "007"),
            ('"#1"', "#1"),
            ('"null"', "null"),
            ('"NaN"', "NaN"),
            ('""', None),
            ("1e999", None),
            ("-1e999", None),
            ("1e308", None),
            ("NaN", None),
            ("Infinity", None),
            ("null", None),
            ("true", None),
            ("{}", None),
            ("[]", None),
            ("9" * 400, None),
        ],
    )
    def test_a_count_is_sent_unchanged_or_left_out_without_affecting_others(self, written, sent_as):
        result = {"name": "SCAN_OUTPUT", "value": '{"vulnerabilities":{"high":2,"critical":%s}}' % written}
        found, other = sent(
            event("clair-scan-output", responseObject__status=self.status(result)),
            event("ssa-create-application", requestReceivedTimestamp="2026-11-30T00:00:00.000000Z"),
        )
        assert found["event"] == "Clair scan TaskRun completed"
        assert other["event"] == "Application created"
        assert found["properties"].get("vulnerabilities_critical") == sent_as
        assert "Infinity" in written or written == "NaN" or found["properties"]["vulnerabilities_high"] == 2

    @pytest.mark.parametrize("value", ["", "{", "null", "[]", '"text"', '{"vulnerabilities":"none"}', "{}"])
    def test_an_empty_result_is_still_a_result(self, value):
        result = {"name": "SCAN_OUTPUT", "value": value}
        (found,) = sent(event("clair-scan-output", responseObject__status=self.status(result)))
        assert not [name for name in found["properties"] if name.startswith("vulnerabilities")]

    @pytest.mark.parametrize("name", ["SCAN_OUTPUTS", "scan_output", "TEST_OUTPUT", None])
    def test_another_result_is_not_the_scans(self, name):
        assert sent(event("clair-scan-output", responseObject__status=self.status({"name": name, "value": "{}"}))) == []


TEXTS = [
    "#123",
    "#123-fix-login",
    "#",
    "#null",
    "#{}",
    "-",
    "_",
    "_-",
    "null",
    "true",
    "1.10",
    "007",
    "1e999",
    "NaN",
    '{"a":1}',
    '["b"]',
    "{curly}",
    '"',
    '\\"',
    "\\",
    ",",
    '","x":"y',
    "a\nb",
    "\ttab ",
    "  spaces kept  ",
    "$x$;$y$",
    "$",
    "\u2028",
    "\u4e2d",
    "\U0001f600",
    "undefined",
    "`macro`",
    "| delete",
    "<b>&amp;",
    "x" * 99,
    "",
]


class TestTexts:
    """A text that a person chose arrives unchanged, whatever it begins with, ends with or contains."""

    @pytest.mark.parametrize("text", TEXTS)
    def test_everywhere(self, text):
        build = event(
            "hash-branch-number",
            userAgent=text,
            responseObject__spec__application=text,
            responseObject__spec__componentName=text,
            responseObject__metadata__annotations={
                "build.appstudio.openshift.io/repo": text,
                "build.appstudio.redhat.com/commit_sha": text,
                "build.appstudio.redhat.com/target_branch": text,
                "pipelinesascode.tekton.dev/event-type": text,
                "pipelinesascode.tekton.dev/git-provider": text,
                "pipelinesascode.tekton.dev/log-url": text,
            },
        )
        release = event(
            "hash-branch-number",
            auditID="another",
            objectRef={
                "apiGroup": "appstudio.redhat.com",
                "apiVersion": "v1",
                "resource": "releases",
                "subresource": "status",
                "name": text or None,
                "namespace": "x",
            },
            verb="patch",
            responseStatus__code=200,
            requestReceivedTimestamp="2026-11-23T19:52:09.358223Z",
            responseObject__metadata__ownerReferences=[{"name": text}],
            responseObject__status={
                "completionTime": "2026-11-23T19:52:01Z",
                "conditions": [{"type": "Released", "reason": "Failed", "message": text}],
            },
        )
        component = event(
            "hash-branch-number",
            auditID="a third",
            verb="update",
            responseStatus__code=200,
            user__username="someone",
            requestReceivedTimestamp="2026-11-23T19:52:10.358223Z",
            objectRef={"apiGroup": "appstudio.redhat.com", "apiVersion": "v1", "resource": "components", "name": "x"},
            responseObject__spec={"source": {"git": {"url": text, "revision": text}}},
        )
        first, second, third = sent(build, release, component)
        assert first["context"] == {"userAgent": text}
        names = (
            "application",
            "component",
            "repo",
            "commit_sha",
            "target_branch",
            "git_trigger_event_type",
            "git_trigger_provider",
            "pipeline_log_url",
        )
        assert {name: first["properties"].get(name) for name in names} == dict.fromkeys(names, text)
        assert [second["properties"].get(name) for name in ("application", "status_message", "name")] == [
            text,
            text,
            text or None,
        ]
        assert [third["properties"].get(name) for name in ("src_url", "src_revision")] == [text, text]

    def test_without_a_user_agent_the_context_is_empty(self):
        build = event("hash-branch-number")
        del build["userAgent"]
        (found,) = sent(build)
        assert found["context"] == {}

    def test_no_value_is_left_out(self):
        (found,) = sent(
            event(
                "hash-branch-number",
                responseObject__metadata__annotations={"build.appstudio.openshift.io/repo": None},
                responseObject__metadata__labels={"pipelines.appstudio.openshift.io/type": "build"},
                responseObject__spec=None,
            )
        )
        assert set(found["properties"]) == {"apiGroup", "apiVersion", "kind", "workspaceID"}


class TestIds:
    """The client chooses the auditID. If different requests share one, none of them makes another disappear."""

    def test_the_first_request_keeps_the_id(self):
        first = event("ssa-create-application", auditID="mine")
        others = [
            event("ssa-create-application", auditID="mine", impersonatedUser__username="eitan"),
            event("ssa-create-application", auditID="mine", objectRef__name="another"),
            event("ssa-create-application", auditID="mine", objectRef__namespace="another"),
            event("ssa-create-application", auditID="mine", objectRef__resource="components"),
            event("ssa-create-application", auditID="mine", requestReceivedTimestamp="2026-11-23T19:52:01.875549Z"),
        ]
        later = [
            {**other, "requestReceivedTimestamp": max(other["requestReceivedTimestamp"], "2026-11-23T19:52:02Z")}
            for other in others[:-1]
        ] + others[-1:]
        for order in (later + [first], [first] + later, random.Random(7).sample([first, *later], 6)):
            found = sent(*order)
            assert [each["timestamp"] for each in found].index(first["requestReceivedTimestamp"]) == 0
            assert (len(found), found[0]["messageId"]) == (6, "mine")
            assert len({each["messageId"] for each in found}) == 6

    def test_the_others_ids_are_the_same_in_every_run(self):
        two = [
            event("ssa-create-application", auditID="mine", impersonatedUser__username=user)
            for user in ("dolores", "eitan")
        ]
        one_way, the_other = sent(*two), sent(*two[::-1])
        assert one_way == the_other
        assert [each["userId"] for each in one_way] == [each["userId"] for each in the_other]

    def test_a_line_that_was_sent_twice_is_one(self):
        one = event("ssa-create-application", auditID="mine")
        again = {**one, "hostname": "another", "stageTimestamp": "2026-11-23T19:52:09Z"}
        assert len(sent(one, again, one)) == 1

    def test_a_request_is_one_event_whichever_parts_were_not_logged(self):
        bare = event("hash-branch-word", objectRef={"apiGroup": "tekton.dev", "resource": "pipelineruns"})
        found = sent(
            *(
                {name: value for name, value in bare.items() if name != missing}
                for missing in ("user", "requestReceivedTimestamp", "auditID")
            )
        )
        assert len({each["messageId"] for each in found}) == 3

    @pytest.mark.parametrize(
        "audit_id",
        ["mine\u00a0", "\u2003", "m\u00efne", "mine\t", " mine"]
        + [written % word for word in sorted(ids._NONE) for written in ("%s", "(%s)", "[%s]")]
        + ["Null", "-", "{}", "", " "],
    )
    def test_an_id_that_could_be_taken_for_another_or_for_none_is_not_used(self, audit_id):
        found = sent(
            event("ssa-create-application", auditID="mine", objectRef__name="first"),
            event("ssa-create-application", auditID=audit_id),
        )
        assert [each["messageId"] for each in found if each["properties"]["name"] == "first"] == ["mine"]
        (other,) = (each["messageId"] for each in found if each["properties"]["name"] != "first")
        assert len(other) == 64 and other.isalnum()
