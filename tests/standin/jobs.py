"""Search jobs: each runs in a thread of its own, and its results stay until its time to live is over.

Splunk REST API reference, "search/jobs"; Search Manual, "About jobs and job management"; limits.conf.spec [search] ttl.
"""

import base64
import hashlib
import itertools
import math
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Callable, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Set

from .host import SearchHost
from .refusal import Refusal
from .runner.program import Program
from .sessions import Session
from .spl import pipeline
from .spl.pipeline import stages
from .spl.registry import COMMANDS
from .stores.conf import NOBODY
from .values import Message, Results, Row, SplError

DEFAULT_TTL_S = 600
SAVED_TTL_S = 7200  # twice the period of an hourly search; dispatch.ttl = 2p
GRACE_S = 5
"""The time between SIGTERM and SIGKILL for a custom command whose search was cancelled."""
_MAX_CHUNK_ROWS = 50_000


def saved_sid(user: str, owner: str, app: str, name: str, now: float, number: int) -> str:
    """A sid made of the dispatcher, the owner, the app, in base64 if its name contains "_", and the end of the MD5 of
    the search's name.

    Public logs of Splunk show this form: for "Bucket Copy Trigger" in splunk_archiver,
    scheduler__nobody_c3BsdW5rX2FyY2hpdmVy__RMD5473cbac83d6c9db7_at_1667128620_1; for "Errors in the last 24 hours" in
    search, admin__nobody__search__RMD55d9ebac05a79f513_at_1746210162_6.
    """
    place = "_" + base64.b64encode(app.encode()).decode().rstrip("=") if "_" in app else "__" + app
    tag = hashlib.md5(name.encode()).hexdigest()[16:]
    return "%s__%s%s__RMD5%s_at_%.0f_%d" % (user, owner, place, tag, now, number)


class Dispatch(NamedTuple):
    """What a job is started with. Times are epoch seconds, and None is no bound. `saved` is the saved search's name; if
    the job `is_shared`, whoever may read that search may see it.
    """

    search: str
    app: str
    owner: str
    session: Session
    earliest: Optional[float] = None
    latest: Optional[float] = None
    sid: str = ""
    saved: str = ""
    is_shared: bool = False
    max_count: int = 500_000
    max_time: float = 0
    ttl: float = DEFAULT_TTL_S
    on_end: Optional[Callable[["Job"], None]] = None


class Job:
    """One job. Custom commands report to it (runner.command.JobView)."""

    def __init__(self, splunkd, given: Dispatch):
        self._splunkd, self.given = splunkd, given
        self.sid, self.search, self.app, self.owner = given.sid, given.search, given.app, given.owner
        self.session, self.saved = given.session, given.saved
        self.earliest, self.latest = given.earliest, given.latest
        self.chunk_rows, self.previews = splunkd.jobs.chunk_rows, splunkd.jobs.previews
        self.others = splunkd.jobs.others
        self.dispatch_dir: Path = splunkd.home / "var" / "run" / "splunk" / "dispatch" / self.sid
        self.dispatch_dir.mkdir(parents=True)
        self.state, self.messages = "QUEUED", []  # type: str, List[Message]
        self._fields: Dict[str, None] = {}
        self._rows: List[Row] = []
        self.scanned, self.created, self.ended_at = 0, time.time(), 0.0
        self.is_cancelled = self.is_finalized = False
        self._processes: Set[Program] = set()
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.sid, daemon=True)
        self._host = _Counting(splunkd, self)

    def start(self) -> None:
        """Starts the job's thread.

        Raises:
            SplError: the search names a command or a macro that does not exist. (Any other error shows only when it
                runs: such a search is dispatched, and fails.)
        """
        for name, _ in stages(self.search, self._host):
            if name not in COMMANDS and self._host.command(name) is None:
                raise SplError("Unknown search command '%s'." % name)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    @property
    def is_failed(self) -> bool:
        return self.state == "FAILED"

    @property
    def run_duration(self) -> float:
        return (self.ended_at or time.time()) - self.created

    @property
    def results(self) -> Results:
        """The results so far."""
        return Results(self._fields, self._rows)

    @property
    def result_count(self) -> int:
        return len(self._rows)

    def wait(self, timeout_s: Optional[float] = None) -> bool:
        return self._done.wait(timeout_s)

    def _run(self) -> None:
        try:
            self.state = "PARSING"
            chunks = pipeline(self.search, self._host, iter(()))
            self.state = "RUNNING"
            self._gather(chunks)
            self.state = "DONE"
        except SplError as error:
            self.state = "FAILED"
            self.message("FATAL", str(error))
            self.log("ERROR", "SearchOrchestrator", str(error))
        except Exception as error:  # a fault of the stand-in itself must not leave the job hanging
            self.state = "FAILED"
            self.message("FATAL", "internal error: %r" % error)
            raise
        finally:
            self.ended_at = time.time()
            try:
                if self.given.on_end and not self.is_cancelled:
                    self.given.on_end(self)
            finally:
                self._done.set()

    def _gather(self, chunks: Iterator[Results]) -> None:
        ends = time.monotonic() + (self.given.max_time or math.inf)
        for chunk in chunks:
            if self.is_cancelled:
                return
            self._fields.update(dict.fromkeys(chunk.fields))
            self._rows += chunk.rows[: self.given.max_count - len(self._rows)]
            if time.monotonic() > ends:  # a search that ends early keeps what it has found by then
                self.is_finalized = True

    def cancel(self) -> None:
        self.is_cancelled = True
        self._signal(signal.SIGTERM)
        threading.Thread(target=self._kill_later, daemon=True).start()

    def finalize(self) -> None:
        """Ends reading. What was read goes through the rest of the search."""
        self.is_finalized = True

    def _kill_later(self) -> None:
        if not self._done.wait(GRACE_S):
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with self._lock:
            for process in self._processes:
                if process.poll() is None:
                    process.send_signal(number)

    # --- What custom commands report to ---------------------------------------------------------------------------

    def message(self, level: str, text: str) -> None:
        message = Message(level, text)
        if message not in self.messages:
            self.messages.append(message)

    def started(self, process: Program) -> None:
        with self._lock:
            self._processes.add(process)

    def ended(self, process: Program) -> None:
        with self._lock:
            self._processes.discard(process)

    def log(self, level: str, component: str, text: str) -> None:
        self._splunkd.logs.append(self.dispatch_dir / "search.log", level, component, text)


class _Counting(SearchHost):
    """Counts what is read, and stops reading when the job is finalised or cancelled."""

    def scan(self, indexes, earliest, latest):
        for event in super().scan(indexes, earliest, latest):
            if self._job.is_finalized or self._job.is_cancelled:
                return
            self._job.scanned += 1
            yield event


class Jobs:
    """All jobs by sid. Tests change `chunk_rows` and `previews`, which decide how custom commands are given rows, and
    `others`, the choices (see spl.choices) that are answered the other way.
    """

    def __init__(self, splunkd):
        self._splunkd = splunkd
        self._jobs: Dict[str, Job] = {}
        self._touched: Dict[str, float] = {}
        self._expires: Dict[str, float] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.chunk_rows, self.previews = _MAX_CHUNK_ROWS, False
        self.others: FrozenSet[str] = frozenset()

    def start(self) -> None:
        """Removes what an earlier splunkd left, which belongs to no job any more."""
        folder = self._splunkd.home / "var" / "run" / "splunk" / "dispatch"
        for left in folder.iterdir():
            shutil.rmtree(left, ignore_errors=True)

    def stop(self) -> None:
        for job in list(self._jobs.values()):
            if not job.is_done:
                job.cancel()
        for job in list(self._jobs.values()):
            job.wait(2 * GRACE_S)

    def dispatch(self, given: Dispatch) -> Job:
        """Starts a job.

        Raises:
            Refusal: the search cannot run as it is written, or a job with this sid exists.
        """
        with self._lock:
            sid = given.sid or "%.0f.%d" % (self._splunkd.clock.now(), next(self._numbers))
            if sid in self._jobs:
                raise Refusal(409, "Search job id=%s already exists." % sid)
            self._sweep()
            job = self._jobs[sid] = Job(self._splunkd, given._replace(sid=sid))
            self._touched[sid], self._expires[sid] = time.time(), time.time() + given.ttl
        try:
            job.start()
        except SplError as error:
            with self._lock:
                self._forget(sid)
            raise Refusal(400, str(error), "FATAL") from None
        return job

    def dispatch_saved(
        self,
        app: str,
        name: str,
        settings: Mapping[str, str],
        session: Session,
        *,
        owner: str = NOBODY,
        caller: str = "",
        scheduled_time: Optional[float] = None,
        on_end: Optional[Callable[[Job], None]] = None,
    ) -> Job:
        """Starts a job for a saved search, with the session's permissions. `settings` is its stanza. The job is private
        to the `owner`, or shared; `caller` is who dispatches it.

        Raises:
            Refusal: the search cannot run as it is written.
        """
        now = self._splunkd.clock.now() if scheduled_time is None else scheduled_time
        clock = self._splunkd.clock
        bounds: Dict[str, Optional[float]] = {}
        for bound in ("earliest", "latest"):
            modifier = settings.get("dispatch.%s_time" % bound, "")
            try:
                bounds[bound] = clock.modified(modifier, now) if modifier else None
            except SplError as error:
                raise Refusal(400, str(error)) from None
        user = "scheduler" if scheduled_time is not None else caller or session.user
        sid = saved_sid(user, owner, app, name, now, next(self._numbers))
        search = settings.get("search", "").strip()
        return self.dispatch(
            Dispatch(
                search if search.startswith("|") else "search " + search,
                app,
                session.user,
                session,
                bounds["earliest"],
                bounds["latest"],
                sid,
                name,
                owner == NOBODY,
                int(settings.get("dispatch.max_count", "500000")),
                float(settings.get("dispatch.max_time", "0")),
                SAVED_TTL_S,
                on_end,
            )
        )

    def get(self, sid: str) -> Job:
        with self._lock:
            self._sweep()
            if sid not in self._jobs:
                raise Refusal(404, "Unknown sid.")
            return self._jobs[sid]

    def all(self) -> List[Job]:
        with self._lock:
            self._sweep()
            return list(self._jobs.values())

    def history(self, app: str, name: str) -> List[Job]:
        return [job for job in self.all() if (job.app, job.saved) == (app, name)]

    def keep(self, sid: str, seconds: float) -> None:
        """Restarts the job's time to live."""
        self.get(sid)
        self._touched[sid], self._expires[sid] = time.time(), time.time() + seconds

    def touched(self, sid: str) -> float:
        """When the job's time to live began."""
        return self._touched[sid]

    def ttl(self, sid: str) -> int:
        return max(int(self._expires[sid] - time.time()), 0)

    def remove(self, sid: str) -> None:
        job = self.get(sid)
        if not job.is_done:
            job.cancel()
        with self._lock:
            self._forget(sid)

    def _sweep(self) -> None:
        for sid, expires in list(self._expires.items()):
            if expires < time.time() and self._jobs[sid].is_done:
                self._forget(sid)

    def _forget(self, sid: str) -> None:
        job = self._jobs.pop(sid, None)
        self._touched.pop(sid, None)
        self._expires.pop(sid, None)
        if job:
            shutil.rmtree(job.dispatch_dir, ignore_errors=True)
