"""Users, roles and sessions over REST."""

import pytest
import requests
import splunklib.client
from splunklib.binding import AuthenticationError, HTTPError

from tests.standin.clients import connect

PASSWORD = "long enough"


@pytest.fixture
def service(splunkd):
    return connect(splunkd)


def context(splunkd, **options):
    """The user whom splunkd sees in a request, or the status of its refusal."""
    answer = requests.get(
        splunkd.management_url + "/services/authentication/current-context?output_mode=json",
        timeout=10,
        verify=splunkd.etc / "auth" / "ca.pem",
        **options,
    )
    return answer.json()["entry"][0]["content"]["username"] if answer.ok else answer.status_code


class TestSessions:
    def test_a_password_opens_a_session_and_a_wrong_one_does_not(self, splunkd):
        host, _, port = splunkd.management_url.partition("://")[2].partition(":")
        with pytest.raises(AuthenticationError):
            splunklib.client.connect(host=host, port=int(port), username="admin", password="wrong", verify=False)

    def test_a_request_proves_it_by_header_cookie_or_password(self, splunkd, service):
        login = requests.post(
            splunkd.management_url + "/services/auth/login",
            timeout=10,
            data={"username": "admin", "password": "changeme", "output_mode": "json", "cookie": "1"},
            verify=splunkd.etc / "auth" / "ca.pem",
        )
        key = login.json()["sessionKey"]
        for scheme in ("Splunk", "Bearer"):
            assert context(splunkd, headers={"Authorization": "%s %s" % (scheme, key)}) == "admin"
        assert context(splunkd, cookies=login.cookies) == "admin"
        assert context(splunkd, auth=("admin", "changeme")) == "admin"
        assert context(splunkd, auth=("admin", "wrong")) == context(splunkd) == 401

    def test_a_session_ends(self, splunkd):
        session = splunkd.sessions.open("admin")
        headers = {"Authorization": "Splunk " + session.key}
        assert context(splunkd, headers=headers) == "admin"
        url = "%s/services/authentication/httpauth-tokens/%s" % (splunkd.management_url, session.key)
        requests.delete(url, headers=headers, timeout=10, verify=splunkd.etc / "auth" / "ca.pem").raise_for_status()
        assert context(splunkd, headers=headers) == 401


class TestUsers:
    def test_a_user_is_created_used_and_removed(self, splunkd, service):
        service.users.create("ann", PASSWORD, ["power", "user"])
        assert service.users["ann"].content["roles"] == ["power", "user"]
        ann = connect(splunkd, "ann")
        assert len(ann.apps) == 1
        service.users.delete("ann")
        assert "ann" not in service.users
        with pytest.raises(HTTPError) as refused:
            ann.get("apps/local")
        assert refused.value.status == 401

    @pytest.mark.parametrize(
        ("name", "password", "role", "said"),
        [
            ("admin", PASSWORD, "user", "already exists"),
            ("ann", PASSWORD, "chef", "chef"),
            ("ann", "short", "user", "complexity"),
        ],
    )
    def test_an_impossible_user(self, service, name, password, role, said):
        with pytest.raises(HTTPError, match=said) as refused:
            service.users.create(name, password, [role])
        assert refused.value.status == 400

    def test_only_administrators_manage_users(self, splunkd):
        for call in (connect(splunkd, "power").users.list, lambda: connect(splunkd, "power").users.delete("admin")):
            with pytest.raises(HTTPError) as refused:
                call()
            assert refused.value.status == 403


def test_roles_have_capabilities_of_their_own_and_those_they_import(splunkd, service):
    assert {"admin", "power", "user"} <= {role.name for role in service.roles}
    power = service.roles["power"].content
    assert power["imported_roles"] == ["user"]
    assert "schedule_search" in power["capabilities"]
    assert "search" not in power["capabilities"]
    assert {"search", "schedule_search"} <= splunkd.sessions.open("admin").capabilities
