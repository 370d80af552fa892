"""What was rejected, failed or not sent, kept in the collection segment_dead_letters: its message, why, since when.

A document's key is <destination>/<messageId>: what fails again is one document, which keeps its first time and counts
its attempts. `payload` is the message as it would be sent; of a row that gives no message it is the row's own columns.
A message that is accepted later, by any run, leaves the collection; so does what is too old, or too much.

A row of nobody (no_user_anon_id) is not kept: sent again it would be of nobody again. Only the search that made it may
find out whose it is.
"""
import contextlib
import hashlib
import json
import time
from typing import Any, Callable, Dict, List, Optional

from splunklib.client import Service

from segment_bridge.errors import SegmentBridgeError
from segment_bridge.messages import Outcome
from segment_bridge.retry import Retry
from segment_bridge.splunk.kvstore import Collection

COLLECTION = "segment_dead_letters"
STATUSES = ("rejected", "failed", "unsent")
DROPPED = "dropped"
"""The status by which a person says that a letter is to be removed."""
DROPS = {
    "age": "dead letters were removed that nobody dealt with for 30 days",
    "number": "dead letters were removed, as there were too many",
}
MAX_AGE_S = 30 * 86_400
MAX_LETTERS = 100_000
_MOST_WAITING, _MOST_WAITING_CHARS = 500, 2_000_000
_PATIENCE_S = 30.0


class DeadLetters:
    """One run's. `error` says why there are no more of them than `kept`, where that is so; `lost` counts the others."""

    def __init__(self, service: Service, destination: str, clock: Callable[[], float] = time.time):
        self.kept = self.lost = 0
        self.error: Optional[SegmentBridgeError] = None
        self._service = service
        self._destination = destination
        self._clock = clock
        self._waiting: Dict[str, Dict[str, Any]] = {}
        self._waiting_chars = 0
        self._held: Optional[Dict[str, Dict[str, Any]]] = None  # what the collection has, by key, without payloads
        self._settled: List[str] = []

    def add(self, payload: str, outcome: Outcome) -> None:
        """Takes one, and writes them when there are enough. A row without a messageId is told by its payload."""
        message = json.loads(payload)
        message_id = message.get("messageId")
        if not isinstance(message_id, str):
            message_id = hashlib.sha256(payload.encode()).hexdigest()
        key = self._key(message_id)
        document = {
            "_key": key, "destination": self._destination, "message_id": message_id,
            "event": str(message.get("event") or message.get("type") or ""),
            "status": outcome.status, "reason": outcome.reason, "http": outcome.http, "error": outcome.error,
            "payload": payload, "attempts": outcome.attempts,
        }
        self._waiting[key] = {name: value for name, value in document.items() if value is not None}
        self._waiting_chars += len(payload)
        if len(self._waiting) >= _MOST_WAITING or self._waiting_chars >= _MOST_WAITING_CHARS:
            self.write()

    def settle(self, payloads: List[bytes]) -> None:
        """Messages were accepted."""
        held = self._read() if self._held is None else self._held
        if held:
            keys = [self._key(json.loads(payload)["messageId"]) for payload in payloads]
            self._settled += [key for key in keys if held.pop(key, None)]

    def write(self) -> None:
        """Writes those that wait, and removes those that were accepted.

        KV store that does not take the former is not asked again in this run. What it keeps of the latter is sent
        again, and is a repeat to Segment.
        """
        settled, self._settled = self._settled, []
        with contextlib.suppress(SegmentBridgeError):
            self._collection().delete_keys(settled)
        waiting, self._waiting, self._waiting_chars = self._waiting, {}, 0
        try:
            if waiting and not self.error:
                self._save(waiting)
                self.kept += len(waiting)
                return
        except SegmentBridgeError as error:
            self.error = error
        self.lost += len(waiting)

    def prune(self) -> Dict[str, int]:
        """Removes what is too old, the oldest of what is too much, and what a person dropped.

        How many, by reason, but for the last.
        """
        held = self._read() if self._held is None else self._held
        dropped = [key for key, letter in held.items() if letter.get("status") == DROPPED]
        ages = sorted((letter.get("first_time", 0), key) for key, letter in held.items()
                      if letter.get("status") != DROPPED)
        old = [key for first_time, key in ages if first_time < self._clock() - MAX_AGE_S]
        surplus = [key for _, key in ages[len(old):][:max(len(ages) - len(old) - MAX_LETTERS, 0)]]
        with contextlib.suppress(SegmentBridgeError):  # the next run will do it
            self._collection().delete_keys(dropped + old + surplus)
            return {reason: len(keys) for reason, keys in (("age", old), ("number", surplus)) if keys}
        return {}

    def _read(self) -> Dict[str, Dict[str, Any]]:
        """Sets and gives `_held`; nothing where KV store cannot be read."""
        self._held = {}
        with contextlib.suppress(SegmentBridgeError):
            self._held.update((letter["_key"], letter) for letter in self._collection().read(
                {"destination": self._destination}, "_key,first_time,status"))
        return self._held

    def _collection(self) -> Collection:
        return Collection(self._service, COLLECTION, Retry(deadline_s=_PATIENCE_S))

    def _key(self, message_id: str) -> str:
        return "%s/%s" % (self._destination, message_id)

    def _save(self, waiting: Dict[str, Dict[str, Any]]) -> None:
        collection = self._collection()
        now = self._clock()
        for document in waiting.values():
            document["first_time"] = document["last_time"] = now
        for known in collection.find(waiting):
            document = waiting[known["_key"]]
            document["first_time"] = known.get("first_time", now)
            document["attempts"] += known.get("attempts", 0)
        documents: List[Dict[str, Any]] = list(waiting.values())
        collection.save(documents)
        if self._held is not None:
            self._held.update(waiting)
