"""The version of Splunk that the stand-in plays: one option decides it everywhere (sources: splunk/README.md)."""

import json
import socket
import ssl
from urllib.parse import urlsplit

import pytest
from splunklib.binding import HTTPError

from tests.standin.clients import connect, package
from tests.standin.exposed import is_exposed
from tests.standin.process import StandinProcess
from tests.standin.releases import CONFS, FILES, RELEASES
from tests.standin.rest.capabilities import allows
from tests.standin.splunkd import Splunkd
from tests.standin.stores.conf import Stanza
from tests.support.administrator import Administrator

NEW_IN_10_4 = "auto_refresh_dashboards"


@pytest.fixture(params=RELEASES)
def old_or_new(request, tmp_path):
    """A stand-in of either release."""
    with Splunkd(tmp_path / "splunk", release=RELEASES[request.param]) as running:
        yield running


def test_each_release_reports_its_version_everywhere(old_or_new):
    service, release = connect(old_or_new), old_or_new.release
    assert (service.info["version"], service.info["build"]) == (release.version, release.build)
    answer = json.loads(service.get("apps/local", output_mode="json").body.read())
    assert answer["generator"] == {"version": release.version, "build": release.build}


def test_each_release_has_the_roles_that_it_ships(old_or_new):
    roles = {role.name: role for role in connect(old_or_new).roles}
    assert {"user", "power", "admin", "can_delete"} <= set(roles)
    assert (NEW_IN_10_4 in roles["admin"]["capabilities"]) == (old_or_new.release.version == "10.4.2")
    everybody = {"edit_own_objects", "list_all_objects", "run_collect"}  # [default]
    assert all(everybody <= set(role["capabilities"]) for role in roles.values())


def test_tls_1_3_is_new_in_10_4(old_or_new):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(old_or_new.etc / "auth" / "ca.pem")
    address = urlsplit(old_or_new.management_url)
    with (
        socket.create_connection((address.hostname, address.port)) as connection,
        context.wrap_socket(connection, server_hostname=address.hostname) as secured,
    ):
        assert (secured.version() == "TLSv1.3") == (old_or_new.release.version == "10.4.2")


def test_the_option_selects_the_release(tmp_path):
    with StandinProcess(tmp_path / "splunk", "--splunk-version", "9.4.3") as splunk:
        admin = Administrator(splunk.management, splunk.web, splunk.hec, splunk.password)
        assert admin.service.info["version"] == "9.4.3"


@pytest.mark.parametrize("conf", CONFS)
def test_no_version_has_duplicate_keys_in_a_stanza(conf):
    for number in range(len(RELEASES)):
        rows = [line.split("\t") for line in (FILES / (conf + ".tsv")).read_text("utf-8").splitlines()]
        keys = [(row[1], key) for row in rows if row[0][number] == "1" for key in row[2::2]]
        assert keys and len(keys) == len(set(keys))


def status_of(call, *arguments, **named):
    """The HTTP status of a call that may be refused."""
    try:
        return call(*arguments, **named).status
    except HTTPError as error:
        return error.status


class TestExposed:
    @pytest.mark.parametrize(
        "method, path, expected",
        [
            ("GET", "/services/saved/searches", True),
            ("POST", "/servicesNS/nobody/one/saved/searches/A%20search/dispatch", True),
            ("GET", "/servicesNS/nobody/one/saved/searches/A%20search/dispatch", False),
            ("GET", "/servicesNS/nobody/one/storage/collections/data/c/key", True),
            ("POST", "/servicesNS/-/-/search/v2/jobs/1.1/control", True),
            ("GET", "/services/data/inputs/http", True),
            ("GET", "/services/data/inputs/probe", False),
            ("PUT", "/services/saved/searches", False),
            ("GET", "/services/kvstore/status/x", False),
            ("GET", "/servicesNS/nobody", False),
            ("GET", "/anything/saved/searches", False),
        ],
    )
    def test_what_splunk_ships(self, method, path, expected):
        for release in RELEASES.values():
            shipped = {
                name: Stanza(name, settings, "system", False) for name, settings in release.shipped("web").items()
            }
            assert is_exposed(shipped, method, path) is expected

    @pytest.mark.parametrize(
        "pattern, path, expected",
        [
            ("a/*", "a/b", True),
            ("a/*", "a", False),
            ("a/*", "a/b/c", False),
            ("a/*/c", "a/b/c", True),
            ("a/**", "a/b/c", True),
            ("a/**", "a", False),
            ("a.c", "abc", False),
            ("a", "a/", True),
        ],
    )
    def test_one_star_is_one_segment_and_two_are_any_number(self, pattern, path, expected):
        stanzas = {"expose:x": Stanza("expose:x", {"pattern": pattern, "methods": "POST, GET"}, "one", False)}
        assert is_exposed(stanzas, "GET", "/services/" + path) is expected

    def test_the_default_method_is_get(self):
        stanzas = {"expose:x": Stanza("expose:x", {"pattern": "a"}, "one", False)}
        assert is_exposed(stanzas, "GET", "/services/a")
        assert not is_exposed(stanzas, "POST", "/services/a")


class TestCapabilities:
    @pytest.mark.parametrize(
        "required, expected",
        [
            ("", True),
            ("a", True),
            ("c", False),
            ("a and b", True),
            ("a and c", False),
            ("c or a", True),
            ("(a and c) or (a and b)", True),
            ("a and (c or d)", False),
        ],
    )
    def test_expressions(self, required, expected):
        assert allows(required, {"a", "b"}) is expected

    @pytest.mark.parametrize("required", ["a b", "not a", "f(a)"])
    def test_anything_else_is_refused(self, required):
        with pytest.raises(ValueError):
            allows(required, {"a"})

    @pytest.mark.parametrize(
        "method, path, allowed",
        [  # shipped restmap.conf: SBA:*, eai:conf-*, asyncsearch, input:*
            ("GET", "properties/macros", True),
            ("GET", "properties/authorize", False),
            ("GET", "properties/server", False),
            ("GET", "configs/conf-server", False),
            ("GET", "configs/conf-authorize", False),
            ("GET", "configs/conf-web", True),
            ("POST", "receivers/simple", False),
            ("GET", "search/jobs", True),
        ],
    )
    def test_a_plain_user_may_do_what_restmap_conf_allows(self, splunkd, method, path, allowed):
        service = connect(splunkd, "user")
        status = status_of(getattr(service, method.lower()), path)
        assert (status != 403) is allowed, status

    def test_they_are_the_current_ones_and_not_those_at_login(self, splunkd, tmp_path):
        service = connect(splunkd, "user")
        assert status_of(service.get, "server/settings") == 403
        splunkd.install(
            package(tmp_path, "one", {"default/authorize.conf": "[role_user]\nlist_settings = enabled\n"}), False
        )
        assert status_of(service.get, "server/settings") == 200

    def test_a_user_without_the_search_capability_cannot_search(self, splunkd, tmp_path):
        splunkd.install(
            package(tmp_path, "one", {"default/authorize.conf": "[role_mute]\nget_metadata = enabled\n"}), False
        )
        assert status_of(connect(splunkd, "mute").get, "search/jobs") == 403
