"""What the hourly job's search costs in a busy hour of a build cluster.

    python -m tests.bench search                            # 10 builds; --builds 30 for a longer hour
    python -m tests.bench search --before old/macros.conf   # compare with those macros: their cost, their rows
    python -m tests.bench search --rows 200                 # compare with that many journeys added by a site

The hour is made from the recorded events (tests/data/README.md), using one of each kind as a pattern, in the
proportions of a real cluster: a build is one PipelineRun (created, 40 updates of its status of 20 to 120 KB) with 25
TaskRuns (created, 8 updates each of 10 to 60 KB), on which Tekton Chains and Tekton Results record what they have done.
Each build comes with a request by a user, a PipelineRun that tests it, a snapshot, a component and a release, and with
as many reads, leases and other resources in the log. The pipeline's description says that it is there "to create a
container image", like that of Konflux's docker-build, and a third of the builds' events have managedFields. Two of
every hundred events of these groups are journeys.

The stand-in's search language runs the search (tests/standin/spl/meter.py says what is counted). Processor time and
peak memory are those of a process that does nothing else; they are the stand-in's, not Splunk's. Linux only.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

from tests.standin.spl import pipeline
from tests.standin.spl.host import Macro
from tests.standin.spl.meter import metered
from tests.standin.values import Row
from tests.standin.vectors.app import MACROS, app_lookups, app_macros
from tests.standin.vectors.host import Host
from tests.support import recorded

UPDATES, TASKS, TASK_UPDATES = 40, 25, 8
RUN_BYTES, TASK_BYTES = (20_000, 120_000), (10_000, 60_000)
BEGAN = 1_700_000_000
SEARCH = "search `segment_bridge_audit` `segment_bridge_candidates` | `segment_bridge_events`"
GROUPS = ("tekton.dev", "appstudio.redhat.com")
DESCRIPTION = "Uses buildah to create a container image. It also optionally creates a source image and runs some tests."
TASK_NAMES = ["init", "clone-repository", "build-container", "clair-scan", "sast-snyk-check", "summary"]
Event = Dict[str, Any]
_SPEC_TASK = {
    "name": "task",
    "params": [{"name": "IMAGE", "value": "$(tasks.build-container.results.IMAGE_URL)"}],
    "runAfter": ["build-container"],
    "taskRef": {
        "resolver": "bundles",
        "params": [{"name": "bundle", "value": "registry.example.com/task@sha256:" + 64 * "0"}],
    },
}
_CHILD = {
    "apiVersion": "tekton.dev/v1",
    "kind": "TaskRun",
    "name": "build-x-task",
    "pipelineTaskName": "task",
    "whenExpressions": [{"input": "$(params.skip)", "operator": "in", "values": ["false"]}],
}
_STEP = {
    "container": "step-build",
    "imageID": "registry.example.com/task@sha256:" + 64 * "0",
    "name": "build",
    "terminated": {
        "containerID": "cri-o://" + 64 * "0",
        "exitCode": 0,
        "reason": "Completed",
        "finishedAt": "2023-11-14T22:13:20Z",
        "startedAt": "2023-11-14T22:13:20Z",
    },
}
_MANAGED = [
    {
        "apiVersion": "tekton.dev/v1",
        "fieldsType": "FieldsV1",
        "manager": manager,
        "operation": "Update",
        "time": "2023-11-14T22:13:20Z",
        "fieldsV1": {"f:" + part: {"f:" + field: {} for field in fields}},
        **more,
    }
    for manager, part, fields, more in (
        ("pipelines-as-code-controller", "metadata", ["labels", "annotations", "generateName"], {}),
        (
            "openshift-pipelines-controller",
            "status",
            ["childReferences", "completionTime", "conditions", "pipelineSpec", "startTime"],
            {"subresource": "status"},
        ),
    )
]
_COMPONENT = {
    "containerImage": "registry.example.com/component@sha256:" + 64 * "0",
    "name": "component",
    "source": {
        "git": {
            "context": "./",
            "dockerfileUrl": "Dockerfile",
            "revision": 40 * "0",
            "url": "https://git.example.com/it",
        }
    },
}


def _first(lines: List[Event], resource: str, verb: str, holds: Callable[[Event], bool]) -> Event:
    """The first recorded event of the kind."""
    return next(
        event
        for event in lines
        if event.get("objectRef", {}).get("resource") == resource
        and event["verb"] == verb
        and event.get("responseStatus", {}).get("code") in (200, 201)
        and "resourceVersion" in event.get("responseObject", {}).get("metadata", {})
        and holds(event)
    )


def _condition(event: Event, kind: str = "Succeeded") -> Event:
    status = event.get("responseObject", {}).get("status") or {}
    return next((each for each in status.get("conditions") or [] if each.get("type") == kind), {})


def _label(event: Event, name: str) -> Any:
    return (event["responseObject"]["metadata"].get("labels") or {}).get(name)


class Hour:
    """The lines of a busy hour, always the same for the same number of builds, with this many `journeys`."""

    def __init__(self, builds: int):
        self._builds, self._chance = builds, random.Random(1)
        lines = []
        for line in recorded.audit_lines():
            try:
                lines.append(json.loads(line.raw))
            except ValueError:
                continue
        self._others = [
            event
            for event in lines
            if event.get("verb") in ("get", "list", "watch")
            or (event.get("log_type") == "audit" and event.get("objectRef", {}).get("apiGroup") not in GROUPS)
        ]

        def is_build(event: Event) -> bool:
            return _label(event, "pipelines.appstudio.openshift.io/type") == "build"

        def updated(event: Event) -> bool:
            return event["objectRef"].get("subresource") == "status"

        def is_started(event: Event) -> bool:
            return str(_condition(event).get("message", "")).startswith("Tasks Completed: 0 ")

        self._created = _first(lines, "pipelineruns", "create", is_build)
        self._ended = _first(
            lines,
            "pipelineruns",
            "update",
            lambda event: (
                is_build(event)
                and updated(event)
                and _condition(event).get("reason") == "Completed"
                and "completionTime" in event["responseObject"]["status"]
            ),
        )
        self._started = _first(
            lines,
            "pipelineruns",
            "update",
            lambda event: (
                is_build(event)
                and updated(event)
                and is_started(event)
                and "startTime" in event["responseObject"]["status"]
            ),
        )
        self._task_created = _first(lines, "taskruns", "create", lambda event: True)
        self._scanned = _first(
            lines,
            "taskruns",
            "update",
            lambda event: (
                updated(event)
                and _label(event, "tekton.dev/pipelineTask") == "clair-scan"
                and _condition(event).get("reason") == "Succeeded"
                and "CLAIR_SCAN_RESULT" in json.dumps(event)
            ),
        )
        self._component = _first(lines, "components", "update", updated)
        self._released = _first(
            lines,
            "releases",
            "patch",
            lambda event: (
                updated(event)
                and _condition(event, "Released").get("reason") == "Succeeded"
                and "completionTime" in event["responseObject"]["status"]
            ),
        )
        self._snapshot = _first(lines, "snapshots", "create", lambda event: True)
        self._requested = _first(lines, "components", "patch", lambda event: "impersonatedUser" in event)
        self.journeys = builds * 6  # a request; a PipelineRun created, started and ended; a scan; a release

    def lines(self) -> Iterator[str]:
        """The lines in order of time."""
        count = 0
        for build in range(self._builds):
            for event in self._build(build):
                for made in (event, self._chance.choice(self._others)):
                    yield self._written(made, count)
                    count += 1

    def _written(self, event: Event, number: int) -> str:
        received = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGAN + number // 100))
        return json.dumps(
            {
                **event,
                "auditID": "00000000-0000-4000-8000-%012d" % number,
                "requestReceivedTimestamp": "%s.%06dZ" % (received, number % 100 * 10_000),
            },
            separators=(",", ":"),
        )

    def _build(self, build: int) -> List[Event]:
        created = self._grown(copy.deepcopy(self._created), RUN_BYTES[0], "childReferences", _CHILD)
        updates = [self._pipelinerun(number, UPDATES) for number in range(UPDATES)]
        spread = [self._requested, created, *updates, *(self._annotated(updates[-1]) for _ in range(3))]
        for task in range(TASKS):
            name = TASK_NAMES[task] if task < len(TASK_NAMES) else "task-%d" % task
            updates = [self._taskrun(name, number) for number in range(TASK_UPDATES)]
            spread += [self._task_created, *updates, self._annotated(updates[-1]), self._annotated(updates[-1])]
        spread += map(self._of_a_test, [created, *(self._pipelinerun(number, 10) for number in range(10))])
        spread += [copy.deepcopy(self._component) for _ in range(4)]
        spread += [self._release(number) for number in range(6)]
        snapshot = copy.deepcopy(self._snapshot)
        snapshot["responseObject"]["spec"] = {"application": "it", "components": 20 * [_COMPONENT]}
        spread += [snapshot, *(self._annotated(snapshot) for _ in range(3))]
        return spread if build % 3 else [self._managed(event) for event in spread]

    @staticmethod
    def _annotated(event: Event) -> Event:
        """The annotations written to an object when it is done. The answer is the whole object."""
        event = {
            **event,
            "verb": "patch",
            "responseStatus": {"code": 200},
            "requestObject": {
                "metadata": {"annotations": {"chains.tekton.dev/signed": "true", "results.tekton.dev/stored": "true"}}
            },
        }
        event["objectRef"] = {key: value for key, value in event["objectRef"].items() if key != "subresource"}
        return event

    @staticmethod
    def _of_a_test(event: Event) -> Event:
        event = copy.deepcopy(event)
        for holder in ("requestObject", "responseObject"):
            event[holder]["metadata"]["labels"]["pipelines.appstudio.openshift.io/type"] = "test"
        return event

    @staticmethod
    def _managed(event: Event) -> Event:
        whole = event["responseObject"]
        return {**event, "responseObject": {**whole, "metadata": {**whole["metadata"], "managedFields": _MANAGED}}}

    def _pipelinerun(self, number: int, updates: int) -> Event:
        """A PipelineRun's updates: the first starts it, the last ends it, tasks complete in between."""
        event = copy.deepcopy(self._started if number == 0 else self._ended)
        if 0 < number < updates - 1:
            self._go_on(
                event,
                "Running",
                "Tasks Completed: %d (Failed: 0, Cancelled 0), Incomplete: %d, Skipped: 0"
                % (number * TASKS // updates + 1, TASKS - number * TASKS // updates),
            )
        return self._grown(event, self._chance.randint(*RUN_BYTES), "childReferences", _CHILD)

    def _taskrun(self, task: str, number: int) -> Event:
        event = copy.deepcopy(self._scanned)
        for holder in ("requestObject", "responseObject"):
            event[holder]["metadata"]["labels"]["tekton.dev/pipelineTask"] = task
            if task != "clair-scan":
                for results in ("taskResults", "results"):
                    event[holder]["status"].pop(results, None)
        if number < TASK_UPDATES - 1:
            self._go_on(event, "Running", "Not all Steps in the Task have finished executing")
        return self._grown(event, self._chance.randint(*TASK_BYTES), "steps", _STEP)

    def _release(self, number: int) -> Event:
        event = copy.deepcopy(self._released)
        if number < 5:
            self._go_on(event, "Progressing", "", "Released")
        return event

    @staticmethod
    def _go_on(event: Event, reason: str, message: str, kind: str = "Succeeded") -> None:
        """Turns the object into an update of a run that has not ended yet."""
        for holder in ("requestObject", "responseObject"):
            status = (event.get(holder) or {}).get("status")
            if not isinstance(status, dict):
                continue
            for results in ("completionTime", "taskResults", "results"):
                status.pop(results, None)
            for condition in status.get("conditions") or []:
                if condition.get("type") == kind:
                    condition.update(status="Unknown", reason=reason, message=message)

    @staticmethod
    def _grown(event: Event, size: int, part: str, entry: Event) -> Event:
        """Pads the object to the size: a third goes into the spec, the rest into the status, if it has one."""
        missing = max(0, size - len(json.dumps(event))) // 2
        for holder in ("requestObject", "responseObject"):
            whole = event[holder]
            whole["spec"] = {
                **whole.get("spec", {}),
                "pipelineSpec": {
                    "description": DESCRIPTION,
                    "tasks": _filled(_SPEC_TASK, missing // 3 if "status" in whole else missing),
                },
            }
            if "status" in whole:
                whole["status"][part] = _filled(entry, missing - missing // 3)
        return event


def _filled(entry: Event, size: int) -> List[Event]:
    return [entry] * (size // (len(json.dumps(entry)) + 2))


def own_journeys(count: int) -> List[Row]:
    """This many journeys added by a site, each with five properties: the hour's snapshots, and others that do not
    occur.
    """
    others = [("product%d.acme.io" % (each % 3), "resources%d" % each, "create update delete") for each in range(count)]
    return [
        {
            "_key": "own-%d" % number,
            "journey": "Own %d" % number,
            "api_group": group,
            "resource": resource,
            "verb": verb,
            "event": "Own %verb%",
            "who": "person or owner",
            "enabled": 1,
            "properties": "name = objectRef.name\napplication = responseObject.spec.application | label a.example/app\n"
            "task = label tekton.dev/pipelineTask\nversion = annotation a.example/version\n"
            "uid = responseObject.metadata.uid",
        }
        for number, (group, resource, verb) in enumerate(
            [("appstudio.redhat.com", "snapshots", "create"), *others][:count]
        )
    ]


class Site(Host):
    """An index that holds the hour."""

    def __init__(self, hour: Hour, macros: Dict[str, Macro], rows: int = 0):
        super().__init__(macros, app_lookups(own_journeys(rows)))
        self._hour = hour
        self._given: List[Row] = []

    def scan(self, indexes, earliest, latest) -> Iterator[Row]:
        yield from self._given or self.events()

    def keep(self) -> None:
        """Replaces the index with what the terms let through, because Splunk finds terms without reading events."""
        found = pipeline(SEARCH.partition("|")[0], self, iter(()))
        self._given = [dict(row) for chunk in found for row in chunk.rows]

    def events(self) -> Iterator[Row]:
        for number, raw in enumerate(self._hour.lines()):
            yield {
                "_raw": raw,
                "_time": "%.3f" % (BEGAN + number / 100),
                "index": "k8s_audit",
                "host": "bench",
                "source": "audit.log",
                "sourcetype": "kube:audit",
            }


class Cost(NamedTuple):
    journeys: int
    found: str
    """A digest of all rows."""
    read: int
    """Events that contain the terms' words. Whether phrases and case match shows only once they are read."""
    events: int
    event_bytes: int
    json_bytes: int
    sent_bytes: int
    cpu_s: float
    behind_s: float
    peak_mb: float


def measure(builds: int, macros: Path, own_rows: int = 0) -> Cost:
    """Runs in this process, which should do nothing else. Processor time excludes generating the hour."""
    hour, known = Hour(builds), app_macros(macros)
    began = time.process_time()
    for _ in hour.lines():
        pass
    making = time.process_time() - began
    before = _peak_mb()
    hour = Hour(builds)
    began = time.process_time()
    with metered() as meter:
        rows = [row for chunk in pipeline(SEARCH, Site(hour, known, own_rows), iter(())) for row in chunk.rows]
    cpu, peak = time.process_time() - began - making, _peak_mb() - before
    site = Site(hour, known, own_rows)
    site.keep()
    began = time.process_time()
    for _ in pipeline(SEARCH, site, iter(())):
        pass
    behind = time.process_time() - began
    app_own = [row for row in rows if not row["journey"].startswith("Own ")]
    assert len(app_own) == hour.journeys, "%d journeys, not %d" % (len(app_own), hour.journeys)
    found = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    return Cost(
        len(rows),
        found,
        _read(Hour(builds), known),
        meter.events,
        meter.event_bytes,
        meter.json_bytes,
        meter.sent_bytes,
        cpu,
        behind,
        peak,
    )


def _read(hour: Hour, macros: Dict[str, Macro]) -> int:
    name = next(filter(macros.__contains__, ("segment_bridge_candidates(1)", "segment_bridge_candidates")))
    candidates = macros[name]
    words = re.sub(
        r'"((?:[^"\\]|\\.)*)"',
        lambda phrase: "(%s)" % " ".join(re.findall(r"\w+", phrase[1])),
        re.sub(r"CASE(\(\w+\))", r"\1", candidates.definition),
    )
    site = Site(hour, {**macros, name: candidates._replace(definition=words)})
    return sum(len(chunk.rows) for chunk in pipeline(SEARCH.partition("|")[0], site, iter(())))


def _peak_mb() -> float:
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text("utf-8")).group(1)) / 1024


FIGURES = (
    ("events that pass the terms, per journey", "3", lambda cost: "%.1f" % (cost.events / cost.journeys)),
    ("... and events read from disk to find them", "", lambda cost: "%.1f" % (cost.read / cost.journeys)),
    ("JSON bytes parsed / bytes of those events", "2", lambda cost: "%.2f" % (cost.json_bytes / cost.event_bytes)),
    ("bytes to the search head, per journey", "2,048", lambda cost: "{:,.0f}".format(cost.sent_bytes / cost.journeys)),
    ("processor time of the search", "a fifth", lambda cost: "%.2f s" % cost.cpu_s),
    ("... of what the terms let through", "", lambda cost: "%.2f s" % cost.behind_s),
    ("peak memory of the search", "a fifth", lambda cost: "%.0f MB" % cost.peak_mb),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench search")
    parser.add_argument("--builds", type=int, default=10)
    parser.add_argument("--before", type=Path, metavar="MACROS", help="another macros.conf, to compare with")
    parser.add_argument("--rows", type=int, default=0, help="journeys that a site has added, to compare with none")
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)  # one measurement of these macros, as JSON
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.builds, options.only, options.rows)))
        return
    costs = []
    compared = [(MACROS, 0)]
    compared += [(options.before, 0)] if options.before else []
    compared += [(MACROS, options.rows)] if options.rows else []
    for macros, rows in compared:
        command = [sys.executable, "-m", "tests.bench.search", "--only", str(macros), "--builds", str(options.builds)]
        command += ["--rows", str(rows)]
        costs.append(Cost(*json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)))
    print(
        "%d builds, %d journeys\n\n| | target, at most | found |%s\n|---|---|---|%s"
        % (
            options.builds,
            costs[0].journeys,
            (" before |" if options.before else "") + (" with %d rows |" % options.rows if options.rows else ""),
            "---|" * (len(costs) - 1),
        )
    )
    for name, wanted, figure in FIGURES:
        print("| %s |" % " | ".join([name, wanted, *map(figure, costs)]))
    if options.before:
        print("\nThe rows are %s." % ("the same" if costs[0].found == costs[1].found else "NOT the same"))


if __name__ == "__main__":
    main()
