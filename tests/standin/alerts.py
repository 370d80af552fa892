"""Decides when a saved search's results are an alert, and what follows: triggered alerts, suppression, actions.

savedsearches.conf.spec, "alert condition", "alert suppression"; Alerting Manual, "Triggered alerts".
"""

import operator
import re
import threading
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from . import actions
from .host import SearchHost
from .spl import pipeline
from .stores.conf import is_true
from .values import Results, SplError, as_list, text

_RELATIONS = {
    "greater than": operator.gt,
    "less than": operator.lt,
    "equal to": operator.eq,
    "not equal to": operator.ne,
}
_COUNTED = {"number of events": None, "number of hosts": "host", "number of sources": "source"}
_PERIOD = re.compile(r"(\d+)\s*([smhd]?)[a-z]*")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class FiredAlert(NamedTuple):
    """An alert that was triggered. `time` and `expires` are epoch seconds."""

    name: str
    app: str
    sid: str
    time: float
    severity: int
    expires: float
    actions: Tuple[str, ...]


class Alerts:
    """Judges finished jobs of saved searches."""

    def __init__(self, splunkd):
        self._splunkd = splunkd
        self._lock = threading.Lock()
        self._fired: List[FiredAlert] = []
        self._suppressed: Dict[tuple, float] = {}

    def fired(self) -> List[FiredAlert]:
        """The alerts that have not expired, the newest first."""
        with self._lock:
            self._fired = [alert for alert in self._fired if alert.expires > self._splunkd.clock.now()]
            return sorted(self._fired, key=lambda alert: -alert.time)

    def remove(self, sid: str) -> None:
        with self._lock:
            self._fired = [alert for alert in self._fired if alert.sid != sid]

    def judged(self, job) -> Tuple[str, ...]:
        """Triggers the alerts that the results call for. Returns the executed actions: none for a failed search."""
        stanza = self._splunkd.confs.stanza("savedsearches", job.app, job.saved)
        if stanza is None or job.is_failed:
            return ()
        settings, results = stanza.settings, job.results
        try:
            is_triggered = self._holds(settings, results, job)
        except SplError as error:
            self._splunkd.logs.scheduler(
                "ERROR", 'savedsearch_id="nobody;%s;%s", message="%s"' % (job.app, job.saved, error)
            )
            return ()
        if not is_triggered:
            return ()
        if is_true(settings.get("alert.digest_mode", "1")):
            return self._triggered(settings, results, job, None)
        done: Dict[str, None] = {}
        for number, row in enumerate(results.rows):
            done.update(dict.fromkeys(self._triggered(settings, Results(results.fields, [row]), job, number)))
        return tuple(done)

    def _triggered(self, settings: Mapping[str, str], results: Results, job, number: Optional[int]) -> Tuple[str, ...]:
        """Returns the actions executed for all results, or for the result with this number (alert.digest_mode = 0)."""
        if self._is_suppressed(settings, results, job):
            return ()
        done = actions.run(self._splunkd, job, settings, results, number)
        if _is_tracked(settings):
            now = self._splunkd.clock.now()
            with self._lock:
                self._fired.append(
                    FiredAlert(
                        job.saved,
                        job.app,
                        job.sid,
                        now,
                        int(settings["alert.severity"]),
                        now + _seconds(settings["alert.expires"]),
                        done,
                    )
                )
        return done

    def _holds(self, settings: Mapping[str, str], results: Results, job) -> bool:
        kind = settings.get("counttype", "always")
        if kind == "always":
            return True
        if kind == "custom":
            condition = settings.get("alert_condition", "")
            found = pipeline("| " + condition, SearchHost(self._splunkd, job), iter([results]), inner=True)
            return any(chunk.rows for chunk in found)
        if kind not in _COUNTED:
            raise SplError("counttype = %s is not known here." % kind)
        relation = settings.get("relation", "").strip().lower()
        if relation not in _RELATIONS:
            raise SplError("relation = %s is not known here." % relation)
        field = _COUNTED[kind]
        number = (
            len(results.rows)
            if field is None
            else len({text(value) for row in results.rows for value in as_list(row.get(field))})
        )
        return _RELATIONS[relation](number, float(settings.get("quantity", "0")))

    def _is_suppressed(self, settings: Mapping[str, str], results: Results, job) -> bool:
        """Whether the alert was triggered within its suppression period. If not, that period starts now."""
        if not is_true(settings.get("alert.suppress", "0")):
            return False
        fields = [name.strip() for name in settings.get("alert.suppress.fields", "").split(",") if name.strip()]
        values = tuple(
            text(as_list(row.get(name))[0]) if name in row else "" for row in results.rows[:1] for name in fields
        )
        key = (settings.get("alert.suppress.group_name") or (job.app, job.saved), values)
        now = self._splunkd.clock.now()
        with self._lock:
            if self._suppressed.get(key, now) > now:
                return True
            self._suppressed[key] = now + _seconds(settings.get("alert.suppress.period", "0"))
        return False


def _is_tracked(settings: Mapping[str, str]) -> bool:
    track = settings.get("alert.track", "auto")
    return settings.get("counttype", "always") != "always" if track == "auto" else is_true(track)


def _seconds(period: str) -> float:
    """The seconds in a period such as 24h."""
    match = _PERIOD.fullmatch(period.strip())
    if not match:
        raise SplError("'%s' is not a period." % period)
    return int(match.group(1)) * _SECONDS[match.group(2)]
