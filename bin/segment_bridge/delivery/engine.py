"""Sends batches, several at a time, and reports the outcome of each message. Knows nothing of Splunk or of sockets.

A failed batch does not stop the next ones; these reasons do:

| reason | |
|---|---|
| tls, auth, http_415 | no request would do better |
| redirect, auth, wrong_url, http_400, success_false, ... | segment_bridge.delivery.trust: events are not the cause |
| circuit_open | five batches in a row have exhausted their attempts |
| deadline | a wait would exceed the deadline |
| cancelled | the search was cancelled |
"""

import random
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Callable, List, Optional, Set

from segment_bridge.delivery.attempts import BACKOFF, Attempts, Sender, Stop
from segment_bridge.delivery.batching import Batch
from segment_bridge.delivery.counts import Traffic
from segment_bridge.delivery.isolation import Isolation
from segment_bridge.delivery.options import Destination
from segment_bridge.delivery.outcomes import Outcome, Settled
from segment_bridge.delivery.pacing import FIRST
from segment_bridge.delivery.trust import Delivered, Fate, Refusal
from segment_bridge.errors import unforeseen
from segment_bridge.retry import Backoff

OnSettled = Callable[[Settled], None]


class Engine:
    """Sends one run's batches; a context manager that leaves no thread behind.

    Args:
        client: safe to use from several threads.
        settled: called in the caller's thread, from `submit` and `drain`.
    """

    def __init__(
        self,
        client: Sender,
        destination: Destination,
        settled: OnSettled,
        *,
        backoff: Backoff = BACKOFF,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ):
        self._client, self._settled, self._clock = client, settled, clock
        self._has_gzip = client.gzip
        self._attempts = Attempts(client, destination, backoff, clock, chance)
        self._isolation = Isolation(self._attempts, destination.max_batch_bytes)
        # One more than there are requests under way makes the next one ready. (A single thread keeps the order.)
        threads = destination.concurrency + (destination.concurrency > 1)
        self._pool = ThreadPoolExecutor(threads, "segment")
        # Some wait for their turn, so that a thread that has finished finds the next one ready.
        self._least_pending = 2 * min(FIRST, destination.concurrency)
        self._pending: Set[Future[Delivered]] = set()
        self._undecided: List[Delivered] = []

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        if exc_info[0] is not None:
            self.stop("cancelled", "the run ended early")
        self._pool.shutdown()
        self._attempts.close()

    @property
    def max_batch_bytes(self) -> int:
        """The most bytes of a batch that is still to come."""
        return self._isolation.max_batch_bytes

    @property
    def stopped(self) -> Optional[Stop]:
        return self._attempts.stopped

    @property
    def traffic(self) -> Traffic:
        client, attempts = self._client, self._attempts
        return Traffic(
            requests=client.requests,
            retries=attempts.retries,
            body_bytes=client.body_bytes,
            wire_bytes=client.wire_bytes,
            waited_s=attempts.waited_s,
            concurrency=attempts.highest_level,
            gave_up_gzip=self._has_gzip and not client.gzip,
        )

    def resume(self) -> None:
        """From here until `drain`, time counts against the deadline."""
        self._attempts.resume()

    def submit(self, batch: Batch) -> None:
        """Takes a batch. Waits while enough of them are pending."""
        while len(self._pending) >= max(self._least_pending, self._attempts.level + 2):
            self._settle_done()
        self._pending.add(self._pool.submit(self._deliver, batch))

    def drain(self) -> None:
        """Waits until all batches are settled."""
        while self._pending:
            self._settle_done()
        self._attempts.trust.close()
        self._hand_on([])
        self._attempts.pause()

    def overturned(self) -> List[Refusal]:
        """Messages of earlier pieces that were reported to `settled` as rejected, but turned out to have failed."""
        trust = self._attempts.trust
        overturned, trust.overturned = trust.overturned, []
        return overturned

    def stop(self, reason: str, error: str) -> None:
        """Sends nothing more, and waits for requests under way."""
        self._attempts.stop(reason, error)

    def _settle_done(self) -> None:
        """Waits until at least one batch is delivered."""
        done, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
        self._hand_on([future.result() for future in done])

    def _hand_on(self, delivered: List[Delivered]) -> None:
        """Settles what is decided; the rest waits."""
        found, self._undecided = self._undecided + delivered, []
        for each in found:
            if each.is_decided:
                self._settled(each.settled())
            else:
                self._undecided.append(each)

    def _deliver(self, batch: Batch) -> Delivered:
        """Runs in a thread of the pool."""
        began = self._clock()
        fates: List[Fate]
        try:
            fates = self._isolation.deliver(batch)
        except Exception as error:  # a fault of the app: it must not lose a row
            told = unforeseen(error)
            self.stop(told.reason, str(told))
            fates = [Outcome("failed", told.reason, error=str(told), batch=batch.number, attempts=1)] * len(batch)
        return Delivered(batch, fates, self._clock() - began)


class DryRun:
    """Replaces an Engine in a dry run."""

    traffic = Traffic()

    def __init__(self, destination: Destination, settled: OnSettled):
        self.max_batch_bytes = destination.max_batch_bytes
        self._settled = settled

    def __exit__(self, *exc_info: Any) -> None:
        pass

    def resume(self) -> None:
        pass

    def submit(self, batch: Batch) -> None:
        self._settled(Settled(batch, [Outcome("dryrun", batch=batch.number)] * len(batch), 0.0))

    def drain(self) -> None:
        pass

    def overturned(self) -> List[Refusal]:
        return []

    def stop(self, reason: str, error: str) -> None:
        pass
