"""Keeps events that were rejected, failed or not sent in the collection segment_dead_letters.

A document has the message, the reason and the times. Its key is <destination>/<messageId>: an event that fails again
stays one document, which keeps its first time and counts its attempts. `payload` is the message as it would be sent; if
a row gives no message, it is a draft of one (segment_bridge.delivery.drafts), which has an id as well. When any run
gets the message accepted, it leaves the collection. So do letters that are too old; and if there are too many, refused
ones go before those that wait for their next try.

A row without a user (no_user_anon_id) is not kept: sending it again would not find the user. Only the search that made
it may.

People can edit letters: a run skips and counts those of a wrong shape.
"""

import contextlib
import json
import math
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from segment_bridge.collection import Collection
from segment_bridge.delivery.outcomes import Outcome, id_of
from segment_bridge.errors import SegmentBridgeError

COLLECTION = "segment_dead_letters"
STATUSES = ("rejected", "failed", "unsent")
AGAIN, DROPPED = "again", "dropped"
"""The statuses by which a person asks to send a letter again, whatever its age, or to remove it."""
DROPS = {
    "age": "dead letters were removed because they were older than 30 days",
    "number": "dead letters were removed because there were too many: refused ones first, the oldest first",
}
MAX_AGE_S = 30 * 86_400
MAX_LETTERS = 100_000
_OF_EDITING = ("original", "edited", "edited_by")
"""What an edited letter keeps: its former payload, when it was edited, and by whom."""
_MOST_WAITING, _MOST_WAITING_CHARS = 500, 2_000_000


class Letters:
    """For a run that keeps no dead letters. `DeadLetters` is for one that does.

    Attributes:
        kept, lost: how many, and how many of those that should have been are not; `error` says why.
        malformed: how many of a wrong shape the collection has.
    """

    def __init__(self) -> None:
        self.kept = self.lost = self.malformed = 0
        self.error: Optional[SegmentBridgeError] = None

    def keeps(self, outcome: Outcome) -> bool:
        """Whether events with this outcome are kept."""
        return False

    def add(self, message_id: str, payload: str, outcome: Outcome) -> None:
        """Takes one letter, and writes all it has once there are enough."""

    def accepted(self, payloads: Sequence[bytes]) -> None:
        """These messages were accepted, so they are dead letters no longer."""

    def write(self) -> None:
        """Writes the letters it has, and removes those that were accepted."""

    def prune(self) -> Dict[str, int]:
        """Removes letters that are too old, too many, or dropped by a person.

        Returns how many, by reason; letters that a person dropped do not count.
        """
        return {}

    def facts(self) -> Dict[str, int]:
        """For the run log."""
        return {}


class _Held(NamedTuple):
    """What this module needs to know of a letter; sorts by which letter has to go first."""

    waits_for_next_try: bool
    first_time: float


class DeadLetters(Letters):
    """The dead letters of one run.

    Args:
        collection: opens segment_dead_letters; called for each request, so that each has its full patience.
    """

    def __init__(self, collection: Callable[[], Collection], destination: str, clock: Callable[[], float] = time.time):
        super().__init__()
        self._is_away = False
        self._collection = collection
        self._destination = destination
        self._clock = clock
        self._waiting: Dict[str, Dict[str, Any]] = {}
        self._waiting_chars = 0
        self._held: Optional[Dict[str, _Held]] = None  # what the collection has, by key
        self._dropped: List[str] = []  # keys of those that a person dropped
        self._accepted: List[str] = []

    def keeps(self, outcome: Outcome) -> bool:
        return outcome.status in STATUSES and outcome.reason != "no_user_anon_id"

    def add(self, message_id: str, payload: str, outcome: Outcome) -> None:
        message = json.loads(payload)
        key = self._key(message_id)
        document = {
            "_key": key,
            "destination": self._destination,
            "message_id": message_id,
            "event": str(message.get("event") or message.get("type") or ""),
            "status": outcome.status,
            "reason": outcome.reason,
            "http": outcome.http,
            "error": outcome.error,
            "payload": payload,
            "attempts": outcome.attempts,
        }
        self._waiting[key] = {name: value for name, value in document.items() if value is not None}
        self._waiting_chars += len(payload)
        if len(self._waiting) >= _MOST_WAITING or self._waiting_chars >= _MOST_WAITING_CHARS:
            self.write()

    def accepted(self, payloads: Sequence[bytes]) -> None:
        held = self._read() if self._held is None else self._held
        if held:
            keys = [self._key(id_of(payload)) for payload in payloads]
            self._accepted += [key for key in keys if held.pop(key, None)]

    def write(self) -> None:
        """
        If KV store does not answer, or refuses, this run does not ask it again. Accepted letters that it still keeps go
        out again, as repeats to Segment.
        """
        accepted, self._accepted = self._accepted, []
        with contextlib.suppress(SegmentBridgeError):
            self._collection().delete_keys(accepted)
        waiting, self._waiting, self._waiting_chars = self._waiting, {}, 0
        kept = self._save(waiting) if waiting and not self._is_away else 0
        self.kept += kept
        self.lost += len(waiting) - kept

    def prune(self) -> Dict[str, int]:
        held = self._read() if self._held is None else self._held
        old = [key for key, letter in held.items() if letter.first_time < self._clock() - MAX_AGE_S]
        surplus = sorted(held.keys() - old, key=held.__getitem__)[: max(len(held) - len(old) - MAX_LETTERS, 0)]
        with contextlib.suppress(SegmentBridgeError):  # the next run will do it
            self._collection().delete_keys(self._dropped + old + surplus)
            return {reason: len(keys) for reason, keys in (("age", old), ("number", surplus)) if keys}
        return {}

    def _read(self) -> Dict[str, _Held]:
        """Sets and returns `_held`; empty if KV store cannot be read."""
        self._held = {}
        with contextlib.suppress(SegmentBridgeError):
            for letter in self._collection().read({"destination": self._destination}, "_key,first_time,status"):
                if letter.get("status") == DROPPED:
                    self._dropped.append(letter["_key"])
                    continue
                status, first_time = letter.get("status"), _number(letter.get("first_time"))
                self.malformed += first_time is None or status not in (*STATUSES, AGAIN)
                if first_time is None or status == AGAIN:
                    first_time = self._clock()
                self._held[letter["_key"]] = _Held(status in ("failed", "unsent", AGAIN), first_time)
        return self._held

    def facts(self) -> Dict[str, int]:
        return {"dead_letters": self.kept, "dead_letters_lost": self.lost}

    def _key(self, message_id: str) -> str:
        return "%s/%s" % (self._destination, message_id)

    def _save(self, waiting: Dict[str, Dict[str, Any]]) -> int:
        """Returns how many KV store took."""
        collection = self._collection()
        now = self._clock()
        for document in waiting.values():
            document["first_time"] = document["last_time"] = now
        try:
            for known in collection.find(waiting):
                document = waiting[known["_key"]]
                document["first_time"] = min(_number(known.get("first_time")) or now, now)
                document["attempts"] += int(_number(known.get("attempts")) or 0)
                document.update((name, known[name]) for name in _OF_EDITING if name in known)
        except SegmentBridgeError as error:
            self.error, self._is_away = error, True
            return 0
        saved = collection.save_each([*waiting.values()])
        self.error, self._is_away = saved.error or self.error, saved.is_hopeless
        if self._held is not None:
            self._held.update(
                (key, _Held(waiting[key]["status"] != "rejected", waiting[key]["first_time"])) for key in saved.keys
            )
        return len(saved.keys)


def _number(value: Any) -> Optional[float]:
    """The value, if it can be a time or a count; None for anything else."""
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_one and 0 <= value < 1e12 else None
