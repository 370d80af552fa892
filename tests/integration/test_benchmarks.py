"""Each benchmark still runs, with little input. Its figures are in tests/bench/README.md."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import NAMES

ROOT = Path(__file__).resolve().parents[2]
LITTLE = {
    "hostile_answers": "--answers 30",
    "hostile_pages": "--pages 20",
    "hostile_rows": "--rows 200",
    "ledger": "--rows 400 --rounds 1",
    "search": "--builds 1 --rows 2 --before default/macros.conf",
    "search_language": "--events 100",
    "segmentsend": "--parts overlap level startup --rows 200 --chunks 100 --latencies 0 --rounds 1 --starts 1 "
    "--pythons 3.9",
    "usersignups": "--signups 20 --rounds 1 --imports 1 --pythons 3.9",
}


def test_every_benchmark_is_tested():
    assert set(LITTLE) == set(NAMES)


@pytest.mark.parametrize("name", LITTLE)
def test_a_benchmark_runs_and_prints_its_figures(name, package):
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", name, *LITTLE[name].split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 2, done.stdout
