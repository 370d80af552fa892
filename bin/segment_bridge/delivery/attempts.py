"""Sends a batch until its answer is final, and holds what all requests of a run share, under one lock.

They share the wait that an answer asks for, how many requests may be under way, the reason to stop if there is one, and
what is known about the receiver (segment_bridge.delivery.trust). This module has no sockets; time and chance are
parameters.
"""

import math
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Optional, Protocol

from segment_bridge.delivery.batching import Batch, body
from segment_bridge.delivery.client import Answer, Kind
from segment_bridge.delivery.options import Destination
from segment_bridge.delivery.pacing import Breaker, Pace
from segment_bridge.delivery.trust import Trust
from segment_bridge.retry import Backoff

BACKOFF = Backoff()
SHORTEST_HOLD_S = 1.0
REFUSED = (Kind.REFUSED, Kind.TOO_LARGE, Kind.DENIED)
_NOT_ABOUT_EVENTS = (401, 407, 415)
"""A receiver that answers this has not looked at the events. Unless it has accepted others, do not try again."""

OnAccepted = Callable[[bytes, int], None]
"""Called under the lock, with a message that was accepted, and the number of its request in the order they began."""


class Stop(NamedTuple):
    """Why nothing more is sent. If a refusal was the reason, `http` is its status."""

    reason: str
    error: str
    http: Optional[int] = None


class Stopped(Exception):
    """Nothing more is sent; `Attempts.stopped` says why."""


class Sender(Protocol):
    """What this module needs from a client.Client. `send` takes what `prepare` returns, any number of times."""

    gzip: bool  # set to False if the receiver does not accept it
    requests: int
    body_bytes: int
    wire_bytes: int  # after compression

    def prepare(self, body: bytes) -> Any: ...
    def send(self, request: Any, retries: int = 0) -> Answer: ...


@dataclass
class Attempt:
    """How many requests contained a message so far, and the last answer."""

    requests: int
    answer: Optional[Answer] = None


class Attempts:
    """All attempts of one run, from any number of threads at once.

    Attributes:
        lock: guards `trust` and all attributes below.
        begun: how many requests have begun.
    """

    def __init__(
        self,
        client: Sender,
        destination: Destination,
        backoff: Backoff = BACKOFF,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ):
        self.client = client
        self.trust = Trust()
        self.lock = threading.Condition()
        self.begun = self.retries = 0
        self.waited_s = 0.0
        self.stopped: Optional[Stop] = None
        self._max_attempts = destination.max_attempts
        self._backoff, self._clock, self._chance = backoff, clock, chance
        self._left_s, self._deadline = destination.deadline, 0.0
        self._pace = Pace(destination.concurrency, destination.max_eps)
        # A single thread allocates everything large, because malloc keeps a megabyte for each thread that does.
        self._preparing = ThreadPoolExecutor(1, "prepare")
        self._breaker = Breaker()
        self._under_way = 0
        self._trouble = ""  # the last answer that led to another request

    @property
    def level(self) -> int:
        """How many requests may currently be under way at once."""
        return self._pace.level

    @property
    def highest_level(self) -> int:
        return self._pace.highest

    def close(self) -> None:
        """Call this once no thread needs it any more."""
        self._preparing.shutdown()

    def resume(self) -> None:
        """Starts the time that counts against the deadline; `pause` stops it."""
        self._deadline = self._clock() + self._left_s

    def pause(self) -> None:
        self._left_s = self._deadline - self._clock()

    def stop(self, reason: str, error: str, http: Optional[int] = None) -> None:
        """Makes all threads stop sending; requests under way finish. Only the first reason counts."""
        with self.lock:
            self.stopped = self.stopped or Stop(reason, error, http)
            self.lock.notify_all()

    def is_unknown(self) -> bool:
        """Whether nothing was accepted yet. Waits for requests under way, which might still be."""
        with self.lock:
            while self.trust.is_unknown and self._under_way and not self.stopped:
                self.lock.wait()
            return self.trust.is_unknown

    def send(self, batch: Batch, attempt: Attempt, on_accepted: Optional[OnAccepted] = None) -> Answer:
        """Sends a batch until another request would not change the answer.

        Args:
            on_accepted: called instead of the usual step when the batch is accepted.

        Raises:
            Stopped
        """
        is_packed = self.client.gzip
        is_whole_or_single = not attempt.requests or len(batch) == 1
        request = self._prepared(batch)
        failures = held = denials = 0
        not_before = -math.inf
        while True:
            answer = self._request(request, batch, attempt, not_before, on_accepted or self.trust.accepted)
            if answer.kind is Kind.ENCODED:
                self.client.gzip = False
                answer = answer._replace(kind=Kind.DENIED)
            if answer.kind in REFUSED and is_packed and not self.client.gzip:
                is_packed = False
                request = self._prepared(batch)
            elif answer.kind is Kind.THROTTLED or (answer.kind is Kind.TRANSIENT and answer.retry_after_s is not None):
                held += 1
                self._hold(answer, held)
            elif answer.kind is Kind.TRANSIENT and failures + 1 < self._max_attempts:
                failures += 1
                not_before = self._clock() + self._backoff.wait_s(failures, self._chance())
            elif answer.kind is Kind.DENIED and not denials and is_whole_or_single and not self.is_unknown():
                denials += 1  # others are accepted, so this may pass, or be about one server
                not_before = self._clock() + self._backoff.wait_s(1, self._chance())
            else:
                return self._note(answer)
            with self.lock:
                self.retries += 1
                self._trouble = "; last answer: " + answer.error

    def _prepared(self, batch: Batch) -> Any:
        return self._preparing.submit(lambda: self.client.prepare(body(batch.payloads))).result()

    def _request(
        self, request: Any, batch: Batch, attempt: Attempt, not_before: float, on_accepted: OnAccepted
    ) -> Answer:
        """Waits for its turn, and sends one request."""
        begun = self._await_turn(len(batch), not_before)
        attempt.requests += 1
        answer = None
        sent = self._clock()
        try:
            answer = attempt.answer = self.client.send(request, attempt.requests - 1)
            return answer
        finally:
            with self.lock:
                self._under_way -= 1
                if answer and answer.kind is Kind.ACCEPTED:
                    now = self._clock()
                    self._pace.answered(now, now - sent)
                    on_accepted(batch.payloads[0], begun)
                elif answer and answer.kind is Kind.TRANSIENT:
                    self._pace.troubled()
                self.lock.notify_all()

    def _await_turn(self, events: int, not_before: float) -> int:
        """Waits until a request may begin, and returns its number.

        Raises:
            Stopped: no time is left, or none would be left by then, or there is another reason to stop.
        """
        with self.lock:
            began = self._clock()
            while True:
                now = self._clock()
                due = max(not_before, self._pace.not_before())
                if not self.stopped and max(now, due) > self._deadline:
                    self.stop("deadline", "another request would exceed the deadline of the run" + self._trouble)
                if self.stopped:
                    raise Stopped
                if due <= now and self._under_way < self._pace.level:
                    break
                self.lock.wait(due - now if due > now else None)
            self.waited_s += now - began
            self._under_way += 1
            self._pace.begins(now, events, self._under_way)
            self.begun += 1
            return self.begun

    def _hold(self, answer: Answer, times: int) -> None:
        """Holds back all requests until the time that the answer asks for."""
        wait_s = answer.retry_after_s
        if wait_s is None:
            wait_s = self._backoff.wait_s(times, self._chance())
        with self.lock:
            self._pace.throttled(self._clock(), max(wait_s, SHORTEST_HOLD_S))

    def _note(self, answer: Answer) -> Answer:
        """Returns a final answer, reinterpreted if need be, and notes what it means for later batches."""
        with self.lock:
            if answer.kind is Kind.DENIED and answer.http in _NOT_ABOUT_EVENTS and self.trust.is_unknown:
                answer = answer._replace(kind=Kind.MISCONFIGURED)
            if answer.kind is not Kind.TRANSIENT:
                self._breaker.succeeded()
                if answer.kind is Kind.MISCONFIGURED:
                    self.stop(answer.reason, answer.error)
                return answer
            self._breaker.failed()
            if self._breaker.is_open:
                text = "%d batches in a row have failed, the last one: %s" % (self._breaker.failures, answer.error)
                self.stop("circuit_open", text)
            return answer
