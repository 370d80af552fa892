"""How many audit events per second the stand-in's search language processes, and how much memory it takes.

    python -m tests.bench search_language                    # the hourly job's search over 25,000 and 100,000 events

The events are the recorded ones (tests/data/README.md) repeated, except for a few of more than 20 KB. Each has its own
ID and is padded to 5 KB with managed fields. Two searches read them: the hourly job's up to segmentsend, which keeps
all journeys in memory to sort them, and its streaming part, which keeps nothing. Each figure comes from its own
process. Linux only: memory is the peak resident set from /proc.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, List, NamedTuple

from tests.standin.spl import pipeline
from tests.standin.values import Row
from tests.standin.vectors.app import app_lookups, app_macros
from tests.standin.vectors.host import Host
from tests.support import recorded

SIZES = (25_000, 100_000)
EVENT_BYTES, MAX_RECORDED_BYTES = 5_000, 20_000
MIN_EVENTS_S, MAX_GROWTH = 3_000, 0.1
CANDIDATES = "search `segment_bridge_audit` `segment_bridge_candidates` | "
SEARCHES = {
    "hourly": CANDIDATES + "`segment_bridge_events`",
    "streaming": CANDIDATES + "`segment_bridge_extraction(-)` | eval journey=`segment_bridge_journey` "
    "| where isnotnull(journey)",
}
_AUDIT_ID = re.compile(r'"auditID": *"([^"]+)"')


class Run(NamedTuple):
    """A finished search. `cpu_s` is the time for which it kept one core busy."""

    rows: int
    took_s: float
    cpu_s: float
    peak_mb: float


def filled(line: str, size: int) -> str:
    """The event, padded with managed fields to about the size if it is smaller and JSON."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    answer = event.get("responseObject")
    holder = answer.get("metadata", answer) if isinstance(answer, dict) else event
    missing = size - len(line)
    entry = {
        "manager": "controller",
        "operation": "Update",
        "time": "2023-11-14T22:13:20Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:status": {".": {}, "f:conditions": {}, "f:startTime": {}, "f:observedGeneration": {}}},
    }
    entries = missing // (len(json.dumps(entry, separators=(",", ":"))) + 1)
    if entries > 0:
        holder["managedFields"] = [entry] * entries
    return json.dumps(event, separators=(",", ":"))


def filled_lines(size: int) -> List[str]:
    return [filled(line.raw, size) for line in recorded.audit_lines() if len(line.raw) <= MAX_RECORDED_BYTES]


class Site(Host):
    """An index of the requested number of events, each made when it is read."""

    def __init__(self, lines: List[str], count: int):
        super().__init__(app_macros(), app_lookups())
        self.lines, self.count = lines, count

    def scan(self, indexes, earliest, latest) -> Iterator[Row]:
        for number in range(self.count):
            raw = _AUDIT_ID.sub(r'"auditID":"\g<1>-%d"' % number, self.lines[number % len(self.lines)], count=1)
            yield {
                "_raw": raw,
                "_time": "%.3f" % (1_700_000_000 - number / 100),
                "index": "k8s_audit",
                "host": "bench",
                "source": "audit.log",
                "sourcetype": "kube:audit",
            }


def measure(search: str, count: int, size: int) -> Run:
    """Measures in this process, which should do nothing else."""
    site = Site(filled_lines(size), count)
    began, began_cpu = time.perf_counter(), time.process_time()
    rows = sum(len(chunk.rows) for chunk in pipeline(search, site, iter(())))
    took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak_kb = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text("utf-8")).group(1)
    return Run(rows, took, cpu, int(peak_kb) / 1024)


def measured(name: str, count: int, size: int) -> Run:
    """Measures in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.search_language", "--size", str(size), "--only", name, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return Run(*json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench search_language")
    parser.add_argument("--events", type=int, nargs="+", default=SIZES)
    parser.add_argument("--size", type=int, default=EVENT_BYTES, help="approximate bytes per event")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)  # one measurement, as JSON
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(SEARCHES[options.only[0]], int(options.only[1]), options.size)))
        return
    lines = filled_lines(options.size)
    print(f"events of {sum(map(len, lines)) / len(lines) / 1000:.1f} KB on average\n")
    print("| search | events | rows | events/s of CPU time | events/s | peak memory |\n|---|---|---|---|---|---|")
    found = {}
    for name in SEARCHES:
        for count in options.events:
            one = found[name, count] = measured(name, count, options.size)
            print(
                f"| {name} | {count:,} | {one.rows:,} | {count / one.cpu_s:,.0f} | {count / one.took_s:,.0f} "
                f"| {one.peak_mb:.0f} MB |",
                flush=True,
            )
    most, least = max(options.events), min(options.events)
    growth = found["streaming", most].peak_mb / found["streaming", least].peak_mb - 1
    print(
        f"\nhourly: {most / found['hourly', most].cpu_s:,.0f} events/s (target: {MIN_EVENTS_S:,} at least); "
        f"streaming: {growth:+.0%} memory between the sizes (target: {MAX_GROWTH:.0%} at most)"
    )


if __name__ == "__main__":
    main()
