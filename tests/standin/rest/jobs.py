"""Search jobs and their results.

Splunk REST API reference, "Search endpoint descriptions": search/jobs and search/v2/jobs.
"""

import csv
import io
import json
from datetime import datetime, tzinfo
from typing import Any, Dict, List, NamedTuple, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from werkzeug.wrappers import Response

from ..jobs import Dispatch, Job
from ..refusal import Refusal
from ..values import Results, Row, SplError, Value, as_list, number, text
from . import entries
from .entries import Entry
from .routing import Call, route

_DISPATCH = (
    "search",
    "earliest_time",
    "latest_time",
    "exec_mode",
    "id",
    "max_count",
    "max_time",
    "timeout",
    "count",
    "offset",
    "preview",
    "adhoc_search_level",
    "auto_cancel",
    "auto_finalize_ec",
    "auto_pause",
    "enable_lookups",
    "rf",
    "search_mode",
    "status_buckets",
    "namespace",
    "allow_partial_results",
    "segmentation",
)
_RESULTS = ("count", "offset", "f", "field_list", "output_mode", "segmentation")


class JobEntry(Entry):
    """A job's title is its search, and its address contains its sid."""

    @property
    def href(self) -> str:
        return "/services/search/jobs/" + quote(self.content["sid"])


def job_entry(job: Job, call: Call) -> Entry:
    zone = call.splunkd.clock.zone
    shown = job.search[len("search ") :] if job.search.startswith("search ") else job.search
    return JobEntry(
        "search/jobs",
        shown,
        {
            "sid": job.sid,
            "label": job.saved or None,
            "search": job.search,
            "dispatchState": job.state,
            "isDone": job.is_done,
            "isFailed": job.is_failed,
            "isFinalized": job.is_finalized,
            "isPaused": False,
            "isSavedSearch": bool(job.saved),
            "isZombie": False,
            "isPreviewEnabled": job.previews,
            "doneProgress": 1.0 if job.is_done else 0.0,
            "scanCount": job.scanned,
            "eventCount": job.result_count if "_raw" in job.results.fields else job.scanned,
            "resultCount": job.result_count,
            "runDuration": round(job.run_duration, 3),
            "ttl": call.splunkd.jobs.ttl(job.sid),
            "earliestTime": _iso(job.earliest or 0, zone),
            "latestTime": _iso(job.latest, zone) if job.latest else None,
            "messages": [{"type": message.level.lower(), "text": message.text} for message in job.messages],
        },
        job.app,
        job.owner,
        "global",
        True,
        updated=_iso(call.splunkd.jobs.touched(job.sid), zone),
    )


def _iso(seconds: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(seconds, zone).isoformat(timespec="milliseconds")


# --- Jobs -----------------------------------------------------------------------------------------------------------


@route("GET", "search/jobs")
@route("GET", "search/v2/jobs")
def jobs(call: Call) -> Response:
    return call.feed([job_entry(job, call) for job in call.splunkd.jobs.all() if may_see(call, job)])


@route("POST", "search/jobs", *_DISPATCH)
@route("POST", "search/v2/jobs", *_DISPATCH)
def create(call: Call) -> Response:
    mode = call.argument("exec_mode", "normal")
    if mode not in ("normal", "blocking", "oneshot"):
        raise Refusal(400, "Invalid value '%s' for argument 'exec_mode'." % mode)
    job = _dispatched(call)
    if mode != "normal":
        job.wait()
    if mode == "oneshot":
        return _results(call, _successful(job))
    return entries.element(201, "sid", job.sid, call.as_json)


def _dispatched(call: Call) -> Job:
    """Starts the search that the arguments describe."""
    search = call.argument("search").strip()
    if not search.startswith(("|", "search ", "search\n", "[")):
        raise Refusal(
            400,
            "Unknown search command '%s'." % search.split(None, 1)[0].lower() if search else "Empty search.",
            "FATAL",
        )
    clock = call.splunkd.clock
    try:
        earliest, latest = (
            clock.modified(call.arguments[name]) if call.arguments.get(name) else None
            for name in ("earliest_time", "latest_time")
        )
    except SplError as error:
        raise Refusal(400, str(error), "FATAL") from None
    if earliest is not None and latest is not None and earliest > latest:
        raise Refusal(400, "Invalid earliest_time: it is after latest_time.", "FATAL")
    return call.splunkd.jobs.dispatch(
        Dispatch(
            search,
            call.app,
            call.session.user,
            call.session,
            earliest,
            latest,
            call.arguments.get("id", ""),
            max_count=int(call.argument("max_count", "500000")),
            max_time=float(call.argument("max_time", "0")),
            ttl=float(call.argument("timeout", "600")),
        )
    )


def _job(call: Call, sid: str, change: bool = False) -> Job:
    job = call.splunkd.jobs.get(sid)
    if not may_see(call, job):
        raise Refusal(404, "Unknown sid.")
    if change and not _is_own(call, job):
        call.check_write("savedsearches", job.saved, job.app)
    return job


def may_see(call: Call, job: Job) -> bool:
    """Whoever may read a shared search may see its results: Search Manual, "Manage search jobs"."""
    return _is_own(call, job) or (job.given.is_shared and call.may_read("savedsearches", job.saved, job.app))


def _is_own(call: Call, job: Job) -> bool:
    return job.owner == call.session.user or call.is_admin


@route("GET", "search/jobs/<sid>")
@route("GET", "search/v2/jobs/<sid>")
def job(call: Call, sid: str) -> Response:
    found = job_entry(_job(call, sid), call)
    if call.as_json:
        return call.entry(found)
    return entries.xml_response(found.as_xml(call.origin, root=True))  # an entry, not a feed


@route("DELETE", "search/jobs/<sid>")
@route("DELETE", "search/v2/jobs/<sid>")
def remove(call: Call, sid: str) -> Response:
    call.splunkd.jobs.remove(_job(call, sid, change=True).sid)
    return entries.messages(200, [("INFO", "Search job cancelled.")], call.as_json)


@route("POST", "search/jobs/<sid>/control", "action", "ttl")
@route("POST", "search/v2/jobs/<sid>/control", "action", "ttl")
def control(call: Call, sid: str) -> Response:
    found, action = _job(call, sid, change=True), call.argument("action")
    if action == "cancel":
        call.splunkd.jobs.remove(sid)
    elif action == "finalize":
        found.finalize()
    elif action == "touch":
        call.splunkd.jobs.keep(sid, found.given.ttl)
    elif action == "setttl":
        call.splunkd.jobs.keep(sid, float(call.argument("ttl")))
    else:
        raise Refusal(400, "Invalid action '%s'." % action)
    return entries.messages(200, [("INFO", "Search job %s: %s." % (sid, action))], call.as_json)


@route("GET", "search/jobs/<sid>/search.log")
@route("GET", "search/v2/jobs/<sid>/search.log")
def search_log(call: Call, sid: str) -> Response:
    path = _job(call, sid).dispatch_dir / "search.log"
    return Response(path.read_bytes() if path.exists() else b"", content_type="text/plain; charset=UTF-8")


# --- Results --------------------------------------------------------------------------------------------------------


@route("GET", "search/jobs/<sid>/results", *_RESULTS)
@route("GET", "search/v2/jobs/<sid>/results", *_RESULTS)
@route("POST", "search/v2/jobs/<sid>/results", *_RESULTS)
def results(call: Call, sid: str) -> Response:
    found = _job(call, sid)
    if not found.is_done:
        return Response(status=204)
    return _results(call, found)


@route("GET", "search/jobs/<sid>/results_preview", *_RESULTS)
@route("GET", "search/v2/jobs/<sid>/results_preview", *_RESULTS)
@route("POST", "search/v2/jobs/<sid>/results_preview", *_RESULTS)
def results_preview(call: Call, sid: str) -> Response:
    return _results(call, _job(call, sid))


@route("GET", "search/jobs/<sid>/events", *_RESULTS)
@route("GET", "search/v2/jobs/<sid>/events", *_RESULTS)
@route("POST", "search/v2/jobs/<sid>/events", *_RESULTS)
def events(call: Call, sid: str) -> Response:
    return _results(call, _job(call, sid))


@route("GET", "search/jobs/export", *_DISPATCH)
@route("POST", "search/jobs/export", *_DISPATCH)
@route("GET", "search/v2/jobs/export", *_DISPATCH)
@route("POST", "search/v2/jobs/export", *_DISPATCH)
def export(call: Call) -> Response:
    """Returns results without previews: `preview` is refused unless it is off."""
    if call.argument("preview", "false").lower() not in ("0", "f", "false"):
        raise Refusal(400, "preview = true of search/jobs/export is not known here.")
    job = _dispatched(call)
    job.wait()
    _successful(job)
    if call.argument("output_mode", "xml") != "json":
        return _results(call, job)
    page = _page(call, job)
    lines = [
        {"preview": False, "offset": offset, "result": _shown(row, page.fields)} for offset, row in enumerate(page.rows)
    ] or [{"preview": False}]
    lines[-1]["lastrow"] = True
    return Response(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines),
        content_type="application/json; charset=UTF-8",
    )


def _successful(job: Job) -> Job:
    """If the answer is the results themselves, there is no other place to report a failure."""
    if job.is_failed:
        raise Refusal(400, " ".join(message.text for message in job.messages), "FATAL")
    return job


def _page(call: Call, job: Job) -> Results:
    found = job.results
    count, offset = int(call.argument("count", "100")), int(call.argument("offset", "0"))
    wanted = call.request.values.getlist("f") + [name for name in call.argument("field_list", "").split(",") if name]
    fields = [name for name in wanted if name in found.fields] if wanted else found.fields
    rows = found.rows[offset:][: count if count > 0 else None]
    return Results(fields, [_dated(row, call.splunkd.clock.zone) for row in rows])


def _dated(row: Row, zone: tzinfo) -> Row:
    """_time as a date."""
    seconds = number(row.get("_time"))
    return row if seconds is None else {**row, "_time": _iso(seconds, zone)}


def _results(call: Call, job: Job) -> Response:
    mode = call.argument("output_mode", "xml")
    if call.argument("segmentation", "none") != "none":
        raise Refusal(400, "segmentation is not known here, other than none.")
    if mode not in _WRITERS:
        raise Refusal(400, "Invalid value '%s' for argument 'output_mode'." % mode)
    return _WRITERS[mode](_Output(_page(call, job), int(call.argument("offset", "0")), job))


class _Output(NamedTuple):
    page: Results
    offset: int
    job: Job

    @property
    def messages(self) -> List[Dict[str, str]]:
        return [{"type": message.level, "text": message.text} for message in self.job.messages]


def _cell(value: Value) -> Any:
    """A value as the API shows it: always as text."""
    return [text(each) for each in value] if isinstance(value, list) else text(value)


def _shown(row: Row, fields: Sequence[str]) -> Dict[str, Any]:
    return {name: _cell(row[name]) for name in fields if name in row}


def _json(output: _Output) -> Response:
    fields = output.page.fields
    return entries.json_response(
        {
            "preview": not output.job.is_done,
            "init_offset": output.offset,
            "messages": output.messages,
            "fields": [{"name": name} for name in fields],
            "results": [_shown(row, fields) for row in output.page.rows],
            "highlighted": {},
        }
    )


def _json_rows(output: _Output) -> Response:
    fields = output.page.fields
    rows = [[_cell(row[name]) if name in row else None for name in fields] for row in output.page.rows]
    return entries.json_response(
        {
            "preview": not output.job.is_done,
            "init_offset": output.offset,
            "messages": output.messages,
            "fields": list(fields),
            "rows": rows,
        }
    )


def _json_cols(output: _Output) -> Response:
    fields, rows = output.page.fields, output.page.rows
    columns = [[_cell(row[name]) if name in row else None for row in rows] for name in fields]
    return entries.json_response(
        {
            "preview": not output.job.is_done,
            "init_offset": output.offset,
            "messages": output.messages,
            "fields": list(fields),
            "columns": columns,
        }
    )


def _csv(output: _Output) -> Response:
    file, fields = io.StringIO(), output.page.fields
    writer = csv.writer(file, lineterminator="\n")
    if fields:
        writer.writerow(fields)
    for row in output.page.rows:
        writer.writerow(["\n".join(as_list(_cell(row[name]))) if name in row else "" for name in fields])
    return Response(file.getvalue(), content_type="text/csv; charset=UTF-8")


def _xml(output: _Output) -> Response:
    fields = output.page.fields
    parts = ["<results preview='%d'>\n<meta>\n<fieldOrder>\n" % (not output.job.is_done)]
    parts += ["<field>%s</field>\n" % escape(name) for name in fields] + ["</fieldOrder>\n</meta>\n<messages>\n"]
    parts += ["<msg type=%s>%s</msg>\n" % (quoteattr(each["type"]), escape(each["text"])) for each in output.messages]
    parts.append("</messages>\n")
    for offset, row in enumerate(output.page.rows, output.offset):
        parts.append("<result offset='%d'>\n" % offset)
        for name, value in _shown(row, fields).items():
            form = "<v xml:space='preserve'>%s</v>" if name == "_raw" else "<value><text>%s</text></value>\n"
            parts.append(
                "<field k=%s>%s</field>\n" % (quoteattr(name), "".join(form % escape(each) for each in as_list(value)))
            )
        parts.append("</result>\n")
    return entries.xml_response("".join([*parts, "</results>"]))


_WRITERS = {"json": _json, "json_rows": _json_rows, "json_cols": _json_cols, "csv": _csv, "xml": _xml}
