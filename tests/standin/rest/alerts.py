"""Triggered alerts, and the actions that alerts may take: alerts/fired_alerts, alerts/alert_actions.

Splunk REST API reference, "Search endpoint descriptions", of the same names.
"""

from datetime import datetime
from typing import List

from werkzeug.wrappers import Response

from ..alerts import FiredAlert
from ..refusal import Refusal
from . import objects
from .entries import Entry
from .objects import Kind
from .routing import Call, route

_PATH = "alerts/fired_alerts"
_ALL = "-"
"""Stands for the alerts of all searches together."""


def _visible(call: Call) -> List[FiredAlert]:
    """The triggered alerts of searches that the caller may read, in the namespace's app."""
    return [
        alert
        for alert in call.splunkd.alerts.fired()
        if call.app in (_ALL, alert.app) or not call.namespaced
        if call.may_read("savedsearches", alert.name, alert.app)
    ]


@route("GET", _PATH)
def groups(call: Call) -> Response:
    """Lists the searches with triggered alerts, and how many each has."""
    alerts = _visible(call)
    apps = {alert.name: alert.app for alert in alerts}
    return call.feed(
        [
            _group(_ALL, "search", len(alerts)),
            *(_group(name, app, sum(alert.name == name for alert in alerts)) for name, app in apps.items()),
        ]
    )


def _group(name: str, app: str, count: int) -> Entry:
    return Entry(_PATH, name, {"triggered_alert_count": count}, app, sharing="app")


@route("GET", _PATH + "/<name>")
def group(call: Call, name: str) -> Response:
    """The alerts of a search, or the one that a job's results have triggered."""
    found = [alert for alert in _visible(call) if name in (_ALL, alert.name, alert.sid)]
    if not found and name != _ALL:
        raise Refusal(404, "Could not find object id=%s" % name)
    return call.feed([_entry(call, alert) for alert in found])


def _entry(call: Call, alert: FiredAlert) -> Entry:
    return Entry(
        _PATH,
        alert.sid,
        {
            "savedsearch_name": alert.name,
            "sid": alert.sid,
            "severity": alert.severity,
            "alert_type": "historical",
            "actions": ",".join(alert.actions),
            "digest_mode": True,
            "trigger_time": int(alert.time),
            "trigger_time_rendered": _rendered(call, alert.time),
            "expiration_time_rendered": _rendered(call, alert.expires),
        },
        alert.app,
        sharing="app",
        removable=True,
    )


def _rendered(call: Call, seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), call.splunkd.clock.zone).isoformat()


@route("DELETE", _PATH + "/<sid>")
def remove(call: Call, sid: str) -> Response:
    found = [alert for alert in _visible(call) if alert.sid == sid]
    if not found:
        raise Refusal(404, "Could not find object id=%s" % sid)
    call.check_write("savedsearches", found[0].name, found[0].app)
    call.splunkd.alerts.remove(sid)
    return call.done()


objects.reading(Kind("alerts/alert_actions", "alert_actions", objects.content))
