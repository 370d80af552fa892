"""What a Splunk administrator does with the app, using Splunk's own ports only.

The demo and the end-to-end tests work through this module, so they run against both the stand-in and a real Splunk.
Endpoints: Splunk REST API reference; "HTTP Event Collector REST API endpoints"; for reading and writing KV store
collections, "KV store endpoint descriptions".
"""

import contextlib
import json
import re
import time
import warnings
from typing import Dict, Iterable, Iterator, List, NamedTuple
from urllib.parse import urlsplit

import requests
import splunklib.client
import splunklib.results
from splunklib.binding import HTTPError
from urllib3.exceptions import InsecureRequestWarning

from tests.support.waiting import attempts

APP = "segment_bridge"
JOB = "Segment Bridge - Send user journeys"
AUDIT_INDEX, AUDIT_SOURCETYPE = "k8s_audit", "kube:audit"
COLLECTOR = APP + "_audit"
RUN_END = 'search index=_internal sourcetype="segment_bridge:log" event=run_end component=segmentsend sid="%s"'
_HEC_BATCH_BYTES = 1_000_000
_RESTART_S = 600
_SECRET_CHARACTERS = 255  # the most that the password store takes at once


class Outcome(NamedTuple):
    """A finished search job: its result rows, and its messages as (level, text)."""

    sid: str
    failed: bool
    rows: List[Dict[str, str]]
    messages: List[tuple]
    seconds: float


@contextlib.contextmanager
def trusting_session() -> Iterator[requests.Session]:
    """A session for Splunk, which made its certificates itself. It ignores the environment's proxy settings."""
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)
        session.trust_env = session.verify = False
        yield session


def splunk_is_ready(management: str, web: str, user: str, password: str) -> bool:
    """Whether splunkd, KV store (which starts after it) and Splunk Web all answer."""
    try:
        with trusting_session() as session:
            kvstore = session.get(
                management + "/services/kvstore/status",
                timeout=10,
                auth=(user, password),
                params={"output_mode": "json"},
            )
            page = session.get(web + "/en-US/account/login", timeout=10)
        return page.ok and kvstore.json()["entry"][0]["content"]["current"]["status"] == "ready"
    except (requests.RequestException, ValueError, KeyError):
        return False


class Administrator:
    """`management`, `web` and `hec` are base URLs. Does not verify splunkd's certificate, which is self-signed."""

    def __init__(self, management: str, web: str, hec: str, password: str, user: str = "admin", app: str = APP):
        self.management, self.web, self.hec = management, web, hec
        self.user, self._password = user, password
        address = urlsplit(management)
        self.service = splunklib.client.connect(
            scheme=address.scheme,
            host=address.hostname,
            port=address.port,
            username=user,
            password=password,
            owner="nobody",
            app=app,
            verify=False,
            autologin=True,
        )

    def upload(self, package: str) -> None:
        """Apps > Manage Apps > Install app from file."""
        login = self.web + "/en-US/account/login"
        with trusting_session() as session, open(package, "rb") as file:
            session.get(login, timeout=30).raise_for_status()
            session.post(
                login,
                timeout=30,
                data={"username": self.user, "password": self._password, "cval": session.cookies.get("cval", "")},
            ).raise_for_status()
            form_key = session.cookies["splunkweb_csrf_token_%d" % (urlsplit(self.web).port or 80)]
            answer = session.post(
                self.web + "/en-US/manager/appinstall/_upload",
                timeout=120,
                files={"appfile": file},
                data={"splunk_form_key": form_key, "force": "1"},
            )
        answer.raise_for_status()
        if APP not in [app.name for app in self.service.apps.list()]:
            raise RuntimeError("Splunk Web did not install the app: %s" % answer.text[:500])
        self._restart_if_asked()

    def _restart_if_asked(self) -> None:
        """A real Splunk asks for a restart after installing an app with a new kind of input."""
        reply = json.loads(self.service.get("messages", output_mode="json").body.read())
        if any(entry["name"] == "restart_required" for entry in reply["entry"]):
            self.service.restart(timeout=_RESTART_S)
            wait(
                lambda: splunk_is_ready(self.management, self.web, self.user, self._password),
                "KV store and Splunk Web after a restart",
                _RESTART_S,
            )

    def add_user(self, name: str, password: str, role: str) -> None:
        """Settings > Users > New User. The name must begin with the app's, so that nobody else's user has it."""
        assert name.startswith(APP)
        self.service.post("authentication/users", name=name, password=password, roles=role)

    def receive_audit_events(self) -> str:
        """Makes an index, a source type that keeps long events whole, and an event collector. Returns its token."""
        self.service.indexes.create(AUDIT_INDEX)
        self.service.confs["props"].create(AUDIT_SOURCETYPE, TRUNCATE="0", SHOULD_LINEMERGE="false")
        self.service.post("data/inputs/http", name=COLLECTOR, index=AUDIT_INDEX, sourcetype=AUDIT_SOURCETYPE)
        reply = self.service.get("data/inputs/http/http%3A%2F%2F" + COLLECTOR, output_mode="json")
        return json.loads(reply.body.read())["entry"][0]["content"]["token"]

    def index_events(self, token: str, events: Iterable[tuple]) -> None:
        """Sends (seconds since 1970, raw text) pairs through the event collector."""
        self.index_lines(
            token, (json.dumps({"time": "%.6f" % seconds, "event": raw}).encode() for seconds, raw in events)
        )

    def index_lines(self, token: str, lines: Iterable[bytes]) -> None:
        """Sends lines in the event collector's own format."""
        batch: List[bytes] = []
        size = 0
        with trusting_session() as session:
            session.headers["Authorization"] = "Splunk " + token
            for line in lines:
                if size + len(line) > _HEC_BATCH_BYTES and batch:
                    self._collect(session, batch)
                    batch, size = [], 0
                batch.append(line)
                size += len(line)
            if batch:
                self._collect(session, batch)

    def _collect(self, session: requests.Session, lines: List[bytes]) -> None:
        session.post(self.hec + "/services/collector/event", data=b"".join(lines), timeout=60).raise_for_status()

    def set_secret(self, user: str, secret: str) -> None:
        """Puts a write key or a bearer token into the password store, a long one in pieces, as the README says."""
        for entry in self.service.storage_passwords.list():
            if entry.realm == APP and re.fullmatch(re.escape(user) + r"(#\d+)?", entry.username):
                entry.delete()
        for start in range(0, len(secret), _SECRET_CHARACTERS):
            name = "%s#%d" % (user, start // _SECRET_CHARACTERS + 1) if start else user
            self.service.storage_passwords.create(secret[start : start + _SECRET_CHARACTERS], name, APP)

    def set_destination(self, name: str = "segment", **settings: str) -> None:
        """Changes settings of segment_bridge.conf in the app's local folder."""
        self.set("segment_bridge", name, settings)

    def set_macro(self, name: str, definition: str) -> None:
        """Settings > Advanced search > Search macros."""
        self.set("macros", name, {"definition": definition})

    def set(self, conf: str, stanza: str, settings: Dict[str, str]) -> None:
        """Changes settings of a stanza of a .conf file, and makes the stanza if it is missing."""
        stanzas = self.service.confs[conf]
        if stanza not in stanzas:
            stanzas.create(stanza)
        stanzas[stanza].submit(settings)

    def add_cluster(self, name: str, **settings: str) -> None:
        """Settings > Data inputs > UserSignups. The input starts to run at once."""
        self.service.post("data/inputs/usersignups", name=name, **settings)

    def remove_cluster(self, name: str) -> None:
        """Delete on the same page."""
        self.service.delete("data/inputs/usersignups/" + name)

    def records(self, collection: str) -> List[dict]:
        """The records of the KV store collection. There must be fewer than 50,000."""
        return self.service.kvstore[collection].data.query()

    def wait_for_records(self, collection: str, at_least: int, seconds: float = 60) -> List[dict]:
        """Returns the records as soon as there are that many."""
        return wait(
            lambda: (records := self.records(collection)) and len(records) >= at_least and records,
            "%d records in the collection %s" % (at_least, collection),
            seconds,
        )

    def count_events(self, index: str) -> int:
        """How many events an index holds. Counts without extracting their fields, which would take seconds."""
        search = 'search index="%s" | fields index | stats count' % index
        return int(self.search(search, earliest_time="0").rows[0]["count"])

    def wait_for_events(self, index: str, number: int, seconds: float = 60) -> None:
        """Returns as soon as the index holds that many events."""
        wait(lambda: self.count_events(index) >= number, "%d events in the index %s" % (number, index), seconds)

    def wait_for_rows(self, query: str, seconds: float = 30) -> List[Dict[str, str]]:
        """Returns the search's rows as soon as there are any: splunkd reads its log files only now and then."""
        return wait(lambda: self.search(query).rows, "results of: " + query, seconds)

    def fields(self, sid: str) -> List[str]:
        """The fields of a finished job's results, in their order."""
        reply = json.loads(self.service.get("search/jobs/%s/results" % sid, output_mode="json", count=1).body.read())
        return [field["name"] for field in reply["fields"]]

    def fired_alerts(self) -> List[str]:
        """The names of the alerts under Activity > Triggered Alerts."""
        reply = json.loads(self.service.get("alerts/fired_alerts", output_mode="json").body.read())
        return [entry["name"] for entry in reply["entry"] if entry["name"] != "-"]

    def run_saved_search(self, name: str = JOB, seconds: float = 300, progress=None, **dispatch: str) -> Outcome:
        """Runs a saved search now, with its actions, as the scheduler would at its time."""
        job = self.service.saved_searches[name].dispatch(trigger_actions="1", **dispatch)
        return self._finished(job, seconds, progress)

    def search(self, query: str, seconds: float = 300, **dispatch: str) -> Outcome:
        """Runs a search in the app. `query` begins with "search " or "|"."""
        try:
            job = self.service.jobs.create(query, **dispatch)
        except HTTPError as error:
            if error.status != 400:
                raise
            return Outcome("", True, [], [("FATAL", str(error))], 0.0)
        return self._finished(job, seconds, None)

    def _finished(self, job, seconds: float, progress) -> Outcome:
        started = time.monotonic()

        def done():
            ready = job.is_ready() and job["isDone"] == "1"
            if progress:
                progress(time.monotonic() - started)
            return ready

        wait(done, "the end of search job " + job.sid, seconds)
        failed = job["isFailed"] == "1"
        rows = (
            []
            if failed
            else [
                row
                for row in splunklib.results.JSONResultsReader(job.results(output_mode="json", count=0))
                if isinstance(row, dict)
            ]
        )
        reply = json.loads(self.service.get("search/jobs/" + job.sid, output_mode="json").body.read())
        messages = [(message["type"].upper(), message["text"]) for message in reply["entry"][0]["content"]["messages"]]
        return Outcome(job.sid, failed, rows, messages, time.monotonic() - started)


def wait(condition, what: str, seconds: float):
    """Returns the condition's value once it is true; raises TimeoutError, naming `what`, after that many seconds."""
    for _ in attempts(seconds):
        value = condition()
        if value:
            return value
    raise TimeoutError("waited %g s in vain for %s" % (seconds, what))
