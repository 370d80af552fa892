"""`make demo`: the whole job, from a cluster's audit log to Segment, including a failure and the recovery from it.

Splunk, Segment and the cluster are stand-ins on loopback. The app's own programs run from the installed package. The
exit status is 0 only if Segment ends up with exactly the events that the recorded input must produce.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Dict, List

import requests

from tests.support import recorded
from tests.support.administrator import JOB, RUN_END, Outcome
from tests.support.environment import Environment
from tests.support.fakes.segment import WRITE_KEY
from tests.support.receipts import receipts

ALERT = "Segment Bridge - Alert - Events were not accepted"
RECEIPTS = "Segment Bridge - Fetch receipts"


class Console:
    """Prints one line per step: what it does, its progress, how long it took."""

    def __init__(self, out=sys.stdout):
        self._out, self._live = out, out.isatty()
        self._label, self._started = "", 0.0

    def step(self, label: str) -> "Console":
        self._label = label
        return self

    def __enter__(self) -> "Console":
        self._started = time.monotonic()
        self._print("  ... %s" % self._label, end="" if self._live else "\n")
        return self

    def progress(self, text: str) -> None:
        if self._live:
            self._print("\r  ... %s: %s" % (self._label, text), end="")

    def __exit__(self, kind, error, trace) -> None:
        mark = "ok " if kind is None else "NO "
        self._print(
            "%s  %s %s (%.1f s)"
            % ("\r\033[K" if self._live else "", mark, self._label, time.monotonic() - self._started)
        )

    def say(self, text: str = "") -> None:
        self._print(text)

    def table(self, rows: List[Dict[str, str]], columns: List[str]) -> None:
        widths = [
            max(len(column), *(len(str(row.get(column, ""))) for row in rows)) if rows else len(column)
            for column in columns
        ]
        cells_of = [[str(row.get(column, "")) for column in columns] for row in rows]
        for cells in [columns, ["-" * width for width in widths], *cells_of]:
            self._print("      " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())

    def _print(self, text: str, end: str = "\n") -> None:
        self._out.write(text + end)
        self._out.flush()


class Demo:
    """The story of the demo, and its output."""

    def __init__(self, console: Console, environment: Environment):
        self._console, self._environment = console, environment
        self._admin, self._segment = environment.admin, environment.segment
        self._expected = recorded.expected_messages()

    def run(self, package: Path) -> bool:
        """Returns True if everything came out right."""
        lines = sorted(recorded.audit_lines(), key=lambda line: line.offset)
        half = len(lines) // 2

        self._console.say("An administrator installs the app and sets it up")
        self._set_up(package)

        self._console.say("\nAn ordinary hour")
        self._index(lines[:half], "the first half of the recorded audit events")
        ordinary = self._send()
        self._console.table(ordinary.rows, ["journey", "segment_status", "segment_reason", "count"])

        self._console.say("\nAn hour without Segment")
        self._index(lines[half:], "the other half")
        self._segment.down()
        unlucky = self._send()
        noticed = self._show_failure(unlucky)

        self._console.say("\nThe hour after")
        self._segment.up()
        recovered = self._send()
        self._console.table(recovered.rows, ["journey", "segment_status", "segment_reason", "count"])
        left = self._show_dead_letters()

        self._console.say("\nWhat Segment received")
        exact = self._show_received()

        self._console.say("\nWhat Segment says became of it")
        told = self._show_receipts()
        return exact and told and noticed and not left and not ordinary.failed and not recovered.failed

    def _set_up(self, package: Path) -> None:
        with self._console.step("upload %s in Splunk Web" % package.name):
            self._admin.upload(str(package))
        with self._console.step("set the destination, the write key, the cluster and the macro for audit events"):
            self._environment.set_up()
        with self._console.step("the input pulls UserSignups and namespaces from the cluster"):
            users, namespaces = self._environment.wait_for_user_map()
        self._console.say(
            "      %d usernames with an SSO user ID, %d tenant namespaces" % (len(users), len(namespaces))
        )

    def _index(self, lines: List[recorded.AuditLine], what: str) -> None:
        size = sum(len(line.raw.encode()) for line in lines)
        with self._console.step("index %s: %d lines, %.1f MB" % (what, len(lines), size / 1e6)):
            self._environment.index(lines)

    def _send(self) -> Outcome:
        with self._console.step('run the hourly search "%s"' % JOB) as step:
            return self._admin.run_saved_search(progress=lambda seconds: step.progress("%.0f s" % seconds))

    def _show_failure(self, outcome: Outcome) -> bool:
        self._console.say("      the search job %s" % ("FAILED:" if outcome.failed else "did not fail"))
        for level, text in outcome.messages:
            self._console.say("        %s  %s" % (level, text))
        with self._console.step("wait until splunkd has read the run log"):
            self._admin.wait_for_rows(RUN_END % outcome.sid)
        with self._console.step('run the alert "%s"' % ALERT):
            alert = self._admin.run_saved_search(ALERT)
        self._console.table(alert.rows, list(alert.rows[0]) if alert.rows else [])
        fired = self._admin.fired_alerts()
        self._console.say("      triggered alerts: %s" % (", ".join(fired) or "none"))
        self._show_dead_letters()
        return outcome.failed and ALERT in fired

    def _show_dead_letters(self) -> int:
        left = len(self._admin.records("segment_dead_letters"))
        self._console.say("      dead letters waiting to be sent again: %d" % left)
        return left

    def _show_received(self) -> bool:
        counts = self._segment.counts()
        self._console.say(
            "      {requests} requests, {body_bytes} bytes ({wire_bytes} as sent)\n"
            "      {accepted} unique events, {duplicates} repeats, which Segment dropped".format(**counts)
        )
        got = recorded.as_expected(self._segment.accepted)
        missing, surplus = set(self._expected) - set(got), set(got) - set(self._expected)
        other = {key for key in set(got) & set(self._expected) if got[key] != self._expected[key]}
        self._console.say(
            "      of the %d expected: %d missing, %d different; %d unexpected"
            % (len(self._expected), len(missing), len(other), len(surplus))
        )
        for key in sorted(missing | surplus | other)[:3]:
            self._console.say(
                "        expected %s\n        got      %s"
                % tuple(json.dumps(side.get(key), sort_keys=True, ensure_ascii=False) for side in (self._expected, got))
            )
        if got:
            self._console.say("\nOne of them in full")
            longest = max(self._segment.accepted.values(), key=lambda event: len(event.message["properties"]))
            self._console.say(json.dumps(longest.message, indent=2, ensure_ascii=False))
        trouble = [self._segment.discarded, self._segment.lost, self._segment.vanished]
        return not (missing or surplus or other or any(trouble))

    def _show_receipts(self) -> bool:
        """Returns True if Segment's receipts account for each event."""
        with receipts(self._environment):
            with self._console.step("another sender of the same source sends an event whose userId is a number"):
                body = {"batch": [{"type": "track", "event": "Signed up", "userId": 4711}]}
                answer = requests.post(self._segment.url + "/v1/batch", json=body, auth=(WRITE_KEY, ""), timeout=30)
                time.sleep(1)  # receipts are requested up to a whole second, which must be over
            self._console.say("      Segment answers %d %s" % (answer.status_code, answer.text))
            with self._console.step('run the hourly search "%s"' % RECEIPTS):
                rows = self._admin.run_saved_search(RECEIPTS).rows
        self._console.table(rows, ["event", "accepted", "repeats", "received", "thrown_away"])
        discards = self._admin.search("| `segment_bridge_receipts` | `segment_bridge_discards`").rows
        self._console.table(discards, ["event", "reason", "events", "cure"])
        counts = {name: sum(int(row[name]) for row in rows) for name in ("accepted", "repeats", "received")}
        self._console.say(
            "      accepted {accepted}, of which at most {repeats} are repeats; received {received}".format(**counts)
        )
        return (
            counts["received"] == len(self._segment.accepted)
            and counts["accepted"] - counts["repeats"] <= counts["received"] <= counts["accepted"]
            and [(row["event"], row["reason"], int(row["events"])) for row in discards]
            == [("Signed up", "id_not_string", 1)]
        )


def _addresses(environment: Environment) -> str:
    splunk = environment.splunk
    return "\n".join(
        (
            "",
            *(
                "%-16s%s" % line
                for line in (
                    ("Splunk Web", "%s   user admin, password %s" % (splunk.web, splunk.password)),
                    ("Splunk REST", splunk.management),
                    ("HEC", splunk.hec),
                    ("Segment", environment.segment.url + "   (counts; /events lists them)"),
                    ("Kubernetes API", environment.cluster.url),
                )
            ),
            "Press Ctrl-C to stop them.",
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument("package", type=Path, help="dist/segment_bridge-<version>.tar.gz")
    options = parser.parse_args()
    console, began = Console(), time.monotonic()
    with contextlib.ExitStack() as stack:
        with console.step("start Splunk's stand-in, Segment and a cluster on loopback"):
            environment = stack.enter_context(Environment())
        ok = Demo(console, environment).run(options.package)
        console.say("\n%s in %.0f s" % ("All correct" if ok else "NOT correct", time.monotonic() - began))
        if options.keep:
            with contextlib.suppress(KeyboardInterrupt):
                console.say(_addresses(environment))
                while True:
                    time.sleep(3600)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
