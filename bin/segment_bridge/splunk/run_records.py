"""Keeps the results of runs in the collection segment_runs, where all search head cluster members see them.

A run log stays on the member that ran, and other members see it only if `_internal` is forwarded. Therefore alerts read
this collection. Dry runs write no document, nor do runs of users who may not write to the collection, such as those
with the role segment_bridge_sender.
"""

import contextlib
import json
import time
import uuid
from typing import Any, Dict, List

from splunklib.client import Service

from segment_bridge import texts
from segment_bridge.errors import SegmentBridgeError, SplunkdError
from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog
from segment_bridge.splunk.kvstore import Collection

COLLECTION = "segment_runs"
KEPT_S = 8 * 86_400
_DAY_S = 86_400
_WRITTEN_BY_SEARCHES = (
    ("segment_activity", "time", 400 * _DAY_S),
    ("segment_pull_requests", "time", 400 * _DAY_S),
    ("segment_backfill", "updated", 30 * _DAY_S),
)
"""Collections that the app's searches fill but cannot prune: the name, the field with a document's time, and how long
to keep documents."""
_FACTS = frozenset(
    (
        "component",
        "sid",
        "cluster",
        "destination",
        "status",
        "rows",
        "accepted",
        "rejected",
        "failed",
        "unsent",
        "duplicate",
        "dead_letters",
        "dead_letters_lost",
        "requests",
        "retries",
        "bytes",
        "wire_bytes",
        "users",
        "duration_s",
        "events",
        "scanned",
    )
)
_PROBLEM_FACTS = ("event", "status", "reason", "setting", "http", "count", "message_id", "error")
_MOST_PROBLEMS, _MOST_CHARS = 50, 500


def keep(
    service: Service, log: RunLog, *, earliest: str = "", latest: str = "", prunes: bool = False, **facts: Any
) -> None:
    """Writes a run's document, from its `run_end` and the problems in its log, and deletes its component's old ones.

    Args:
        earliest, latest: the search's time range, in epoch seconds.
        prunes: whether the run belongs to one of the app's searches; if it succeeded, it prunes what they fill.
        facts: the fields of `run_end`.
    """
    if log.run.get("dryrun"):
        return
    known = {name: fact for name, fact in {**log.run, **facts}.items() if name in _FACTS and fact is not None}
    document = {"_key": uuid.uuid4().hex, "time": time.time(), "problems": json.dumps(_problems(log, facts)), **known}
    for name, moment in (("earliest", earliest), ("latest", latest)):
        with contextlib.suppress(ValueError):
            document[name] = float(moment)
    # Little patience: if KV store is down, the run has failed anyway, and a run told to stop has about a second left.
    collection = Collection(service, COLLECTION, Retry(max_attempts=2, first_wait_s=0.3))
    try:
        collection.save([document])
    except SegmentBridgeError as error:
        if not isinstance(error, SplunkdError) or error.status != 403:
            log.error("error", reason="kvstore", error=error)
        return
    with contextlib.suppress(SegmentBridgeError):
        collection.delete({"component": known["component"], "time": {"$lt": time.time() - KEPT_S}})
        if prunes and known.get("status") == "ok":
            for name, field, kept_s in _WRITTEN_BY_SEARCHES:
                old = Collection(service, name, Retry(max_attempts=1))
                old.delete({field: {"$lt": time.time() - kept_s}})


def _problems(log: RunLog, facts: Dict[str, Any]) -> List[Dict[str, Any]]:
    problems = [
        {name: _plain(problem[name]) for name in _PROBLEM_FACTS if problem.get(name) is not None}
        for problem in log.problems[:_MOST_PROBLEMS]
    ]
    if facts.get("dead_letters_lost"):
        problems.append(
            {"event": "run_end", "status": "not kept", "reason": "letters_lost", "count": facts["dead_letters_lost"]}
        )
    return problems


def _plain(fact: Any) -> Any:
    return fact if isinstance(fact, int) else texts.printable(str(fact), _MOST_CHARS)
