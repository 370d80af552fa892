"""What was rejected, failed or not sent, kept in the collection segment_dead_letters: its message, why, since when.

A document's key is <destination>/<messageId>: what fails again is one document, which keeps its first time and counts
its attempts. `payload` is the message as it would be sent; of a row that gives no message it is the row's own columns.
"""
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

    def add(self, payload: str, outcome: Outcome) -> None:
        """Takes one, and writes them when there are enough. A row without a messageId is told by its payload."""
        message = json.loads(payload)
        message_id = message.get("messageId")
        if not isinstance(message_id, str):
            message_id = hashlib.sha256(payload.encode()).hexdigest()
        key = "%s/%s" % (self._destination, message_id)
        document = {
            "_key": key, "destination": self._destination, "message_id": message_id,
            "event": message.get("event") or message.get("type"),
            "status": outcome.status, "reason": outcome.reason, "http": outcome.http, "error": outcome.error,
            "payload": payload, "attempts": outcome.attempts,
        }
        self._waiting[key] = {name: value for name, value in document.items() if value is not None}
        self._waiting_chars += len(payload)
        if len(self._waiting) >= _MOST_WAITING or self._waiting_chars >= _MOST_WAITING_CHARS:
            self.write()

    def write(self) -> None:
        """Writes those that wait. KV store that does not take them is not asked again in this run."""
        waiting, self._waiting, self._waiting_chars = self._waiting, {}, 0
        try:
            if waiting and not self.error:
                self._save(waiting)
                self.kept += len(waiting)
                return
        except SegmentBridgeError as error:
            self.error = error
        self.lost += len(waiting)

    def _save(self, waiting: Dict[str, Dict[str, Any]]) -> None:
        collection = Collection(self._service, COLLECTION, Retry(deadline_s=_PATIENCE_S))
        now = self._clock()
        for document in waiting.values():
            document["first_time"] = document["last_time"] = now
        for known in collection.find(waiting):
            document = waiting[known["_key"]]
            document["first_time"] = known.get("first_time", now)
            document["attempts"] += known.get("attempts", 0)
        documents: List[Dict[str, Any]] = list(waiting.values())
        collection.save(documents)
