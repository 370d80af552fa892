"""One Splunk: its folder, its stores, and what runs in it.

Admin Manual, "How Splunk Enterprise processes start". The folders are those of $SPLUNK_HOME.
"""

import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from .alerts import Alerts
from .clock import Clock
from .hec import Collector
from .jobs import Job, Jobs
from .logs import Logs
from .monitor import Monitor
from .refusal import Refusal
from .releases import CONFS, DEFAULT, Release, default_file
from .rest.info import Bulletin
from .rest.routing import dispatch
from .runner.handlers import Handlers
from .runner.inputs import Inputs
from .runner.python import Pythons, environment
from .scheduler import Scheduler
from .server import Server, own_certificate
from .sessions import Session, Sessions
from .stores import packages
from .stores.conf import NOBODY, SYSTEM, Confs, is_true
from .stores.events import Events
from .stores.kvstore import KvStore
from .stores.secrets import Secrets
from .web import Web

_FILES = Path(__file__).parent / "etc"


class Ports(NamedTuple):
    """0 means any free port."""

    management: int = 8089
    web: int = 8000
    hec: int = 8088


class Splunkd:
    """A context manager, inside which Splunk runs. Its data stay in `home` and are there again the next time.

    Args:
        clock: the time and the time zone.
        release: the version of Splunk.
        pythons: the ones that it offers to apps; by default those of the release that are found.
    """

    def __init__(
        self,
        home: Path,
        password: str = "changeme",
        ports: Optional[Ports] = None,
        *,
        clock: Optional[Clock] = None,
        release: Release = DEFAULT,
        pythons: Optional[Pythons] = None,
    ):
        self.home, self._ports = home, ports or Ports(0, 0, 0)
        self.clock, self.release, self.pythons = clock or Clock(), release, pythons or Pythons(release=release)
        self.etc, var = home / "etc", home / "var"
        _lay_out(self.etc, var, release)
        self.confs = Confs(self.etc)
        self.logs = Logs(var / "log" / "splunk", self.clock)
        self.events = Events(var / "lib" / "splunk" / "events.db", self.confs, self.clock)
        self.kvstore = KvStore(var / "lib" / "splunk" / "kvstore.db", self.confs)
        self.secrets = Secrets(self.confs, self.etc / "auth" / "splunk.secret")
        self.sessions = Sessions(self.confs, {"admin": (password, frozenset(["admin"]))})
        self.bulletins: Dict[str, Bulletin] = {}
        self.started = time.time()
        self.alerts = Alerts(self)
        self.jobs = Jobs(self)
        self.inputs = Inputs(self)
        self.handlers = Handlers(self)
        self.monitor = Monitor(self)
        self.scheduler = Scheduler(self)
        self.management_url = self.web_url = self.hec_url = ""

    def __enter__(self) -> "Splunkd":
        with ExitStack() as stack:
            stack.callback(self.kvstore.close)
            stack.callback(self.events.close)
            stack.callback(self.handlers.stop)
            tls = own_certificate(self.etc / "auth", self.release.newest_tls)
            self.management_url = _serve(stack, lambda request: dispatch(self, request), self._ports.management, tls)
            self.sessions.cookie = "splunkd_" + self.management_url.rpartition(":")[2]
            self.hec_url = _serve(stack, Collector(self), self._ports.hec, tls)
            self.web_url = _serve(stack, Web(self), self._ports.web, None)
            for part in (self.monitor, self.jobs, self.inputs, self.scheduler):
                part.start()
                stack.callback(part.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    @property
    def environment(self) -> Dict[str, str]:
        """The environment of apps' programs."""
        return environment(self.home, self.clock.zone)

    def install(self, archive: Path, update: bool) -> str:
        """Unpacks an app's package. Returns the app's name.

        Raises:
            Refusal: it is not a package, or the app exists and `update` is off.
        """
        app = packages.install(self.etc, archive, update)
        self.handlers.stop()
        self.inputs.refresh()
        return app

    def uninstall(self, app: str) -> None:
        """Removes the app's folder, its inputs' processes and its KV store data.

        Raises:
            Refusal: there is no such app.
        """
        if app not in self.confs.apps():
            raise Refusal(404, "Application does not exist: %s" % app)
        shutil.rmtree(self.confs.folder(app))
        self.kvstore.drop(app)
        self.handlers.stop()
        self.inputs.refresh()

    def changed(self, conf: str) -> None:
        """Must be called when a .conf file was changed over REST."""
        if conf in ("inputs", "app"):
            self.inputs.refresh()

    def dispatch_saved(self, app: str, name: str, session: Session, arguments: Dict[str, str]) -> Job:
        """Runs a saved search now, with its owner's permissions or with the session's, as dispatchAs says. `arguments`
        are dispatch.* settings that override its own, args.* that replace $...$ in the search, and trigger_actions.

        savedsearches.conf.spec, dispatchAs: it is the owner by default, and applies to shared searches. REST API
        reference, saved/searches, args.*: "any saved search template argument, such as args.username=foobar when the
        search is search $username$".

        Raises:
            Refusal: the search is wrong, or its owner no longer exists.
        """
        stanza = self.confs.stanzas("savedsearches", app, session.user)[name]
        own = {key: value for key, value in arguments.items() if key.startswith("dispatch.")}
        own["search"] = _filled_in(stanza.settings.get("search", ""), arguments)
        is_judged = is_true(arguments.get("trigger_actions", "0"))
        if stanza.user != NOBODY or stanza.settings.get("dispatchAs", "owner") == "user":
            return self.jobs.dispatch_saved(
                app,
                name,
                {**stanza.settings, **own},
                session,
                owner=stanza.user,
                on_end=self.alerts.judged if is_judged else None,
            )
        owner = self.sessions.open_of(self.confs.access("savedsearches", name, app).owner)

        def ended(job: Job) -> None:
            self.sessions.close(owner)
            if is_judged:
                self.alerts.judged(job)

        return self.jobs.dispatch_saved(app, name, {**stanza.settings, **own}, owner, caller=session.user, on_end=ended)

    def call_rest(self, session: Session, path: str, parameters: Dict[str, str]) -> List[dict]:
        """The entries that a GET of this path returns to this session's user.

        Raises:
            Refusal: splunkd refuses it.
        """
        builder = EnvironBuilder(
            path, query_string={**parameters, "output_mode": "json"}, headers={"Authorization": "Splunk " + session.key}
        )
        request = Request({**builder.get_environ(), "REQUEST_URI": path})
        answer = dispatch(self, request)
        if answer.status_code != 200:
            raise Refusal(answer.status_code, " ".join(each["text"] for each in answer.json["messages"]))
        return answer.json["entry"]


def _serve(stack: ExitStack, app, port: int, tls) -> str:
    server = Server(app, port, tls)
    stack.callback(server.stop)
    return server.url


def _lay_out(etc: Path, var: Path, release: Release) -> None:
    """Creates the folders of a fresh installation, with the release's own defaults and the app "search"."""
    for folder in (var / "lib" / "splunk", var / "run" / "splunk" / "dispatch"):
        folder.mkdir(parents=True, exist_ok=True)
    for part in (SYSTEM, "apps"):
        shutil.copytree(_FILES / part, etc / part, dirs_exist_ok=True)
    for conf in CONFS:
        (etc / SYSTEM / "default" / (conf + ".conf")).write_text(default_file(release, conf), encoding="utf-8")


def _filled_in(search: str, arguments: Dict[str, str]) -> str:
    """A saved search with its arguments put in unchanged: nothing is quoted.

    Raises:
        Refusal: it has no such argument. (No source says what Splunk does then.)
    """
    for argument, value in arguments.items():
        if argument.startswith("args."):
            token = "$%s$" % argument[len("args.") :]
            if token not in search:
                raise Refusal(400, 'Argument "%s" is not in the search.' % argument)
            search = search.replace(token, value)
    return search
