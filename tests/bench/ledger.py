"""What the delivery ledger costs and saves for an hourly job that reads four hours, three of them already accepted.

    python -m tests.bench ledger [--rows 400000] [--rounds 3]

The stand-in provides Splunk's REST API and KV store; Segment runs in its own process. CPU time is segmentsend's.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from tests.bench.segmentsend import Bench, Contender, Rows, built, table
from tests.standin.sessions import SYSTEM_USER
from tests.standin.splunkd import Splunkd
from tests.support import pythons
from tests.support.fakes.segment import WRITE_KEY

APP, LEDGER = "segment_bridge", "segment_ledger"
CHUNK_ROWS = 50_000


class LedgerBench(Bench):
    """Runs segmentsend with the ledger off and on."""

    def __init__(self, folder: Path, package: Path, splunkd: Splunkd):
        super().__init__(folder, package)
        self._standin = splunkd
        splunkd.install(package, update=False)
        splunkd.secrets.create(APP, "segment", APP, WRITE_KEY)
        self._session = splunkd.sessions.open(SYSTEM_USER)
        self._ledger = splunkd.kvstore.collection(APP, LEDGER, "nobody")
        self.is_on = False

    def searchinfo(self) -> dict:
        return {**super().searchinfo(), "splunkd_uri": self._standin.management_url, "session_key": self._session.key}

    def start(self, contender, url: str, gzip: bool):
        self._standin.confs.write(
            "segment_bridge",
            APP,
            "segment",
            {"url": url + "/v1/batch", "gzip": str(gzip).lower(), "ledger": str(int(self.is_on))},
        )
        return super().start(contender, url, gzip)

    def fill(self, contender: Contender, count: int) -> None:
        """Marks this many events as accepted."""
        self.is_on = True
        self.run(contender, Rows(count), CHUNK_ROWS, gzip=True)

    def measure(self, contender: Contender, count: int, is_on: bool, latency_s: float):
        """Runs once, then puts the ledger back as it was."""
        before = {document["_key"] for document in self._ledger.find()}
        self.is_on = is_on
        sent = count // 4 if is_on else count
        figures = self.run(contender, Rows(count), CHUNK_ROWS, latency_s, gzip=True, sent=sent)
        for document in self._ledger.find():
            if document["_key"] not in before:
                self._ledger.delete_one(document["_key"])
        return figures


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench ledger", description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=400_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--latency", type=float, default=0.05, help="seconds that Segment takes to answer")
    given = options.parse_args()
    python = next(iter(pythons.installed().values()))
    with tempfile.TemporaryDirectory() as folder, Splunkd(Path(folder) / "standin") as splunkd:
        bench = LedgerBench(Path(folder) / "splunk", built(), splunkd)
        contender = Contender("segmentsend", [str(python), bench.script])
        bench.fill(contender, given.rows * 3 // 4)
        runs = {False: [], True: []}
        for _ in range(given.rounds):
            for is_on, figures in runs.items():
                figures.append(bench.measure(contender, given.rows, is_on, given.latency))
    lines = [
        ["on" if is_on else "off", *("%.1f" % statistics.median(column) for column in zip(*figures))]
        for is_on, figures in runs.items()
    ]
    table(["ledger", "wall s", "CPU s", "peak MB"], lines)


if __name__ == "__main__":
    main()
