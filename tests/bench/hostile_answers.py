"""Gives the HTTP client of `segmentsend` a hundred thousand of the worst possible answers.

    python -m tests.bench hostile_answers --answers 100000 --seed 1

The client must turn each into one of its own answers, in time, in little memory, described in one printable line
without the write key, which the receiver echoes in every way it can. The benchmark prints the answers by kind, or stops
at the first wrong one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.support import pythons
from tests.support.fakes.segment import WRITE_KEY

ROOT = Path(__file__).resolve().parents[2]
SENDER = ROOT / "tests/bench/senders/hostile_answers.py"
MAX_PEAK_MB = 120


def post(python: Path, answers: int, seed: int) -> dict:
    """Returns what the sender, run with `python`, prints, while another process answers.

    Raises:
        SystemExit: it does not end as it should.
    """
    arguments = [sys.executable, "-m", "tests.support.fakes.hostile", "--seed", str(seed)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            url = receiver.stdout.readline().strip()
            done = subprocess.run(
                [python, SENDER, url, str(answers)],
                env={"PYTHONPATH": "%s:%s" % (ROOT / "bin", ROOT / "build/lib")},
                input=WRITE_KEY + "\n",
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            receiver.kill()
    if done.returncode or done.stderr:
        raise SystemExit("it ended with %d: %s" % (done.returncode, done.stderr[:2_000]))
    found = json.loads(done.stdout)
    if found["wrong"] or found["peak_mb"] > MAX_PEAK_MB or sum(found["kinds"].values()) != answers:
        raise SystemExit("%s; peak %d MB" % ("; ".join(found["wrong"]), found["peak_mb"]))
    return found


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench hostile_answers", description=__doc__.splitlines()[0])
    options.add_argument("--answers", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    for version, python in pythons.installed().items():
        began = time.monotonic()
        found = post(python, given.answers, given.seed)
        kinds = ", ".join("%s %s" % (format(count, ","), kind) for kind, count in Counter(found["kinds"]).most_common())
        print("Python %s, seed %d: %s answers in %d s: %s; the longest took %.1f s, peak %d MB (at most %d)" % (
            version, given.seed, format(given.answers, ","), time.monotonic() - began, kinds, found["longest_s"],
            found["peak_mb"], MAX_PEAK_MB), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
