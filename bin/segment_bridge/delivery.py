"""Batches go out, answers come in, and each message gets its outcome; no Splunk, no sockets of its own.

Batches are sent by a few threads at once. What concerns all of them is kept in one place: a wait that an answer asks
for, how many requests may be under way, whether there is a reason to stop. A failed batch never stops the next ones;
these do:

| reason | |
|---|---|
| redirect, auth, wrong_url, tls, http_415 | no request will do better (`Kind.MISCONFIGURED`) |
| http_400, http_413, ... | three messages were refused alone before any was accepted: it is not about them |
| circuit_open | five batches in a row have exhausted their attempts |
| deadline | a wait would pass the deadline |
| cancelled | the search was cancelled |

A batch that is refused is halved until the bad messages are alone; the others are sent.
"""
import math
import random
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set

from segment_bridge.batching import Batch, body, body_bytes
from segment_bridge.messages import Outcome
from segment_bridge.retry import Backoff, Breaker, Throttle
from segment_bridge.segment import Answer, Kind
from segment_bridge.settings import Destination

BACKOFF = Backoff()
REFUSALS = 3
"""So many messages refused alone, and none accepted, are a wrong key or url: there is no use in trying the others."""
SHORTEST_HOLD_S = 1.0
SMALLEST_BATCH_BYTES = 33_000
"""The cap is not lowered below the largest event there may be."""


class Settled(NamedTuple):
    """A batch whose fate is known, message by message."""

    batch: Batch
    outcomes: List[Outcome]
    seconds: float


class Stop(NamedTuple):
    """Why nothing more is sent."""

    reason: str
    error: str


class _Stopped(Exception):
    """`Delivery.stopped` says why."""


class Delivery:
    """Sends one run's batches; a context manager that leaves no thread behind.

    Args:
        client: has `call(body)` and `post(call, retries) -> Answer`, for threads to use at once, and `gzip`, which is
            set to False where the other side does not take it.
        settled: called in the caller's thread, from `submit` and `drain`.
        accepted: the status of messages that were accepted.
    """

    def __init__(self, client: Any, destination: Destination, settled: Callable[[Settled], None], *,
                 accepted: str = "accepted", backoff: Backoff = BACKOFF, clock: Callable[[], float] = time.monotonic,
                 chance: Callable[[], float] = random.random):
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
        self._under_way = 0
        self._any_accepted = self._probed = False
        self._refused = 0  # messages, alone
        self._trouble = ""  # the last answer that asked for another call
        self._probing = threading.Lock()
        self._changed = threading.Condition()  # guards what is above, but for the lock
        # One more than there are requests under way makes the next one ready. (A single thread keeps the order.)
        threads = destination.concurrency + (destination.concurrency > 1)
        self._pool = ThreadPoolExecutor(threads, "segment")
        # As many again wait for their turn, so that a thread that is done finds the next one ready.
        self._most_pending = 2 * destination.concurrency
        self._pending: Set[Future[Settled]] = set()

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
        self._left_s = self._deadline - self._clock()

    def stop(self, reason: str, error: str) -> None:
        """Nothing more is sent, by any thread; what is under way is waited for. The first reason stands."""
        with self._changed:
            self.stopped = self.stopped or Stop(reason, error)
            self._changed.notify_all()

    def _settle(self, done: Set["Future[Settled]"]) -> None:
        self._pending -= done
        for future in done:
            self._settled(future.result())

    # --- For the pool's threads ---

    def _process(self, batch: Batch) -> Settled:
        began = self._clock()
        return Settled(batch, self._deliver(batch, 0), self._clock() - began)

    def _deliver(self, batch: Batch, calls: int) -> List[Outcome]:
        """The outcomes of a batch's messages, which had been in so many calls before."""
        attempt = _Attempt(calls)
        try:
            answer = self._send(batch, attempt)
        except _Stopped:
            reason, error = self.stopped or ("", "")
            http = attempt.answer.http if attempt.answer else None
            return [Outcome("unsent", reason, http, error, batch.number, attempt.calls)] * len(batch)
        if answer.kind not in (Kind.REFUSED, Kind.TOO_LARGE):
            status = self._accepted if answer.kind is Kind.ACCEPTED else "failed"
            outcome = Outcome(status, answer.reason, answer.http, answer.error, batch.number, attempt.calls)
            return [outcome] * len(batch)
        if len(batch) > 1:
            return self._isolate(batch, answer, attempt.calls)
        rejected = Outcome("rejected", answer.reason, answer.http, answer.error, batch.number, attempt.calls)
        return [rejected if calls else self._judged(rejected, 1)]

    def _isolate(self, batch: Batch, answer: Answer, calls: int) -> List[Outcome]:
        """A refused batch in parts, down to the messages that are to blame."""
        if answer.kind is Kind.TOO_LARGE:
            with self._changed:
                half = max(body_bytes(batch.payloads) // 2, SMALLEST_BATCH_BYTES)
                self.max_batch_bytes = min(self.max_batch_bytes, half)
        if not self._any_accepted:
            known: Dict[int, Outcome] = {}
            with self._probing:  # others that were refused wait for what comes of it
                if not self._any_accepted and not self._probed:
                    self._probed = True
                    known = self._probe(batch, calls)
            if known:
                return self._around(known, batch, calls)
        first, second = batch.halves()
        return [*self._deliver(first, calls), *self._deliver(second, calls)]

    def _probe(self, batch: Batch, calls: int) -> Dict[int, Outcome]:
        """Sends three messages alone: where all are refused, too, halving would take long and come to nothing."""
        probes = sorted({0, len(batch) // 2, len(batch) - 1})
        known = {index: self._deliver(batch[index:index + 1], calls)[0] for index in probes}
        if all(outcome.status == "rejected" for outcome in known.values()):
            judged = self._judged(known[0], len(known))
            if judged.status == "failed":
                return dict.fromkeys(range(len(batch)), judged)
        return known

    def _judged(self, rejected: Outcome, count: int) -> Outcome:
        """So many messages were refused alone, and not as what is left of a batch. Is it about them?"""
        with self._changed:
            self._refused += count
            if self._any_accepted or self._refused < REFUSALS:
                return rejected
        error = "events are refused alone as well, and none was accepted: check the write key and the url; %s" % (
            rejected.error)
        self.stop(rejected.reason, error)
        return rejected._replace(status="failed", error=error)

    def _around(self, known: Dict[int, Outcome], batch: Batch, calls: int) -> List[Outcome]:
        """The outcomes of a batch some of whose messages have theirs."""
        outcomes: List[Outcome] = []
        start = 0
        for index in sorted(known):
            if start < index:
                outcomes += self._deliver(batch[start:index], calls)
            outcomes.append(known[index])
            start = index + 1
        if start < len(batch):
            outcomes += self._deliver(batch[start:], calls)
        return outcomes

    def _send(self, batch: Batch, attempt: "_Attempt") -> Answer:
        """Calls until there is an answer that no other call would change.

        Raises:
            _Stopped
        """
        is_packed = self._client.gzip
        call = self._client.call(body(batch.payloads))
        failures = held = 0
        not_before = -math.inf
        while True:
            self._await_turn(len(batch), not_before)
            attempt.calls += 1
            try:
                answer = attempt.answer = self._client.post(call, attempt.calls - 1)
            finally:
                self._end_turn()
            if answer.kind is Kind.ENCODED and is_packed:
                self._client.gzip = is_packed = False
                call = self._client.call(body(batch.payloads))
            elif answer.kind is Kind.THROTTLED or (answer.kind is Kind.TRANSIENT and answer.retry_after_s is not None):
                held += 1
                self._hold(answer, held)
            elif answer.kind is Kind.TRANSIENT:
                failures += 1
                if failures >= self._max_attempts:
                    self._note(answer)
                    return answer
                not_before = self._clock() + self._backoff.wait_s(failures, self._chance())
            else:
                self._note(answer)
                return answer
            with self._changed:
                self.retries += 1
                self._trouble = "; last answer: " + answer.error

    def _await_turn(self, events: int, not_before: float) -> None:
        """Returns when a request may begin.

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

    def _end_turn(self) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

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
                    self.stop("circuit_open", "%d batches in a row have failed, the last one: %s" % (
                        self._breaker.failures, answer.error))
                return
            self._breaker.succeeded()
            self._throttle.answered_well()
            if answer.kind is Kind.ACCEPTED:
                self._any_accepted = True
            elif answer.kind in (Kind.MISCONFIGURED, Kind.ENCODED):
                self.stop(answer.reason, answer.error)


@dataclass
class _Attempt:
    """How often a message was in a call so far, and the last answer."""

    calls: int
    answer: Optional[Answer] = None
