"""A second, plain implementation of what is a journey and what Segment learns of it, one event after another.

The job's search says the same in the search language, efficiently. The tests compare it with this on events that nobody
has thought of.
"""

import csv
import json
from typing import Any, Dict, Iterable, List, Optional, Tuple
from urllib.parse import parse_qsl, urlsplit

from tests.standin.vectors.app import ROOT

BUILD_SERVICE = "system:serviceaccount:build-service:build-service-controller-manager"
BUILD_REQUEST, BUILD_STATUS = "build.appstudio.openshift.io/request", "build.appstudio.openshift.io/status"
Event = Dict[str, Any]


def messages(events: Iterable[Event]) -> Dict[str, Tuple[str, dict]]:
    """By auditID, the journey's name and its message, without the user.

    Each event has its own ID and time.
    """
    found: Dict[str, Tuple[str, dict]] = {}
    pull_requests = set()
    for event in sorted(events, key=lambda each: each["requestReceivedTimestamp"]):
        name = journey(event)
        if name is None:
            continue
        properties = {key: value for key, value in _properties(event, name).items() if value is not None}
        if name == "Pull request created":
            if properties["merge_url"] in pull_requests:
                continue
            pull_requests.add(properties["merge_url"])
        agent = event.get("userAgent")
        found[event["auditID"]] = (
            name,
            {
                "messageId": event["auditID"],
                "type": "track",
                "timestamp": event["requestReceivedTimestamp"],
                "event": _event(event, name),
                "context": {} if agent is None else {"userAgent": agent},
                "properties": properties,
            },
        )
    return found


def journey(event: Event) -> Optional[str]:
    """The journey's name."""
    ref, user = event.get("objectRef") or {}, _at(event, "user", "username")
    verb, code = _verb(event), _at(event, "responseStatus", "code")
    kind = (ref.get("apiGroup"), ref.get("resource"), ref.get("subresource"), verb)
    response = event.get("responseObject") or {}
    status = _status(event)
    if event.get("log_type") != "audit" or code not in (200, 201) or _is_dry_run(event):
        return None
    is_human = _at(event, "impersonatedUser", "username") is not None or (
        user is not None and not user.startswith("system:")
    )
    is_persisted = _at(response, "metadata", "resourceVersion") is not None
    is_build = _label(event, "pipelines.appstudio.openshift.io/type") == "build"
    condition = _condition(event)
    reason, message = condition.get("reason"), condition.get("message") or ""
    is_completed = status.get("completionTime") is not None
    if kind == ("appstudio.redhat.com", "applications", None, "create"):
        return "Application created" if is_human and is_persisted else None
    if kind[:3] == ("appstudio.redhat.com", "components", None):
        if (
            verb == "update"
            and code == 200
            and user == BUILD_SERVICE
            and _annotation(event, BUILD_REQUEST) is None
            and _pac(event, "state") == "enabled"
            and _pac(event, "merge-url")
        ):
            return "Pull request created"
        return (
            "Component changed"
            if is_human and (verb in ("update", "patch", "delete") or (verb == "create" and is_persisted))
            else None
        )
    if kind == ("appstudio.redhat.com", "releases", "status", "patch"):
        return "Release done" if is_persisted and is_completed and reason in ("Succeeded", "Failed") else None
    if kind == ("tekton.dev", "pipelineruns", None, "create"):
        return "Build PipelineRun created" if is_build and is_persisted else None
    if kind == ("tekton.dev", "pipelineruns", "status", "update") and code == 200 and is_build and is_persisted:
        if status.get("startTime") is not None and reason == "Running" and message.startswith("Tasks Completed: 0 "):
            return "Build PipelineRun started"
        return "Build PipelineRun ended" if is_completed and reason in ("Completed", "Failed") else None
    if kind == ("tekton.dev", "taskruns", "status", "update") and code == 200:
        return (
            "Clair scan completed"
            if _label(event, "tekton.dev/pipelineTask") == "clair-scan"
            and is_completed
            and condition.get("status") == "True"
            and reason == "Succeeded"
            and _scan(status)
            else None
        )
    return None


def _verb(event: Event) -> Optional[str]:
    """A patch answered with 201 has created the object."""
    is_made = event.get("verb") == "patch" and _at(event, "responseStatus", "code") == 201
    return "create" if is_made else event.get("verb")


def _is_dry_run(event: Event) -> bool:
    query = urlsplit(event.get("requestURI") or "").query
    body = event.get("requestObject")
    return any(name == "dryRun" for name, _ in parse_qsl(query)) or (
        event.get("verb") == "delete" and isinstance(body, dict) and bool(body.get("dryRun"))
    )


def _event(event: Event, name: str) -> str:
    if name not in ("Application created", "Component changed"):
        return {"Clair scan completed": "Clair scan TaskRun completed", "Release done": "Release process done"}.get(
            name, name
        )
    resource, verb = event["objectRef"]["resource"], _verb(event)
    verb = (_requested(event) if verb == "patch" else None) or verb
    return "%s %s" % (_table("event_subjects").get(resource, resource), _table("event_verbs").get(verb, verb))


def _requested(event: Event) -> Optional[str]:
    """The build that a patch requests."""
    body = event.get("requestObject")
    if isinstance(body, list):
        first = body[0] if body else {}
        is_it = first.get("op") in ("add", "replace") and first.get(
            "path"
        ) == "/metadata/annotations/" + BUILD_REQUEST.replace("/", "~1")
        return first.get("value") if is_it else None
    return _at(body, "metadata", "annotations", BUILD_REQUEST)


def _properties(event: Event, name: str) -> dict:
    ref, response = event["objectRef"], event.get("responseObject") or {}
    resource = ref["resource"]
    found = {"apiGroup": ref["apiGroup"], "apiVersion": ref.get("apiVersion"), "kind": resource}
    if ref["apiGroup"] == "appstudio.redhat.com":
        found["name"] = ref.get("name")
    spec, label = response.get("spec") or {}, "appstudio.openshift.io/"
    if name == "Application created":
        return {**found, "application": ref.get("name")}
    if name == "Release done":
        owners = _at(response, "metadata", "ownerReferences") or [{}]
        return {**found, "application": owners[0].get("name"), **_outcome(event)}
    found["application"] = _first(spec.get("application"), _label(event, label + "application"))
    found["component"] = _first(spec.get("componentName"), _label(event, label + "component"))
    if resource == "components":
        git = _at(spec, "source", "git") or {}
        found.update(src_url=git.get("url"), src_revision=git.get("revision"))
    if name == "Pull request created":
        found["merge_url"] = _pac(event, "merge-url")
    if resource == "pipelineruns":
        prefix = "pipelinesascode.tekton.dev/"
        found.update(
            git_trigger_event_type=_annotation(event, prefix + "event-type"),
            git_trigger_provider=_annotation(event, prefix + "git-provider"),
            pipeline_log_url=_annotation(event, prefix + "log-url"),
        )
        if name != "Build PipelineRun started":
            repo = _annotation(event, "build.appstudio.openshift.io/repo")
            found.update(
                repo=repo and repo.split("?")[0],
                commit_sha=_annotation(event, "build.appstudio.redhat.com/commit_sha"),
                target_branch=_annotation(event, "build.appstudio.redhat.com/target_branch"),
            )
        if name == "Build PipelineRun ended":
            found.update(_outcome(event))
    if name == "Clair scan completed":
        scan = _parsed(_scan(_status(event)).get("value"))
        counts = {each: _at(scan, "vulnerabilities", each) for each in ("critical", "high", "medium", "low")}
        found.update(
            {
                "vulnerabilities_" + each: count
                for each, count in counts.items()
                if isinstance(count, (int, float, str)) and not isinstance(count, bool)
            }
        )
    return found


def _outcome(event: Event) -> dict:
    return {"status_reason": _condition(event).get("reason"), "status_message": _condition(event).get("message")}


def _condition(event: Event) -> dict:
    kind = "Released" if _at(event, "objectRef", "resource") == "releases" else "Succeeded"
    return next((each for each in _status(event).get("conditions") or [] if _at(each, "type") == kind), {})


def _status(event: Event) -> dict:
    """In a Status, the answer to a delete, `status` is a text."""
    found = _at(event, "responseObject", "status")
    return found if isinstance(found, dict) else {}


def _scan(status: dict) -> Optional[dict]:
    """The result of the scan, from v1 or v1beta1."""
    return next(
        (
            each
            for each in [*(status.get("results") or []), *(status.get("taskResults") or [])]
            if each.get("name") in ("CLAIR_SCAN_RESULT", "SCAN_OUTPUT")
        ),
        None,
    )


def _pac(event: Event, name: str) -> Any:
    return _at(_parsed(_annotation(event, BUILD_STATUS)), "pac", name)


def _label(event: Event, name: str) -> Optional[str]:
    return _at(event, "responseObject", "metadata", "labels", name)


def _annotation(event: Event, name: str) -> Optional[str]:
    return _at(event, "responseObject", "metadata", "annotations", name)


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _parsed(source: Optional[str]) -> Any:
    try:
        return json.loads(source or "")
    except ValueError:
        return None


_tables: Dict[str, Dict[str, str]] = {}


def _table(name: str) -> Dict[str, str]:
    if name not in _tables:
        with open(ROOT / "lookups" / (name + ".csv"), newline="") as file:
            rows: List[List[str]] = list(csv.reader(file))
        _tables[name] = dict(row for row in rows[1:])
    return _tables[name]
