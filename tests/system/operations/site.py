"""A Splunk with the app, and the traces that the job, the input and a cluster would have left, hour by hour.

The app's saved searches, their schedules and their alerts are real. The app's own code writes the run log and the
collection segment_runs, from facts that the test supplies (test_site.py checks that these match a run's); lines of
scheduler.log have splunkd's format.
"""

import contextlib
import io
import itertools
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from segment_bridge import runlog
from segment_bridge.errors import ClusterError, SegmentBridgeError
from segment_bridge.splunk import run_records
from tests.standin.jobs import Dispatch, Job, saved_sid
from tests.standin.sessions import SYSTEM_USER
from tests.standin.splunkd import Splunkd
from tests.standin.stores.events import Event
from tests.standin.stores.kvstore import READY, Collection
from tests.standin.values import Results

APP = "segment_bridge"
JOB = "Segment Bridge - Send user journeys"
ALERT = "Segment Bridge - Alert - "
CLUSTER = "host"
AUDIT_INDEX = "k8s_audit"
HOUR = 3600
START = 1_793_750_400
"""2026-11-04T00:00:00Z: a Wednesday, in epoch seconds."""

_AUDIT_EVENT = (
    '{"apiVersion":"audit.k8s.io/v1","auditID":"%s","kind":"Event","log_type":"audit","objectRef":{"apiGroup":'
    '"appstudio.redhat.com","resource":"components"},"verb":"update"}'
)
_END_OF_ALERTS = 58 * 60
"""The end of an hour's alerts."""


class Fired(NamedTuple):
    """An alert that was triggered, without its name's prefix: in which hour after START, and by which change."""

    hour: int
    name: str
    change: str = "began"


class Problem(NamedTuple):
    """A line of the run log about what became of some events."""

    event: str
    status: str
    reason: str
    count: int
    error: str
    http: Optional[int] = None


def tell(log: runlog.RunLog, problem: Problem) -> None:
    """Logs it as a run does: as a warning, or as the error by which the run failed."""
    if problem.event == "error":
        log.error("error", reason=problem.reason, error=problem.error)
    else:
        log.warning(**problem._asdict())


class _Direct:
    """Writes the app's records to the collections without a request, because a year has many."""

    authority = "in memory"

    def __init__(self, splunkd: Splunkd):
        self._kvstore = splunkd.kvstore
        self._collections: Dict[str, Collection] = {}

    def post(self, path: str, headers, body: str):
        *_, name, operation = path.split("/")
        assert operation == "batch_save"
        saved = self.done(lambda collection: collection.save(json.loads(body)), name)
        return SimpleNamespace(body=io.BytesIO(json.dumps(saved).encode()))

    def delete(self, path: str, query: str):
        self.done(lambda collection: collection.delete(json.loads(query)), path.rsplit("/", 1)[1])
        return SimpleNamespace(body=io.BytesIO())

    def done(self, what: Callable[[Collection], Any], name: str) -> Any:
        """Does something with a collection. (Its definition is looked up only once.)"""
        if self._kvstore.status != READY:
            raise ConnectionError("KV store is not ready")
        if name not in self._collections:
            self._collections[name] = self._kvstore.collection(APP, name, "nobody")
        return what(self._collections[name])


class Site:
    """Writes what happens, and runs the searches that look at it. Times are epoch seconds."""

    def __init__(self, splunkd: Splunkd, clock, package: Path):
        self.splunkd, self.clock = splunkd, clock
        clock.move_to(START)
        splunkd.started = START - HOUR
        splunkd.install(package, update=False)
        splunkd.confs.write("indexes", "search", AUDIT_INDEX, {"homePath": "$SPLUNK_DB/%s/db" % AUDIT_INDEX})
        self._fired: Dict[str, Fired] = {}
        self._read_hour = float("inf")
        self._service = _Direct(splunkd)
        self._folder = splunkd.home / "runs"
        self._folder.mkdir()
        self._sources = {file: str(splunkd.logs.folder / file) for file in (runlog.FILE_NAME, "scheduler.log")}
        self._numbers = itertools.count(1)
        self._unwritten: List[Event] = []  # indexed together when a search looks, which takes less time

    # --- Writing what happens ---

    @contextlib.contextmanager
    def run_log(self, at: float, component: str, sid: str = "", **facts) -> Iterator[runlog.RunLog]:
        """A run of the app that logs at a time."""
        real_time, time.time = time.time, lambda: at  # mock.patch would take as long as the log: a year has 40,000
        try:
            with runlog.RunLog(component, sid, str(self._folder), **facts) as log:
                yield log
        finally:
            time.time = real_time
        with open(self._folder / runlog.FILE_NAME, "r+", encoding="utf-8") as file:
            for line in file.read().splitlines():
                self._index(line, runlog.FILE_NAME, "segment_bridge:log")
            file.truncate(0)

    def keep(self, log: runlog.RunLog, **facts) -> None:
        """Records what a run records at its end."""
        run_records.keep(self._service, log, **facts)

    def scheduled(self, seconds: float, facts: str, name: str = JOB) -> None:
        """Writes a line of scheduler.log."""
        stamp = time.strftime("%m-%d-%Y %H:%M:%S.000 +0000", time.gmtime(seconds))
        self._index(
            '%s INFO  SavedSplunker - savedsearch_id="nobody;%s;%s", search_type="scheduled", user="nobody", '
            'app="%s", savedsearch_name="%s", %s' % (stamp, APP, name, APP, name, facts),
            "scheduler.log",
            "scheduler",
        )

    def _index(self, raw: str, file: str, sourcetype: str) -> None:
        self._unwritten.append(Event(raw, None, "_internal", "standin", self._sources[file], sourcetype))

    def job(
        self,
        seconds: float,
        status: str = "ok",
        name: str = JOB,
        problems: Sequence[Problem] = (),
        owner: str = "nobody",
        user: str = "scheduler",
        takes_slices: bool = True,
        **facts,
    ) -> str:
        """A run of a saved search with these facts. Returns its sid. Version 1.0 of the job did not take slices."""
        sid = saved_sid(user, owner, APP, name, seconds, next(self._numbers))
        counts = {"accepted": 100, "rejected": 0, "failed": 0, "unsent": 0, "duplicate": 0, **facts}
        rows = sum(counts[each] for each in ("accepted", "rejected", "failed", "unsent", "duplicate"))
        end = {
            **counts,
            "rows": rows,
            "requests": 1,
            "retries": 0,
            "bytes": 60_000,
            "wire_bytes": 9_000,
            "waited_s": 0.0,
            "concurrency": 4,
            "dead_letters": 0,
            "dead_letters_lost": 0,
            "rehearsed": 0,
            **facts,
            "status": status,
            "duration_s": 19.5,
            "scanned": rows,
        }
        with self.run_log(seconds + 20, "segmentsend", sid, destination="segment", dryrun=False) as log:
            for problem in problems:
                tell(log, problem)
            log.info("run_end", **end, earliest="%.3f" % (seconds - 4 * HOUR), latest="%.3f" % seconds)
            self.keep(log, **end, earliest="%.3f" % (seconds - 4 * HOUR))
        if status == "ok" and takes_slices and (name, owner) == (JOB, "nobody"):
            self._read(seconds)
        if status == "ok":
            self.scheduled(seconds + 21, 'status=success, scheduled_time=%d, sid="%s"' % (seconds, sid), name)
        else:
            stamp = time.strftime("%m-%d-%Y %H:%M:%S.000 +0000", time.gmtime(seconds + 21))
            self._index(
                '%s ERROR SavedSplunker - savedsearch_id="nobody;%s;%s", message="Error in \'segmentsend\' '
                'command: External search command exited unexpectedly with non-zero error code 1.". '
                "No actions executed" % (stamp, APP, name),
                "scheduler.log",
                "scheduler",
            )
        return sid

    def _read(self, to: float) -> None:
        """Marks everything that had arrived, or was left behind, as read and sent."""
        hour = to - to % HOUR
        slices = [
            {
                "_key": "i%d" % start,
                "kind": "index",
                "planned": to,
                "start": start,
                "end": start + HOUR,
                "read_to": min(start + HOUR, to),
                "state": "done" if start + HOUR <= to else "waiting",
                "attempts": 0 if start + HOUR > to else 1,
                "claimed": to,
                "events": 100,
                "accepted": 90,
                "not_sent": 0,
                "updated": to + 20,
            }
            for start in {hour - HOUR, hour, min(self._read_hour, hour)}
        ]
        self.save("segment_backfill", *slices)
        self._read_hour = hour

    def rehearsal(self, seconds: float, problems: Sequence[Problem]) -> None:
        """Runs the job as a dry run."""
        sid = saved_sid("scheduler", "nobody", APP, JOB, seconds, next(self._numbers))
        with self.run_log(seconds, "segmentsend", sid, destination="segment", dryrun=True) as log:
            for problem in problems:
                tell(log, problem)
            log.info("run_end", rows=3, rehearsed=3, status="ok")
            self.keep(log, rows=3, rehearsed=3, status="ok", earliest="0")

    def skipped_job(self, seconds: float) -> None:
        self.scheduled(
            seconds,
            'status=skipped, scheduled_time=%d, reason="The maximum number of concurrent running '
            'jobs for this historical scheduled search on this instance has been reached"' % seconds,
        )

    def input(
        self,
        seconds: float,
        status: str = "ok",
        users: int = 1000,
        error: Optional[SegmentBridgeError] = None,
        cluster: str = CLUSTER,
    ) -> None:
        """A run of the usersignups input."""
        end: dict = {"cluster": cluster, "status": status, "duration_s": 0.8}
        if status == "ok":
            end.update(listed=users, written=0, deleted=0, unchanged=users)
        with self.run_log(seconds + 1, "usersignups") as log:
            if error:
                log.error("error", reason=error.reason, cluster=cluster, error=error)
            log.info("run_end", **end)
            self.keep(log, **end, users=users if status == "ok" else None)

    def audit_event(self, seconds: float, raw: str = "", late_s: Optional[float] = None) -> None:
        """`late_s` is how long after it happened the event is indexed, or None to index it when a search looks."""
        raw = raw or _AUDIT_EVENT % ("%032x" % int(seconds))
        indexed = None if late_s is None else seconds + late_s
        self._unwritten.append(Event(raw, seconds, AUDIT_INDEX, "collector", "kube", "kube:audit", indexed=indexed))

    def arrive(self, at: float) -> None:
        """Indexes at a time what was written so far."""
        self.clock.move_to(at)
        self._write(is_now=True)

    def save(self, collection: str, *documents: dict) -> None:
        self._service.done(lambda kept: kept.save(list(documents)), collection)

    def delete(self, collection: str, key: str) -> None:
        self.splunkd.kvstore.collection(APP, collection, "nobody").delete({"_key": key})

    def documents(self, collection: str) -> List[dict]:
        return self.splunkd.kvstore.collection(APP, collection, "nobody").find()

    def users(self, number: int, cluster: str = CLUSTER) -> None:
        """A user map of this many users."""
        self.save(
            "usersignups",
            *(
                {
                    "_key": "%s/u%d" % (cluster, each),
                    "username": "u%d" % each,
                    "cluster": cluster,
                    "sso_user_id": str(each),
                    "updated": START,
                }
                for each in range(number)
            ),
        )

    def activity(
        self,
        seconds: float,
        events: int = 100,
        without_user: int = 10,
        not_accepted: int = 0,
        journey: str = "Component changed",
        users: int = 7,
    ) -> None:
        """What the job records about an hour."""
        self.save(
            "segment_activity",
            {
                "_key": "i%d/%d/%s" % (seconds, seconds, journey),
                "kind": "index",
                "time": seconds,
                "updated": seconds + HOUR,
                "journey": journey,
                "events": events,
                "users": users,
                "accepted": events - without_user - not_accepted,
                "without_user": without_user,
                "not_accepted": not_accepted,
                "delay_50": 1_800.0,
                "delay_95": 3_420.0,
                "delay_max": 3_600.0,
            },
        )

    def letter(self, message_id: str, status: str, since: float, **fields) -> None:
        """A dead letter."""
        self.save(
            "segment_dead_letters",
            {
                "_key": "segment/" + message_id,
                "destination": "segment",
                "message_id": message_id,
                "event": "Page opened",
                "status": status,
                "reason": "http_500",
                "error": "Segment answered 500",
                "attempts": 3,
                "first_time": since,
                "last_time": since,
                "payload": '{"type":"track","event":"Page opened","messageId":"%s","userId":"42",'
                '"timestamp":"2026-11-04T00:00:00.000Z","properties":{"n":1}}' % message_id,
                **fields,
            },
        )

    # --- Looking at it ---

    def _write(self, is_now: bool = False) -> None:
        """Indexes events at the given time, else now, or when they happen if that is later."""
        now = self.clock.now()
        self.splunkd.events.add(
            event._replace(indexed=event.seconds)
            if event.indexed is None and not is_now and event.seconds and event.seconds >= now
            else event
            for event in self._unwritten
        )
        self._unwritten = []

    def enable_alerts(self) -> None:
        """Turns on the schedules of the alerts."""
        self.schedule(*(name for name in self.splunkd.confs.stanzas("savedsearches", APP) if name.startswith(ALERT)))

    def schedule(self, *names: str) -> None:
        """Turns on the schedules of saved searches."""
        for name in names:
            self.splunkd.confs.write("savedsearches", APP, name, {"enableSched": "1"})
        self.splunkd.scheduler.tick()

    def set_macro(self, name: str, definition: str) -> None:
        self.splunkd.confs.write("macros", APP, name, {"definition": definition})

    def unschedule(self, *names: str) -> None:
        for name in names:
            self.splunkd.confs.write("savedsearches", APP, name, {"enableSched": "0"})

    def end_of_hour(self, hour: int) -> None:
        """Runs the alerts of an hour after START, as scheduled."""
        for job in self.tick(hour, _END_OF_ALERTS):
            assert not job.is_failed, (job.saved, job.messages)

    def tick(self, hour: int, seconds: float) -> List[Job]:
        """Runs what is due this many seconds after the start of an hour. Returns the finished jobs."""
        self._write()
        self.clock.move_to(START + hour * HOUR + seconds)
        self.splunkd.scheduler.tick()
        jobs = self.splunkd.jobs.all()
        for job in jobs:
            assert job.wait(60), job.search
        self.splunkd.monitor.poll()
        changes = {job.sid: row.get("change") for job in jobs for row in job.results.rows[:1]}
        for alert in self.splunkd.alerts.fired():
            self._fired.setdefault(alert.sid, Fired(hour, alert.name[len(ALERT) :], changes.get(alert.sid, "")))
        for job in jobs:
            self.splunkd.jobs.remove(job.sid)
        return jobs

    @property
    def fired(self) -> List[Fired]:
        """The alerts that fired, in the order of their hours and names."""
        return sorted(self._fired.values())

    def run(self, name: str, at: Optional[float] = None, **settings: str) -> List[dict]:
        """The rows that a saved search returns at a time."""
        job = self.start(name, at, **settings)
        assert not job.is_failed, (job.search, job.messages)
        return list(job.results.rows)

    def start(self, name: str, at: Optional[float] = None, **settings: str) -> Job:
        """A finished job of a saved search, run at a time. `settings` override its own."""
        self._write()
        if at is not None:
            self.clock.move_to(at)
        stanza = self.splunkd.confs.stanza("savedsearches", APP, name)
        return self._ended(
            self.splunkd.jobs.dispatch_saved(
                APP, name, {**stanza.settings, **settings}, self.splunkd.sessions.open(SYSTEM_USER)
            )
        )

    def search(self, search: str, earliest: Optional[float] = None, latest: Optional[float] = None) -> List[dict]:
        """The rows of a search in the app."""
        return list(self.table(search, earliest, latest).rows)

    def table(self, search: str, earliest: Optional[float] = None, latest: Optional[float] = None) -> Results:
        """A search's results in the app."""
        self._write()
        job = self._ended(
            self.splunkd.jobs.dispatch(
                Dispatch(search, APP, SYSTEM_USER, self.splunkd.sessions.open(SYSTEM_USER), earliest, latest)
            )
        )
        assert not job.is_failed, (job.search, job.messages)
        return job.results

    def _ended(self, job: Job) -> Job:
        assert job.wait(60)
        return job


def hours(site: Site, first: int, last: int, **what) -> Iterator[int]:
    """Hours that pass as in `ordinary_hour`. Yields each before its alerts run, for more to happen in it."""
    for hour in range(first, last):
        ordinary_hour(site, hour, **what)
        yield hour
        site.end_of_hour(hour)


def ordinary_hour(site: Site, hour: int, job: str = "ok", inputs: str = "ok", audit: bool = True) -> None:
    """A run of the job, four of the input, audit events, and some unknown users.

    Args:
        job: ok, failed, skipped, or empty for none.
        inputs: ok, failed, or empty for none.
    """
    begins = START + hour * HOUR
    if audit:
        for minute in (0, 20, 40):
            site.audit_event(begins + minute * 60)
    if inputs:
        for minute in (0, 15, 30, 45):
            site.input(begins + minute * 60, inputs, error=None if inputs == "ok" else REFUSED)
    at = begins + 7 * 60
    if job == "skipped":
        site.skipped_job(at)
    elif job == "failed":
        site.job(at, "failed", problems=[DOWN, NOT_SENT], accepted=0, failed=100)
    elif job:
        site.job(at, problems=[NOBODY], accepted=360, rejected=40)
        site.activity(begins - HOUR)


REFUSED = ClusterError("https://api.example.com:6443 refused the connection")
DOWN = Problem("outcome", "failed", "http_503", 100, "HTTP 503: Service Unavailable", 503)
NOT_SENT = Problem(
    "error",
    "",
    "not_sent",
    0,
    '100 of 100 events did not reach destination "segment": 100 failed (http_503): HTTP 503: Service Unavailable',
)
NOBODY = Problem("rejection", "rejected", "no_user_anon_id", 40, "neither userId nor anonymousId")
