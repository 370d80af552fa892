"""Brings the user map from its actual state to the desired one, which a complete list of a cluster's objects defines.

The map never gets worse: nothing changes until the list is complete, records are written first, and only then are those
deleted that the list no longer has. If a run stops halfway, the next one completes its work.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from segment_bridge.collection import Collection
from segment_bridge.errors import ListExpired, SuddenShrinkage
from segment_bridge.users import objects
from segment_bridge.users.external_sort import ExternalSort
from segment_bridge.users.objects import ADD, DELETE, KEEP, MALFORMED, REPLACE, Entry, Map, Page, Record

SAVE_AT_ONCE = 1_000


class Source(NamedTuple):
    """Where the records of a map come from.

    `pages` starts listing objects; `entries` turns a page into entries, and counts the objects it skips by reason.
    """

    of: Map
    cluster: str
    pages: Callable[[], Iterator[Page]]
    entries: Callable[[Page, Counter[str]], Iterable[Entry]]


@dataclass
class Tally:
    """What a run has done to one map so far; `skipped` counts skipped objects and malformed records by reason."""

    listed: int = 0
    written: int = 0
    deleted: int = 0
    unchanged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


def reconcile(
    source: Source, collection: Collection, updated: int, max_shrink_percent: Optional[float], tally: Tally
) -> None:
    """Lists, compares, writes and deletes. Leaves the records of other clusters alone.

    Args:
        updated: the time to write into records, in epoch seconds.
        max_shrink_percent: see objects.is_sudden_shrinkage; None allows any shrinkage.
        tally: updated as the work goes on, so that it is right even if this raises.

    Raises:
        SuddenShrinkage: the list is refused: records were written, but none was deleted.
        SegmentBridgeError: listing failed, or the collection did.
    """
    with ExternalSort() as entries:
        try:
            _list(entries, source, tally)
        except ListExpired:
            _list(entries, source, tally)
        desired = objects.records(source.of, source.cluster, entries, updated, tally.skipped)
        actual = collection.read({"cluster": source.cluster})
        actions, stale = _write(objects.changes(desired, actual), collection, tally)
    if max_shrink_percent is not None and objects.is_sudden_shrinkage(actions, max_shrink_percent):
        held = actions[KEEP] + actions[REPLACE] + actions[DELETE]
        raise SuddenShrinkage(
            "collection %s: the list of cluster %s lacks %d of its %d records there, which were not deleted. If that "
            "is right, set allow_shrink_until to a time after the next run"
            % (source.of.collection, source.cluster, actions[DELETE], held)
        )
    collection.delete_keys(stale)
    tally.deleted = len(stale)


def _list(entries: ExternalSort, source: Source, tally: Tally) -> None:
    """Reads a list from its beginning, and forgets what an earlier attempt read."""
    entries.clear()
    tally.listed, tally.skipped = 0, Counter()
    for page in source.pages():
        tally.listed += len(page)
        entries.add(source.entries(page, tally.skipped))


def _write(changes: Iterable[objects.Change], collection: Collection, tally: Tally) -> Tuple[Counter[str], List[str]]:
    """Saves new and changed records. Returns the number of changes by action, and the keys to delete."""
    actions: Counter[str] = Counter()
    unsaved: List[Record] = []
    stale: List[str] = []

    def save() -> None:
        collection.save(unsaved)
        tally.written += len(unsaved)
        unsaved.clear()

    for action, record in changes:
        actions[action] += 1
        if action in (DELETE, MALFORMED):
            stale.append(record["_key"])
        elif action in (ADD, REPLACE):
            unsaved.append(record)
            if len(unsaved) == SAVE_AT_ONCE:
                save()
    save()
    tally.unchanged = actions[KEEP]
    if actions[MALFORMED]:
        tally.skipped["malformed_record"] = actions[MALFORMED]
    return actions, stale
