"""A Splunk with the app, and what it would have logged by the hour, had the job, the input and a cluster been at work.

Only what is looked at is real: the app's saved searches, their schedule and their alerts. Lines of the run log have the
app's own form (segment_bridge.logs), those of scheduler.log splunkd's.
"""
import time
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

from segment_bridge import logs
from tests.standin.jobs import Dispatch, Job
from tests.standin.sessions import SYSTEM_USER
from tests.standin.splunkd import Splunkd
from tests.standin.stores.events import Event
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
    '"appstudio.redhat.com","resource":"components"},"verb":"update"}')
_END_OF_ALERTS = 58 * 60
"""After the last of the alerts of an hour."""


class Fired(NamedTuple):
    """An alert that was triggered, without the beginning of its name, and in which hour after START."""

    hour: int
    name: str


class Site:
    """Writes what happens, and runs what looks at it. Times are epoch seconds."""

    def __init__(self, splunkd: Splunkd, clock, package: Path):
        self.splunkd, self.clock = splunkd, clock
        clock.move_to(START)
        splunkd.install(package, update=False)
        splunkd.confs.write("indexes", "search", AUDIT_INDEX, {"homePath": "$SPLUNK_DB/%s/db" % AUDIT_INDEX})
        self._fired: Dict[str, Fired] = {}
        self._unwritten: List[Event] = []  # events are indexed when somebody looks: a transaction each would take long

    # --- What happens ---

    def run_log(self, at: float, **facts) -> None:
        """A line of segment_bridge.log."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S.000 +0000", time.gmtime(at))
        self._index("%s INFO %s" % (stamp, logs.line(**facts)), "segment_bridge.log", "segment_bridge:log")

    def scheduled(self, seconds: float, facts: str, name: str = JOB) -> None:
        """A line of scheduler.log."""
        stamp = time.strftime("%m-%d-%Y %H:%M:%S.000 +0000", time.gmtime(seconds))
        self._index('%s INFO  SavedSplunker - savedsearch_id="nobody;%s;%s", search_type="scheduled", user="nobody", '
                    'app="%s", savedsearch_name="%s", %s' % (stamp, APP, name, APP, name, facts),
                    "scheduler.log", "scheduler")

    def _index(self, raw: str, file: str, sourcetype: str) -> None:
        source = str(self.splunkd.logs.folder / file)
        self._unwritten.append(Event(raw, None, "_internal", "standin", source, sourcetype))

    def job(self, seconds: float, status: str = "ok", name: str = JOB, **facts) -> str:
        """A scheduled run that did what the facts say; its sid."""
        sid = "scheduler__nobody__%s__RMD5_at_%d_%d" % (APP, seconds, len(name))
        run = {"component": "segmentsend", "sid": sid, "destination": "segment"}
        counts = {"accepted": 100, "rejected": 0, "failed": 0, "unsent": 0, "duplicate": 0, "requests": 1, "retries": 0,
                  "bytes": 60_000, "wire_bytes": 9_000, **facts}
        self.run_log(seconds + 20, event="run_end", **run, status=status, dryrun=False, **counts,
                     rows=sum(counts[each] for each in ("accepted", "rejected", "failed", "unsent", "duplicate")),
                     duration_s=19.5)
        if status == "ok":
            self.scheduled(seconds + 21, 'status=success, scheduled_time=%d, sid="%s"' % (seconds, sid), name)
        else:
            stamp = time.strftime("%m-%d-%Y %H:%M:%S.000 +0000", time.gmtime(seconds + 21))
            self._index('%s ERROR SavedSplunker - savedsearch_id="nobody;%s;%s", message="Error in \'segmentsend\' '
                        'command: External search command exited unexpectedly with non-zero error code 1.". '
                        'No actions executed' % (stamp, APP, name), "scheduler.log", "scheduler")
        return sid

    def skipped_job(self, seconds: float) -> None:
        self.scheduled(seconds, 'status=skipped, scheduled_time=%d, reason="The maximum number of concurrent running '
                       'jobs for this historical scheduled search on this instance has been reached"' % seconds)

    def outcome(self, seconds: float, sid: str, event: str, status: str, reason: str, count: int, error: str) -> None:
        """A reason in the run log for events that were not accepted."""
        self.run_log(seconds, event=event, component="segmentsend", sid=sid, destination="segment", status=status,
                     reason=reason, count=count, error=error)

    def input(self, seconds: float, status: str = "ok", users: int = 1000, error: str = "",
              cluster: str = CLUSTER) -> None:
        """A run of the usersignups input."""
        run = {"component": "usersignups", "cluster": cluster}
        if error:
            self.run_log(seconds, event="error", **run, error=error)
        self.run_log(seconds + 1, event="run_end", **run, status=status, listed=users, written=0, deleted=0,
                     unchanged=users if status == "ok" else 0, duration_s=0.8)

    def audit_event(self, seconds: float, raw: str = "") -> None:
        raw = raw or _AUDIT_EVENT % ("%032x" % int(seconds))
        self._unwritten.append(Event(raw, seconds, AUDIT_INDEX, "collector", "kube", "kube:audit"))

    def save(self, collection: str, *documents: dict) -> None:
        self.splunkd.kvstore.collection(APP, collection, "nobody").save(list(documents))

    def delete(self, collection: str, key: str) -> None:
        self.splunkd.kvstore.collection(APP, collection, "nobody").delete({"_key": key})

    def documents(self, collection: str) -> List[dict]:
        return self.splunkd.kvstore.collection(APP, collection, "nobody").find()

    def users(self, number: int, cluster: str = CLUSTER) -> None:
        """A user map of so many."""
        self.save("usersignups", *({"_key": "%s/u%d" % (cluster, each), "username": "u%d" % each, "cluster": cluster,
                                    "sso_user_id": str(each), "updated": START} for each in range(number)))

    def activity(self, seconds: float, events: int = 100, without_user: int = 10, not_accepted: int = 0,
                 journey: str = "Component changed", users: int = 7) -> None:
        """What the job keeps of an hour."""
        self.save("segment_activity", {
            "_key": "%d/%s" % (seconds, journey), "time": seconds, "journey": journey, "events": events, "users": users,
            "accepted": events - without_user - not_accepted, "without_user": without_user,
            "not_accepted": not_accepted})

    def letter(self, message_id: str, status: str, since: float, **fields) -> None:
        """A dead letter."""
        self.save("segment_dead_letters", {
            "_key": "segment/" + message_id, "destination": "segment", "message_id": message_id, "event": "Page opened",
            "status": status, "reason": "http_500", "error": "Segment answered 500", "attempts": 3, "first_time": since,
            "last_time": since, "payload": '{"type":"track","event":"Page opened","messageId":"%s","userId":"42",'
                                           '"timestamp":"2026-11-04T00:00:00.000Z","properties":{"n":1}}' % message_id,
            **fields})

    # --- What looks at it ---

    def _write(self) -> None:
        self.splunkd.events.add(self._unwritten)
        self._unwritten = []

    def enable_alerts(self) -> None:
        """Turns their schedules on."""
        self.schedule(*(name for name in self.splunkd.confs.stanzas("savedsearches", APP) if name.startswith(ALERT)))

    def schedule(self, *names: str) -> None:
        """Turns the schedules of saved searches on."""
        for name in names:
            self.splunkd.confs.write("savedsearches", APP, name, {"enableSched": "1"})
        self.splunkd.scheduler.tick()

    def end_of_hour(self, hour: int) -> None:
        """Lets the alerts of an hour after START run, as they are scheduled."""
        for job in self.tick(hour, _END_OF_ALERTS):
            assert not job.is_failed, (job.saved, job.messages)

    def tick(self, hour: int, seconds: float) -> List[Job]:
        """Lets run what is due so many seconds after an hour begins; the jobs, which have ended."""
        self._write()
        self.clock.move_to(START + hour * HOUR + seconds)
        self.splunkd.scheduler.tick()
        jobs = self.splunkd.jobs.all()
        for job in jobs:
            assert job.wait(60), job.search
        self.splunkd.monitor.poll()
        for alert in self.splunkd.alerts.fired():
            self._fired.setdefault(alert.sid, Fired(hour, alert.name[len(ALERT):]))
        for job in jobs:
            self.splunkd.jobs.remove(job.sid)
        return jobs

    @property
    def fired(self) -> List[Fired]:
        """In the order of their hours and names."""
        return sorted(self._fired.values())

    def run(self, name: str, at: Optional[float] = None, **settings: str) -> List[dict]:
        """The rows that a saved search gives at a time."""
        job = self.start(name, at, **settings)
        assert not job.is_failed, (job.search, job.messages)
        return list(job.results.rows)

    def start(self, name: str, at: Optional[float] = None, **settings: str) -> Job:
        """A saved search's job at a time, when it has ended; `settings` are in place of its own."""
        self._write()
        if at is not None:
            self.clock.move_to(at)
        stanza = self.splunkd.confs.stanza("savedsearches", APP, name)
        return self._ended(self.splunkd.jobs.dispatch_saved(
            APP, name, {**stanza.settings, **settings}, self.splunkd.sessions.open(SYSTEM_USER)))

    def search(self, search: str, earliest: Optional[float] = None, latest: Optional[float] = None) -> List[dict]:
        """The rows of a search in the app."""
        return list(self.table(search, earliest, latest).rows)

    def table(self, search: str, earliest: Optional[float] = None, latest: Optional[float] = None) -> Results:
        """A search's results in the app."""
        self._write()
        job = self._ended(self.splunkd.jobs.dispatch(Dispatch(
            search, APP, SYSTEM_USER, self.splunkd.sessions.open(SYSTEM_USER), earliest, latest)))
        assert not job.is_failed, (job.search, job.messages)
        return job.results

    def _ended(self, job: Job) -> Job:
        assert job.wait(60)
        return job


def hours(site: Site, first: int, last: int, **what) -> Iterator[int]:
    """Hours that pass as `ordinary_hour` has them. Each is given before its alerts run, for more to happen in it."""
    for hour in range(first, last):
        ordinary_hour(site, hour, **what)
        yield hour
        site.end_of_hour(hour)


def ordinary_hour(site: Site, hour: int, job: str = "ok", inputs: str = "ok", audit: bool = True) -> None:
    """A job's run, four of the input, audit events, and some users who are not known.

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
            error = "" if inputs == "ok" else "https://api.example.com:6443 refused the connection"
            site.input(begins + minute * 60, inputs, error=error)
    at = begins + 7 * 60
    if job == "skipped":
        site.skipped_job(at)
    elif job == "failed":
        sid = site.job(at, "failed", accepted=0, failed=100)
        site.outcome(at + 19, sid, "outcome", "failed", "http_503", 100, "Segment answered 503")
    elif job:
        sid = site.job(at, accepted=360, rejected=40)
        site.outcome(at + 19, sid, "rejection", "rejected", "no_user_anon_id", 40, "neither userId nor anonymousId")
        site.activity(begins - HOUR)
