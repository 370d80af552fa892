"""Runs the input `usersignups`, and checks its settings before they are saved.

A run lists a cluster's UserSignups, its tenant namespaces, or both, and updates the user map. It also writes a line to
the run log and a document to segment_runs.
"""

import contextlib
import signal
import time
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

from segment_bridge.errors import DeadlineExceeded, SegmentBridgeError, foreseen
from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog
from segment_bridge.users import sources
from segment_bridge.users.access import Access
from segment_bridge.users.kube_api import ApiServer
from segment_bridge.users.lease import lease
from segment_bridge.users.objects import Page
from segment_bridge.users.ports import Splunk
from segment_bridge.users.reconcile import Source, Tally, reconcile
from segment_bridge.users.settings import Cluster

CHECK_TIMEOUT_S, CHECK_DEADLINE_S = 5, 20
LONGEST_WAIT_S = 60
TOO_LARGE = "the run took longer than its deadline of %g s: raise it if the cluster is that large, or find what is slow"
LATE = "the run took longer than its deadline of %g s, because of what went wrong before"

Settings = Mapping[str, Optional[str]]


def check(name: str, settings: Settings, splunk: Splunk) -> None:
    """Validates all settings, then asks the cluster once for one object of each kind, with short time-outs.

    Raises:
        SegmentBridgeError: the first problem found.
    """
    cluster = Cluster.parse(name, settings)
    access = replace(
        sources.access(cluster, splunk, is_check=True),
        connect_timeout_s=CHECK_TIMEOUT_S,
        read_timeout_s=CHECK_TIMEOUT_S,
        answer_timeout_s=CHECK_DEADLINE_S,
    )
    with (
        _deadline(CHECK_DEADLINE_S, "the API server began to answer, but took longer than %g s"),
        ApiServer(access, Retry(max_attempts=1)) as server,
    ):
        for kind in sources.kinds(cluster):
            next(server.pages(kind.resource, page_size=1))


def run(name: str, settings: Settings, splunk: Splunk) -> bool:
    """Runs an input once, from its settings to its line in the run log. Returns whether it did all of its work."""
    started = time.monotonic()
    tallies: Dict[str, Tally] = {}
    errors: List[SegmentBridgeError] = []
    status = "failed"
    with RunLog("usersignups") as log:
        log.info("run_start", cluster=name)
        try:
            with foreseen():
                errors += _update(Cluster.parse(name, settings), splunk, tallies)
            status = "failed" if errors else "ok"
        except SegmentBridgeError as error:
            errors.append(error)
        except SystemExit:
            status = "stopped"
            raise
        finally:
            for each in errors:
                log.error("error", reason=each.reason, setting=each.setting or None, cluster=name, error=each)
                splunk.complain("usersignups://%s: %s" % (name, each))
            facts = {"cluster": name, "status": status, **counts(tallies), "duration_s": time.monotonic() - started}
            log.info("run_end", **facts)
            users = tallies.get("")
            splunk.keep(log, **facts, users=users.written + users.unchanged if users else None)
    return status == "ok"


def counts(tallies: Mapping[str, Tally]) -> Dict[str, Any]:
    """What a run did, as fields of its line in the run log."""
    facts = {}
    for prefix, tally in tallies.items():
        for name in ("listed", "written", "deleted", "unchanged"):
            facts[prefix + name] = getattr(tally, name)
        for reason, number in sorted(tally.skipped.items()):
            facts["%sskipped_%s" % (prefix, reason)] = number
    return facts


def _update(cluster: Cluster, splunk: Splunk, tallies: Dict[str, Tally]) -> List[SegmentBridgeError]:
    """Does the work. Returns what went wrong with one map or both, the cause first."""
    access = sources.access(cluster, splunk)
    ends = time.monotonic() + cluster.deadline
    with _deadline(cluster.deadline, TOO_LARGE), lease(splunk, cluster.name, cluster.deadline):
        return _update_maps(cluster, access, splunk, ends, tallies)


def _update_maps(
    cluster: Cluster, access: Access, splunk: Splunk, ends: float, tallies: Dict[str, Tally]
) -> List[SegmentBridgeError]:
    """Updates one map after the other. Each gets an equal share of the time left, so that none starves the next."""
    now = datetime.now(timezone.utc)
    may_shrink = cluster.allow_shrink_until and now < cluster.allow_shrink_until
    errors: List[SegmentBridgeError] = []
    kinds = sources.kinds(cluster)
    with ApiServer(access, Retry()) as server:
        for waiting, kind in zip(range(len(kinds), 0, -1), kinds):
            tally = tallies[kind.prefix] = Tally()
            met: List[SegmentBridgeError] = []
            left_s = ends - time.monotonic()
            patience = Retry(cluster.max_attempts, left_s / waiting, longest_wait_s=LONGEST_WAIT_S, note=met.append)
            pages = _noting(met, partial(server.pages, kind.resource, cluster.page_size, patience))
            try:
                reconcile(
                    Source(kind.of, cluster.name, pages, kind.entries),
                    splunk.collection(kind.of.collection, Retry(deadline_s=left_s, note=met.append)),
                    int(now.timestamp()),
                    None if may_shrink else cluster.max_shrink_percent,
                    tally,
                )
            except SegmentBridgeError as error:
                errors += [each for each in met if each is not error]
                is_late = time.monotonic() >= ends
                # If something went wrong earlier, the user has to fix that, not the deadline.
                errors.append(DeadlineExceeded(LATE % cluster.deadline) if errors and is_late else error)
                if is_late:
                    break
    return _distinct(errors)


def _noting(met: List[SegmentBridgeError], pages: Callable[[], Iterator[Page]]) -> Callable[[], Iterator[Page]]:
    """The same pages; an error that ends them is also added to `met`."""

    def noted() -> Iterator[Page]:
        try:
            yield from pages()
        except SegmentBridgeError as error:
            met.append(error)
            raise

    return noted


def _distinct(errors: List[SegmentBridgeError]) -> List[SegmentBridgeError]:
    """Drops errors whose text a later error repeats; keeps the order."""
    return [
        error
        for number, error in enumerate(errors)
        if not any(str(error) in str(later) for later in errors[number + 1 :])
    ]


@contextlib.contextmanager
def _deadline(seconds: float, text: str) -> Iterator[None]:
    """Limits the time of its block, even of a read that gets a byte now and then. Has no effect on Windows.

    Args:
        text: of the error, with a placeholder for the seconds.

    Raises:
        DeadlineExceeded: the block took longer.
    """

    def ring(number: int, frame: object) -> None:
        raise DeadlineExceeded(text % seconds)

    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGALRM, ring)
    # The alarm repeats, because Python discards an exception that is raised inside a finalizer.
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
