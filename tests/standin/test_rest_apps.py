"""Apps over REST: installing, upgrading, configuring, what one app sees of another."""

import pytest
from splunklib.binding import HTTPError

from tests.standin.clients import connect, package

GLOBAL = "[]\naccess = read : [ * ], write : [ admin ]\nexport = none\n[macros/shared]\nexport = system\n"


@pytest.fixture
def service(splunkd):
    return connect(splunkd)


def install(service, path, **options):
    return service.post("apps/local", name=str(path), filename="true", **options)


class TestInstalling:
    def test_a_new_app_is_201_and_listed(self, service, tmp_path):
        reply = install(service, package(tmp_path, "one"))
        assert reply.status == 201
        app = service.apps["one"]
        assert (app["version"], app["configured"], app["disabled"], app["visible"]) == ("1.0.0", "1", "0", "1")

    def test_an_upgrade_is_200_and_must_be_asked_for(self, service, tmp_path):
        install(service, package(tmp_path, "one"))
        newer = package(tmp_path, "one", version="2.0.0")
        with pytest.raises(HTTPError) as refused:
            install(service, newer)
        assert refused.value.status == 409
        assert install(service, newer, update="1").status == 200
        assert service.apps["one"]["version"] == "2.0.0"

    def test_an_invalid_package_is_400_with_the_reason(self, service, tmp_path):
        (tmp_path / "text").write_text("no package")
        with pytest.raises(HTTPError, match=r"failed to extract app from .*text") as refused:
            install(service, tmp_path / "text")
        assert refused.value.status == 400

    def test_only_administrators_install(self, splunkd, tmp_path):
        with pytest.raises(HTTPError) as refused:
            install(connect(splunkd, "power"), package(tmp_path, "one"))
        assert refused.value.status == 403

    def test_a_removed_app_is_gone_with_its_records(self, splunkd, service, tmp_path):
        files = {"default/collections.conf": "[c]\n"}
        install(service, package(tmp_path, "one", files))
        connect(splunkd, app="one", owner="nobody").kvstore["c"].data.insert('{"a": 1}')
        service.apps.delete("one")
        assert "one" not in service.apps
        install(service, package(tmp_path, "one", files))
        assert connect(splunkd, app="one", owner="nobody").kvstore["c"].data.query() == []

    def test_splunks_own_apps_cannot_be_removed(self, service):
        for call in (service.apps["search"].disable, service.apps["search"].delete):
            with pytest.raises(HTTPError) as refused:
                call()
            assert refused.value.status == 403

    def test_an_empty_app_can_be_made(self, service):
        app = service.apps.create("fresh", label="Fresh", visible="0")
        assert (app["label"], app["visible"]) == ("Fresh", "0")
        with pytest.raises(HTTPError) as refused:
            service.apps.create("fresh")
        assert refused.value.status == 409


class TestConfiguring:
    def test_an_app_is_marked_as_configured(self, service, tmp_path):
        install(service, package(tmp_path, "one", {"default/app.conf": "[install]\nis_configured = 0\n"}))
        assert service.apps["one"]["configured"] == "0"
        service.apps["one"].update(configured="1")
        assert service.apps["one"].refresh()["configured"] == "1"
        assert service.get("apps/local/one/_reload").status == 200

    def test_an_unknown_argument_is_refused(self, service, tmp_path):
        install(service, package(tmp_path, "one"))
        with pytest.raises(HTTPError, match="color") as refused:
            service.apps["one"].update(color="red")
        assert refused.value.status == 400

    def test_a_value_that_is_not_a_boolean_is_refused(self, service, tmp_path):
        install(service, package(tmp_path, "one"))
        with pytest.raises(HTTPError, match="configured"):
            service.apps["one"].update(configured="perhaps")

    def test_a_disabled_app_shares_nothing(self, splunkd, service, tmp_path):
        install(
            service,
            package(
                tmp_path, "one", {"default/macros.conf": "[shared]\ndefinition = 1\n", "metadata/default.meta": GLOBAL}
            ),
        )
        elsewhere = connect(splunkd, app="search", owner="nobody")
        assert "shared" in [macro.name for macro in elsewhere.macros.list()]
        service.apps["one"].disable()
        assert service.apps["one"].refresh()["disabled"] == "1"
        assert "shared" not in [macro.name for macro in elsewhere.macros.list()]
        service.apps["one"].enable()
        assert "shared" in [macro.name for macro in elsewhere.macros.list()]


class TestExports:
    @pytest.fixture
    def two_apps(self, service, tmp_path):
        install(
            service,
            package(
                tmp_path,
                "one",
                {
                    "default/macros.conf": "[shared]\ndefinition = 1\n[own]\ndefinition = 2\n",
                    "metadata/default.meta": GLOBAL,
                },
            ),
        )
        install(service, package(tmp_path, "two"))

    @pytest.mark.parametrize(("app", "names"), [("one", {"shared", "own"}), ("two", {"shared"})])
    def test_another_app_sees_only_what_is_exported(self, splunkd, two_apps, app, names):
        service = connect(splunkd, app=app, owner="nobody")
        assert {macro.name for macro in service.macros.list()} == names

    @pytest.mark.parametrize(("app", "works"), [("one", True), ("two", False)])
    def test_a_search_in_another_app_sees_only_what_is_exported(self, splunkd, two_apps, app, works):
        service = connect(splunkd, app=app)
        search = "| makeresults | eval a=`own`"
        if works:
            assert b'"a":"2"' in service.jobs.oneshot(search, output_mode="json").read().replace(b" ", b"")
        else:
            with pytest.raises(HTTPError, match="own"):
                service.jobs.oneshot(search)

    def test_all_apps_together_show_everything_with_its_app(self, splunkd, two_apps):
        service = connect(splunkd, app="-", owner="-")
        assert {(macro.name, macro.access.app, macro.access.sharing) for macro in service.macros.list()} == {
            ("shared", "one", "global"),
            ("own", "one", "app"),
        }

    def test_the_namespace_of_an_unknown_app_is_404(self, splunkd):
        with pytest.raises(HTTPError, match="Application does not exist: none") as refused:
            connect(splunkd, app="none", owner="nobody").macros.list()
        assert refused.value.status == 404

    def test_an_app_that_a_role_may_not_read_is_invisible(self, splunkd, service, tmp_path):
        install(service, package(tmp_path, "one", {"metadata/default.meta": "[]\naccess = read : [ power ]\n"}))
        assert "one" in [app.name for app in connect(splunkd, "power").apps.list()]
        plain = connect(splunkd, "user")
        assert "one" not in [app.name for app in plain.apps.list()]
        with pytest.raises(HTTPError) as refused:
            plain.get("macros", app="one", owner="nobody")
        assert refused.value.status == 404
