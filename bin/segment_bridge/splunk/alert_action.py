"""The alert action "Send to Segment": reads what splunkd passes for a triggered alert, and reports what failed.

splunkd passes the alert as JSON on stdin and its results in a file. It has already replaced the tokens in the action's
texts with the fields of the first result. As each result needs its own, the action reads the original texts from the
saved search. If there is no saved search that has the action on, as with `| sendalert`, or if it cannot be read, the
action sends at most one result.

splunkd kills the program after `maxtime`. The action stops sending a minute earlier, and keeps the rest as dead
letters. splunkd copies its stderr to splunkd.log, and takes an exit status other than 0 as a failure.

Sources: alert_actions.conf.spec; Splunk's "Create a custom alert action script" and "sendalert".
"""

import csv
import gzip
import itertools
import json
import re
import signal
import sys
import time
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from splunklib.binding import UrlEncoded

from segment_bridge.delivery.alert_form import Form
from segment_bridge.delivery.options import Options
from segment_bridge.delivery.run import NoReply, Run
from segment_bridge.errors import SegmentBridgeError, SettingsError, SplunkdError, presentable
from segment_bridge.runlog import RunLog
from segment_bridge.settings import TRUE
from segment_bridge.splunk import rest, run_records
from segment_bridge.splunk.destinations import open_run

PROGRAM = "segment_bridge_send"
_PARAM, _OWN = "param.", "action.%s." % PROGRAM
_RESERVE_S = 60.0
"""Sending stops this long before maxtime, to leave time for requests under way and for dead letters."""
_SPLUNKS_MAXTIME, _SPLUNKS_MAXRESULTS = "5m", 10_000
_PERIOD = re.compile(r"(0*[1-9][0-9]*)\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ROWS_AT_ONCE = 500

csv.field_size_limit(2**31 - 1)  # Splunk does not limit the length of a field


def main(arguments: Sequence[str], stdin: BinaryIO) -> int:
    """Runs the action. Returns the exit status."""
    began = time.monotonic()
    try:
        if [*arguments] != ["--execute"]:
            raise SettingsError("only splunkd starts this program, with --execute")
        alert = Alert.parse(stdin.read())
    except SegmentBridgeError as error:
        _say("ERROR", error.told(PROGRAM))
        return 1
    return 0 if _Action(alert, began).run() else 1


def _say(level: str, text: str) -> None:
    print("%s %s" % (level, text), file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Alert:
    """What splunkd passes for a triggered alert. In `texts`, it has filled in the fields of the first result."""

    splunkd_uri: str
    session_key: str
    sid: str
    app: str
    owner: str
    name: str
    uri: str
    results_file: str
    results_link: str
    texts: Mapping[str, str]

    _NEEDED: ClassVar = {
        "splunkd_uri": "server_uri",
        "session_key": "session_key",
        "sid": "sid",
        "app": "app",
        "owner": "owner",
        "results_file": "results_file",
    }
    _GIVEN: ClassVar = {"name": "search_name", "uri": "search_uri", "results_link": "results_link"}

    @classmethod
    def parse(cls, payload: bytes) -> "Alert":
        """Parses the JSON that splunkd writes to stdin.

        Raises:
            SettingsError: the payload is not JSON, which is Splunk's default.
            SplunkdError: it is not that of an alert.
        """
        try:
            said = json.loads(payload)
        except ValueError:
            text = "stdin does not hold JSON: alert_actions.conf [%s] must have payload_format = json" % PROGRAM
            raise SettingsError(text, setting="payload_format") from None
        try:
            texts = {name: str(text) for name, text in (said.get("configuration") or {}).items()}
            needed = {each: str(said[name]) for each, name in cls._NEEDED.items()}
            return cls(**needed, **{each: str(said.get(name) or "") for each, name in cls._GIVEN.items()}, texts=texts)
        except KeyError as error:
            raise SplunkdError("stdin does not hold an alert from splunkd: it has no %s" % error) from None
        except (TypeError, AttributeError):
            raise SplunkdError("stdin does not hold an alert from splunkd, but other JSON") from None

    @property
    def tokens(self) -> Dict[str, str]:
        return {
            "name": self.name,
            "app": self.app,
            "owner": self.owner,
            "results_link": self.results_link,
            "job.sid": self.sid,
        }


class _Cancelled(SegmentBridgeError):
    """splunkd told the action to stop."""

    reason = "cancelled"


class _Action:
    """Sends the results of one alert, and logs the run's start and end."""

    def __init__(self, alert: Alert, began: float):
        self._alert, self._began = alert, began
        self._service = rest.connect(alert.splunkd_uri, alert.session_key)
        self._log = RunLog(PROGRAM, alert.sid)
        self._run: Optional[Run] = None
        self._is_cancelled = self._has_failed = self._has_sent = False

    def run(self) -> bool:
        """Returns whether the action did its work."""
        with self._log as log, ExitStack() as stack:
            signal.signal(signal.SIGTERM, self._terminated)
            log.info("run_start", app=self._alert.app, owner=self._alert.owner, alert=self._alert.name or None)
            try:
                self._send(stack)
            except Exception as error:  # whatever it is, splunkd.log must mention it
                self._fail(presentable(error))
            self._end()
        return not self._has_failed

    def _send(self, stack: ExitStack) -> None:
        """
        Raises:
            SegmentBridgeError: nothing can be sent.
        """
        general = self._content("configs/conf-alert_actions/" + PROGRAM)
        own = self._own()
        is_whole = bool(general) and own is not None
        settings = [general, own or {}]
        form = Form(_params(settings) if is_whole else self._alert.texts, self._alert.tokens)
        choices = form.choices
        self._log.run.update(destination=choices.destination, dryrun=choices.dryrun)
        is_first = choices.rows == "first"
        results = Results(self._alert.results_file, form, 1 if is_first else None)
        if not is_whole and not is_first:
            results.must_be_one()
        whole_s, reserve_s = _time(*settings)
        left_s = whole_s - reserve_s - (time.monotonic() - self._began)
        at_most = {"deadline": max(left_s, 1.0), "timeout": reserve_s / 2, "connect_timeout": reserve_s / 4}
        options = Options(choices.destination, choices.dryrun, overrides={"dead_letters": True})
        self._run, warnings = open_run(self._service, options, self._log, at_most=at_most)
        stack.enter_context(self._run)
        for warning in warnings:
            self._warn(warning)
        if results.missing:
            text = "the results have no field %s, which the form names" % ", ".join(results.missing)
            self._warn(SettingsError(text, reason="no_field"))
        self._run.deliver(results, NoReply())
        self._has_sent = True
        if not is_first and results.read >= _most_results(settings):
            text = "there are %s results: Splunk hands over no more (maxresults), some may be missing"
            self._warn(SettingsError(text % format(results.read, ","), reason="maxresults"))
        for note in self._run.notes():
            _say(note.level, note.told(PROGRAM))

    def _own(self) -> Optional[Dict[str, str]]:
        """The saved search's settings of the action; None if no saved search that its owner may read has it on."""
        if not self._alert.uri.startswith("/servicesNS/"):
            return None
        saved = self._content(UrlEncoded(self._alert.uri.replace("+", "%20"), skip_encode=True))
        if saved.get("action." + PROGRAM, "0").strip().lower() not in TRUE:
            return None
        return {name[len(_OWN) :]: text for name, text in saved.items() if name.startswith(_OWN)}

    def _content(self, path: str) -> Dict[str, str]:
        """The settings at a path of splunkd's; empty if the action's user may not read them."""
        try:
            content = rest.get(self._service, path)["entry"][0]["content"]
        except SplunkdError as error:
            if error.status not in (401, 403, 404):
                raise
            return {}
        return {name: "" if setting is None else str(setting) for name, setting in content.items()}

    # --- Reporting ---

    def _warn(self, error: SegmentBridgeError) -> None:
        _say("WARN", error.told(PROGRAM))
        self._log.warning("warning", reason=error.reason, setting=error.setting or None, error=str(error))

    def _fail(self, error: SegmentBridgeError) -> None:
        self._has_failed = True
        _say("ERROR", error.told(PROGRAM))
        self._log.error("error", reason=error.reason, setting=error.setting or None, error=str(error))

    def _end(self) -> None:
        facts: Dict[str, Any] = {}
        status = "cancelled" if self._is_cancelled else "ok"
        if self._run:
            self._run.log_outcomes()
            facts = self._run.facts()
            self._has_failed = self._has_failed or self._run.has_failed
        if self._has_failed and not self._is_cancelled:
            status = "failed"
        facts.update(status=status, duration_s=time.monotonic() - self._began)
        self._log.info("run_end", **facts)
        run_records.keep(self._service, self._log, **facts)

    def _terminated(self, number: int, frame: Any) -> None:
        """Handles SIGTERM, which splunkd sends when it stops: waits for requests under way, and keeps the rest."""
        if self._has_sent or self._has_failed:  # what is left to report takes a moment
            return
        self._is_cancelled = True
        if self._run is None or not self._run.is_busy:
            raise _Cancelled("splunkd ended the action before all of its results were read")
        self._run.cancel()


class Block(NamedTuple):
    columns: List[Sequence[str]]
    rows: int


class Results:
    """Reads the results file, and yields the rows that the form makes of it.

    Args:
        most: the number of results to read; None for all.

    Attributes:
        header: the names of the rows' columns.
        missing: fields that the form names but the results do not have.
        read: the number of results read so far.

    Raises:
        SplunkdError: the file is missing, or is not what splunkd writes: gzipped CSV.
    """

    def __init__(self, path: str, form: Form, most: Optional[int]):
        self._form = form
        self.read = 0
        self._fault: Optional[SplunkdError] = None
        self._rows = self._readable(path)
        self._fields: List[str] = next(self._rows, [])
        if self._fault and not self._fields:
            raise self._fault
        self._rows = itertools.islice(self._rows, most)
        self.header = form.header(self._fields)
        self.missing = sorted(form.fields - {*self._fields}) if self._fields else []

    def must_be_one(self) -> None:
        """Checks that there is at most one result.

        Raises:
            SettingsError: there are several, and each would get the fields of the first.
        """
        two = [*itertools.islice(self._rows, 2)]
        if len(two) > 1:
            raise SettingsError(
                "Splunk has put the first result's fields into the texts: without a saved alert that has the action, "
                "send the first result alone (param.rows=first), or use the command segmentsend",
                setting="rows",
            )
        self._rows = iter(two)

    def __iter__(self) -> Iterator[Block]:
        """Yields blocks of rows.

        Raises:
            SplunkdError: after the last row that can be read, if the file goes on.
        """
        width = len(self._fields)
        while True:
            rows = [(row + [""] * width)[:width] for row in itertools.islice(self._rows, _ROWS_AT_ONCE)]
            if not rows and self._fault:
                raise self._fault
            if not rows:
                return
            self.read += len(rows)
            yield Block(self._form.rows(self._fields, rows), len(rows))

    def _readable(self, path: str) -> Iterator[List[str]]:
        """Yields the rows that can be read. If there may be more, sets `_fault`."""
        try:
            with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="") as file:
                # Before Python 3.11, csv refuses NUL.
                yield from csv.reader(line.replace("\0", "\ufffd") for line in file)
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            text = "the alert's results cannot be read from %s: %s"
            self._fault = SplunkdError(text % (path, getattr(error, "strerror", None) or error))


def _params(settings: Sequence[Mapping[str, str]]) -> Dict[str, str]:
    """The form's texts by name. Later settings override earlier ones."""
    return {name[len(_PARAM) :]: text for each in settings for name, text in each.items() if name.startswith(_PARAM)}


def _time(general: Mapping[str, str], own: Mapping[str, str]) -> Tuple[float, float]:
    """The seconds that Splunk gives the action, and how many of them to reserve for what follows sending.

    Splunk does not document whether the action's own `maxtime` applies or the saved search's, so the shorter one does.

    Raises:
        SettingsError: one of them is not a period.
    """
    given = {
        "alert_actions.conf [%s] maxtime" % PROGRAM: general.get("maxtime") or _SPLUNKS_MAXTIME,
        "the saved search's setting %smaxtime" % _OWN: own.get("maxtime"),
    }
    seconds = []
    for name, text in given.items():
        if text:
            match = _PERIOD.fullmatch(text.strip())
            if not match:
                raise SettingsError('%s must be a period such as 12m, got "%s"' % (name, text), setting="maxtime")
            seconds.append(float(match.group(1)) * _SECONDS[match.group(2)])
    return min(seconds), min(_RESERVE_S, min(seconds) / 2)


def _most_results(settings: Sequence[Mapping[str, str]]) -> int:
    """The number of results that Splunk hands over at most. What is not a number counts as not set."""
    given = [each.get("maxresults", "") for each in settings]
    return min((int(text) for text in given if text.isdecimal()), default=_SPLUNKS_MAXRESULTS)
