"""The ledger: remembers the events accepted in the last hours, so that the app does not send them again.

It never contains an event that was not accepted. It identifies ids by 128 bits that depend on the write key, so events
that were sent with a wrong key are sent again with the right one. If the ledger cannot be read or written, the run
continues without it: events are then sent again, and are repeats to Segment.

Each run adds documents with its accepted events. They are useless once they are older than any job's window. Anyone who
can write them could make the app believe that it has sent an event, so the app's metadata permits that only to the job
and administrators. Runs of other users withhold events that the ledger contains, but add nothing to it.
"""

import base64
import contextlib
import hashlib
import time
import uuid
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from segment_bridge.collection import CLOCK_SKEW_S, Collection
from segment_bridge.errors import SegmentBridgeError

COLLECTION = "segment_ledger"
KEPT_S = 6 * 3_600
_DIGEST_BYTES = 16
_DOCUMENT_DIGESTS = 50_000
_MOST_DIGESTS = 500_000
"""This many take 50 MB. Any further ids are sent again."""


class Ledger:
    """The ledger of a run that keeps none: it is always empty. Rows are identified by their numbers in a piece."""

    def begin(self) -> None:
        """Begins another piece of rows."""

    def known(self, message_ids: Sequence[str], rows: Sequence[int], start: int) -> Set[int]:
        """Returns the rows whose events were accepted before.

        Args:
            message_ids: the ids of a block's rows.
            rows: the numbers of the rows in the block to look up; its first row is number `start` of the piece.
        """
        return set()

    def accepted(self, rows: Sequence[int]) -> None:
        """Notes that the events of these rows of the piece were accepted."""

    def write(self) -> None:
        """Writes the accepted events, and deletes those that are too old."""


class KeptLedger(Ledger):
    """The ledger of a run that keeps one: has the accepted events of earlier runs, and adds this one's.

    Args:
        fingerprint: of the write key.
    """

    def __init__(
        self, collection: Collection, destination: str, fingerprint: str, clock: Callable[[], float] = time.time
    ):
        self._collection = collection
        self._destination = destination
        self._key = bytes.fromhex(fingerprint)
        self._clock = clock
        self._known: Optional[Set[bytes]] = None
        self._digests: Dict[int, bytes] = {}  # of the piece, by row
        self._fresh: List[bytes] = []

    def begin(self) -> None:
        self._digests.clear()

    def known(self, message_ids: Sequence[str], rows: Sequence[int], start: int) -> Set[int]:
        if self._known is None:
            self._known = self._read()
        found = set()
        for row in rows:
            digest = hashlib.blake2b(message_ids[row].encode(), digest_size=_DIGEST_BYTES, key=self._key).digest()
            if digest in self._known:
                found.add(row)
            else:
                self._digests[start + row] = digest
        return found

    def accepted(self, rows: Sequence[int]) -> None:
        self._fresh += map(self._digests.__getitem__, rows)

    def write(self) -> None:
        with contextlib.suppress(SegmentBridgeError):
            for start in range(0, len(self._fresh), _DOCUMENT_DIGESTS):
                digests = b"".join(self._fresh[start : start + _DOCUMENT_DIGESTS])
                self._collection.save(
                    [
                        {
                            "_key": "%s/%s" % (self._destination, uuid.uuid4()),
                            "destination": self._destination,
                            "time": self._clock(),
                            "digests": base64.b64encode(digests).decode(),
                        }
                    ]
                )
            if self._fresh:
                now = self._clock()
                self._collection.delete({"$or": [{"time": {"$lt": now - KEPT_S}}, {"time": {"$gt": now + KEPT_S}}]})
        self._fresh = []

    def _read(self) -> Set[bytes]:
        """Skips documents of a wrong shape, or from the future; and those that would take too much memory."""
        known: Set[bytes] = set()
        now = self._clock()
        with contextlib.suppress(SegmentBridgeError):
            for document in self._collection.read(
                {"destination": self._destination, "time": {"$gte": now - KEPT_S, "$lte": now + CLOCK_SKEW_S}}
            ):
                digests = _decoded(document.get("digests"))
                known.update(digests[start : start + _DIGEST_BYTES] for start in range(0, len(digests), _DIGEST_BYTES))
                if len(known) > _MOST_DIGESTS:
                    break
        return known


def _decoded(digests: Any) -> bytes:
    """The digests as `write` made them; empty if they have another form."""
    try:
        found = base64.b64decode(digests, validate=True)
    except (ValueError, TypeError):
        return b""
    return found if len(found) <= _DIGEST_BYTES * _DOCUMENT_DIGESTS and not len(found) % _DIGEST_BYTES else b""
