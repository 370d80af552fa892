"""Whose an event is if several clusters have users or tenants: the macro segment_bridge_attribution.

No manual says whether a lookup by two fields, one of which is null, finds nothing or what the other field finds. The
outcome for an event is the same either way.
"""

import pytest

from tests.standin.spl import choices, pipeline
from tests.standin.spl.host import Macro
from tests.standin.values import Results
from tests.standin.vectors.app import app_macros
from tests.standin.vectors.host import Host, Lookup

USERS = [("eu", "ivo", "1"), ("us", "ivo", "2"), ("us", "amelia", "3")]
NAMESPACES = [
    ("eu", "shared-tenant", "ivo"),
    ("us", "shared-tenant", "amelia"),
    ("us", "amelia-tenant", "amelia"),
    ("eu-member", "far-tenant", "ivo"),
    ("us-member", "far-tenant", "amelia"),
]


@pytest.fixture(params=[(), (choices.NULL_IN_LOOKUP,)])
def attributed(request):
    """A row's user and its workspace's owner, with either answer."""
    lookups = {
        "usersignups": Lookup(
            ("cluster", "username", "sso_user_id"),
            [dict(zip(("cluster", "username", "sso_user_id"), user)) for user in USERS],
            "kvstore",
            1,
        ),
        "tenant_namespaces": Lookup(
            ("cluster", "namespace", "workspace"),
            [dict(zip(("cluster", "namespace", "workspace"), namespace)) for namespace in NAMESPACES],
            "kvstore",
            1,
        ),
    }

    def attribute(host_of=None, **row):
        macros = app_macros()
        if host_of:
            macros["segment_bridge_host"] = Macro(host_of, [])
        host = Host(macros, lookups, others=request.param)
        row = {"who": "person or owner", **row}
        chunks = pipeline(
            "| `segment_bridge_attribution`", host, iter([Results(dict.fromkeys(row), [row])]), inner=True
        )
        (result,) = (row for chunk in chunks for row in chunk.rows)
        return result.get("userId"), result.get("owner")

    return attribute


@pytest.mark.parametrize(("cluster", "sso_user_id"), [("eu", "1"), ("us", "2")])
def test_a_username_is_looked_up_on_its_own_cluster(attributed, cluster, sso_user_id):
    assert attributed(cluster=cluster, username="ivo") == (sso_user_id, None)


@pytest.mark.parametrize(("cluster", "owner"), [("eu", "1"), ("us", "3")])
def test_a_namespace_is_looked_up_on_its_own_cluster(attributed, cluster, owner):
    assert attributed(cluster=cluster, namespace="shared-tenant") == (owner, owner)


def test_no_user_is_taken_from_another_cluster(attributed):
    assert attributed(cluster="eu", username="amelia") == (None, None)
    assert attributed(cluster="eu", namespace="amelia-tenant") == (None, None)
    assert attributed(cluster="gone", username="ivo", namespace="shared-tenant") == (None, None)


def test_an_event_without_a_cluster_matches_any(attributed):
    assert attributed(username="amelia") == ("3", None)
    assert attributed(namespace="amelia-tenant") == ("3", "3")
    assert attributed(username="ivo")[0] in ("1", "2")


def test_usernames_are_compared_exactly(attributed):
    assert attributed(username="Ivo") == (None, None)
    assert attributed(username="Ivo", cluster="eu") == (None, None)


@pytest.mark.parametrize(
    ("username", "who", "user"),
    [
        ("ivo", "person or owner", "2"),
        ("system:x", "person or owner", "3"),
        ("ivo", "person", "2"),
        ("system:x", "person", None),
        ("ivo", "owner", "3"),
    ],
)
def test_the_journey_decides_between_user_and_owner(attributed, username, who, user):
    assert attributed(cluster="us", username=username, namespace="amelia-tenant", who=who) == (user, "3")


def test_an_event_without_a_known_namespace_belongs_to_nobody(attributed):
    """A lookup without a name might find anybody on that cluster."""
    assert attributed(cluster="eu", username="system:x") == (None, None)
    assert attributed(cluster="eu", username="system:x", namespace="gone") == (None, None)
    assert attributed(username="system:x") == (None, None)
    assert attributed(cluster="eu", namespace="gone", who="person") == (None, None)


class TestTenantsOnMemberClusters:
    """Their namespaces are looked up on the event's own cluster, but owners and people on the host cluster."""

    @pytest.mark.parametrize(("member", "owner"), [("eu-member", "1"), ("us-member", "3")])
    def test_one_host_cluster_for_each(self, attributed, member, owner):
        assert attributed('replace(cluster, "-member$", "")', cluster=member, namespace="far-tenant") == (owner, owner)

    @pytest.mark.parametrize(("member", "owner"), [("eu-member", "2"), ("us-member", "3")])
    def test_one_for_all(self, attributed, member, owner):
        assert attributed('"us"', cluster=member, namespace="far-tenant") == (owner, owner)
        assert attributed('"us"', cluster=member, username="ivo", who="person") == ("2", None)

    def test_one_for_all_if_events_do_not_name_their_cluster(self, attributed):
        assert attributed('"us"', namespace="amelia-tenant") == ("3", "3")
        assert attributed('"us"', username="ivo")[0] == "2"

    def test_any_if_none_is_named(self, attributed):
        assert attributed("null()", cluster="us-member", namespace="far-tenant") == ("3", "3")

    def test_no_namespace_is_taken_from_the_host_cluster(self, attributed):
        assert attributed('"us"', cluster="eu-member", namespace="amelia-tenant") == (None, None)
