"""Saved searches: saved/searches, and their runs.

Splunk REST API reference, "Search endpoint descriptions", saved/searches; savedsearches.conf.spec. The API uses its own
names for some settings: is_scheduled for enableSched, alert_type for counttype, and so on.
"""

import fnmatch
from datetime import datetime
from typing import Any, Dict, List, Optional

from werkzeug.wrappers import Response

from .. import actions
from ..cron import CronError, next_time
from ..refusal import Refusal
from ..stores.conf import NOBODY, Settings, Stanza, is_true
from ..values import SplError
from . import entries, objects, validation
from .entries import Entry
from .jobs import may_see
from .objects import Kind
from .routing import Call, route

_PATH, _CONF = "saved/searches", "savedsearches"
_RENAMED = {
    "is_scheduled": "enableSched",
    "alert_type": "counttype",
    "alert_comparator": "relation",
    "alert_threshold": "quantity",
}
"""The API's name for a setting, with the name in savedsearches.conf."""
_BOOLEANS = (
    "is_scheduled",
    "disabled",
    "is_visible",
    "realtime_schedule",
    "run_on_startup",
    "alert.digest_mode",
    "alert.suppress",
    "dispatch.allow_partial_results",
    "dispatch.auto_cancel",
    "dispatch.lookups",
    "dispatch.spawn_process",
    "action.email",
    "action.email.inline",
    "action.email.sendresults",
    "action.email.include.results_link",
    "action.webhook",
)
_NUMBERS = (
    "alert.severity",
    "alert_threshold",
    "max_concurrent",
    "run_n_times",
    "dispatch.buckets",
    "dispatch.max_count",
    "dispatch.max_time",
    "dispatch.auto_pause",
)
_TEXTS = (
    "search",
    "description",
    "cron_schedule",
    "schedule_window",
    "schedule_priority",
    "schedule_as",
    "allow_skew",
    "alert_type",
    "alert_comparator",
    "alert_condition",
    "alert.track",
    "alert.expires",
    "alert.suppress.fields",
    "alert.suppress.period",
    "alert.suppress.group_name",
    "actions",
    "dispatch.earliest_time",
    "dispatch.latest_time",
    "dispatch.index_earliest",
    "dispatch.index_latest",
    "dispatch.ttl",
    "dispatch.sample_ratio",
    "dispatchAs",
    "displayview",
    "vsid",
    "durable.*",
    "display.*",
    "request.ui_dispatch_app",
    "request.ui_dispatch_view",
    "action.email.*",
    "action.webhook.*",
    "workload_pool",
)
_ARGUMENTS = (*_BOOLEANS, *_NUMBERS, *_TEXTS)
_CUSTOM = "action.*"
"""Includes the actions that apps bring."""
_ALERT_TYPES = ("always", "custom", "number of events", "number of hosts", "number of sources")
_COMPARATORS = (
    "greater than",
    "less than",
    "equal to",
    "not equal to",
    "rises by",
    "drops by",
    "rises by perc",
    "drops by perc",
)
_ASKING = (
    ("enableSched", "schedule_search"),
    ("schedule_window", "edit_search_schedule_window"),
    ("schedule_priority", "edit_search_schedule_priority"),
)
"""Settings that require a capability, according to authorize.conf.spec."""
_DISPATCH = ("trigger_actions", "dispatch.*", "args.*", "force_dispatch")


def _content(call: Call, stanza: Stanza) -> Dict[str, Any]:
    names = {conf: shown for shown, conf in _RENAMED.items()}
    settings = {names.get(name, name): value for name, value in stanza.settings.items()}
    for name in _BOOLEANS:
        if name in settings:
            settings[name] = is_true(settings[name])
    run_at = call.splunkd.scheduler.next_run(stanza.app, stanza.name) if stanza.user == NOBODY else None
    search = settings.get("search", "").strip()
    fired = [alert for alert in call.splunkd.alerts.fired() if (alert.app, alert.name) == (stanza.app, stanza.name)]
    return {
        **settings,
        "actions": ",".join(action for action in _actions(call) if _is_on(settings.get("action." + action))),
        "is_scheduled": bool(settings.get("is_scheduled")),
        "next_scheduled_time": _rendered(call, run_at),
        "qualifiedSearch": search if search.startswith("|") else "search " + search,
        "triggered_alert_count": len(fired),
        "eai:appName": stanza.app,
        "eai:userName": stanza.user,
    }


def _is_on(value: Any) -> bool:
    return is_true(str(value)) if value is not None else False


def _actions(call: Call) -> List[str]:
    """The actions that the caller can use."""
    return [*actions.KNOWN, *_custom(call)]


def _custom(call: Call) -> List[str]:
    return [*actions.custom(call.splunkd.confs, call.session, call.app)]


def _rendered(call: Call, seconds: Optional[float]) -> str:
    return (
        ""
        if seconds is None
        else datetime.fromtimestamp(seconds, call.splunkd.clock.zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    )


_SEARCHES = Kind(_PATH, _CONF, _content, ("disable", "dispatch", "history"))


@route("GET", _PATH + "/_reload")
@route("POST", _PATH + "/_reload")
def reload(call: Call) -> Response:
    call.splunkd.changed(_CONF)
    return call.feed([])


def _checked(call: Call, before: Optional[Settings]) -> Settings:
    """The arguments as settings of savedsearches.conf.

    Raises:
        Refusal: a value is invalid, or conflicts with the others.
    """
    given = call.settings("name")
    if not (call.argument("search") if before is None else given.get("search", "x")).strip():
        raise Refusal(400, "A saved search cannot have an empty search string.")
    _check_actions(call, given)
    validation.check(call.splunkd.confs, ("savedsearch", "alert_action_part"), given)
    for name, value in given.items():
        if not _is_right(call, name, value):
            raise Refusal(400, "Invalid value '%s' for argument '%s'." % (value, name))
    settings = {_RENAMED.get(name, name): value for name, value in given.items() if name != "actions"}
    if "actions" in given:
        chosen = [action.strip() for action in given["actions"].split(",") if action.strip()]
        settings.update({"action." + action: "1" if action in chosen else "0" for action in _actions(call)})
    whole = {**(before or {}), **settings}
    if is_true(whole.get("enableSched", "0")):
        if not whole.get("cron_schedule"):
            raise Refusal(400, "A scheduled search needs a cron_schedule.")
        if call.owner != NOBODY:
            raise Refusal(400, "A scheduled search that is private is not known here: use the owner nobody.")
    for name, capability in _ASKING:
        if settings.get(name, "0") not in ("0", "false") and capability not in call.session.capabilities:
            call.forbid(capability)
    return settings


def _check_actions(call: Call, given: Settings) -> None:
    """Checks the settings of alert actions.

    Raises:
        Refusal: a setting belongs to no alert action that the caller can use.
    """
    known = {*actions.settings_of(_custom(call), given)}
    for name in given:
        if name not in known and not any(fnmatch.fnmatchcase(name, each) for each in _ARGUMENTS):
            raise Refusal(400, 'Argument "%s" is not supported by this handler.' % name)


def _is_right(call: Call, name: str, value: str) -> bool:
    value = value.strip()
    if name in _BOOLEANS:
        return value.lower() in objects.BOOLEANS
    if name in _NUMBERS:
        return value.isdecimal()
    if name == "cron_schedule" and value:
        return _is_schedule(call, value)
    if name in ("dispatch.earliest_time", "dispatch.latest_time"):
        return _is_time(call, value)
    if name == "actions":
        return all(action.strip() in _actions(call) for action in value.split(",") if action.strip())
    return value in {"alert_type": _ALERT_TYPES, "alert_comparator": _COMPARATORS}.get(name, (value,))


def _is_schedule(call: Call, value: str) -> bool:
    try:
        next_time(value, call.splunkd.clock.now(), call.splunkd.clock.zone)
    except CronError:
        return False
    return True


def _is_time(call: Call, value: str) -> bool:
    try:
        call.splunkd.clock.modified(value)
    except SplError:
        return False
    return True


objects.reading(_SEARCHES)
objects.writing(_SEARCHES, (*_ARGUMENTS, _CUSTOM), _checked)
objects.removing(_SEARCHES)
objects.switching(_SEARCHES)
objects.permissions(_SEARCHES)


# --- Runs -----------------------------------------------------------------------------------------------------------


@route("POST", _PATH + "/<name>/dispatch", *_DISPATCH, capability="search")
def dispatch(call: Call, name: str) -> Response:
    stanza = objects.one(call, _CONF, name)
    if is_true(stanza.settings.get("disabled", "0")):
        raise Refusal(400, "Cannot dispatch the saved search '%s': it is disabled." % name)
    for argument in call.arguments:
        if argument.startswith("force_dispatch"):
            raise Refusal(400, 'Argument "%s" of dispatch is not known here.' % argument)
        if argument.startswith("dispatch.") and not any(fnmatch.fnmatchcase(argument, each) for each in _ARGUMENTS):
            raise Refusal(400, 'Argument "%s" is not supported by this handler.' % argument)
    if stanza.user not in (NOBODY, call.session.user):
        raise Refusal(400, "Running another user's private search is not known here.")
    job = call.splunkd.dispatch_saved(stanza.app, name, call.session, call.settings())
    return entries.element(201, "sid", job.sid, call.as_json)


@route("GET", _PATH + "/<name>/history")
def history(call: Call, name: str) -> Response:
    """The search's jobs, by sid."""
    stanza = objects.one(call, _CONF, name)
    return call.feed(
        [
            Entry(
                "search/jobs",
                job.sid,
                {
                    "sid": job.sid,
                    "label": name,
                    "search": job.search,
                    "isDone": job.is_done,
                    "isFailed": job.is_failed,
                    "isSaved": False,
                    "isScheduled": job.sid.startswith("scheduler__"),
                    "resultCount": job.result_count,
                    "start": int(job.created),
                    "durationTime": round(job.run_duration, 3),
                },
                job.app,
                job.owner,
                "app",
                True,
            )
            for job in call.splunkd.jobs.history(stanza.app, name)
            if may_see(call, job)
        ]
    )


@route("GET", _PATH + "/<name>/scheduled_times", "earliest_time", "latest_time")
def scheduled_times(call: Call, name: str) -> Response:
    stanza, clock = objects.one(call, _CONF, name), call.splunkd.clock
    try:
        earliest = clock.modified(call.argument("earliest_time", "now"))
        latest = clock.modified(call.argument("latest_time", "+1h"))
    except SplError as error:
        raise Refusal(400, str(error)) from None
    times = []
    if is_true(stanza.settings.get("enableSched", "0")):
        slot = next_time(stanza.settings["cron_schedule"], earliest, clock.zone)
        while slot <= latest:
            times.append(int(slot))
            slot = next_time(stanza.settings["cron_schedule"], slot, clock.zone)
    return call.entry(Entry(_PATH, name, {"scheduled_times": times}, stanza.app, sharing="app"))
