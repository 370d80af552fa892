"""A run: turns rows into events, sends them, returns each row with its event's outcome, and ends with a report.

Rows come in pieces, such as the chunks of a search or a whole file of results. A piece is returned once all of its
events are settled, and leaves nothing for the next one, because a cancelled search has no last chunk.

    in = accepted + rejected + failed + unsent + duplicate (+ dryrun), always
"""

import time
from collections import Counter
from functools import lru_cache
from typing import Any, Callable, Dict, Iterator, List, Optional, Protocol, Sequence, Tuple, TypeVar, Union

from segment_bridge.delivery import client, ids
from segment_bridge.delivery.batching import Batcher, body_bytes, of_rows
from segment_bridge.delivery.client import Client
from segment_bridge.delivery.columns import Columns
from segment_bridge.delivery.counts import Counts, facts
from segment_bridge.delivery.dead_letters import Letters
from segment_bridge.delivery.digests import Digests, has_digests
from segment_bridge.delivery.drafts import draft
from segment_bridge.delivery.engine import DryRun, Engine
from segment_bridge.delivery.ids import MessageIds
from segment_bridge.delivery.ledger import Ledger
from segment_bridge.delivery.messages import Layout, Manner, MessageBuilder, Messages, mistaken
from segment_bridge.delivery.options import Destination, Options
from segment_bridge.delivery.outcomes import Answers, Outcomes, Settled
from segment_bridge.delivery.profiles import Profiles
from segment_bridge.delivery.report import Note, Report
from segment_bridge.delivery.tally import Tally
from segment_bridge.errors import SecretError
from segment_bridge.runlog import RunLog

_NEVER = 2**31 - 1  # to 32 bits, the end of all time; else that is 0


class Block(Protocol):
    """Some rows of a piece, as columns in the order of its header."""

    @property
    def columns(self) -> Columns: ...
    @property
    def rows(self) -> int: ...


B = TypeVar("B", bound=Block)
B_co = TypeVar("B_co", bound=Block, covariant=True)
B_contra = TypeVar("B_contra", bound=Block, contravariant=True)


class Piece(Protocol[B_co]):
    """Rows that have their columns in common. A column x has a twin __mv_x for its values where there are several."""

    @property
    def header(self) -> Sequence[str]: ...
    def __iter__(self) -> Iterator[B_co]: ...


class Reply(Answers, Protocol[B_contra]):
    """The reply to a piece. It gets the rows with the ids and texts of their messages, and later each row's outcome."""

    def add(self, block: B_contra, messages: Messages) -> None: ...


class NoReply:
    """A reply for rows that nobody waits for."""

    def add(self, block: Block, messages: Messages) -> None:
        pass

    def settle(self, rows: Sequence[int], outcome: object) -> None:
        pass


def _no_salt() -> str:
    raise SecretError("there is no salt for digests")


class Run:
    """A context manager. `deliver` is called for each piece of rows, `notes` at the end.

    Args:
        letters: keeps what does not get to its destination; dead_letters.Letters keeps nothing.
        ledger: knows what was accepted before; ledger.Ledger knows nothing.
        window: the epoch times between which the search looks; 0 is no bound.
        salt: returns the salt of digests. It is called once, and only if rows have a column of that type.
        private_key: of the destination's OAuth application, if it has one.

    Raises:
        SecretError, SettingsError: as client.Client.
    """

    def __init__(
        self,
        options: Options,
        destination: Destination,
        write_key: str,
        log: RunLog,
        letters: Letters,
        ledger: Ledger,
        window: Tuple[float, float] = (0, 0),
        salt: Optional[Callable[[], str]] = None,
        private_key: str = "",
    ):
        self.is_busy = self.is_cancelled = False
        self._salt = lru_cache(1)(salt or _no_salt)
        self._log, self._letters, self._ledger = log, letters, ledger
        self._has_window = 0 < window[1] < _NEVER
        occasion = "%.3f %.3f" % window if self._has_window else time.strftime("%Y-%m-%d", time.gmtime())
        self._ids = MessageIds(client.fingerprint(write_key), occasion)
        self._builder = MessageBuilder(self._ids, destination.max_event_bytes)
        self._batcher = Batcher(destination.max_batch_bytes, destination.max_batch_events)
        self._counts = Counts()
        self._outcomes = Outcomes(self._counts, letters, ledger, self._ids.forget)
        self._report = Report(options, destination, self._counts, letters, log)
        pattern = destination.kind.id_pattern
        self._manner = Manner(destination.additions, ids.fitting(pattern) if pattern else ids.given_message_id)
        self._tally = Tally()
        self._profiles = Profiles() if destination.receiver == "segment" else None
        self._engine: Union[Engine, DryRun]
        if options.dryrun:
            client.check(destination)
            self._engine = DryRun(destination, self._settled)
        else:
            self._engine = Engine(Client(destination, write_key, private_key), destination, self._settled)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._engine.__exit__(*exc_info)
        self._ledger.write()

    def cancel(self) -> None:
        """May be called at any time, also from a signal handler."""
        self.is_cancelled = True
        self._engine.stop("cancelled", "the search was cancelled")

    def deliver(self, piece: Piece[B], reply: Reply[B]) -> None:
        """Sends the events of a piece's rows, and waits until they are settled.

        Raises:
            Exception: the piece's own; the events of the rows that were read are settled then, too.
        """
        self._outcomes.begin(reply)
        self._ledger.begin()
        self._tally.begin()
        if self._profiles:
            self._profiles.begin()
        self._engine.resume()
        self.is_busy = True
        try:
            self._submit(piece, reply)
        except BaseException:
            self._engine.stop("cancelled", "the run ended early")
            raise
        finally:
            last = self._batcher.flush()
            if last:
                self._engine.submit(last)
            self._engine.drain()
            for refusal in self._engine.overturned():
                self._outcomes.overturned(refusal.payload, refusal.outcome)
            self._outcomes.end()
            self.is_busy = False  # not before the dead letters are kept, which SIGTERM must not interrupt

    def _submit(self, piece: Piece[B], reply: Reply[B]) -> None:
        digests = Digests(piece.header, self._salt()) if has_digests(piece.header) else None
        header = digests.header if digests else piece.header
        layout = Layout(header, self._manner)
        self._report.mistaken.update(mistaken(header))
        start = 0
        for block in piece:
            columns = digests.columns(block.columns) if digests else block.columns
            messages = self._builder.build(layout, columns, block.rows)
            self._tally.add(layout.cells("event", columns, block.rows))
            if self._profiles:
                self._profiles.add(layout, columns, messages.payloads)
            drafts = self._drafts(layout, columns, messages)
            reply.add(block, messages)
            self._counts.rows += block.rows
            self._outcomes.made(start + row for row in messages.made)
            for row, outcome in sorted(messages.withheld.items()):
                self._outcomes.withheld(start + row, messages.ids[row], outcome, drafts.get(row, ""))
            rows: Sequence[int] = range(block.rows)
            if messages.withheld:
                rows = [row for row in rows if row not in messages.withheld]
            known = self._ledger.known(messages.ids, rows, start)
            if known:
                for row in known:
                    self._outcomes.sent_before(start + row, messages.ids[row], messages.payloads[row])
                rows = [row for row in rows if row not in known]
            numbers = of_rows(range(start, start + block.rows), rows)
            for full in self._batcher.add(of_rows(messages.payloads, rows), numbers):
                self._engine.submit(full)
                self._batcher.max_bytes = min(self._batcher.max_bytes, self._engine.max_batch_bytes)
            start += block.rows

    def _drafts(self, layout: Layout, columns: Columns, messages: Messages) -> Dict[int, str]:
        """Drafts of rows that give no message, by row. Row, run log and dead letter then share an id."""
        drafts = {}
        for row, outcome in messages.withheld.items():
            if self._letters.keeps(outcome):
                cells = [column[row] for column in columns]
                if not messages.ids[row]:
                    messages.ids[row] = self._ids.made(draft(layout, cells, ""), *layout.occurrence(columns, row))
                drafts[row] = draft(layout, cells, messages.ids[row])
        return drafts

    def _settled(self, settled: Settled) -> None:
        batch = settled.batch
        parts = [*settled.parts()]
        statuses: Dict[str, int] = Counter()
        if self._profiles:
            self._profiles.sent(batch.rows)
        for outcome, part in parts:
            self._outcomes.sent(part, outcome)
            if outcome.status == "accepted":
                self._tally.accepted(part.rows)
            statuses[outcome.status] += len(part)
        last, _ = max(parts, key=lambda part: part[0].attempts)
        self._log.info(
            "batch",
            batch=batch.number,
            events=len(batch),
            bytes=body_bytes(batch.payloads),
            **facts(statuses),
            http=last.http,
            attempts=last.attempts,
            reason=last.reason or None,
            seconds=settled.seconds,
        )

    # --- The report ---

    @property
    def has_failed(self) -> bool:
        """Whether the run failed to do its work."""
        return self._report.has_failed

    def notes(self) -> List[Note]:
        """Notes on the run's result. If there is an ERROR among them, the search must fail."""
        if not self._has_window:
            self._report.undated = self._ids.undated
        if self._profiles:
            self._report.beyond = self._profiles.beyond
        return self._report.notes(self._engine.traffic)

    def log_outcomes(self) -> None:
        """A line of the run log for each distinct reason."""
        self._report.log_outcomes()

    def facts(self) -> Dict[str, Any]:
        """For the last line of the run log."""
        return self._report.facts(self._engine.traffic)

    def accepted_by_name(self) -> str:
        """What was accepted, by hour and event name: tally.Tally.told."""
        return self._tally.told()
