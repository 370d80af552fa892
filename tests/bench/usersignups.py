"""How long the usersignups input takes and how much memory, compared with kubectl listing the same objects.

    python -m tests.bench usersignups                   # 100,000 and 10,000 made-up signups, on the fake API server
    KUBECONFIG=... python -m tests.bench usersignups    # those of a real cluster, by its current context

Each figure comes from its own process, from start to end. KV store is an in-memory double, so a run shows what the
input costs, not what KV store costs. Linux only: memory is the peak resident set from /proc.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from tests.support import pythons
from tests.support.fakes.kubernetes_objects import HOST_NAMESPACE
from tests.support.splunkd import SplunkdDouble, SplunkdServer

ROOT = Path(__file__).resolve().parents[2]
SIZES = (100_000, 10_000)
MAX_PEAK_MB, MAX_IMPORT_S, MAX_RATIO, MAX_PEAK_DIFFERENCE = 120, 0.4, 1.0, 0.1

LISTING = """
import sys
sys.path.insert(0, sys.argv[1])
import segment_bridge
from segment_bridge.retry import Retry
from segment_bridge.users.access import Access
from segment_bridge.users.kube_api import ApiServer
from segment_bridge.users.settings import Cluster
from segment_bridge.users.sources import kinds
cluster = Cluster("bench", namespace=sys.argv[3])
with ApiServer(Access(kubeconfig=sys.argv[2]), Retry(5)) as server:
    print(sum(map(len, server.pages(kinds(cluster)[0].resource, cluster.page_size))))
"""
"""Lists as the input does, and nothing else."""

IMPORT = (
    "import sys, time; sys.path.insert(0, sys.argv[1]); began = time.perf_counter(); "
    "import kubernetes.client.api_client; print(time.perf_counter() - began)"
)


class Run(NamedTuple):
    """A process that succeeded."""

    took_s: float
    peak_mb: float
    out: str


def run(command: list, text: str = "", out: Path | None = None, **env: str) -> Run:
    """Runs a command with `text` on its stdin. Its stdout goes to the file, if one is given.

    Raises:
        SystemExit: it failed.
    """
    with contextlib.ExitStack() as stack:
        given, said, complaint = (stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3))
        given.write(text)
        given.seek(0)
        if out:
            said = stack.enter_context(out.open("w+"))
        began = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command], stdin=given, stdout=said, stderr=complaint, env={**os.environ, **env}
        )
        peak_kb = 0
        while process.poll() is None:
            peak_kb = max(peak_kb, _peak_kb(process.pid))
            time.sleep(0.01)
        took_s = time.monotonic() - began
        complaint.seek(0)
        if process.returncode:
            sys.exit(f"{command[0]} failed with status {process.returncode}: {complaint.read()}")
        said.seek(0)
        return Run(took_s, peak_kb / 1000, "" if out else said.read())


def _peak_kb(pid: int) -> int:
    """The peak resident set so far; 0 for a process that has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    return 0


@contextlib.contextmanager
def fake_cluster(folder: Path, signups: int):
    """Starts a fake API server in its own process. Returns a kubeconfig for it."""
    kubeconfig = folder / "kubeconfig"
    command = [
        sys.executable,
        "-m",
        "tests.support.fakes.kubernetes",
        "--kubeconfig",
        kubeconfig,
        "--signups",
        str(signups),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as server:
        server.stdout.readline()  # wait until it listens
        try:
            yield kubeconfig
        finally:
            server.terminate()


class Bench:
    """The input from the working tree, with the libraries that package.sh has built."""

    def __init__(self, folder: Path, python: Path, namespace: str):
        self._folder, self._python, self._namespace = folder, python, namespace
        self._app = folder / "etc/apps/segment_bridge"
        self._app.mkdir(parents=True)
        shutil.copytree(ROOT / "bin", self._app / "bin")
        (self._app / "lib").symlink_to(ROOT / "build/lib")
        (folder / "var/log/splunk").mkdir(parents=True)

    def import_s(self, count: int) -> float:
        """The time to import the Kubernetes client: the shortest of so many, because it was disturbed least."""
        command = [self._python, "-I", "-c", IMPORT, self._app / "lib"]
        return min(float(run(command).out) for _ in range(count))

    def listing(self, kubeconfig: Path) -> Run:
        return run([self._python, "-c", LISTING, self._app / "bin", kubeconfig, self._namespace])

    def kubectl(self, kubeconfig: Path) -> Run:
        """`kubectl get usersignups -o json` into a file. Its discovery cache is warm after the first time."""
        command = ["kubectl", "--kubeconfig", kubeconfig, "-n", self._namespace, "get", "usersignups", "-o", "json"]
        return run(command, out=self._folder / "kubectl.json", HOME=str(self._folder))

    def runs(self, kubeconfig: Path, double: SplunkdDouble) -> tuple[Run, Run]:
        """A first run, into empty collections, and a second one, which must write nothing."""
        double.passwords["usersignups:bench"] = "unused"
        with SplunkdServer(double) as splunkd:
            first = self._run_input(kubeconfig, splunkd)
            double.requests.clear()
            again = self._run_input(kubeconfig, splunkd)
            saves = [each for each in splunkd.requests if each.target.endswith("/usersignups/batch_save")]
        if len(saves) != -(-len(double.collections["usersignups"]) // 1_000):
            sys.exit(f"{len(saves)} batches were written in the two runs, more than the first one needs")
        return first, again

    def _run_input(self, kubeconfig: Path, splunkd: SplunkdServer) -> Run:
        settings = {"kubeconfig": kubeconfig, "namespace": self._namespace, "tenant_namespaces": "0", "interval": "900"}
        parameters = "".join(f'<param name="{name}">{escape(str(value))}</param>' for name, value in settings.items())
        definition = (
            f"<input><server_host>bench</server_host><server_uri>{splunkd.url}</server_uri><session_key>"
            f"{splunkd.session_key}</session_key><checkpoint_dir>/nowhere</checkpoint_dir><configuration><stanza "
            f'name="usersignups://bench" app="segment_bridge">{parameters}</stanza></configuration></input>'
        )
        return run([self._python, self._app / "bin/usersignups.py"], definition, SPLUNK_HOME=str(self._folder))


def line(*cells: object) -> None:
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


def measure(bench: Bench, kubeconfig: Path, rounds: int) -> float:
    """Prints a table. Returns the peak memory of the runs, in MB."""
    has_kubectl = shutil.which("kubectl")
    listings, others = [], []
    for _ in range(rounds):  # in turn, so that other load on the machine affects both
        listings.append(bench.listing(kubeconfig))
        if has_kubectl:
            others.append(bench.kubectl(kubeconfig))
    count = int(listings[0].out)
    double = SplunkdDouble()
    first, again = bench.runs(kubeconfig, double)
    print(f"\n{count:,} UserSignups, {len(double.collections['usersignups']):,} records\n")
    line("", "wall time", "peak memory")
    line("---", "---:", "---:")
    for name, runs in (
        ("listing alone", listings),
        ("`kubectl get usersignups -o json`", others),
        ("first run", [first]),
        ("run without changes", [again]),
    ):
        if runs:
            took_s = statistics.median(each.took_s for each in runs)
            line(name, f"{took_s:.2f} s", f"{max(each.peak_mb for each in runs):.0f} MB")
    if has_kubectl:
        ratio = statistics.median(own.took_s / other.took_s for own, other in zip(listings, others))
        print(f"\nlisting alone / kubectl: {ratio:.2f} (target: {MAX_RATIO:.1f} at most)")
    else:
        print("\nkubectl is not installed, so there is nothing to compare with.")
    return max(first.peak_mb, again.peak_mb)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench usersignups")
    options.add_argument("--signups", type=int, nargs="+", default=SIZES, help="how many signups each fake cluster has")
    options.add_argument("--namespace", default=HOST_NAMESPACE)
    options.add_argument("--rounds", type=int, default=3, help="of listings")
    options.add_argument("--imports", type=int, default=5)
    options.add_argument("--pythons", nargs="+", default=pythons.SPLUNKS)
    given = options.parse_args()
    for version, python in pythons.installed(given.pythons).items():
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), python, given.namespace)
            import_ms = 1000 * bench.import_s(given.imports)
            print(
                f"\n### Python {version}\n\nimport of the Kubernetes client: {import_ms:.0f} ms "
                f"(target: under {MAX_IMPORT_S * 1000:.0f})"
            )
            if "KUBECONFIG" in os.environ:
                peaks = [measure(bench, Path(os.environ["KUBECONFIG"]), given.rounds)]
            else:
                peaks = []
                for signups in given.signups:
                    with fake_cluster(Path(folder), signups) as kubeconfig:
                        peaks.append(measure(bench, kubeconfig, given.rounds))
            print(
                f"\npeak memory of a run: {max(peaks):.0f} MB (target: under {MAX_PEAK_MB}), "
                f"{max(peaks) / min(peaks) - 1:+.0%} between the sizes (target: {MAX_PEAK_DIFFERENCE:.0%} at most)"
            )


if __name__ == "__main__":
    main()
