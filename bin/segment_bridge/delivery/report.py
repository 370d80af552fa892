"""Reports the result of a run: as notes to the user who runs the search, and as facts in the run log."""

from typing import Any, Dict, List, NamedTuple, Optional

from segment_bridge.delivery import dead_letters
from segment_bridge.delivery.counts import Counts, Reason, Traffic
from segment_bridge.delivery.dead_letters import Letters
from segment_bridge.delivery.options import Destination, Options
from segment_bridge.delivery.outcomes import STATUSES
from segment_bridge.errors import coded
from segment_bridge.runlog import RunLog
from segment_bridge.texts import printable

_NAMED, _LONGEST_NAMES = 10, 1_000  # columns in a warning, and characters


_BEYOND = {
    "many_properties": "%s events have more than 300 properties or traits, and Segment's Unify drops such events: send "
    "fewer properties",
    "long_group_id": "%s events have a groupId of more than 500 characters, and Segment's Unify drops such events",
    "busy_profile": "%s requests had more than 25 events of one profile, and Segment's Unify may drop the rest. "
    "If profiles lack events, send with max_batch_events=25 max_eps=25 concurrency=1",
}


class Note(NamedTuple):
    """A message to the user. An ERROR means that the run failed."""

    level: str  # INFO, WARN, ERROR
    text: str
    reason: str = ""  # one of segment_bridge.reasons

    def told(self, program: str) -> str:
        return "%s: %s" % (program, coded(self.text, self.reason) if self.reason else self.text)


class Report:
    """The report of one run. Call `notes` once, at its end.

    Attributes:
        mistaken: columns that are not sent and look like mistakes, and what was probably meant.
        beyond: how many events or requests exceed a limit of Unify, by code.
        undated: how many rows have neither an id nor a time, in a search without a time window.
    """

    def __init__(self, options: Options, destination: Destination, counts: Counts, letters: Letters, log: RunLog):
        self.mistaken: Dict[str, str] = {}
        self.undated = 0
        self.beyond: Dict[str, int] = {}
        self._options, self._destination = options, destination
        self._counts, self._letters, self._log = counts, letters, log

    @property
    def has_failed(self) -> bool:
        """Whether events were not delivered, or could not be kept as dead letters."""
        return bool(self._counts.not_sent or self._letters.lost)

    def notes(self, traffic: Traffic) -> List[Note]:
        """Returns the notes. Also logs those with a reason, and how many dead letters were removed."""
        self._log_letters()
        found = [*filter(None, map(_of_reason, self._counts.reasons))]
        own = [*self._warnings(traffic)]
        own.append(Note("INFO", self._summary(traffic)))
        own += self._failures()
        for note in own:
            if note.level == "ERROR":
                self._log.error("error", reason=note.reason, error=note.text)
            elif note.level == "WARN":
                self._log.warning("warning", reason=note.reason, error=note.text)
        return found + own

    def _log_letters(self) -> None:
        for reason, count in self._letters.prune().items():
            self._log.warning("dropped", status="dropped", reason=reason, count=count, error=dead_letters.DROPS[reason])
        if self._letters.malformed:
            self._log.warning(
                "warning",
                reason="malformed",
                count=self._letters.malformed,
                error="dead letters have a wrong shape: correct or drop them (Help > Operations)",
            )

    def _warnings(self, traffic: Traffic) -> List[Note]:
        found = []
        if self.mistaken:
            names = ["%s (%s?)" % pair for pair in self.mistaken.items()]
            more = len(names) - _NAMED
            text = "some columns are not sent, but look like misspelled ones: %s%s" % (
                printable(", ".join(names[:_NAMED]), _LONGEST_NAMES),
                " and %d more" % more if more > 0 else "",
            )
            found.append(Note("WARN", text, "columns"))
        if self.undated:
            text = (
                "%s rows have no messageId, _time or timestamp, and the search has no time window: sent again on the "
                "same day (UTC), they are repeats to Segment; on another day, new events" % _number(self.undated)
            )
            found.append(Note("WARN", text, "undated"))
        for code, count in self.beyond.items():
            found.append(Note("WARN", _BEYOND[code] % _number(count), code))
        if traffic.gave_up_gzip:
            text = "the receiver does not accept gzip: set gzip = false in segment_bridge.conf [%s]"
            found.append(Note("WARN", text % self._destination.name, "no_gzip"))
        return found

    def _summary(self, traffic: Traffic) -> str:
        found = [(status, self._counts[status]) for status in STATUSES]
        counts = ", ".join("%s %s" % (_number(count), status) for status, count in found if count)
        text = "%s rows%s; " % (_number(self._counts.rows), counts and ": " + counts)
        if self._options.dryrun:
            return text + "nothing was sent"
        text += "%s requests (%s of them retries) with %s bytes" % (
            _number(traffic.requests),
            _number(traffic.retries),
            _number(traffic.body_bytes),
        )
        if self._counts["accepted"] and self._destination.receiver == "segment":
            # Segment does not check the key before it answers.
            text += (
                ". Segment's edge also accepts events with a wrong write key or for a disabled source: "
                "the source's Debugger in Segment shows what arrived"
            )
        return text

    def _failures(self) -> List[Note]:
        level = "ERROR" if self._options.onfail == "error" else "WARN"
        found = []
        if self._counts.not_sent:
            causes = "; ".join(
                "%s %s (%s): %s" % (_number(each.count), each.outcome.status, each.outcome.reason, each.outcome.error)
                for each in self._counts.reasons
                if each.outcome.status in ("failed", "unsent")
            )
            text = '%s of %s events did not reach destination "%s": %s' % (
                _number(self._counts.not_sent),
                _number(self._counts.rows),
                self._destination.name,
                causes,
            )
            found.append(Note(level, text, "not_sent"))
        if self._letters.lost:
            text = "%s events are not kept in %s: %s" % (
                _number(self._letters.lost),
                dead_letters.COLLECTION,
                self._letters.error,
            )
            found.append(Note(level, text, "letters_lost"))
        return found

    def log_outcomes(self) -> None:
        """Writes a line to the run log for each distinct reason."""
        for reason in self._counts.reasons:
            status, code, http, error, _, _ = reason.outcome
            self._log.warning(
                "rejection" if status == "rejected" else "outcome",
                status=status,
                reason=code,
                http=http,
                count=reason.count,
                message_id=reason.message_id or None,
                error=error,
            )

    def facts(self, traffic: Traffic) -> Dict[str, Any]:
        """The facts for the last line of the run log."""
        return {
            **self._counts.facts(),
            "requests": traffic.requests,
            "retries": traffic.retries,
            "bytes": traffic.body_bytes,
            "wire_bytes": traffic.wire_bytes,
            "waited_s": traffic.waited_s,
            "concurrency": traffic.concurrency,
            **self._letters.facts(),
        }


def _of_reason(reason: Reason) -> Optional[Note]:
    """The note about a reason that has its own line in the run log: see `Report.log_outcomes`."""
    status, code, _, error, _, _ = reason.outcome
    if status not in ("rejected", "duplicate"):
        return None
    example = " (for example, messageId %s)" % reason.message_id if reason.message_id else ""
    level = "WARN" if status == "rejected" else "INFO"
    return Note(level, "%s %s, %s: %s%s" % (_number(reason.count), status, code, error, example))


def _number(count: int) -> str:
    return format(count, ",")
