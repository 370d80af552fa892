"""Makes runs take turns on a cluster, across all search head cluster members, with a lease in KV store.

If several runs insert a document with the same `_key`, exactly one succeeds. The lease of a killed run expires; the
next run on the same search head removes it earlier.
"""

import contextlib
import time
import uuid
from typing import Iterator

from segment_bridge.collection import CLOCK_SKEW_S, Collection
from segment_bridge.errors import SegmentBridgeError, Unavailable
from segment_bridge.retry import Retry
from segment_bridge.users.ports import Splunk

LEASES = "usersignups_leases"

POLL_S = 1
LONGEST_S = 86_400 + 60 * CLOCK_SKEW_S
"""The longest deadline that can be set, plus an hour for clocks that differ by more than CLOCK_SKEW_S."""


@contextlib.contextmanager
def lease(splunk: Splunk, name: str, seconds: float) -> Iterator[None]:
    """Holds the only lease of this name, after waiting for other runs to release it.

    The lease expires `seconds` plus CLOCK_SKEW_S after it was taken.

    Raises:
        DeadlineExceeded: other runs held it for `seconds`.
        SplunkdError: KV store refused a request.
    """
    leases = splunk.collection(LEASES, Retry(deadline_s=seconds))
    lease_id = str(uuid.uuid4())

    def take() -> None:
        if not _take(leases, name, splunk.host, lease_id, time.time() + seconds + CLOCK_SKEW_S):
            _end_what_is_over(leases, name)
            raise Unavailable(
                "collection %s: another run is at work on %s. If there is none, the lease expires "
                "%g s after it began" % (LEASES, name, seconds + CLOCK_SKEW_S)
            )

    leases.delete({"_key": name, "holder": splunk.host})
    Retry(deadline_s=seconds, longest_wait_s=POLL_S).call(take)
    try:
        yield
    finally:
        # splunkd kills a run about a second after telling it to stop.
        hasty = splunk.collection(LEASES, Retry(max_attempts=3, first_wait_s=0.2))
        with contextlib.suppress(SegmentBridgeError):
            hasty.delete({"_key": name, "lease": lease_id})


def _end_what_is_over(leases: Collection, name: str) -> None:
    """Deletes a lease that has expired, or that no run can have written: its expiry is missing or too far ahead."""
    now = time.time()
    leases.delete({"_key": name, "expires": {"$lt": now}})
    for found in leases.read({"_key": name}):
        expires = found.get("expires")
        if not isinstance(expires, (int, float)) or expires > now + LONGEST_S:
            leases.delete({field: value for field, value in found.items() if field != "_user"})


def _take(leases: Collection, name: str, holder: str, lease_id: str, expires: float) -> bool:
    """Whether the lease is ours, including by an earlier insertion whose answer was lost."""
    return leases.insert({"_key": name, "holder": holder, "lease": lease_id, "expires": expires}) or any(
        leases.read({"_key": name, "lease": lease_id})
    )
