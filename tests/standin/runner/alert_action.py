"""A custom alert action: a program that an app brings, started when an alert is triggered.

It learns on stdin, as JSON, what has happened, and finds the results in a file. What it writes to stderr goes to
splunkd.log, and it is killed after maxtime.

Sources: alert_actions.conf.spec; "Create a custom alert action script" and "Advanced options for working with custom
alert actions"; payloads and lines of splunkd.log in public repositories, which show that `search_uri` has a plus for a
blank, and that a single result's own file is per_result_alert/tmp_<number>.csv.gz. No source says whether maxresults,
"the global maximum number of search results sent through alerts", applies to that file; here it does.
"""

import gzip
import json
import re
import signal
from typing import Any, Dict, Mapping, Optional
from urllib.parse import quote_plus

from tests.support.chunked import encode_rows

from ..sessions import Session
from ..stores.conf import Stanza
from ..stores.events import HOST
from ..values import Results, SplError, as_list, text
from .program import Program

_COMPONENT = "sendmodalert"
_PERIOD = re.compile(r"(\d+)\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def results_link(splunkd, job) -> str:
    return "%s/en-US/app/%s/@go?sid=%s" % (splunkd.web_url, job.app, job.sid)


def owner_of(splunkd, job) -> str:
    """The owner of the alert that the job is a run of."""
    return splunkd.confs.access("savedsearches", job.saved, job.app).owner


def execute(
    splunkd, job, session: Session, action: Stanza, params: Mapping[str, str], results: Results, number: Optional[int]
) -> None:
    """Runs the program and waits for its end.

    Args:
        session: that of the alert's owner.
        params: with their tokens replaced.
        number: that of the one result in `results`; None if they are all of them.

    Raises:
        ValueError: there is no such program, or it did not do its work.
    """
    name, settings = action.name, action.settings
    if settings.get("payload_format", "xml") != "json":
        raise ValueError("payload_format = xml is not known here")
    script = splunkd.confs.folder(action.app) / "bin" / settings.get("alert.execute.cmd", name + ".py")
    if not script.is_file():
        splunkd.logs.splunkd(
            "WARN",
            _COMPONENT,
            'action=%s - Unable to find alert action script for action="%s" in app="%s"' % (name, name, action.app),
        )
        raise ValueError("Error in 'sendalert' command: Alert action script for action \"%s\" not found." % name)
    try:
        python = splunkd.pythons.for_settings(settings)
    except SplError as error:
        raise ValueError(error) from None
    payload = _payload(splunkd, job, session, settings, params, results, number)
    splunkd.logs.splunkd(
        "INFO",
        _COMPONENT,
        'Invoking modular alert action=%s for search="%s" sid="%s" in app="%s" '
        'owner="%s" type="saved"' % (name, job.saved, job.sid, job.app, session.user),
    )
    status = _run(
        splunkd, [python, str(script), "--execute"], json.dumps(payload).encode(), name, _seconds(settings["maxtime"])
    )
    if status:
        splunkd.logs.splunkd(
            "WARN", _COMPONENT, "action=%s - Alert action script returned error code=%d" % (name, status)
        )
        raise ValueError("Error in 'sendalert' command: Alert script returned error code %d." % status)


def _payload(
    splunkd,
    job,
    session: Session,
    settings: Mapping[str, str],
    params: Mapping[str, str],
    results: Results,
    number: Optional[int],
) -> Dict[str, Any]:
    rows = results.rows[: int(settings["maxresults"])]
    file = job.dispatch_dir / ("results.csv.gz" if number is None else "per_result_alert/tmp_%d.csv.gz" % number)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(gzip.compress(encode_rows(list(results.fields), rows)))
    first = {
        field: [*map(text, value)] if isinstance(value, list) else text(value)
        for field, value in (rows[0] if rows else {}).items()
        if as_list(value)
    }
    owner = owner_of(splunkd, job)
    return {
        "app": job.app,
        "owner": owner,
        "results_file": str(file),
        "results_link": results_link(splunkd, job),
        "search_uri": "/servicesNS/%s/%s/saved/searches/%s" % (owner, job.app, quote_plus(job.saved)),
        "server_host": HOST,
        "server_uri": splunkd.management_url,
        "session_key": session.key,
        "sid": job.sid,
        "search_name": job.saved,
        "configuration": dict(params),
        "result": first,
        **({} if number is None else {"result_id": str(number)}),
    }


def _run(splunkd, command_line, given: bytes, name: str, maxtime_s: float) -> int:
    """The program's exit status."""
    program = Program(
        command_line,
        splunkd.environment,
        lambda pid, line: splunkd.logs.splunkd("ERROR", _COMPONENT, "action=%s STDERR -  %s" % (name, line)),
    )
    program.in_background(program.stdout.read)
    program.give(given)
    is_over = program.ends_within(maxtime_s)
    if not is_over:
        program.send_signal(signal.SIGKILL)
    program.clear_away()
    if not is_over:
        raise ValueError("action=%s - the script was killed: it took longer than maxtime" % name)
    return program.returncode


def _seconds(period: str) -> float:
    """The seconds in a period.

    Raises:
        ValueError: it is not a period.
    """
    match = _PERIOD.fullmatch(period.strip())
    if not match:
        raise ValueError("maxtime = %s is not a period" % period)
    return int(match.group(1)) * _SECONDS[match.group(2)]
