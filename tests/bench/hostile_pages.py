"""Has the input's own client, in its own process, list a hundred thousand odd answers of an API server.

    python -m tests.bench hostile_pages --pages 100000 --seed 1

tests.integration.hostile_pages says what is odd about them, and what must come of them. The benchmark prints how many
had which outcome, or stops at the first wrong one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.integration import hostile_pages
from tests.support import pythons

ROOT = Path(__file__).resolve().parents[2]
MAX_PEAK_MB = 120


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench hostile_pages", description=__doc__.splitlines()[0])
    options.add_argument("--pages", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    for version, python in pythons.installed().items():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "bin").symlink_to(ROOT / "bin")
            (Path(folder) / "lib").symlink_to(ROOT / "build/lib")
            found = hostile_pages.list_pages(python, Path(folder), given.pages, given.seed)
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in found.outcomes.most_common())
        took_s = time.monotonic() - began
        print(
            f"Python {version}, seed {given.seed}: {given.pages:,} answers in {took_s:.0f} s, {outcomes}; the longest "
            f"took {found.longest_s:.1f} s; peak {found.peak_mb:.0f} MB (target: under {MAX_PEAK_MB})"
        )


if __name__ == "__main__":
    main()
