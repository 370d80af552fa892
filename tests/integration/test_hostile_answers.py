"""However a receiver answers: no crash, no row without an outcome, no secret shown, and an end in time.

tests.bench.hostile_answers does the same with 100,000 answers.
"""

from __future__ import annotations

import time

import pytest

from tests.bench import hostile_answers
from tests.integration.invariants import STATUSES, rows, statuses
from tests.support.fakes.hostile import HostileReceiver, forms
from tests.support.fakes.segment import WRITE_KEY
from tests.support.pythons import SPLUNKS, find


@pytest.mark.parametrize("version", SPLUNKS)
def test_each_answer_is_handled(version, package):
    python = find(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    kinds = hostile_answers.post(python, 2_000, 5)["kinds"]
    assert {"ACCEPTED", "REFUSED", "DENIED", "TRANSIENT", "THROTTLED"} <= kinds.keys()


@pytest.mark.parametrize("seed", range(3))
def test_a_run_ends_with_an_outcome_for_each_row(segmentsend, splunkd, seed):
    sent = rows(600)
    with HostileReceiver(seed) as receiver:
        splunkd.conf["segment_bridge"]["segment"]["url"] = f"{receiver.url}/v1/batch"
        began = time.monotonic()
        result = segmentsend(sent, "max_batch_events=20", "timeout=0.5", "max_attempts=2", "deadline=15", "onfail=warn",
                             "dead_letters=true")  # fmt: skip
    assert time.monotonic() - began < 60
    assert len(result.rows) == 600 and set(statuses(result)) <= STATUSES
    assert (result.exit_code, result.stderr) == (0, "")
    log = (segmentsend.splunk_home / "var/log/splunk/segment_bridge.log").read_text(encoding="utf-8")
    assert all(line.isprintable() for line in log.splitlines())
    shown = (log + repr(result) + repr(splunkd.collections)).encode()
    assert not [form for form in forms(WRITE_KEY) if form in shown]
