"""How fast `segmentsend` is compared with other ways of sending the same rows to the same endpoint.

    python -m tests.bench segmentsend                         # everything, about half an hour
    python -m tests.bench segmentsend --parts reading latency --rows 20000 --rounds 1 --pythons 3.13

Every contender runs in its own process, between this one, which plays splunkd, and a fake Segment in a third.
Contenders take turns, round after round, and the figures are medians: on a machine with other work only the ratios mean
something. CPU time is the contender's own (with its children). Peak memory comes from /proc (VmHWM): Linux only.

It needs jq, curl and split for the pipeline, and builds an environment from requirements.txt for
segment-analytics-python. It leaves out contenders that are not available, and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.integration.chunked import environment
from tests.standin.stores import packages
from tests.support import pythons
from tests.support.fakes.segment import WRITE_KEY, Separate
from tests.support.splunkd import SplunkdServer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SENDERS = HERE / "senders"
PARTS = ("reading", "forms", "latency", "overlap", "level", "memory", "startup")
CONCURRENCY, BATCH_BYTES = 4, 480_000  # the defaults


# --- Rows ------------------------------------------------------------------------------------------------------------

NAMES = ("messageId", "timestamp", "type", "userId", "event", "namespace", "properties", "context", "_time")


_TYPES = {int: "number", bool: "boolean"}


class Rows:
    """This many rows of about this many bytes, as chunks of CSV or as JSON lines.

    Their objects are JSON texts, or with `typed` columns such as properties.replicas:number. `given`: they have
    messageIds.
    """

    def __init__(self, count: int, row_bytes: int = 1_000, *, typed: bool = False, given: bool = True):
        self.count = count
        properties = {"name": "component-%08d", "namespace": "user-tenant", "workspace": "user", "application": "shop",
                      "cluster": "stone-prod-p01", "kind": "Component", "replicas": 3, "public": True}  # fmt: skip
        context = {"userAgent": "kubectl/v1.31.0 (linux/amd64) kubernetes/9edcffc", "groupId": "user", "ip": "10.0.0.1"}
        properties["text"] = "é" + "x" * max(0, row_bytes - 640)
        texts = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in (properties, context)]
        cells = ["a1b2c3d4-0000-4000-8000-%012d", "2026-11-24T10:00:00.013998Z", "track", "f:12-%08d",
                 "Component created", "user-tenant", *texts, "1764000000.013"]  # fmt: skip
        self._names = NAMES
        if typed:
            types = {name: _TYPES.get(type(value), "string") for name, value in properties.items()}
            columns = {"properties.%s:%s" % (name, types[name]): value for name, value in properties.items()}
            columns.update({"context." + name: value for name, value in context.items()})
            self._names = (*NAMES[:6], *columns, "_time")
            cells[6:8] = [str(value).lower() if value is True else str(value) for value in columns.values()]
        if not given:
            self._names, cells = self._names[1:], cells[1:]
        self._numbers = sum(cell.count("%0") for cell in cells)
        quoted = ['"%s"' % cell.replace('"', '""') if '"' in cell else cell for cell in cells]
        self._row = (",".join(quoted) + "," * len(self._names) + "\n").encode()
        if typed or not given:
            return
        self._line = (json.dumps(dict(zip(NAMES, cells)), ensure_ascii=False) + "\n").encode()
        for name, text in zip(("properties", "context"), texts):
            self._line = self._line.replace(json.dumps(text, ensure_ascii=False).encode(), text.encode())
            assert b'"%s": {' % name.encode() in self._line

    def chunks(self, chunk_rows: int) -> Iterator[bytes]:
        """Whole chunks as splunkd writes them. The last one is empty."""
        header = ",".join('"_time"' if name == "_time" else name for name in self._names)
        header += "".join(',"__mv_%s"' % name for name in self._names) + "\n"
        for start in range(0, self.count, chunk_rows):
            numbers = range(start, min(start + chunk_rows, self.count))
            lines = (self._row % ((number,) * self._numbers) for number in numbers)
            yield _chunk(False, header.encode() + b"".join(lines))
        yield _chunk(True, b"")

    def lines(self) -> Iterator[bytes]:
        for start in range(0, self.count, 1_000):
            numbers = range(start, min(start + 1_000, self.count))
            yield b"".join(self._line % (number, number, number) for number in numbers)


def _chunk(finished: bool, body: bytes) -> bytes:
    metadata = json.dumps({"action": "execute", "finished": finished}).encode()
    return b"chunked 1.0,%d,%d\n%s%s" % (len(metadata), len(body), metadata, body)


# --- Runs ------------------------------------------------------------------------------------------------------------


class Figures(NamedTuple):
    wall_s: float
    cpu_s: float
    peak_mb: float

    @classmethod
    def median(cls, runs: Sequence[Figures]) -> Figures:
        return cls(*(statistics.median(each) for each in zip(*runs)))


class Contender(NamedTuple):
    name: str
    command: list[str]
    arguments: tuple[str, ...] = ()
    is_command: bool = True  # whether it speaks the search command protocol; if not, it reads JSON lines
    share: float = 1.0  # of the rows; less for slow contenders, of which only the rate matters
    sends: bool = True


class Bench:
    """The places and servers that the contenders run between."""

    def __init__(self, folder: Path, package: Path):
        (folder / "etc/apps").mkdir(parents=True)
        packages.install(folder / "etc", package, update=False)
        (folder / "var/log/splunk").mkdir(parents=True)
        self._home = folder
        self.script = str(folder / "etc/apps/segment_bridge/bin/segmentsend.py")
        self._library = str(folder / "etc/apps/segment_bridge/lib")
        self.counts: dict[str, int] = {}  # the endpoint's counts for the last run
        self.splunkd = SplunkdServer()
        self.splunkd.passwords["segment"] = WRITE_KEY

    def contenders(self, version: str, python: str) -> dict[str, Contender]:
        found = [
            Contender("segmentsend", [python, self.script]),
            Contender("segmentsend, 8 connections", [python, self.script], ("concurrency=8",)),
            Contender("splunklib no-op", [python, str(SENDERS / "noop.py")], sends=False),
            Contender("splunklib + requests", [python, str(SENDERS / "plain.py")]),
        ]
        if all(map(shutil.which, ("jq", "curl", "split"))):
            found.append(Contender("jq, split, curl", [str(SENDERS / "pipeline.sh")], is_command=False))
        else:
            print("(jq, curl or split is not installed: no pipeline)\n")
        analytics = _analytics(version, python)
        if analytics:
            found += [
                Contender("analytics-python alone", [analytics, str(SENDERS / "analytics_alone.py")], is_command=False),
                Contender(
                    "analytics-python in a command", [analytics, str(SENDERS / "analytics_command.py")], share=0.1
                ),
            ]
        return {each.name: each for each in found}

    def start(self, contender: Contender, url: str, gzip: bool) -> subprocess.Popen:
        self.splunkd.conf["segment_bridge"]["segment"] = {"url": url + "/v1/batch", "gzip": str(gzip).lower()}
        environ = {**environment(self._home), "SEGMENT_URL": url + "/v1/batch", "SEGMENT_WRITE_KEY": WRITE_KEY,
                   "PYTHONPATH": self._library}  # fmt: skip
        return subprocess.Popen(contender.command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def searchinfo(self) -> dict[str, object]:
        return {
            "app": "search",
            "command": "segmentsend",
            "dispatch_dir": str(self._home),
            "sid": "1764000000.1",
            "splunkd_uri": self.splunkd.url,
            "session_key": self.splunkd.session_key,
        }

    def getinfo(self, contender: Contender) -> bytes:
        """The first chunk that a command gets."""
        known = {"owner": "admin", "username": "admin", "splunk_version": "9.3.0", "search": "%7C%20makeresults",
                 "maxresultrows": 50000, "earliest_time": "0", "latest_time": "0"}  # fmt: skip
        arguments = list(contender.arguments)
        searchinfo = {**known, **self.searchinfo(), "args": arguments, "raw_args": arguments}
        metadata = json.dumps({"action": "getinfo", "preview": False, "searchinfo": searchinfo}).encode()
        return b"chunked 1.0,%d,0\n%s" % (len(metadata), metadata)

    @staticmethod
    def peak_mb(pid: int) -> float:
        status = Path("/proc/%d/status" % pid).read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def run(
        self,
        contender: Contender,
        rows: Rows,
        chunk_rows: int,
        latency_s: float = 0.0,
        gzip: bool = False,
        sent: int | None = None,
    ) -> Figures:
        """Runs one contender over all rows, from start to end, and checks that it sent what it should: by default
        all.
        """
        with Separate(latency_s=latency_s) as segment:
            began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            with self.start(contender, segment.url, gzip) as process:
                if contender.is_command:
                    _exchange(process, self.getinfo(contender))
                    for chunk in _ahead(rows.chunks(chunk_rows)):
                        _exchange(process, chunk)
                else:
                    for lines in rows.lines():
                        process.stdin.write(lines)
                peak_mb = self.peak_mb(process.pid)
                process.stdin.close()
                process.stdout.read()
            wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            self.counts = segment.counts()
        events = self.counts["events"]
        wanted = (rows.count if sent is None else sent) if contender.sends else 0
        if process.returncode or events != wanted:
            print("(%s ended with %s and sent %s of %s)" % (contender.name, process.returncode, events, wanted))
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Figures(wall_s, cpu_s, peak_mb)

    def interleaved(self, contenders: Sequence[Contender], rounds: int, count: int, chunk_rows: int,
                    **options) -> dict[str, tuple[int, Figures]]:  # fmt: skip
        """Medians by name, each with the number of rows that the contender got."""
        counts = {each.name: int(count * each.share) for each in contenders}
        runs: dict[str, list[Figures]] = {each.name: [] for each in contenders}
        for _ in range(rounds):
            for each in contenders:
                runs[each.name].append(self.run(each, Rows(counts[each.name]), chunk_rows, **options))
        return {name: (counts[name], Figures.median(found)) for name, found in runs.items()}


def _exchange(process: subprocess.Popen, chunk: bytes) -> None:
    """Sends a chunk and receives the reply without inspecting it."""
    process.stdin.write(chunk)
    process.stdin.flush()
    head = process.stdout.readline()
    left = sum(int(length) for length in head.split(b",")[1:])
    while left:
        left -= len(process.stdout.read1(min(left, 1 << 20)))


def _ahead(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the chunks, and makes the next one while the last is being processed."""
    made: list[bytes] = []

    def make():
        made.append(next(chunks, b""))

    make()
    while made[0]:
        chunk = made.pop()
        maker = threading.Thread(target=make)
        maker.start()
        yield chunk
        maker.join()


def _analytics(version: str, python: str) -> str:
    """A Python with segment-analytics-python, or an empty text if it cannot be installed."""
    folder = ROOT / "build/venvs" / ("bench-" + version)
    found = str(folder / "bin/python")
    if not (folder / "ready").exists():
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        install = [found, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes", "-r"]
        if subprocess.run([*install, str(HERE / "requirements.txt")], check=False).returncode:
            print("(requirements.txt cannot be installed: no segment-analytics-python)\n")
            return ""
        (folder / "ready").touch()
    return found


# --- The parts -------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    texts = [["%.2f" % cell if isinstance(cell, float) else str(cell) for cell in line] for line in [head, *lines]]
    widths = [max(map(len, column)) for column in zip(*texts)]
    for number, line in enumerate(texts):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(flush=True)


def reading(bench: Bench, version: str, python: str, given: argparse.Namespace) -> None:
    """Compares with splunklib's own reading and writing, without latency."""
    contenders = bench.contenders(version, python)
    three = [contenders[name] for name in ("segmentsend", "splunklib no-op", "splunklib + requests")]
    for gzip in (False, True):
        for chunk_rows in given.chunks:
            found = bench.interleaved(three, given.rounds, given.rows, chunk_rows, gzip=gzip)
            print("Python %s, %s rows, chunks of %s, gzip %s\n" % (
                version, format(given.rows, ","), format(chunk_rows, ","), "on" if gzip else "off"))  # fmt: skip
            noop = found["splunklib no-op"][1]
            table(
                ["", "wall s", "CPU s", "of no-op's wall", "of no-op's CPU", "peak MB"],
                [[name, wall_s, cpu_s, wall_s / noop.wall_s, cpu_s / noop.cpu_s, round(peak_mb)]
                 for name, (_, (wall_s, cpu_s, peak_mb)) in found.items()],
            )  # fmt: skip


def forms(bench: Bench, version: str, python: str, given: argparse.Namespace) -> None:
    """What rows cost by their shape, without latency and gzip."""
    command = Contender("segmentsend", [python, bench.script])
    known = {"JSON texts": {}, "typed columns": {"typed": True}, "JSON texts, no messageId": {"given": False},
             "typed columns, no messageId": {"typed": True, "given": False}}  # fmt: skip
    runs: dict[str, list[Figures]] = {name: [] for name in known}
    for _ in range(given.rounds):
        for name, options in known.items():
            runs[name].append(bench.run(command, Rows(given.rows, **options), 50_000))
    medians = {name: Figures.median(found) for name, found in runs.items()}
    print("Python %s, %s rows, chunks of 50,000, gzip off\n" % (version, format(given.rows, ",")))
    usual_s = medians["JSON texts"].cpu_s
    table(
        ["", "CPU s", "of that of JSON texts", "peak MB"],
        [[name, cpu_s, cpu_s / usual_s, round(peak_mb)] for name, (_, cpu_s, peak_mb) in medians.items()],
    )


def latency(bench: Bench, version: str, python: str, given: argparse.Namespace) -> None:
    """Compares with other senders at different latencies. segmentsend runs with its defaults, with gzip."""
    contenders = [each for each in bench.contenders(version, python).values() if each.sends]
    for seconds in [milliseconds / 1000 for milliseconds in given.latencies]:
        found = bench.interleaved(contenders, given.rounds, given.rows, 50_000, latency_s=seconds, gzip=True)
        print("Python %s, %s rows, %d ms per call\n" % (version, format(given.rows, ","), seconds * 1000))
        own_count, own = found["segmentsend"]
        own_rate = own_count / own.wall_s
        table(
            ["", "events/s", "CPU µs per event", "segmentsend is faster by", "peak MB"],
            [[name, format(round(count / each.wall_s), ","), round(1e6 * each.cpu_s / count),
              own_rate / (count / each.wall_s), round(each.peak_mb)]
             for name, (count, each) in found.items()],
        )  # fmt: skip


def overlap(bench: Bench, version: str, python: str, given: argparse.Namespace) -> None:
    """What share is reached of the highest possible rate, given the connections and the rate without latency."""
    options = ("concurrency=%d" % CONCURRENCY, "max_batch_bytes=%d" % BATCH_BYTES)
    contender = bench.contenders(version, python)["segmentsend"]._replace(arguments=options)
    rates: dict[int, list[float]] = {milliseconds: [] for milliseconds in (0, *given.latencies)}
    for _ in range(given.rounds):
        for milliseconds, found in rates.items():
            run = bench.run(contender, Rows(given.rows), 50_000, latency_s=milliseconds / 1000, gzip=True)
            found.append(given.rows / run.wall_s)
    full = BATCH_BYTES * bench.counts["events"] / bench.counts["body_bytes"]
    medians = {milliseconds: statistics.median(found) for milliseconds, found in rates.items()}
    lines = []
    for milliseconds in sorted({*given.latencies} - {0}):
        allowed = min(medians[0], 1000 / milliseconds * CONCURRENCY * full)
        numbers = (medians[0], allowed, medians[milliseconds])
        lines.append([milliseconds, *(format(round(rate), ",") for rate in numbers), medians[milliseconds] / allowed])
    print("Python %s, %s rows, chunks of 50,000, gzip on, events per second\n" % (version, format(given.rows, ",")))
    table(["ms per call", "at 0 ms", "highest possible", "found", "share"], lines)


def level(bench: Bench, version: str, python: str, given: argparse.Namespace) -> None:
    """What is gained by adapting the number of requests in flight, compared with the former four."""
    command = [python, bench.script]
    contenders = [Contender("adaptive", command), Contender("at most 4", command, ("concurrency=4",))]
    print("Python %s, %s rows, chunks of 50,000, gzip on\n" % (version, format(given.rows, ",")))
    lines = []
    for milliseconds in given.latencies:
        found = bench.interleaved(
            contenders, given.rounds, given.rows, 50_000, latency_s=milliseconds / 1000, gzip=True
        )
        (_, own), (_, four) = found.values()
        rates = [format(round(given.rows / each.wall_s), ",") for each in (own, four)]
        lines.append([milliseconds, *rates, four.wall_s / own.wall_s, own.cpu_s / four.cpu_s, round(own.peak_mb, 1)])
    table(["ms per call", "events/s", "events/s with 4", "ratio", "CPU, of that with 4", "peak MB"], lines)


def memory(bench: Bench, version: str, python: str, given: argparse.Namespace) -> None:
    """Peak memory for different numbers of rows, small and large, in chunks of medium and maximum size."""
    contender = bench.contenders(version, python)["segmentsend"]
    lines = []
    for row_bytes, chunk_rows in ((1_000, 10_000), (1_000, 50_000), (6_000, 50_000)):
        for count in (10_000, 100_000, given.most_rows):
            found = bench.run(contender, Rows(count, row_bytes), chunk_rows, gzip=True)
            sizes = [format(number, ",") for number in (row_bytes, chunk_rows, count)]
            lines.append([*sizes, round(found.peak_mb, 1), found.wall_s, found.cpu_s])
    print("Python %s, gzip on\n" % version)
    table(["bytes a row", "rows a chunk", "rows", "peak MB", "wall s", "CPU s"], lines)


def startup(bench: Bench, version: str, python: str, given: argparse.Namespace) -> None:
    """The time from the start of the process to the reply to getinfo, and that of the import that every command
    needs.
    """
    contender = bench.contenders(version, python)["segmentsend"]
    imports = Contender("", [python, "-c", "import splunklib.searchcommands"])
    took: dict[str, list[float]] = {"import splunklib.searchcommands": [], "segmentsend answers getinfo": []}
    for _ in range(given.starts):
        for name, each in zip(took, (imports, contender)):
            began = time.perf_counter()
            with bench.start(each, "http://127.0.0.1:1", gzip=True) as process:
                if each is contender:
                    _exchange(process, bench.getinfo(each))
                    took[name].append(time.perf_counter() - began)
                else:
                    process.wait()
                    took[name].append(time.perf_counter() - began)
                process.stdin.close()
    medians = {name: statistics.median(each) for name, each in took.items()}
    first = next(iter(medians.values()))
    print("Python %s, medians of %d\n" % (version, given.starts))
    table(["", "ms", "ratio"], [[name, round(1000 * each), each / first] for name, each in medians.items()])


def built() -> Path:
    """The app's package, built from the current sources."""
    run = subprocess.run([ROOT / "package.sh"], cwd=ROOT, capture_output=True, text=True, check=True)
    return ROOT / run.stdout.splitlines()[-1]


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench segmentsend", description=__doc__.splitlines()[0])
    options.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--most-rows", type=int, default=1_000_000, help="for the part memory")
    options.add_argument("--chunks", type=int, nargs="+", default=[2_500, 50_000], help="rows per chunk")
    options.add_argument("--latencies", type=int, nargs="+", default=[0, 50, 200], help="milliseconds per call")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--starts", type=int, default=15, help="for the part startup")
    options.add_argument("--pythons", nargs="+", default=pythons.SPLUNKS)
    given = options.parse_args()
    interpreters = pythons.installed(given.pythons)
    print("%s cores; Pythons %s\n" % (os.cpu_count(), ", ".join(interpreters)))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), built())
        with bench.splunkd:
            for version, python in interpreters.items():
                for part in given.parts:
                    print("## %s\n" % part)
                    globals()[part](bench, version, str(python), given)


if __name__ == "__main__":
    main()
