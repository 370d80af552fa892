"""What was rejected, failed or not sent, kept in the collection segment_dead_letters: its message, why, since when.

A document's key is <destination>/<messageId>: what fails again is one document, which keeps its first time and counts
its attempts. `payload` is the message as it would be sent; of a row that gives no message it is a draft of one
(segment_bridge.delivery.drafts), which has an id as well. A message that is accepted later, by any run, leaves the
collection; so does what is too old, or too much: what was refused before what waits for its next try.

A row without a user (no_user_anon_id) is not kept: sending it again would not find the user. Only the search that made
it may.

People edit letters, and so may whoever has the role for it: one of a wrong shape is passed over, and counted.
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
"""The statuses by which a person says that a letter is to be sent once more, whatever its age, or to be removed."""
DROPS = {
    "age": "dead letters were removed that nobody dealt with for 30 days",
    "number": "there were too many dead letters: the oldest were removed, of those that were refused first",
}
MAX_AGE_S = 30 * 86_400
MAX_LETTERS = 100_000
_OF_EDITING = ("original", "edited", "edited_by")
"""What a letter that was edited by hand keeps: what it was before, when, and by whom."""
_MOST_WAITING, _MOST_WAITING_CHARS = 500, 2_000_000


class Letters:
    """Those of a run that keeps none. `DeadLetters` are those of one that does.

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
        """Takes one, and writes them when there are enough."""

    def accepted(self, payloads: Sequence[bytes]) -> None:
        """These messages are, and so no longer dead letters, if they were."""

    def write(self) -> None:
        """Writes those that wait, and removes those that were accepted."""

    def prune(self) -> Dict[str, int]:
        """Removes what is too old, what is too much, and what a person dropped.

        How many, by reason, but for the last.
        """
        return {}

    def facts(self) -> Dict[str, int]:
        """For the run log."""
        return {}


class _Held(NamedTuple):
    """What is to be known of a letter in the collection, in the order in which they have to go."""

    waits_for_next_try: bool
    first_time: float


class DeadLetters(Letters):
    """One run's.

    Args:
        collection: opens segment_dead_letters: each time that something is asked of it, with patience anew.
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
        KV store that does not answer, or takes none, is not asked again in this run. What it keeps of the latter is
        sent again, and is a repeat to Segment.
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
        """Sets and gives `_held`; nothing where KV store cannot be read."""
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
        """How many KV store took."""
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
    """What may be a time or a count, and is; None for anything else."""
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_one and 0 <= value < 1e12 else None
