"""Halves a refused batch until the bad messages are alone, and sends the others.

If the receiver has not accepted anything yet, three messages of the batch are tried alone first, because halving might
take long for nothing. segment_bridge.delivery.trust decides whether a message that is refused alone is to blame, or
something that concerns all of them (the write key, the url, gzip).
"""

import contextlib
import threading
from typing import Dict, List

from segment_bridge.delivery.attempts import REFUSED, Attempt, Attempts, Stop, Stopped
from segment_bridge.delivery.batching import Batch, body_bytes
from segment_bridge.delivery.client import Answer, Kind
from segment_bridge.delivery.outcomes import Outcome
from segment_bridge.delivery.trust import Fate, Refusal

SMALLEST_BATCH_BYTES = 33_000
"""The limit is not lowered below the size of the largest event."""


class Isolation:
    """The isolation of one run; several threads may use it at once.

    Attributes:
        max_batch_bytes: lowered if the receiver accepts less than the setting allows.
    """

    def __init__(self, attempts: Attempts, max_batch_bytes: int):
        self.max_batch_bytes = max_batch_bytes
        self._attempts = attempts
        self._trust = attempts.trust
        self._client = attempts.client
        self._judging = threading.RLock()  # one thread at a time tests the receiver; taken before the attempts' lock
        self._has_probed = False

    def deliver(self, batch: Batch, requests: int = 0) -> List[Fate]:
        """Delivers a batch whose messages were in this many requests before; returns what became of each."""
        attempt = Attempt(requests)
        try:
            answer = self._attempts.send(batch, attempt)
        except Stopped:
            return [self._stopped(batch, attempt, requests)] * len(batch)
        if answer.kind in REFUSED:
            if len(batch) > 1:
                return self._isolate(batch, answer, attempt.requests, is_whole=not requests)
            return [self._refused_alone(batch, answer, attempt)]
        status = "accepted" if answer.kind is Kind.ACCEPTED else "failed"
        outcome = _outcome(status, answer, batch, attempt)
        if not answer.excepted:
            return [outcome] * len(batch)
        errors = map(answer.exception, batch.payloads)
        return [
            outcome._replace(status="rejected", reason="success_false", error=error) if error else outcome
            for error in errors
        ]

    def _stopped(self, batch: Batch, attempt: Attempt, requests: int) -> Outcome:
        """The outcome of messages that were not sent any more: failed if they were refused before, like all others."""
        reason, error, http = self._attempts.stopped or Stop("", "")
        status = "failed" if requests and http else "unsent"
        if attempt.answer:
            http = attempt.answer.http
        elif not requests:
            http = None
        return Outcome(status, reason, http, error, batch.number, attempt.requests)

    def _isolate(self, batch: Batch, answer: Answer, requests: int, is_whole: bool) -> List[Fate]:
        """Sends a refused batch in parts, down to the messages that are to blame."""
        if answer.kind is Kind.TOO_LARGE:
            with self._attempts.lock:
                half = max(body_bytes(batch.payloads) // 2, SMALLEST_BATCH_BYTES)
                self.max_batch_bytes = min(self.max_batch_bytes, half)
        known: Dict[int, Fate] = {}
        with self._judging:  # other refused batches wait for the result
            if not self._attempts.is_unknown():
                if answer.kind is Kind.DENIED and is_whole:
                    self._send_witness(answer)
            elif not self._attempts.stopped and not self._has_probed:
                self._has_probed = True
                known = self._probe(batch, requests)
        if known:
            return self._around(known, batch, requests)
        first, second = batch.halves()
        return [*self.deliver(first, requests), *self.deliver(second, requests)]

    def _probe(self, batch: Batch, requests: int) -> Dict[int, Fate]:
        """Sends three messages alone; returns what became of them, by position."""
        is_packed = self._client.gzip
        probes = sorted({0, len(batch) // 2, len(batch) - 1})
        known = {index: self.deliver(batch[index : index + 1], requests)[0] for index in probes}
        if is_packed and not self._client.gzip:  # the others were refused because of gzip
            return {index: fate for index, fate in known.items() if not isinstance(fate, Refusal)}
        return known

    def _around(self, known: Dict[int, Fate], batch: Batch, requests: int) -> List[Fate]:
        """Delivers the rest of a batch of which some messages' fates are known."""
        fates: List[Fate] = []
        start = 0
        for index in sorted(known):
            if start < index:
                fates += self.deliver(batch[start:index], requests)
            fates.append(known[index])
            start = index + 1
        if start < len(batch):
            fates += self.deliver(batch[start:], requests)
        return fates

    # --- Does a refusal concern one message, or all of them? ----------------------------------------------------------

    def _refused_alone(self, batch: Batch, answer: Answer, attempt: Attempt) -> Fate:
        """Notes a refused message. The verdict may come later, but comes now if the receiver is doubted."""
        rejected = answer._replace(reason=answer.reason_of_event)
        refusal = Refusal(
            batch.payloads[0],
            _outcome("rejected", rejected, batch, attempt),
            answer.reason,
            is_about_message=answer.kind is not Kind.DENIED,
        )
        with self._attempts.lock:
            refusal.answered = self._attempts.begun
            self._trust.refused(refusal)
        with self._judging:
            if self._trust.is_doubted and not self._attempts.stopped:
                if not self._attempts.is_unknown():
                    self._send_witness(answer)
                elif self._takes_it_plain(batch, attempt):
                    return _outcome("accepted", Answer(Kind.ACCEPTED, http=200), batch, attempt)
                else:
                    self._lose(answer)
        return refusal

    def _send_witness(self, answer: Answer) -> None:
        """Sends a message again that was accepted before, to find out whether it is now refused, too."""
        witness = Batch(0, [self._trust.witness or b""], [0])
        try:
            found = self._attempts.send(witness, Attempt(0), lambda payload, begun: self._trust.confirmed(begun))
        except Stopped:
            return
        if found.kind in REFUSED:
            self._lose(answer)

    def _takes_it_plain(self, batch: Batch, attempt: Attempt) -> bool:
        """Whether the receiver, which has refused everything so far, accepts an uncompressed message."""
        if not self._client.gzip:
            return False
        self._client.gzip = False
        with contextlib.suppress(Stopped):
            if self._attempts.send(batch, attempt, self._trust.acquit).kind is Kind.ACCEPTED:
                return True
        self._client.gzip = True
        return False

    def _lose(self, answer: Answer) -> None:
        """Stops the run because the receiver accepts nothing, or nothing any more."""
        error = "the receiver refuses even single events%s: check the write key and the url; %s" % (
            "" if self._trust.is_unknown else ", and one that it accepted before",
            answer.error,
        )
        with self._attempts.lock:
            self._trust.lose(answer.reason, error)
            self._attempts.stop(answer.reason, error, answer.http)


def _outcome(status: str, answer: Answer, batch: Batch, attempt: Attempt) -> Outcome:
    return Outcome(status, answer.reason, answer.http, answer.error, batch.number, attempt.requests)
