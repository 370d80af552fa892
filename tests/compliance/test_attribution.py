"""Whose an event is where several host clusters have users: the macro segment_bridge_attribution."""
import pytest

from tests.compliance.host import Host, Lookup
from tests.compliance.test_hourly_job import app_macros
from tests.standin.spl import pipeline
from tests.standin.values import Results

USERS = [("eu", "ivo", "1"), ("us", "ivo", "2"), ("us", "amelia", "3")]
NAMESPACES = [("eu", "shared-tenant", "ivo"), ("us", "shared-tenant", "amelia"), ("us", "amelia-tenant", "amelia")]


def attributed(**row):
    """The row's user and workspace's owner."""
    lookups = {
        "usersignups": Lookup(("cluster", "username", "sso_user_id"), [
            dict(zip(("cluster", "username", "sso_user_id"), user)) for user in USERS], "kvstore", 1),
        "tenant_namespaces": Lookup(("cluster", "namespace", "workspace"), [
            dict(zip(("cluster", "namespace", "workspace"), namespace)) for namespace in NAMESPACES], "kvstore", 1)}
    host = Host(app_macros(), lookups)
    row = {"journey": "Build PipelineRun ended", **row}
    chunks = pipeline("| `segment_bridge_attribution`", host, iter([Results(dict.fromkeys(row), [row])]), inner=True)
    result, = (row for chunk in chunks for row in chunk.rows)
    return result.get("userId"), result.get("owner")


@pytest.mark.parametrize(("cluster", "sso_user_id"), [("eu", "1"), ("us", "2")])
def test_a_username_is_its_own_clusters(cluster, sso_user_id):
    assert attributed(cluster=cluster, username="ivo") == (sso_user_id, None)


@pytest.mark.parametrize(("cluster", "owner"), [("eu", "1"), ("us", "3")])
def test_so_is_a_namespace(cluster, owner):
    assert attributed(cluster=cluster, namespace="shared-tenant") == (owner, owner)


def test_a_cluster_lends_nobody_to_another():
    assert attributed(cluster="eu", username="amelia") == (None, None)
    assert attributed(cluster="eu", namespace="amelia-tenant") == (None, None)
    assert attributed(cluster="gone", username="ivo", namespace="shared-tenant") == (None, None)


def test_where_no_cluster_is_named_any_will_do():
    assert attributed(username="amelia") == ("3", None)
    assert attributed(namespace="amelia-tenant") == ("3", "3")
    assert attributed(username="ivo")[0] in ("1", "2")


def test_usernames_are_compared_exactly():
    assert attributed(username="Ivo") == (None, None)
    assert attributed(username="Ivo", cluster="eu") == (None, None)


@pytest.mark.parametrize(("username", "journey", "user"), [
    ("ivo", "Build PipelineRun ended", "2"), ("system:x", "Build PipelineRun ended", "3"),
    ("ivo", "Component changed", "2"), ("system:x", "Component changed", None)])
def test_what_a_controller_does_is_the_owners_but_what_a_person_does_is_theirs(username, journey, user):
    assert attributed(cluster="us", username=username, namespace="amelia-tenant", journey=journey) == (user, "3")
