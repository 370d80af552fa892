"""Sends a million of the oddest rows through `segmentsend` to a Segment that accepts only what is valid.

    python -m tests.bench hostile_rows --rows 1000000 --seed 1

It prints how many rows had which outcome, or stops at the first row that comes back wrong.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.bench.segmentsend import Bench, built
from tests.integration import hostile
from tests.integration.chunked import Command, environment
from tests.support import pythons
from tests.support.fakes.segment import FakeSegment

CHUNK_ROWS = 2_500


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench hostile_rows", description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--python", default="3.9")
    given = options.parse_args()
    chance = random.Random(given.seed)
    counts: Counter = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), built())
        with bench.splunkd, FakeSegment() as segment:
            bench.splunkd.conf["segment_bridge"]["segment"] = {"url": segment.url + "/v1/batch"}
            ((version, python),) = pythons.installed([given.python]).items()
            with Command([str(python), bench.script], [], bench.searchinfo(), environment(Path(folder))) as command:
                command.getinfo()
                for start in range(0, given.rows, CHUNK_ROWS):
                    rows = min(CHUNK_ROWS, given.rows - start)
                    counts += hostile.check(command, segment, hostile.chunk(chance, rows))
                peak_mb = bench.peak_mb(command.pid)
                result = command.finish()
    if result.exit_code or result.stderr or sum(counts.values()) != given.rows:
        raise SystemExit("it ended with %d: %s" % (result.exit_code, result.stderr))
    outcomes = ", ".join("%s %s" % (format(count, ","), status) for status, count in counts.most_common())
    print("Python %s, seed %d: %s rows in %d s, %s; peak %d MB" % (
        version, given.seed, format(given.rows, ","), time.monotonic() - began, outcomes, peak_mb))  # fmt: skip


if __name__ == "__main__":
    main()
