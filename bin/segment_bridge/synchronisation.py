"""Brings a collection in line with a complete list of a cluster's objects, without it ever being worse than before.

The list is complete before anything changes; records are written first, and those that the list no longer has are
deleted after that. A run that ends anywhere in between leaves a collection that the next one completes.
"""
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

from segment_bridge import directory
from segment_bridge.directory import ADD, DELETE, KEEP, REPLACE, Entry, Map
from segment_bridge.errors import ListExpired, SuddenShrinkage
from segment_bridge.spool import Spool

SAVE_AT_ONCE = 1_000

Page = List[Dict[str, Any]]


@dataclass
class Tally:
    """What a synchronisation did so far; `skipped` counts objects by reason."""

    listed: int = 0
    written: int = 0
    deleted: int = 0
    unchanged: int = 0
    skipped: Counter = field(default_factory=Counter)


def synchronise(of: Map, cluster: str, pages: Callable[[], Iterator[Page]],
                entries: Callable[[Page, Counter], Iterable[Entry]], collection: Any, updated: int,
                max_shrink_percent: Optional[float], tally: Tally) -> None:
    """Lists, compares, writes and deletes.

    Args:
        cluster: whose records these are; others' are not touched.
        pages: begins a list of the objects.
        entries: what a page says, and counts what it skips.
        collection: a splunk.kvstore.Collection.
        updated: seconds since 1970.
        max_shrink_percent: see directory.is_sudden_shrinkage; None allows everything.

    Raises:
        SuddenShrinkage: after writing, in place of deleting.
        SegmentBridgeError: what listing and the collection raise.
    """
    spool = _complete(pages, entries, tally)
    actions: Counter = Counter()
    unsaved, stale = [], []

    def save() -> None:
        collection.save(unsaved)
        tally.written += len(unsaved)
        unsaved.clear()

    wanted = directory.records(of, cluster, spool, updated, tally.skipped)
    for action, record in directory.changes(wanted, collection.read({"cluster": cluster})):
        actions[action] += 1
        if action == DELETE:
            stale.append(record["_key"])
        elif action in (ADD, REPLACE):
            unsaved.append(record)
            if len(unsaved) == SAVE_AT_ONCE:
                save()
    save()
    tally.unchanged = actions[KEEP]
    if max_shrink_percent is not None and directory.is_sudden_shrinkage(actions, max_shrink_percent):
        raise SuddenShrinkage(
            "collection %s: the list of cluster %s lacks %d of its %d records there, which were not deleted. If that "
            "is right, set allow_shrink_until to a time after the next run" % (
                of.collection, cluster, len(stale), sum(actions.values()) - actions[ADD]))
    collection.delete_keys(stale)
    tally.deleted = len(stale)


def _complete(pages: Callable[[], Iterator[Page]], entries: Callable[[Page, Counter], Iterable[Entry]],
              tally: Tally, may_begin_again: bool = True) -> Spool:
    """All that a list says. One that expires on the way is begun again, once."""
    spool = Spool()
    tally.listed, tally.skipped = 0, Counter()
    try:
        for page in pages():
            tally.listed += len(page)
            spool.add(entries(page, tally.skipped))
    except ListExpired:
        if may_begin_again:
            return _complete(pages, entries, tally, may_begin_again=False)
        raise
    return spool
