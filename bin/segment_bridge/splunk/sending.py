"""A run of segmentsend: rows in, messages out, each row back with what became of its message, and a report at the end.

in = accepted + rejected + failed + unsent + duplicate (+ dryrun), always. A chunk's rows go back when all of its
messages are settled, and nothing is kept from one chunk for the next: a search that is cancelled has no last chunk.
"""

import json
import time
from collections import Counter
from typing import Any, Dict, List, Optional, Set, Tuple, Union

from segment_bridge.delivery import client
from segment_bridge.delivery.batching import Batch, Batcher, body_bytes
from segment_bridge.delivery.columns import Columns
from segment_bridge.delivery.drafts import draft
from segment_bridge.delivery.engine import Delivery, Settled
from segment_bridge.delivery.ids import MessageIds
from segment_bridge.delivery.messages import DUPLICATE, Layout, MessageBuilder, Messages, Outcome, mistaken
from segment_bridge.delivery.options import Destination, Options
from segment_bridge.runlog import RunLog
from segment_bridge.splunk import dead_letters
from segment_bridge.splunk.chunked import Chunk, Reply, encoded
from segment_bridge.splunk.dead_letters import DeadLetters
from segment_bridge.splunk.ledger import Ledger
from segment_bridge.texts import printable

COLUMNS = (
    "segment_message_id",
    "segment_bytes",
    "segment_status",
    "segment_reason",
    "segment_http",
    "segment_error",
    "segment_batch",
    "segment_attempts",
)
PAYLOAD_COLUMN = "segment_payload"
STATUSES = ("accepted", "rejected", "failed", "unsent", "duplicate", "dryrun")

_NAMED, _LONGEST_NAMES = 10, 1_000  # columns in a warning, and characters
_NEVER = 2**31 - 1  # to 32 bits, the end of all time; else that is 0

_SENT_BEFORE = Outcome("duplicate", "sent_before", error="an earlier run sent it, and it was accepted")


class _Reason:
    """How many messages ended in one way, and an example."""

    def __init__(self, outcome: Outcome, message_id: str):
        self.outcome, self.message_id = outcome, message_id
        self.count = 0


class Sending:
    """The run; a context manager. `answer` is called for each chunk, `report` at the end.

    Args:
        dead_letters: where what does not get to its destination is kept; None for nowhere.
        ledger: what was accepted before; None where that is sent again.
        window: the epoch times between which the search looks; 0 is no bound.
    """

    def __init__(
        self,
        options: Options,
        destination: Destination,
        write_key: str,
        log: RunLog,
        dead_letters: Optional[DeadLetters] = None,
        ledger: Optional[Ledger] = None,
        window: Tuple[float, float] = (0, 0),
    ):
        self.counts: Dict[str, int] = Counter()
        self.rows = 0
        self.is_busy = self.is_cancelled = False
        self._options = options
        self._destination = destination
        self._log = log
        self._dead_letters = dead_letters
        self._ledger = ledger
        self._delivered = "dryrun" if options.dryrun else "accepted"
        # Of the current chunk, by row, or rows:
        self._digests: Dict[int, bytes] = {}  # for the ledger
        self._made: Set[int] = set()  # ids
        self._twins: Dict[str, List[int]] = {}  # of earlier rows, by id
        self._reasons: Dict[tuple, _Reason] = {}
        self._notes: List[Tuple[str, str]] = []
        self._client = client.Rehearsal(destination) if options.dryrun else client.Segment(destination, write_key)
        self._has_window = 0 < window[1] < _NEVER
        occasion = "%.3f %.3f" % window if self._has_window else time.strftime("%Y-%m-%d", time.gmtime())
        self._message_ids = MessageIds(client.fingerprint(write_key), occasion)
        self._builder = MessageBuilder(self._message_ids, destination.max_event_bytes)
        self._batcher = Batcher(destination.max_batch_bytes, destination.max_batch_events)
        self._delivery = Delivery(self._client, destination, self._settled, accepted=self._delivered)
        self._mistaken: Dict[str, str] = {}
        self._columns = (PAYLOAD_COLUMN, *COLUMNS) if options.payload else COLUMNS
        self._reply = Reply([], [])  # to the current chunk

    def __enter__(self) -> "Sending":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._delivery.__exit__(*exc_info)
        if self._ledger:
            self._ledger.write()

    def cancel(self) -> None:
        """May come at any time, from a signal's handler."""
        self.is_cancelled = True
        self._delivery.stop("cancelled", "the search was cancelled")

    def answer(self, chunk: Chunk) -> Reply:
        """Sends the messages of a chunk's rows, and waits until they are settled.

        Raises:
            ProtocolError, InputEnded: from the chunk; the messages of the rows that were read are settled then, too.
        """
        self._reply = reply = Reply(chunk.header, self._columns)
        self._digests.clear()
        self._made.clear()
        self._delivery.resume()
        self.is_busy = True
        try:
            self._submit(chunk, reply)
        except BaseException:
            self._delivery.stop("cancelled", "the run ended early")
            raise
        finally:
            last = self._batcher.flush()
            if last:
                self._delivery.submit(last)
            self._delivery.drain()
            self.is_busy = False
            for message_id in [*self._twins]:
                self._settle_twins(message_id, DUPLICATE)
            if self._dead_letters:
                for refusal in self._delivery.overturned():  # of an earlier chunk, whose rows are gone
                    self._dead_letters.add(_id(refusal.payload), refusal.payload.decode(), refusal.outcome)
                self._dead_letters.write()
            self.rows += len(reply.rest)
        return reply

    def _submit(self, chunk: Chunk, reply: Reply) -> None:
        layout = Layout(chunk.header)
        self._mistaken.update(mistaken(chunk.header))
        for block in chunk:
            count, start = len(block.texts), len(reply.rest)
            messages = self._builder.build(layout, block.columns, count)
            self._name_letters(messages, layout, block.columns)
            reply.add(block, self._first_cells(messages))
            self._made.update(start + row for row in messages.made)
            for row, outcome in sorted(messages.withheld.items()):
                if outcome is DUPLICATE:
                    self._twins.setdefault(messages.ids[row], []).append(start + row)
                    continue
                reply.rest[start + row] = _rest_cells(outcome)
                self._count(outcome, messages.ids[row])
                if self._is_dead(outcome):
                    message_id = messages.ids[row]
                    cells = [column[row] for column in block.columns]
                    self._dead_letters.add(message_id, draft(layout, cells, message_id), outcome)
            rows = [row for row in range(count) if row not in messages.withheld]
            if self._ledger:
                rows = self._without_known(messages, rows, start)
            for full in self._batcher.add([messages.payloads[row] for row in rows], [start + row for row in rows]):
                self._delivery.submit(full)
                self._batcher.max_bytes = self._delivery.max_batch_bytes

    def _name_letters(self, messages: Messages, layout: Layout, columns: Columns) -> None:
        """Gives an id to those rows without one of which something is kept: the row has it, the log, and the letter."""
        for row, outcome in messages.withheld.items():
            if not messages.ids[row] and self._is_dead(outcome):
                cells = [column[row] for column in columns]
                messages.ids[row] = self._message_ids.made(draft(layout, cells, ""), *layout.occurrence(columns, row))

    def _without_known(self, messages: Messages, rows: List[int], start: int) -> List[int]:
        """The rows whose messages the ledger does not have; it may come to have them."""
        unknown, sent_before = [], _rest_cells(_SENT_BEFORE)
        for row in rows:
            message_id = messages.ids[row]
            digest = self._digests[start + row] = self._ledger.digest(message_id)
            if digest not in self._ledger:
                unknown.append(row)
                continue
            self._reply.rest[start + row] = sent_before
            self._count(_SENT_BEFORE, message_id)
            if self._dead_letters:
                self._dead_letters.settle([messages.payloads[row]])
        return unknown

    def _first_cells(self, messages: Messages) -> List[bytes]:
        sizes = [str(len(payload) or "") for payload in messages.payloads]
        if self._options.payload:
            return encoded([payload.decode() for payload in messages.payloads], messages.ids, sizes)
        return encoded(messages.ids, sizes)

    def _settled(self, settled: Settled) -> None:
        batch, outcomes, seconds = settled
        if self._options.dryrun:
            outcomes = [outcome._replace(attempts=0) for outcome in outcomes]
        worst = outcomes[0]
        if not worst.reason and outcomes.count(worst) == len(outcomes):  # nearly always, and a tenth of the cost
            statuses = {worst.status: len(batch)}
            self.counts[worst.status] += len(batch)
            cells = _rest_cells(worst)
            for row in batch.rows:
                self._reply.rest[row] = cells
            if self._ledger:
                self._ledger.add(self._digests[row] for row in batch.rows)
            if self._dead_letters:
                self._dead_letters.settle(batch.payloads)
        else:
            statuses = Counter(outcome.status for outcome in outcomes)
            worst = max(outcomes, key=lambda outcome: outcome.attempts)
            self._settle_each(batch, outcomes)
        self._log.info(
            "batch",
            batch=batch.number,
            events=len(batch),
            bytes=body_bytes(batch.payloads),
            **_counts(statuses),
            http=worst.http,
            attempts=worst.attempts,
            reason=worst.reason or None,
            seconds=seconds,
        )

    def _settle_each(self, batch: Batch, outcomes: List[Outcome]) -> None:
        rest = self._reply.rest
        cells, before = b"", None
        for row, payload, outcome in zip(batch.rows, batch.payloads, outcomes):
            if outcome is not before:
                cells, before = _rest_cells(outcome), outcome
            rest[row] = cells
            self._count(outcome, payload)
            if self._ledger and outcome.status == "accepted":
                self._ledger.add([self._digests[row]])
            if outcome.status != self._delivered and row not in self._made:
                message_id = _id(payload)
                self._message_ids.forget(message_id)
                self._settle_twins(message_id, outcome)
            if self._is_dead(outcome):
                self._dead_letters.add(_id(payload), payload.decode(), outcome)
            elif self._dead_letters:
                self._dead_letters.settle([payload])

    def _settle_twins(self, message_id: str, outcome: Outcome) -> None:
        """Rows with the id of an earlier one: repeats of it, or where it did not get there, lost as it is."""
        for row in self._twins.pop(message_id, ()):
            self._reply.rest[row] = _rest_cells(outcome)
            self._count(outcome, message_id)

    def _count(self, outcome: Outcome, message: Union[str, bytes]) -> None:
        """Counts a message, which is told by its id or by its payload."""
        self.counts[outcome.status] += 1
        if not outcome.reason:
            return
        key = (outcome.status, outcome.reason)
        if key not in self._reasons:
            example = _id(message) if isinstance(message, bytes) else message
            self._reasons[key] = _Reason(outcome, example)
        self._reasons[key].count += 1

    def _is_dead(self, outcome: Outcome) -> bool:
        return (
            self._dead_letters is not None
            and outcome.status in dead_letters.STATUSES
            and outcome.reason != "no_user_anon_id"
        )

    # --- The report ---

    @property
    def has_failed(self) -> bool:
        """Whether the run did not do its work: events did not get there, or are not where they should be kept."""
        return bool(self.not_sent or self._lost_letters)

    @property
    def not_sent(self) -> int:
        return self.counts["failed"] + self.counts["unsent"]

    @property
    def _lost_letters(self) -> int:
        return self._dead_letters.lost if self._dead_letters else 0

    def report(self) -> List[Tuple[str, str]]:
        """What the run came to, as (level, text). An ERROR among them means that the search is to fail."""
        for reason, count in (self._dead_letters.prune() if self._dead_letters else {}).items():
            self._log.warning("dropped", status="dropped", reason=reason, count=count, error=dead_letters.DROPS[reason])
        if self._dead_letters and self._dead_letters.malformed:
            self._log.warning(
                "warning",
                reason="malformed",
                count=self._dead_letters.malformed,
                error="dead letters have a wrong shape: correct or drop them (Help > Operations)",
            )
        self._notes = notes = []
        for reason in self._reasons.values():
            status, code, _, error, _, _ = reason.outcome
            if status in ("rejected", "duplicate"):  # which have a line of their own in the run log: log_outcomes
                example = " (messageId %s, say)" % reason.message_id if reason.message_id else ""
                notes.append(
                    (
                        "WARN" if status == "rejected" else "INFO",
                        "segmentsend: %s %s, %s: %s%s" % (format(reason.count, ","), status, code, error, example),
                    )
                )
        if self._mistaken:
            names = ["%s (%s?)" % pair for pair in self._mistaken.items()]
            more = len(names) - _NAMED
            self._note(
                "WARN",
                "columns",
                "columns that are not sent look as if they should be, under another name: "
                "%s%s"
                % (printable(", ".join(names[:_NAMED]), _LONGEST_NAMES), " and %d more" % more if more > 0 else ""),
            )
        if self._message_ids.undated and not self._has_window:
            self._note(
                "WARN",
                "undated",
                "%s rows have no messageId, _time or timestamp, and the search has no "
                "window: sent again on the same day (UTC) they are repeats to Segment, on another new events"
                % format(self._message_ids.undated, ","),
            )
        if self._destination.gzip and not self._client.gzip:
            self._note(
                "WARN",
                "no_gzip",
                "the receiver does not take gzip: set gzip = false in segment_bridge.conf "
                "[%s]" % self._destination.name,
            )
        notes.append(("INFO", "segmentsend: " + self._summary()))
        level = "ERROR" if self._options.onfail == "error" else "WARN"
        if self.not_sent:
            self._note(level, "not_sent", self._failure())
        if self._lost_letters:
            self._note(
                level,
                "letters_lost",
                "%s events are not kept in %s: %s"
                % (format(self._lost_letters, ","), dead_letters.COLLECTION, self._dead_letters.error),
            )
        return notes

    def _note(self, level: str, reason: str, text: str) -> None:
        """Says it to whoever runs the search, and in the run log."""
        self._notes.append((level, "segmentsend: " + text))
        if level == "ERROR":
            self._log.error("error", reason=reason, error=text)
        else:
            self._log.warning("warning", reason=reason, error=text)

    def _summary(self) -> str:
        counts = ", ".join(
            "%s %s" % (format(self.counts[status], ","), status) for status in STATUSES if self.counts[status]
        )
        text = "%s rows%s; " % (format(self.rows, ","), counts and ": " + counts)
        if self._options.dryrun:
            return text + "nothing was sent"
        text += "%s requests (%s of them retries) with %s bytes" % (
            format(self._client.requests, ","),
            format(self._delivery.retries, ","),
            format(self._client.body_bytes, ","),
        )
        if self.counts["accepted"]:
            # Segment does not look at the key before it answers.
            text += (
                ". Accepted means by Segment's edge, which also accepts a wrong write key and a disabled source: "
                "the source's Debugger in Segment shows what arrived"
            )
        return text

    def _failure(self) -> str:
        causes = "; ".join(
            "%s %s (%s): %s" % (format(reason.count, ","), *key, reason.outcome.error)
            for key, reason in self._reasons.items()
            if key[0] in ("failed", "unsent")
        )
        return '%s of %s events did not get to destination "%s": %s' % (
            format(self.not_sent, ","),
            format(self.rows, ","),
            self._destination.name,
            causes,
        )

    def log_outcomes(self) -> None:
        """A line of the run log for each distinct reason."""
        for reason in self._reasons.values():
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

    def facts(self) -> Dict[str, Any]:
        """For the run log."""
        letters = (
            {"dead_letters": self._dead_letters.kept, "dead_letters_lost": self._dead_letters.lost}
            if self._dead_letters
            else {}
        )
        return {
            **_counts({status: self.counts[status] for status in STATUSES}),
            "rows": self.rows,
            "requests": self._client.requests,
            "retries": self._delivery.retries,
            "bytes": self._client.body_bytes,
            "wire_bytes": self._client.wire_bytes,
            "waited_s": self._delivery.waited_s,
            **letters,
        }


def _counts(by_status: Dict[str, int]) -> Dict[str, int]:
    """As facts for the run log, each line of which says by `dryrun` whether it was one."""
    return {"rehearsed" if status == "dryrun" else status: count for status, count in by_status.items()}


def _id(payload: bytes) -> str:
    return json.loads(payload)["messageId"]


def _rest_cells(outcome: Outcome) -> bytes:
    (cells,) = encoded(
        *(
            [text]
            for text in (
                outcome.status,
                outcome.reason,
                _text(outcome.http),
                outcome.error,
                _text(outcome.batch),
                str(outcome.attempts),
            )
        )
    )
    return cells


def _text(number: Optional[int]) -> str:
    return "" if number is None else str(number)
