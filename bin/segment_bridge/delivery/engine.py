"""Batches go out, answers come in, and each message gets its outcome; no Splunk, no sockets of its own.

Batches are sent by a few threads at once. What concerns all of them is kept in one place: a wait that an answer asks
for, how many requests may be under way, whether there is a reason to stop. A failed batch never stops the next ones;
these do:

| reason | |
|---|---|
| tls, auth, http_415 | no request will do better |
| redirect, auth, wrong_url, http_400, http_413, success_false, ... | `isolation`: it is not about messages |
| circuit_open | five batches in a row have exhausted their attempts |
| deadline | a wait would pass the deadline |
| cancelled | the search was cancelled |

A batch that is refused is halved until the bad messages are alone; the others are sent.
"""

import contextlib
import math
import random
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Protocol, Set

from segment_bridge.delivery.batching import Batch, body, body_bytes
from segment_bridge.delivery.client import Answer, Kind
from segment_bridge.delivery.isolation import Delivered, Fate, Refusal, Settled, Trust
from segment_bridge.delivery.messages import Outcome
from segment_bridge.delivery.options import Destination
from segment_bridge.errors import unforeseen
from segment_bridge.retry import Backoff, Breaker, Throttle

BACKOFF = Backoff()
SHORTEST_HOLD_S = 1.0
SMALLEST_BATCH_BYTES = 33_000
"""The cap is not lowered below the largest event there may be."""
_REFUSED = (Kind.REFUSED, Kind.TOO_LARGE, Kind.DENIED)
_NOT_ABOUT_EVENTS = (401, 407, 415)
"""What answers so has not looked at the events; unless it has accepted others, there is no use in asking again."""


class Stop(NamedTuple):
    """Why nothing more is sent; `http` is the status of the refusal that it was."""

    reason: str
    error: str
    http: Optional[int] = None


class _Stopped(Exception):
    """`Delivery.stopped` says why."""


class Client(Protocol):
    """What is asked of a segment.Segment or segment.Rehearsal: `post` takes what `call` gives."""

    gzip: bool  # is set to False where the other side does not take it

    def call(self, body: bytes) -> Any: ...
    def post(self, call: Any, retries: int = 0) -> Answer: ...


class Delivery:
    """Sends one run's batches; a context manager that leaves no thread behind.

    Args:
        client: for threads to use at once.
        settled: called in the caller's thread, from `submit` and `drain`.
        accepted: the status of messages that were accepted.
    """

    def __init__(
        self,
        client: Client,
        destination: Destination,
        settled: Callable[[Settled], None],
        *,
        accepted: str = "accepted",
        backoff: Backoff = BACKOFF,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ):
        self.max_batch_bytes = destination.max_batch_bytes
        self.retries = 0
        self.waited_s = 0.0
        self.stopped: Optional[Stop] = None
        self._client = client
        self._settled = settled
        self._accepted = accepted
        self._max_attempts = destination.max_attempts
        self._backoff, self._clock, self._chance = backoff, clock, chance
        self._left_s, self._deadline = destination.deadline, 0.0
        self._throttle = Throttle(destination.concurrency, destination.max_eps)
        self._breaker = Breaker()
        self._under_way = self._begun = 0  # requests
        self._trust = Trust()
        self._probed = False
        self._trouble = ""  # the last answer that asked for another call
        self._judging = threading.RLock()  # one at a time finds out about the receiver; taken before the next one
        self._changed = threading.Condition()  # guards what is above, but for the lock
        # One more than there are requests under way makes the next one ready. (A single thread keeps the order.)
        threads = destination.concurrency + (destination.concurrency > 1)
        self._pool = ThreadPoolExecutor(threads, "segment")
        # As many again wait for their turn, so that a thread that is done finds the next one ready.
        self._most_pending = 2 * destination.concurrency
        self._pending: Set[Future[Delivered]] = set()
        self._undecided: List[Delivered] = []

    def __enter__(self) -> "Delivery":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        if exc_info[0] is not None:
            self.stop("cancelled", "the run ended early")
        self._pool.shutdown()

    # --- For the caller's thread ---

    def resume(self) -> None:
        """Time begins to count against the deadline; it does until `drain`."""
        self._deadline = self._clock() + self._left_s

    def submit(self, batch: Batch) -> None:
        """Takes a batch; waits while there are enough of them."""
        while len(self._pending) >= self._most_pending:
            self._settle(wait(self._pending, return_when=FIRST_COMPLETED).done)
        self._pending.add(self._pool.submit(self._process, batch))

    def drain(self) -> None:
        """Waits until all batches are settled."""
        while self._pending:
            self._settle(wait(self._pending, return_when=FIRST_COMPLETED).done)
        self._trust.close()
        self._settle(set())
        self._left_s = self._deadline - self._clock()

    def overturned(self) -> List[Refusal]:
        """What `settled` was told is rejected, in an earlier chunk, and has failed."""
        overturned, self._trust.overturned = self._trust.overturned, []
        return overturned

    def stop(self, reason: str, error: str, http: Optional[int] = None) -> None:
        """Nothing more is sent, by any thread; what is under way is waited for. The first reason stands."""
        with self._changed:
            self.stopped = self.stopped or Stop(reason, error, http)
            self._changed.notify_all()

    def _settle(self, done: Set["Future[Delivered]"]) -> None:
        """Hands on what is decided."""
        self._pending -= done
        delivered = self._undecided + [future.result() for future in done]
        self._undecided = []
        for each in delivered:
            if each.is_decided:
                self._settled(each.settled())
            else:
                self._undecided.append(each)

    # --- For the pool's threads ---

    def _process(self, batch: Batch) -> Delivered:
        began = self._clock()
        fates: List[Fate]
        try:
            fates = self._deliver(batch, 0)
        except Exception as error:  # of the app's own: no row is to be lost for it
            told = unforeseen(error)
            self.stop(told.reason, str(told))
            fates = [Outcome("failed", told.reason, error=str(told), batch=batch.number, attempts=1)] * len(batch)
        return Delivered(batch, fates, self._clock() - began)

    def _deliver(self, batch: Batch, calls: int) -> List[Fate]:
        """What becomes of a batch's messages, which had been in so many calls before."""
        attempt = _Attempt(calls)
        try:
            answer = self._send(batch, attempt)
        except _Stopped:
            return [self._stopped_outcome(batch, attempt, calls)] * len(batch)
        if answer.kind not in _REFUSED:
            status = self._accepted if answer.kind is Kind.ACCEPTED else "failed"
            outcome = self._outcome(status, answer, batch, attempt)
            errors = map(answer.exception, batch.payloads) if answer.excepted else [""] * len(batch)
            return [
                outcome._replace(status="rejected", reason="success_false", error=error) if error else outcome
                for error in errors
            ]
        if len(batch) > 1:
            return self._isolate(batch, answer, attempt.calls, is_whole=not calls)
        return [self._refused_alone(batch, answer, attempt)]

    def _outcome(self, status: str, answer: Answer, batch: Batch, attempt: "_Attempt") -> Outcome:
        return Outcome(status, answer.reason, answer.http, answer.error, batch.number, attempt.calls)

    def _stopped_outcome(self, batch: Batch, attempt: "_Attempt", calls: int) -> Outcome:
        """Of what was not sent any more; it failed if it had been refused, as all else is."""
        reason, error, http = self.stopped or Stop("", "")
        status = "failed" if calls and http else "unsent"
        return Outcome(
            status,
            reason,
            attempt.answer.http if attempt.answer else http if calls else None,
            error,
            batch.number,
            attempt.calls,
        )

    def _isolate(self, batch: Batch, answer: Answer, calls: int, is_whole: bool) -> List[Fate]:
        """A refused batch in parts, down to the messages that are to blame."""
        if answer.kind is Kind.TOO_LARGE:
            with self._changed:
                half = max(body_bytes(batch.payloads) // 2, SMALLEST_BATCH_BYTES)
                self.max_batch_bytes = min(self.max_batch_bytes, half)
        known: Dict[int, Fate] = {}
        with self._judging:  # others that were refused wait for what comes of it
            if not self._is_unknown():
                if answer.kind is Kind.DENIED and is_whole:
                    self._call_witness(answer)
            elif not self.stopped and not self._probed:
                self._probed = True
                known = self._probe(batch, calls)
        if known:
            return self._around(known, batch, calls)
        first, second = batch.halves()
        return [*self._deliver(first, calls), *self._deliver(second, calls)]

    def _probe(self, batch: Batch, calls: int) -> Dict[int, Fate]:
        """Sends three messages alone: where all are refused, too, halving would take long and come to nothing."""
        is_packed = self._client.gzip
        probes = sorted({0, len(batch) // 2, len(batch) - 1})
        known = {index: self._deliver(batch[index : index + 1], calls)[0] for index in probes}
        if is_packed and not self._client.gzip:  # which was what the others were refused for
            return {index: fate for index, fate in known.items() if not isinstance(fate, Refusal)}
        return known

    def _refused_alone(self, batch: Batch, answer: Answer, attempt: "_Attempt") -> Fate:
        """The verdict may come later. It comes now where there is a doubt about all of them."""
        rejected = answer._replace(reason=answer.reason_of_event)
        refusal = Refusal(
            batch.payloads[0],
            self._outcome("rejected", rejected, batch, attempt),
            answer.reason,
            is_about_message=answer.kind is not Kind.DENIED,
        )
        with self._changed:
            refusal.answered = self._begun
            self._trust.refused(refusal)
        with self._judging:
            if self._trust.is_doubted and not self.stopped:
                if not self._is_unknown():
                    self._call_witness(answer)
                elif self._takes_it_plain(batch, attempt):
                    return self._outcome(self._accepted, Answer(Kind.ACCEPTED, http=200), batch, attempt)
                else:
                    self._lose(answer)
        return refusal

    def _call_witness(self, answer: Answer) -> None:
        """Sends a message once more that was accepted before: is that refused as well?"""
        witness = Batch(0, [self._trust.witness or b""], [0])
        try:
            found = self._send(witness, _Attempt(0), lambda payload, begun: self._trust.confirmed(begun))
        except _Stopped:
            return
        if found.kind in _REFUSED:
            self._lose(answer)

    def _takes_it_plain(self, batch: Batch, attempt: "_Attempt") -> bool:
        """Whether the receiver, which refused all so far, takes a message that is not compressed."""
        if not self._client.gzip:
            return False
        self._client.gzip = False
        with contextlib.suppress(_Stopped):
            if self._send(batch, attempt, self._trust.acquit).kind is Kind.ACCEPTED:
                return True
        self._client.gzip = True
        return False

    def _lose(self, answer: Answer) -> None:
        """Nothing is accepted, or nothing any more."""
        error = "events are refused alone as well, and none was accepted%s: check the write key and the url; %s" % (
            "" if self._trust.is_unknown else " any more, not even one that had been",
            answer.error,
        )
        with self._changed:
            self._trust.lose(answer.reason, error)
            self.stop(answer.reason, error, answer.http)

    def _around(self, known: Dict[int, Fate], batch: Batch, calls: int) -> List[Fate]:
        """What becomes of a batch of some of whose messages it is known."""
        fates: List[Fate] = []
        start = 0
        for index in sorted(known):
            if start < index:
                fates += self._deliver(batch[start:index], calls)
            fates.append(known[index])
            start = index + 1
        if start < len(batch):
            fates += self._deliver(batch[start:], calls)
        return fates

    def _send(
        self, batch: Batch, attempt: "_Attempt", on_accepted: Optional[Callable[[bytes, int], None]] = None
    ) -> Answer:
        """Calls until there is an answer that no other call would change.

        Args:
            on_accepted: is told, with the lock, if that means anything else than it mostly does.

        Raises:
            _Stopped
        """
        on_accepted = on_accepted or self._trust.accepted
        is_packed = self._client.gzip
        is_whole_or_single = not attempt.calls or len(batch) == 1
        call = self._client.call(body(batch.payloads))
        failures = held = denials = 0
        not_before = -math.inf
        while True:
            begun = self._await_turn(len(batch), not_before)
            attempt.calls += 1
            answer = None
            try:
                answer = attempt.answer = self._client.post(call, attempt.calls - 1)
            finally:
                with self._changed:
                    self._under_way -= 1
                    if answer and answer.kind is Kind.ACCEPTED:
                        on_accepted(batch.payloads[0], begun)
                    self._changed.notify_all()
            if answer.kind is Kind.ENCODED:
                self._client.gzip = False
                answer = answer._replace(kind=Kind.DENIED)
            if answer.kind in _REFUSED and is_packed and not self._client.gzip:
                is_packed = False
                call = self._client.call(body(batch.payloads))
            elif answer.kind is Kind.THROTTLED or (answer.kind is Kind.TRANSIENT and answer.retry_after_s is not None):
                held += 1
                self._hold(answer, held)
            elif answer.kind is Kind.TRANSIENT and failures + 1 < self._max_attempts:
                failures += 1
                not_before = self._clock() + self._backoff.wait_s(failures, self._chance())
            elif answer.kind is Kind.DENIED and not denials and is_whole_or_single and not self._is_unknown():
                denials += 1  # others are let through: it may be this server, or this moment
                not_before = self._clock() + self._backoff.wait_s(1, self._chance())
            else:
                if answer.kind is Kind.DENIED and answer.http in _NOT_ABOUT_EVENTS and self._trust.is_unknown:
                    answer = answer._replace(kind=Kind.MISCONFIGURED)
                self._note(answer)
                return answer
            with self._changed:
                self.retries += 1
                self._trouble = "; last answer: " + answer.error

    def _is_unknown(self) -> bool:
        """Whether nothing was accepted yet, nor will be of what is under way."""
        with self._changed:
            while self._trust.is_unknown and self._under_way and not self.stopped:
                self._changed.wait()
            return self._trust.is_unknown

    def _await_turn(self, events: int, not_before: float) -> int:
        """Returns when a request may begin: the so manieth.

        Raises:
            _Stopped: there is, or by now would be, no time left, or another reason not to.
        """
        with self._changed:
            began = self._clock()
            while True:
                now = self._clock()
                due = max(not_before, self._throttle.not_before())
                if not self.stopped and max(now, due) > self._deadline:
                    self.stop("deadline", "another call would pass the deadline of the run" + self._trouble)
                if self.stopped:
                    raise _Stopped
                if due <= now and self._under_way < self._throttle.limit:
                    break
                self._changed.wait(due - now if due > now else None)
            self.waited_s += now - began
            self._under_way += 1
            self._throttle.begins(now, events)
            self._begun += 1
            return self._begun

    def _hold(self, answer: Answer, times: int) -> None:
        """Nobody calls until the time that the answer asks for."""
        wait_s = answer.retry_after_s
        if wait_s is None:
            wait_s = self._backoff.wait_s(times, self._chance())
        with self._changed:
            self._throttle.hold(self._clock(), max(wait_s, SHORTEST_HOLD_S), answer.kind is Kind.THROTTLED)

    def _note(self, answer: Answer) -> None:
        """What an answer that stands means for the batches after it."""
        with self._changed:
            if answer.kind is Kind.TRANSIENT:
                self._breaker.failed()
                if self._breaker.is_open:
                    self.stop(
                        "circuit_open",
                        "%d batches in a row have failed, the last one: %s" % (self._breaker.failures, answer.error),
                    )
                return
            self._breaker.succeeded()
            self._throttle.answered_well()
            if answer.kind is Kind.MISCONFIGURED:
                self.stop(answer.reason, answer.error)


@dataclass
class _Attempt:
    """How often a message was in a call so far, and the last answer."""

    calls: int
    answer: Optional[Answer] = None
