"""What a triggered alert does: sends e-mail to a local SMTP server, calls a webhook, and runs actions that apps bring.

alert_actions.conf.spec, [email], [webhook], is_custom; Alerting Manual, "Email notification action", "Use a webhook
alert action"; default.meta.conf.spec, which decides whether other apps may use an app's own action, and who may.
"""

import csv
import io
import json
import re
import smtplib
import urllib.request
from datetime import datetime
from email.message import EmailMessage
from typing import Collection, Dict, Iterator, Mapping, Optional, Tuple

from .runner import alert_action
from .sessions import Session
from .stores.conf import Confs, Stanza, is_true
from .values import Results, as_list, text

_TIMEOUT_S = 10
KNOWN = ("email", "webhook")
_LISTED_ROWS = 100


def custom(confs: Confs, session: Session, app: str) -> Dict[str, Stanza]:
    """The actions from apps that a user may use in this app, by name."""
    return {
        name: stanza
        for name, stanza in confs.stanzas("alert_actions", app).items()
        if is_true(stanza.settings.get("is_custom", "0"))
        and (
            "admin_all_objects" in session.capabilities
            or confs.access("alert_actions", name, stanza.app).may_read(session.roles)
        )
    }


def settings_of(names: Collection[str], settings: Mapping[str, str]) -> Iterator[str]:
    """The part of a saved search's settings that belongs to these actions from apps."""
    prefixes = tuple("action.%s.param." % name for name in names)
    own = {"action." + name for name in names} | {"action.%s.maxtime" % name for name in names}
    return (name for name in settings if name in own or name.startswith(prefixes))


def run(splunkd, job, settings: Mapping[str, str], results: Results, number: Optional[int] = None) -> Tuple[str, ...]:
    """Executes the actions that are on, and returns their names. Logs one that fails or that is not known here.

    Args:
        number: that of the single result, if each result is an alert of its own.
    """
    done = []
    for key, value in settings.items():
        name = key[len("action.") :]
        if not key.startswith("action.") or "." in name or not is_true(value):
            continue
        defaults = splunkd.confs.stanza("alert_actions", job.app, name)
        merged = {
            **(
                {"action.%s.%s" % (name, each): setting for each, setting in defaults.settings.items()}
                if defaults
                else {}
            ),
            **settings,
        }
        try:
            if name in KNOWN:
                {"email": _email, "webhook": _webhook}[name](splunkd, job, merged, results)
            elif defaults and is_true(defaults.settings.get("is_custom", "0")):
                _custom(splunkd, job, name, merged, results, number)
            else:
                raise ValueError("the alert action %s is not known here" % name)
            done.append(name)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            splunkd.logs.splunkd("ERROR", "sendmodalert", 'action=%s search="%s" - %s' % (name, job.saved, error))
    return tuple(done)


def _custom(splunkd, job, name: str, settings: Mapping[str, str], results: Results, number: Optional[int]) -> None:
    session = splunkd.sessions.open(job.session.user)
    try:
        action = custom(splunkd.confs, session, job.app).get(name)
        if action is None:
            raise ValueError("Error in 'sendalert' command: Alert action \"%s\" not found." % name)
        prefix = "action.%s." % name
        own = {key[len(prefix) :]: value for key, value in settings.items() if key.startswith(prefix)}
        params = {
            key[len("param.") :]: _filled(splunkd, value, job, settings, results)
            for key, value in own.items()
            if key.startswith("param.")
        }
        alert_action.execute(splunkd, job, session, action._replace(settings=own), params, results, number)
    finally:
        splunkd.sessions.close(session)


def _filled(splunkd, template: str, job, settings: Mapping[str, str], results: Results) -> str:
    """Replaces tokens: $name$, $description$, $app$, $owner$, $job.sid$, ..., $result.FIELD$ of the first row."""
    first = results.rows[0] if results.rows else {}

    def value(match) -> str:
        token = match.group(1)
        if token.startswith("result."):
            return "\n".join(map(text, as_list(first.get(token[len("result.") :]))))
        known = {
            "name": job.saved,
            "description": settings.get("description", ""),
            "app": job.app,
            "job.sid": job.sid,
            "job.resultCount": str(len(results.rows)),
            "owner": alert_action.owner_of(splunkd, job),
            "results_link": alert_action.results_link(splunkd, job),
        }
        return known.get(token, "")

    return re.sub(r"\$(result\.[^$]+|[\w.]+)\$", value, template)


def _email(splunkd, job, settings: Mapping[str, str], results: Results) -> None:
    def get(name: str, default: str = "") -> str:
        return settings.get("action.email." + name, default)

    named = [each.strip() for each in re.split("[,;]", get("to")) if each.strip()]
    recipients = [each for each in named if may_get_mail(each, get("allowedDomainList"))]
    if not recipients:
        raise ValueError("action.email.to is empty" if not named else "allowedDomainList allows none of the recipients")
    message = EmailMessage()
    message["From"], message["To"] = get("from", "splunk"), ", ".join(recipients)
    message["Subject"] = _filled(splunkd, get("subject", "Splunk Alert: $name$"), job, settings, results)
    body = _filled(
        splunkd, get("message.alert", "The alert condition for '$name$' was triggered."), job, settings, results
    )
    if is_true(get("include.trigger_time", "0")):
        triggered = datetime.fromtimestamp(splunkd.clock.now(), splunkd.clock.zone)
        body += "\n\nTrigger time: " + triggered.strftime("%H:%M:%S on %B %d, %Y")
    if is_true(get("include.results_link", "1")):
        body += "\n\nView results in Splunk: " + alert_action.results_link(splunkd, job)
    if is_true(get("sendresults", "0")) and is_true(get("inline", "0")):
        body += "\n\n" + _table(results)
    message.set_content(body)
    host, _, port = get("mailserver", "localhost").partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=_TIMEOUT_S) as server:
        server.send_message(message)


def may_get_mail(address: str, domains: str) -> bool:
    """`domains` is allowedDomainList of alert_actions.conf, which silently removes recipients."""
    listed = [each.strip().lower() for each in domains.split(",") if each.strip()]
    return listed in ([], ["allow_all"]) or address.rpartition("@")[2].lower() in listed


def _table(results: Results) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(results.fields)
    for row in results.rows[:_LISTED_ROWS]:
        writer.writerow(["\n".join(map(text, as_list(row.get(name)))) for name in results.fields])
    return file.getvalue()


def _webhook(splunkd, job, settings: Mapping[str, str], results: Results) -> None:
    url = settings.get("action.webhook.param.url", "")
    if not url.startswith(("http://", "https://")):
        raise ValueError("action.webhook.param.url is not a URL")
    first = results.rows[0] if results.rows else {}
    body = {
        "search_name": job.saved,
        "sid": job.sid,
        "app": job.app,
        "owner": "nobody",
        "results_link": alert_action.results_link(splunkd, job),
        "result": {
            name: [text(each) for each in value] if isinstance(value, list) else text(value)
            for name, value in first.items()
        },
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=_TIMEOUT_S).close()
