"""A pytest plug-in that collects what `make test-splunk` found, as a text to paste into an issue, and says where it
wrote it.

Tests add to it with pytest's record_property: "answer" is (question, what Splunk says), "vector" a finding of
tests/docker/vectors.py. It contains no secrets: it masks those that are known and whatever looks like one.
"""

import os
import re
from collections import Counter
from datetime import datetime, timezone
from typing import Iterable, List

from tests.docker.engine import ROOT, NotStarted
from tests.support.fakes.kubernetes import TOKEN
from tests.support.fakes.segment import WRITE_KEY

FILE = ROOT / "build" / "test-splunk.md"
_ONE_LINE_CHARACTERS = 300
_SECRETS = re.compile(r"\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+|\b(?:Splunk|Bearer|Basic) [\w^+/=.~-]{16,}")
SAME, OTHER, CHOICE, NOT_ASKED = "same", "different", "different, by our choice", "not asked"
"""The possible results of a vector."""

_outcomes: Counter = Counter()
_failures: List[tuple] = []
_skipped: Counter = Counter()
_answers: List[tuple] = []
_vectors: List[tuple] = []


def pytest_runtest_logreport(report) -> None:
    if report.when == "call" or report.outcome != "passed":
        _outcomes[report.outcome if report.when == "call" or report.skipped else "error"] += 1
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        _failures.append((report.nodeid, crash.message if crash else str(report.longrepr)))
    if report.skipped:
        _skipped[report.longrepr[2].replace("Skipped: ", "")] += 1
    if report.when == "teardown":
        _answers.extend(value for name, value in report.user_properties if name == "answer")
        _vectors.extend(value for name, value in report.user_properties if name == "vector")


def pytest_exception_interact(node, call, report) -> None:
    """If Splunk does not start for one test, it will not start for the others."""
    if call.excinfo.errisinstance(NotStarted):
        node.session.shouldstop = str(call.excinfo.value)


def pytest_terminal_summary(terminalreporter) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
    terminalreporter.write_line("Paste this into an issue: %s" % FILE)


def text() -> str:
    """The whole report, in Markdown."""
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    vectors = Counter(outcome for _, outcome, _ in _vectors)
    return "".join(
        [
            "# Segment Bridge on Splunk: make test-splunk\n\n%s, splunk/splunk:%s. Tests: %s.\n"
            % (when, os.environ.get("SPLUNK_VERSION", "9.4"), _counts(_outcomes) or "none"),
            _section("What failed", ("test", "why"), _failures),
            _section("What was skipped", ("why", "tests"), _skipped.items()),
            _section("Answers", ("question", "what Splunk says"), _answers),
            _section(
                "The search language: %s" % _counts(vectors),
                ("vector", "is", "expected, and what Splunk says"),
                [each for each in _vectors if each[1] != SAME],
            ),
        ]
    )


def _counts(counter: Counter) -> str:
    return ", ".join("%d %s" % (number, name) for name, number in counter.items())


def _section(title: str, columns: tuple, rows: Iterable[tuple]) -> str:
    lines = ["| %s |" % " | ".join(map(_cell, row)) for row in rows]
    if not lines:
        return ""
    return "\n## %s\n\n| %s |\n|%s\n%s\n" % (title, " | ".join(columns), "---|" * len(columns), "\n".join(lines))


def _cell(value) -> str:
    """One line of a table, with secrets masked."""
    shown = str(value)
    for secret in (os.environ.get("SPLUNK_PASSWORD"), WRITE_KEY, TOKEN):
        shown = shown.replace(secret, "***") if secret else shown
    shown = _SECRETS.sub("***", shown).replace(str(ROOT), ".")
    shown = " ".join(shown.split()).replace("|", "\\|").replace("<", "&lt;")
    return shown if len(shown) <= _ONE_LINE_CHARACTERS else shown[:_ONE_LINE_CHARACTERS] + "..."
