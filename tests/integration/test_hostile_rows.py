"""However odd the rows: no crash, no invalid request, no row without an outcome.

tests.bench.hostile_rows does the same with 1,000,000 rows.
"""

from __future__ import annotations

import random
from collections import Counter

from tests.integration import hostile

ROWS, CHUNK_ROWS = 20_000, 250


def test_no_row_is_too_odd(segmentsend, segment):
    chance = random.Random(4)
    counts: Counter = Counter()
    with segmentsend.start() as command:
        command.getinfo()
        for _ in range(ROWS // CHUNK_ROWS):
            counts += hostile.check(command, segment, hostile.chunk(chance, CHUNK_ROWS))
        result = command.finish()
    assert (result.exit_code, result.stderr) == (0, "")
    assert sum(counts.values()) == ROWS
    assert min(counts["accepted"], counts["rejected"], counts["duplicate"]) > ROWS / 200
    assert counts["failed"] == counts["unsent"] == 0
