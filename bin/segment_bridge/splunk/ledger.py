"""The delivery ledger, where a destination has it on: what was accepted in the last hours is not sent again.

The hourly job reads four hours; with the ledger an event costs one send, not four. It takes nothing for accepted that
was not: an id is told by 128 bits that the write key goes into, so what was sent with a wrong key is sent again with
the right one. What cannot be read or written is done without: events are sent again then, and are repeats to Segment.

Each run adds documents of what it got accepted; they are of no use when they are older than any job's window.
"""
import base64
import contextlib
import hashlib
import time
import uuid
from typing import Callable, Iterable, List, Optional, Set

from splunklib.client import Service

from segment_bridge.errors import SegmentBridgeError
from segment_bridge.retry import Retry
from segment_bridge.splunk.kvstore import Collection

COLLECTION = "segment_ledger"
KEPT_S = 6 * 3_600
_DIGEST_BYTES = 16
_DOCUMENT_DIGESTS = 50_000
_PATIENCE_S = 30.0


class Ledger:
    """One run's view: what earlier runs got accepted, to which `add` and `write` add what this one does.

    Args:
        fingerprint: of the write key.
    """

    def __init__(self, service: Service, destination: str, fingerprint: str, clock: Callable[[], float] = time.time):
        self._collection = Collection(service, COLLECTION, Retry(deadline_s=_PATIENCE_S))
        self._destination = destination
        self._key = bytes.fromhex(fingerprint)
        self._clock = clock
        self._known: Optional[Set[bytes]] = None
        self._fresh: List[bytes] = []

    def digest(self, message_id: str) -> bytes:
        return hashlib.blake2b(message_id.encode(), digest_size=_DIGEST_BYTES, key=self._key).digest()

    def __contains__(self, digest: bytes) -> bool:
        if self._known is None:
            self._known = self._read()
        return digest in self._known

    def add(self, digests: Iterable[bytes]) -> None:
        """They were accepted."""
        self._fresh.extend(digests)

    def write(self) -> None:
        """Writes what was added, and deletes what is too old."""
        with contextlib.suppress(SegmentBridgeError):
            for start in range(0, len(self._fresh), _DOCUMENT_DIGESTS):
                digests = b"".join(self._fresh[start:start + _DOCUMENT_DIGESTS])
                self._collection.save([{
                    "_key": "%s/%s" % (self._destination, uuid.uuid4()), "destination": self._destination,
                    "time": self._clock(), "digests": base64.b64encode(digests).decode()}])
            if self._fresh:
                self._collection.delete({"time": {"$lt": self._clock() - KEPT_S}})
        self._fresh = []

    def _read(self) -> Set[bytes]:
        known: Set[bytes] = set()
        with contextlib.suppress(SegmentBridgeError):
            for document in self._collection.read(
                    {"destination": self._destination, "time": {"$gte": self._clock() - KEPT_S}}):
                digests = base64.b64decode(document["digests"])
                known.update(digests[start:start + _DIGEST_BYTES] for start in range(0, len(digests), _DIGEST_BYTES))
        return known
