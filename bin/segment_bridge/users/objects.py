"""Turns a cluster's objects into records of the user map, and finds what must change in the map; pure.

The user map has two parts: usernames to SSO user IDs, and tenant namespaces to workspaces, which are named after their
owner's username. This module decides which objects count, which of several wins, what has to change, and when a list is
refused. Other modules list the objects and write the collections. Objects and records are streamed, records in the
order of their `_key`, so memory does not grow with the number of people.
"""

from collections import Counter
from itertools import groupby
from operator import attrgetter
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple

TOOLCHAIN = "toolchain.dev.openshift.com"
SSO_USER_ID = TOOLCHAIN + "/sso-user-id"
STATE = TOOLCHAIN + "/state"

LONGEST_CHARS = 253
"""The longest name in Kubernetes; longer names and IDs are ignored. One _key too long makes KV store refuse a batch."""
SMALL = 100
"""A collection with at most this many records may lose any number of them, but not all."""

Page = List[Dict[str, Any]]
"""Objects of a list, as parsed from JSON."""
Record = Dict[str, Any]


class Map(NamedTuple):
    """A part of the user map: its collection, the fields it maps from and to, and the reason for a missing value."""

    collection: str
    name_field: str
    value_field: str
    no_value: str


USERS = Map("usersignups", "username", "sso_user_id", "no_sso_user_id")
TENANTS = Map("tenant_namespaces", "namespace", "workspace", "no_workspace")


class Entry(NamedTuple):
    """What one object says. Among entries with the same name, the last in sort order wins."""

    name: str
    rank: str
    value: str


def user_entries(signups: Iterable[Mapping[str, Any]], skipped: Counter[str]) -> Iterator[Entry]:
    """Yields username and SSO user ID of each UserSignup; counts those without a username in `skipped`.

    An approved signup wins over one that is not, then a newer one over an older one, then the greater object name. A
    signup without an SSO user ID competes too: the username now belongs to its person, not to the older signup's.
    """
    for signup in signups:
        username = _text(_within(signup, "status"), "compliantUsername")
        if not username:
            skipped["no_username"] += 1
            continue
        metadata = _within(signup, "metadata")
        approved = _text(_within(metadata, "labels"), STATE) == "approved"
        rank = "%d %s %s" % (approved, _text(metadata, "creationTimestamp"), _text(metadata, "name"))
        # Newer host operators keep the ID in the spec; the annotation is optional to them.
        sso_user_id = _text(_within(metadata, "annotations"), SSO_USER_ID) or _text(
            _within(_within(signup, "spec"), "identityClaims"), "userID"
        )
        yield Entry(username, rank, sso_user_id)


def tenant_entries(namespaces: Iterable[Mapping[str, Any]], workspace_label: str) -> Iterator[Entry]:
    """Yields the workspace that each tenant namespace belongs to."""
    for namespace in namespaces:
        metadata = _within(namespace, "metadata")
        yield Entry(_text(metadata, "name"), "", _text(_within(metadata, "labels"), workspace_label))


def _within(container: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """A nested object; empty if it is missing or has another type, which a resource without a schema allows."""
    inner = container.get(field)
    return inner if isinstance(inner, dict) else {}


def _text(container: Mapping[str, Any], field: str) -> str:
    """A string that can be a name or an ID; empty if there is none."""
    value = container.get(field)
    if isinstance(value, str) and len(value) <= LONGEST_CHARS and value.isprintable() and value.strip():
        return value
    return ""


def records(of: Map, cluster: str, entries: Iterable[Entry], updated: int, skipped: Counter[str]) -> Iterator[Record]:
    """Yields one record for each name, ordered by `_key`; counts the entries that make none in `skipped`.

    Args:
        cluster: contains no slash, which separates it from the entry's name in the key.
        entries: sorted.
        updated: epoch seconds.
    """
    for name, same_name in groupby(entries, attrgetter("name")):
        *outranked, entry = same_name
        if outranked:
            skipped["duplicate_" + of.name_field] += len(outranked)
        if entry.value:
            yield {
                "_key": "%s/%s" % (cluster, name),
                of.name_field: name,
                of.value_field: entry.value,
                "cluster": cluster,
                "updated": updated,
            }
        else:
            skipped[of.no_value] += 1


ADD, REPLACE, KEEP, DELETE, MALFORMED = "add", "replace", "keep", "delete", "malformed"


class Change(NamedTuple):
    """What to do with a record of the collection; `record` is the desired one, or the actual one if it has to go.

    DELETE and MALFORMED both mean deletion. No run wrote a malformed record, so it does not count as a loss.
    """

    action: str
    record: Record


def changes(desired: Iterable[Record], actual: Iterable[Record]) -> Iterator[Change]:
    """Yields what turns a collection's actual state into the desired one; both are in ascending order of `_key`."""
    actual = iter(actual)
    present = next(actual, None)
    for record in desired:
        while present and present["_key"] < record["_key"]:
            yield _gone(present)
            present = next(actual, None)
        if present and present["_key"] == record["_key"]:
            yield Change(KEEP if _same(record, present) else REPLACE, record)
            present = next(actual, None)
        else:
            yield Change(ADD, record)
    while present:
        yield _gone(present)
        present = next(actual, None)


def _gone(present: Record) -> Change:
    texts = {field: value for field, value in present.items() if field not in ("_key", "updated")}
    _, slash, name = present["_key"].partition("/")
    is_whole = slash and name in texts.values() and all(value and isinstance(value, str) for value in texts.values())
    return Change(DELETE if is_whole else MALFORMED, present)


def _same(desired: Record, present: Record) -> bool:
    """Whether two records agree in everything but the time of writing."""
    return all(present.get(field) == value for field, value in desired.items() if field != "updated")


def is_sudden_shrinkage(actions: Mapping[str, int], max_shrink_percent: float) -> bool:
    """Whether to refuse a list, because it is more likely wrong than that so many people left.

    An empty list is refused: it is what a namespace that does not exist returns. So is a list that lacks more than
    `max_shrink_percent` of the records in a collection with more than SMALL of them.

    Args:
        actions: number of changes by action.
    """
    actual = actions[KEEP] + actions[REPLACE] + actions[DELETE]
    desired = actions[KEEP] + actions[REPLACE] + actions[ADD]
    lacks_too_much = actual > SMALL and actions[DELETE] * 100 > actual * max_shrink_percent
    return bool(actions[DELETE]) and (not desired or lacks_too_much)
