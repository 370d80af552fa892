"""Puts messages into the bodies of batch requests, within Segment's limits in bytes and in number; pure.

The size of a batch is the exact size of its body before compression. Segment does not document what its limit of 500 KB
applies to; this is what all of its libraries measure.

Source: Segment's "HTTP API".
"""

import bisect
import itertools
import json
from dataclasses import dataclass, field
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple, TypeVar

from segment_bridge import __version__

T = TypeVar("T")

# The Spec's common fields require the name of the calling library. Segment merges it into each event's context.
_CONTEXT = (
    b'"context":%s,'
    % json.dumps({"library": {"name": "segment-bridge", "version": __version__}}, separators=(",", ":")).encode()
)
_HEAD = b"{" + _CONTEXT + b'"batch":['
_TAIL = b"]}"
ENVELOPE_BYTES = len(_HEAD) + len(_TAIL)


def body(payloads: Iterable[bytes]) -> bytes:
    """Makes the body of a request, without white space, so that its size is known beforehand."""
    return _HEAD + b",".join(payloads) + _TAIL


def addressed(given: bytes, write_key: str = "", has_context: bool = True) -> bytes:
    """Adds a write key to a body, if one is given, and removes the batch's context unless `has_context`."""
    member = b'"writeKey":%s,' % json.dumps(write_key).encode() if write_key else b""
    return b"{" + member + given[1 if has_context else 1 + len(_CONTEXT) :]


def body_bytes(payloads: List[bytes]) -> int:
    """The size of the body with these messages."""
    return ENVELOPE_BYTES + sum(map(len, payloads)) + max(len(payloads) - 1, 0)


def of_rows(values: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """The values of these rows, which must be in order. Usually they are a range."""
    if not rows:
        return []
    first, end = rows[0], rows[-1] + 1
    return values[first:end] if end - first == len(rows) else [values[row] for row in rows]


@dataclass
class Batch:
    """Serialised messages, and the number of each one's row, as the caller counts rows."""

    number: int
    payloads: List[bytes] = field(default_factory=list)
    rows: List[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.payloads)

    def halves(self) -> Tuple["Batch", "Batch"]:
        middle = len(self) // 2
        return self[:middle], self[middle:]

    def __getitem__(self, part: slice) -> "Batch":
        return Batch(self.number, self.payloads[part], self.rows[part])


class Batcher:
    """Groups messages into batches, in order; a batch is full when the next message would not fit.

    The caller may lower `max_bytes` at any time. A single message makes a batch, however large it is.
    """

    def __init__(self, max_bytes: int, max_events: int):
        self.max_bytes = max_bytes
        self._max_events = max_events
        self._next_number = 1
        self._begin()

    def _begin(self) -> None:
        self._batch = Batch(self._next_number)
        self._bytes = ENVELOPE_BYTES - 1  # the first message has no comma before it

    def add(self, payloads: Sequence[bytes], rows: Sequence[int]) -> Iterator[Batch]:
        """Adds messages, and yields each full batch before it takes the next message."""
        ends = [*itertools.accumulate(1 + len(payload) for payload in payloads)]
        start = before = 0
        while start < len(ends):
            fit = bisect.bisect_right(ends, before + self.max_bytes - self._bytes, start)
            end = min(fit, start + self._max_events - len(self._batch))
            if end == start:
                full = self.flush()
                if full:
                    yield full
                    continue
                end = start + 1
            self._batch.payloads += payloads[start:end]
            self._batch.rows += rows[start:end]
            self._bytes += ends[end - 1] - before
            start, before = end, ends[end - 1]

    def flush(self) -> Optional[Batch]:
        """Returns the batch that is not full yet, or None."""
        batch = self._batch
        if not batch.payloads:
            return None
        self._next_number += 1
        self._begin()
        return batch
