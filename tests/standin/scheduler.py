"""Runs saved searches on their schedules, and writes scheduler.log.

savedsearches.conf.spec, "scheduling options"; Reporting Manual, "Configure the priority of scheduled reports". The line
for a failed run differs in shape from that for a successful one: it has neither status nor savedsearch_name.
"""

import threading
from typing import Dict, Iterator, List, NamedTuple, Optional

from .cron import next_time
from .jobs import Job
from .refusal import Refusal
from .stores.conf import Settings, is_true

TICK_S = 0.5
_DAY_S = 86_400
_LIMIT_REACHED = (
    "The maximum number of concurrent running jobs for this historical scheduled search on this instance "
    "has been reached"
)


class _Search(NamedTuple):
    app: str
    name: str

    @property
    def id(self) -> str:
        return "nobody;%s;%s" % self


class Scheduler:
    """`tick` starts what is due. A thread calls it, and a test may after moving the clock."""

    def __init__(self, splunkd):
        self._splunkd = splunkd
        self._seen: Dict[_Search, tuple] = {}  # (its cron_schedule, the time up to which it was served)
        self._running: Dict[_Search, List[Job]] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)

    def start(self) -> None:
        self.tick()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(TICK_S):
            self.tick()

    def next_run(self, app: str, name: str) -> Optional[float]:
        """The next run in epoch seconds; None for a search without a schedule."""
        stanza = self._splunkd.confs.stanza("savedsearches", app, name)
        if stanza is None or not _is_scheduled(stanza.settings):
            return None
        return next_time(stanza.settings["cron_schedule"], self._splunkd.clock.now(), self._splunkd.clock.zone)

    def tick(self) -> None:
        """Starts what has become due since the last time. Of several missed slots, a real-time schedule makes up only
        the last, a continuous one all of them.
        """
        with self._lock:
            now = self._splunkd.clock.now()
            for search, settings in self._scheduled():
                cron = settings["cron_schedule"]
                known, served = self._seen.get(search, ("", now))
                if known != cron:
                    served = now
                is_realtime, zone = is_true(settings["realtime_schedule"]), self._splunkd.clock.zone
                due = _last_slot(cron, served, now, zone) if is_realtime else list(_slots(cron, served, now, zone))
                self._seen[search] = (cron, now)
                for slot in due:
                    if not self._run(search, settings, slot):
                        self._seen[search] = (cron, slot - 1)
                        break

    def _scheduled(self) -> Iterator[tuple]:
        for app in self._splunkd.confs.apps():
            for name, stanza in self._splunkd.confs.stanzas("savedsearches", app).items():
                if stanza.app == app and _is_scheduled(stanza.settings):
                    yield _Search(app, name), stanza.settings

    def _run(self, search: _Search, settings: Settings, slot: float) -> bool:
        """False if the slot has to wait for its turn, which happens only with a continuous schedule."""
        running = self._running[search] = [job for job in self._running.get(search, ()) if not job.is_done]
        limit = int(settings.get("max_concurrent", "1"))
        if len(running) >= limit:
            is_realtime = is_true(settings["realtime_schedule"])
            self._log_slot(
                search,
                slot,
                status="skipped" if is_realtime else "continued",
                reason=_LIMIT_REACHED,
                concurrency_category="historical_scheduled",
                concurrency_context="saved-search_instance-wide",
                concurrency_limit=limit,
            )
            return is_realtime
        try:
            running.append(
                self._splunkd.jobs.dispatch_saved(
                    search.app,
                    search.name,
                    settings,
                    self._splunkd.sessions.open_of(
                        self._splunkd.confs.access("savedsearches", search.name, search.app).owner
                    ),
                    scheduled_time=slot,
                    on_end=lambda job: self._ended(search, slot, job),
                )
            )
        except Refusal as refusal:
            self._log_failure(search, refusal.text)
        return True

    def _ended(self, search: _Search, slot: float, job: Job) -> None:
        self._splunkd.sessions.close(job.session)
        if job.is_failed:
            self._log_failure(search, " ".join(message.text for message in job.messages))
            return
        done = self._splunkd.alerts.judged(job)
        self._log_slot(
            search,
            slot,
            status="success",
            digest_mode=1,
            durable_cursor=0,
            window_time=0,
            dispatch_time=int(job.created),
            run_time="%.3f" % job.run_duration,
            result_count=job.result_count,
            alert_actions=",".join(done),
            sid=job.sid,
            suppressed=0,
            thread_id="AlertNotifierWorker-0",
            workload_pool="",
        )

    def _log_slot(self, search: _Search, slot: float, **facts: object) -> None:
        first = (
            'savedsearch_id="%s", search_type="scheduled", search_streaming=0, user="nobody", app="%s", '
            'savedsearch_name="%s", priority=default, scheduled_time=%d' % (search.id, search.app, search.name, slot)
        )
        rest = ", ".join(
            "%s=%s" % (name, value if isinstance(value, int) or name in ("status", "run_time") else '"%s"' % value)
            for name, value in facts.items()
        )
        self._splunkd.logs.scheduler("INFO", "%s, %s" % (first, rest))

    def _log_failure(self, search: _Search, text: str) -> None:
        self._splunkd.logs.scheduler(
            "ERROR", 'savedsearch_id="%s", message="%s". No actions executed' % (search.id, text)
        )


def _is_scheduled(settings: Settings) -> bool:
    return (
        is_true(settings.get("enableSched", "0"))
        and not is_true(settings.get("disabled", "0"))
        and bool(settings.get("cron_schedule"))
    )


def _last_slot(cron: str, after: float, until: float, zone) -> List[float]:
    """The only slot that counts, if there is one. It is usually within the last day, however many there were before."""
    recent = list(_slots(cron, max(after, until - _DAY_S), until, zone))
    return (recent or list(_slots(cron, after, until, zone)))[-1:]


def _slots(cron: str, after: float, until: float, zone) -> Iterator[float]:
    slot = next_time(cron, after, zone)
    while slot <= until:
        yield slot
        slot = next_time(cron, slot, zone)
