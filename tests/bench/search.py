"""What the hourly job's search costs in a busy hour of a build cluster.

    python -m tests.bench search                 # 10 builds; --builds 30 for a longer hour

The hour is made of the recorded events (tests/data/README.md), one of each kind as a pattern, in the proportions of a
real cluster: a build is one PipelineRun (created, 40 updates of its status of 20 to 120 KB) with 25 TaskRuns (created,
8 updates each of 10 to 60 KB); beside it a component and a release are worked on, and as many reads, leases and other
resources are logged. Two of a hundred events of these groups are journeys.

The stand-in's search language runs it (tests/standin/spl/meter.py says what is counted); processor time and peak memory
are of a process that does nothing else, and are the stand-in's, not Splunk's. Linux only.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

from tests import recorded
from tests.compliance.app import app_lookups, app_macros
from tests.compliance.host import Host
from tests.standin.spl import pipeline
from tests.standin.spl.meter import metered
from tests.standin.values import Row

UPDATES, TASKS, TASK_UPDATES = 40, 25, 8
RUN_BYTES, TASK_BYTES = (20_000, 120_000), (10_000, 60_000)
BEGAN = 1_700_000_000
SEARCH = "search `segment_bridge_audit` `segment_bridge_candidates` | `segment_bridge_events`"
GROUPS = ("tekton.dev", "appstudio.redhat.com")
TASK_NAMES = ["init", "clone-repository", "build-container", "clair-scan", "sast-snyk-check", "summary"]
Event = Dict[str, Any]
_SPEC_TASK = {"name": "task", "params": [{"name": "IMAGE", "value": "$(tasks.build-container.results.IMAGE_URL)"}],
              "runAfter": ["build-container"], "taskRef": {"resolver": "bundles", "params": [
                  {"name": "bundle", "value": "registry.example.com/task@sha256:" + 64 * "0"}]}}
_CHILD = {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": "build-x-task", "pipelineTaskName": "task",
          "whenExpressions": [{"input": "$(params.skip)", "operator": "in", "values": ["false"]}]}
_STEP = {"container": "step-build", "imageID": "registry.example.com/task@sha256:" + 64 * "0", "name": "build",
         "terminated": {"containerID": "cri-o://" + 64 * "0", "exitCode": 0, "reason": "Completed",
                        "finishedAt": "2023-11-14T22:13:20Z", "startedAt": "2023-11-14T22:13:20Z"}}


def _first(lines: List[Event], resource: str, verb: str, holds: Callable[[Event], bool]) -> Event:
    """The first recorded event of the kind."""
    return next(event for event in lines if event.get("objectRef", {}).get("resource") == resource
                and event["verb"] == verb and event.get("responseStatus", {}).get("code") in (200, 201)
                and "resourceVersion" in event.get("responseObject", {}).get("metadata", {}) and holds(event))


def _condition(event: Event, kind: str = "Succeeded") -> Event:
    status = event.get("responseObject", {}).get("status") or {}
    return next((each for each in status.get("conditions") or [] if each.get("type") == kind), {})


def _label(event: Event, name: str) -> Any:
    return (event["responseObject"]["metadata"].get("labels") or {}).get(name)


class Hour:
    """The lines of a busy hour, the same for the same number of builds; `journeys` is how many of them there are."""

    def __init__(self, builds: int):
        self._builds, self._chance = builds, random.Random(1)
        lines = []
        for line in recorded.audit_lines():
            try:
                lines.append(json.loads(line.raw))
            except ValueError:
                continue
        self._others = [event for event in lines if event.get("verb") in ("get", "list", "watch") or (
            event.get("log_type") == "audit" and event.get("objectRef", {}).get("apiGroup") not in GROUPS)]

        def is_build(event: Event) -> bool:
            return _label(event, "pipelines.appstudio.openshift.io/type") == "build"

        def updated(event: Event) -> bool:
            return event["objectRef"].get("subresource") == "status"

        def is_started(event: Event) -> bool:
            return str(_condition(event).get("message", "")).startswith("Tasks Completed: 0 ")

        self._created = _first(lines, "pipelineruns", "create", is_build)
        self._ended = _first(lines, "pipelineruns", "update", lambda event: is_build(event) and updated(event) and
                             _condition(event).get("reason") == "Completed" and
                             "completionTime" in event["responseObject"]["status"])
        self._started = _first(lines, "pipelineruns", "update", lambda event: is_build(event) and updated(event) and
                               is_started(event) and "startTime" in event["responseObject"]["status"])
        self._task_created = _first(lines, "taskruns", "create", lambda event: True)
        self._scanned = _first(lines, "taskruns", "update", lambda event: updated(event) and
                               _label(event, "tekton.dev/pipelineTask") == "clair-scan" and
                               _condition(event).get("reason") == "Succeeded" and
                               "CLAIR_SCAN_RESULT" in json.dumps(event))
        self._component = _first(lines, "components", "update", updated)
        self._released = _first(lines, "releases", "patch", lambda event: updated(event) and
                                _condition(event, "Released").get("reason") == "Succeeded" and
                                "completionTime" in event["responseObject"]["status"])
        self.journeys = builds * 5  # a PipelineRun is created, started and ends; a scan; a release

    def lines(self) -> Iterator[str]:
        """In the order of time."""
        count = 0
        for build in range(self._builds):
            for event in self._build(build):
                for made in (event, self._chance.choice(self._others)):
                    yield self._written(made, count)
                    count += 1

    def _written(self, event: Event, number: int) -> str:
        received = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGAN + number // 100))
        return json.dumps({**event, "auditID": "00000000-0000-4000-8000-%012d" % number, "requestReceivedTimestamp":
                           "%s.%06dZ" % (received, number % 100 * 10_000)}, separators=(",", ":"))

    def _build(self, build: int) -> List[Event]:
        spread = [self._pipelinerun(build, number) for number in range(UPDATES)]
        for task in range(TASKS):
            name = TASK_NAMES[task] if task < len(TASK_NAMES) else "task-%d" % task
            spread += [self._task_created, *(self._taskrun(name, number) for number in range(TASK_UPDATES))]
        spread += [copy.deepcopy(self._component) for _ in range(4)]
        spread += [self._release(number) for number in range(6)]
        return [self._grown(copy.deepcopy(self._created), RUN_BYTES[0], "childReferences", _CHILD), *spread]

    def _pipelinerun(self, build: int, number: int) -> Event:
        """The first update starts it, the last ends it; in between tasks are completed."""
        event = copy.deepcopy(self._started if number == 0 else self._ended)
        if 0 < number < UPDATES - 1:
            self._go_on(event, "Running", "Tasks Completed: %d (Failed: 0, Cancelled 0), Incomplete: %d, Skipped: 0" % (
                number * TASKS // UPDATES + 1, TASKS - number * TASKS // UPDATES))
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
        """Makes it an update of what has not ended yet."""
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
        """Fills it up to the size: a third of it into the spec, the rest into the status."""
        missing = max(0, size - len(json.dumps(event))) // 2
        for holder in ("requestObject", "responseObject"):
            whole = event[holder]
            whole["spec"] = {**whole.get("spec", {}), "pipelineSpec": {"tasks": _filled(_SPEC_TASK, missing // 3)}}
            if "status" in whole:
                whole["status"][part] = _filled(entry, missing - missing // 3)
        return event


def _filled(entry: Event, size: int) -> List[Event]:
    return [entry] * (size // (len(json.dumps(entry)) + 2))


class Site(Host):
    """An index that holds the hour."""

    def __init__(self, hour: Hour):
        super().__init__(app_macros(), app_lookups())
        self._hour = hour

    def scan(self, indexes, earliest, latest) -> Iterator[Row]:
        for number, raw in enumerate(self._hour.lines()):
            yield {"_raw": raw, "_time": "%.3f" % (BEGAN + number / 100), "index": "k8s_audit", "host": "bench",
                   "source": "audit.log", "sourcetype": "kube:audit"}


class Cost(NamedTuple):
    journeys: int
    events: int
    event_bytes: int
    json_bytes: int
    sent_bytes: int
    cpu_s: float
    peak_mb: float


def measure(builds: int) -> Cost:
    """In this process, which should do nothing else; the making of the hour is taken away from processor time."""
    hour = Hour(builds)
    began = time.process_time()
    for _ in hour.lines():
        pass
    making = time.process_time() - began
    before = _peak_mb()
    hour = Hour(builds)
    began = time.process_time()
    with metered() as meter:
        rows = [row for chunk in pipeline(SEARCH, Site(hour), iter(())) for row in chunk.rows]
    cpu = time.process_time() - began - making
    assert len(rows) == hour.journeys, "%d journeys, not %d" % (len(rows), hour.journeys)
    return Cost(len(rows), meter.events, meter.event_bytes, meter.json_bytes, meter.sent_bytes, cpu,
                _peak_mb() - before)


def _peak_mb() -> float:
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text("utf-8")).group(1)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench search")
    parser.add_argument("--builds", type=int, default=10)
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)  # one measurement, as JSON
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.builds)))
        return
    command = [sys.executable, "-m", "tests.bench.search", "--only", "--builds", str(options.builds)]
    cost = Cost(*json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout))
    print("%d builds, %d journeys\n\n| | |\n|---|---|" % (options.builds, cost.journeys))
    for name, figure in (
            ("events that pass the terms, a journey", "%.1f" % (cost.events / cost.journeys)),
            ("JSON bytes parsed / bytes of those events", "%.2f" % (cost.json_bytes / cost.event_bytes)),
            ("bytes to the search head, a journey", "{:,.0f}".format(cost.sent_bytes / cost.journeys)),
            ("processor time of the search", "%.2f s" % cost.cpu_s),
            ("peak memory of the search", "%.0f MB" % cost.peak_mb)):
        print("| %s | %s |" % (name, figure))


if __name__ == "__main__":
    main()
