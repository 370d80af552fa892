"""Which objects become records, which of several wins, and what a collection needs."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_bridge.users import objects
from segment_bridge.users.objects import ADD, DELETE, KEEP, MALFORMED, REPLACE, TENANTS, USERS, Entry
from tests.support import recorded
from tests.support.fakes.kubernetes_objects import signup


def users(*signups):
    """(username -> SSO user ID, skipped by reason)"""
    skipped = Counter()
    entries = sorted(objects.user_entries(signups, skipped))
    records = list(objects.records(USERS, "host", entries, 7, skipped))
    return {record["username"]: record["sso_user_id"] for record in records}, dict(skipped)


def test_a_record_contains_only_what_the_lookup_needs():
    skipped = Counter()
    entries = objects.user_entries([signup("amelia", "00051")], skipped)
    assert list(objects.records(USERS, "host", entries, 7, skipped)) == [
        {"_key": "host/amelia", "username": "amelia", "sso_user_id": "00051", "cluster": "host", "updated": 7}
    ]


def test_the_recorded_signups_give_the_expected_numbers():
    expected = recorded.expected_counts()["lookup"]
    known, skipped = users(*recorded.usersignups()["items"])
    assert len(known) == expected["usernames"]
    reasons = expected["usersignups_skipped"]
    assert skipped == {
        "no_sso_user_id": reasons["no SSO user ID"],
        "no_username": reasons["no username"] + reasons["neither"],
    }


@pytest.mark.parametrize(
    "sso_user_id", ["0000000000000000000042", "9007199254740993", "61e4", "f:8d1c2a:K7-x", "Ünïcode"]
)
def test_sso_user_ids_are_kept_unchanged(sso_user_id):
    assert users(signup("ivo", sso_user_id)) == ({"ivo": sso_user_id}, {})


def without(item, *path):
    *containers, last = path
    for name in containers:
        item = item[name]
    del item[last]


class TestTheSsoUserId:
    def test_comes_from_the_spec_if_the_annotation_is_absent_or_empty(self):
        for annotation in (None, ""):
            item = signup("ivo", annotation)
            item["spec"]["identityClaims"] = {"userID": "42", "email": "ivo@example.com"}
            assert users(item) == ({"ivo": "42"}, {})

    def test_is_the_annotation_if_there_are_both(self):
        item = signup("ivo", "1")
        item["spec"]["identityClaims"] = {"userID": "42"}
        assert users(item) == ({"ivo": "1"}, {})

    def test_is_missing_if_there_is_neither(self):
        item = signup("ivo")
        without(item, "metadata", "annotations")
        without(item, "spec")
        assert users(item) == ({}, {"no_sso_user_id": 1})


@pytest.mark.parametrize("status", [None, {}, {"compliantUsername": ""}, {"compliantUsername": None}, "gone"])
def test_a_signup_without_a_username_is_skipped(status):
    assert users(dict(signup("ivo", "42"), status=status)) == ({}, {"no_username": 1})


@pytest.mark.parametrize(
    "text",
    ["x" * 254, "nul\0", "two\nlines", "\ud800", "  ", 7, ["ivo"], {}],
    ids=["long", "NUL", "lines", "half a character", "blank", "number", "list", "object"],
)
class TestAWordForNone:
    """Whoever wrote it into the object: KV store would refuse it, and with it every record of the same batch."""

    def test_makes_no_username(self, text):
        item = dict(signup("ivo", "42"), status={"compliantUsername": text})
        assert users(item, signup("zoe", "9")) == ({"zoe": "9"}, {"no_username": 1})

    def test_makes_no_sso_user_id_and_does_not_hide_the_other_one(self, text):
        item = signup("ivo")
        item["metadata"]["annotations"]["toolchain.dev.openshift.com/sso-user-id"] = text
        assert users(item, signup("zoe", "9")) == ({"zoe": "9"}, {"no_sso_user_id": 1})
        item["spec"]["identityClaims"] = {"userID": "42"}
        assert users(item) == ({"ivo": "42"}, {})

    def test_makes_no_workspace(self, text):
        skipped = Counter()
        entries = list(objects.tenant_entries([{"metadata": {"name": "a", "labels": {"space": text}}}], "space"))
        assert list(objects.records(TENANTS, "host", entries, 7, skipped)) == []
        assert skipped == {"no_workspace": 1}


class TestOfSeveralSignupsWithOneUsername:
    def signup(self, name, sso_user_id, created="2026-11-01T10:00:00Z", state="approved"):
        item = signup("ivo", sso_user_id, name=name)
        item["metadata"]["creationTimestamp"] = created
        item["metadata"]["labels"]["toolchain.dev.openshift.com/state"] = state
        return item

    def check(self, *signups, gives):
        for order in (signups, signups[::-1]):
            assert users(*order) == (gives, {"duplicate_username": len(signups) - 1})

    def test_the_newest_wins(self):
        self.check(self.signup("a", "1", created="2026-11-02T10:00:00Z"), self.signup("b", "2"), gives={"ivo": "1"})

    def test_an_approved_one_wins_over_a_newer_one_that_is_not(self):
        self.check(
            self.signup("a", "1"),
            self.signup("b", "2", created="2026-11-02T10:00:00Z", state="deactivated"),
            gives={"ivo": "1"},
        )

    def test_the_name_settles_a_tie(self):
        self.check(self.signup("a", "1"), self.signup("b", "2"), self.signup("c", "3"), gives={"ivo": "3"})

    def test_the_winner_without_an_id_does_not_leave_the_name_to_another(self):
        signups = self.signup("a", "1"), self.signup("b", None, created="2026-11-02T10:00:00Z")
        assert users(*signups) == ({}, {"duplicate_username": 1, "no_sso_user_id": 1})


def test_usernames_that_differ_in_case_are_different():
    assert users(signup("ivo", "1"), signup("Ivo", "2")) == ({"ivo": "1", "Ivo": "2"}, {})


def test_a_tenant_namespace_belongs_to_the_workspace_that_its_label_names():
    namespaces = [{"metadata": {"name": "ivo-tenant", "labels": {"space": "ivo"}}}, {"metadata": {"name": "stray"}}]
    skipped = Counter()
    entries = sorted(objects.tenant_entries(namespaces, "space"))
    assert list(objects.records(TENANTS, "host", entries, 7, skipped)) == [
        {"_key": "host/ivo-tenant", "namespace": "ivo-tenant", "workspace": "ivo", "cluster": "host", "updated": 7}
    ]
    assert skipped == {"no_workspace": 1}


def record(name, sso_user_id="1", updated=1, **more):
    return {
        "_key": "host/" + name,
        "username": name,
        "sso_user_id": sso_user_id,
        "cluster": "host",
        "updated": updated,
        **more,
    }


class TestChanges:
    def test_new_different_same_and_gone(self):
        wanted = [record("a"), record("b", "2", updated=9), record("c", updated=9)]
        held = [record("b", "1"), record("c", _user="nobody"), record("d")]
        assert [(change.action, change.record["_key"]) for change in objects.changes(wanted, held)] == [
            (ADD, "host/a"),
            (REPLACE, "host/b"),
            (KEEP, "host/c"),
            (DELETE, "host/d"),
        ]

    @pytest.mark.parametrize(
        "held",
        [
            {"_key": "host/b", "cluster": "host"},
            {"_key": "", **{field: value for field, value in record("b").items() if field != "_key"}},
            record("b", None),
            record("b", 7),
            record("b", ["1"]),
            record("b", ""),
            {**record("b"), "_key": "b"},
            {**record("b"), "_key": "host/another"},
            {**record("b"), "cluster": None},
        ],
        ids=[
            "fields missing",
            "no key",
            "null",
            "number",
            "list",
            "empty",
            "another key",
            "another name",
            "no cluster",
        ],
    )
    def test_a_record_that_no_run_wrote_is_deleted_and_does_not_count_as_a_loss(self, held):
        (found,) = objects.changes([], [held])
        assert found == (MALFORMED, held)
        assert not objects.is_sudden_shrinkage(Counter({MALFORMED: 1_000, KEEP: 1}), 50)

    @pytest.mark.parametrize("sso_user_id", [None, 7, ["1"], ""])
    def test_a_record_that_no_run_wrote_is_corrected_if_an_object_has_its_name(self, sso_user_id):
        (found,) = objects.changes([record("b")], [record("b", sso_user_id)])
        assert found == (REPLACE, record("b"))

    def test_a_field_of_another_type_is_different(self):
        assert [change.action for change in objects.changes([record("a", "1")], [record("a", 1)])] == [REPLACE]

    @given(*[st.dictionaries(st.text(min_size=1, max_size=3), st.text(min_size=1, max_size=1))] * 2)
    def test_applied_to_the_actual_state_they_give_the_desired_one(self, wanted, held):
        wanted, held = ([record(*item) for item in sorted(each.items())] for each in (wanted, held))
        collection = {each["_key"]: each for each in held}
        for action, each in objects.changes(wanted, held):
            if action == DELETE:
                del collection[each["_key"]]
            elif action == KEEP:
                assert collection[each["_key"]] == each
            else:
                assert (each["_key"] in collection) == (action == REPLACE)
                collection[each["_key"]] = each
        assert sorted(collection.values(), key=lambda each: each["_key"]) == wanted


@pytest.mark.parametrize(
    ("added", "replaced", "kept", "deleted", "percent", "sudden"),
    [
        (0, 0, 101, 0, 0, False),  # nothing is deleted
        (0, 0, 50, 50, 50, False),  # a collection of 100 is small
        (0, 0, 1, 99, 50, False),
        (0, 0, 0, 1, 50, True),  # but losing everybody is sudden
        (0, 0, 51, 50, 50, False),  # not more than half
        (0, 0, 50, 51, 50, True),
        (500, 0, 50, 51, 50, True),  # many new ones do not make up for it
        (0, 50, 0, 51, 50, True),
        (0, 90, 0, 51, 50, False),
        (0, 0, 1, 999, 100, False),
        (0, 0, 0, 999, 100, True),
        (0, 0, 999, 1, 0, True),
    ],
)
def test_when_a_shrinkage_is_sudden(added, replaced, kept, deleted, percent, sudden):
    actions = Counter({ADD: added, REPLACE: replaced, KEEP: kept, DELETE: deleted})
    assert objects.is_sudden_shrinkage(actions, percent) is sudden


def test_entries_are_in_order_of_name_then_rank():
    assert sorted([Entry("b", "0", "x"), Entry("a", "1 2026", "y"), Entry("a", "1 2025", "z")]) == [
        Entry("a", "1 2025", "z"),
        Entry("a", "1 2026", "y"),
        Entry("b", "0", "x"),
    ]
