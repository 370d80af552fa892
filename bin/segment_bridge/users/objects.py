"""What a cluster's objects say of people, as records of the user map, and what makes its actual state the desired one.

The user map is two: usernames to SSO user IDs, and tenant namespaces to workspaces, which are named after their owner's
username. Here is which objects count, which of several wins, what has to change, and when a list is refused. All of it
is pure: others list the objects and write the collections. Objects and records pass through as streams, records in the
order of their `_key`, so that the number of people does not matter to memory.
"""

from collections import Counter
from itertools import groupby
from operator import attrgetter
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple

TOOLCHAIN = "toolchain.dev.openshift.com"
SSO_USER_ID = TOOLCHAIN + "/sso-user-id"
STATE = TOOLCHAIN + "/state"

LONGEST_CHARS = 253
"""Of a name or an ID: Kubernetes' longest name. KV store refuses a whole batch for one _key that is too long."""
SMALL = 100
"""A collection of so many records or fewer may lose any part of them, but not all."""

Page = List[Dict[str, Any]]
"""Objects of a list, as its JSON has them."""
Record = Dict[str, Any]


class Map(NamedTuple):
    """One of the two maps: its collection, the fields that it maps from and to, and why an object may give no value."""

    collection: str
    name_field: str
    value_field: str
    no_value: str


USERS = Map("usersignups", "username", "sso_user_id", "no_sso_user_id")
TENANTS = Map("tenant_namespaces", "namespace", "workspace", "no_workspace")


class Entry(NamedTuple):
    """What one object says. Of the entries with one name, the last in their natural order counts."""

    name: str
    rank: str
    value: str


def user_entries(signups: Iterable[Mapping[str, Any]], skipped: Counter[str]) -> Iterator[Entry]:
    """Who has which SSO user ID, of UserSignups; those without a username are counted in `skipped`.

    An approved signup ranks over any other, a newer one over an older one; the object's name settles ties. One without
    an SSO user ID competes too: the username is its person's now, not the older signup's.
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
    """Which workspace each of the tenant namespaces belongs to."""
    for namespace in namespaces:
        metadata = _within(namespace, "metadata")
        yield Entry(_text(metadata, "name"), "", _text(_within(metadata, "labels"), workspace_label))


def _within(container: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """An object in an object; in a resource without a schema it may be missing, null, or something else."""
    inner = container.get(field)
    return inner if isinstance(inner, dict) else {}


def _text(container: Mapping[str, Any], field: str) -> str:
    """A text that can be a name or an ID; empty where there is none."""
    value = container.get(field)
    if isinstance(value, str) and len(value) <= LONGEST_CHARS and value.isprintable() and value.strip():
        return value
    return ""


def records(of: Map, cluster: str, entries: Iterable[Entry], updated: int, skipped: Counter[str]) -> Iterator[Record]:
    """A record for each name, in the order of their keys; the entries that make none are counted in `skipped`.

    Args:
        cluster: a name without a slash, which separates it from the entry's name in the key.
        entries: in their natural order.
        updated: seconds since 1970.
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
    """What becomes of a record of the collection; `record` is the desired one, or where there is none the actual one.

    Both DELETE and MALFORMED are to be deleted; no run wrote the latter, and nobody loses anything by it.
    """

    action: str
    record: Record


def changes(desired: Iterable[Record], actual: Iterable[Record]) -> Iterator[Change]:
    """What turns the actual state of a collection into the desired one; both in ascending order of `_key`."""
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
    """Whether a record says what it should, whenever it was written."""
    return all(present.get(field) == value for field, value in desired.items() if field != "updated")


def is_sudden_shrinkage(actions: Mapping[str, int], max_shrink_percent: float) -> bool:
    """Whether a list is refused: changes, counted by action, look less like people who left than like a wrong list.

    Such is an empty list (that of a namespace that does not exist), and one that lacks more than so many percent
    of what a collection holds that is not small.
    """
    actual = actions[KEEP] + actions[REPLACE] + actions[DELETE]
    desired = actions[KEEP] + actions[REPLACE] + actions[ADD]
    lacks_too_much = actual > SMALL and actions[DELETE] * 100 > actual * max_shrink_percent
    return bool(actions[DELETE]) and (not desired or lacks_too_much)
