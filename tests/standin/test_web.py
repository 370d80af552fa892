"""Splunk Web, as a browser uses it."""

from urllib.parse import urlsplit

import pytest
import requests
from splunklib.client import _load_atom_entries

from tests.standin.clients import connect, package
from tests.standin.releases import DEFAULT

NAV = '<nav><view name="other"/><view name="start" default="true"/></nav>'
VIEW = """<dashboard version="1.1" script="a.js, two:b.js" stylesheet="a.css"><label>Start &amp; more</label>
<row><panel><html><p id="place">Hello<br/>you</p></html></panel></row></dashboard>"""
FILES = {
    "default/data/ui/nav/default.xml": NAV,
    "default/data/ui/views/start.xml": VIEW,
    "default/data/ui/views/chart.xml": '<dashboard version="1.1"><row><panel><chart/></panel></row></dashboard>',
    "default/data/ui/views/secret.xml": VIEW,
    "appserver/static/a.js": "let a;",
    "appserver/static/sub/b.css": "b {}",
    "metadata/default.meta": "[]\naccess = read : [ * ]\n[views/secret]\naccess = read : [ admin ]\n",
}


class Browser:
    """Follows redirects only when told to."""

    def __init__(self, splunkd):
        self.url = splunkd.web_url
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path, **options):
        return self._session.get(self.url + path, timeout=10, allow_redirects=False, **options)

    def post(self, path, **options):
        return self._session.post(self.url + path, timeout=30, allow_redirects=False, **options)

    def delete(self, path, **options):
        return self._session.delete(self.url + path, timeout=10, **options)

    def log_in(self, user, password):
        self.get("/en-US/account/login")
        cval = self._session.cookies.get("cval", "")
        return self.post("/en-US/account/login", data={"username": user, "password": password, "cval": cval})

    @property
    def form_key(self):
        return self._session.cookies.get("splunkweb_csrf_token_%d" % urlsplit(self.url).port)

    @property
    def headers(self):
        return {"X-Splunk-Form-Key": self.form_key, "X-Requested-With": "XMLHttpRequest"}

    def upload(self, path, **form):
        with open(path, "rb") as file:
            return self.post(
                "/en-US/manager/appinstall/_upload",
                files={"appfile": file},
                data={"splunk_form_key": self.form_key, **form},
            )


@pytest.fixture
def stranger(splunkd):
    return Browser(splunkd)


@pytest.fixture
def browser(splunkd):
    browser = Browser(splunkd)
    assert browser.log_in("admin", "changeme").json() == {"status": 0}
    return browser


@pytest.fixture
def plain(splunkd):
    """The browser of a user who is not an administrator."""
    connect(splunkd, "user")
    browser = Browser(splunkd)
    browser.log_in("user", splunkd.sessions.users["user"][0])
    return browser


@pytest.fixture
def app(splunkd, tmp_path):
    splunkd.install(package(tmp_path, "one", FILES), False)
    return "one"


class TestLogin:
    def test_a_wrong_password_gets_no_session(self, stranger):
        assert stranger.log_in("admin", "wrong").status_code == 401
        assert stranger.form_key is None

    def test_the_form_must_come_from_this_server(self, stranger):
        answer = stranger.post("/en-US/account/login", data={"username": "admin", "password": "changeme", "cval": "1"})
        assert answer.status_code == 401

    @pytest.mark.parametrize(
        "path",
        [
            "/en-US/app/one/start",
            "/en-US/app/one",
            "/en-US/manager/launcher/apps/local",
            "/en-US/manager/appinstall/_upload",
        ],
    )
    def test_pages_redirect_to_the_login(self, stranger, app, path):
        answer = stranger.get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/en-US/account/login?return_to=%2Fen-US%2F")

    def test_after_logging_out_the_session_is_over(self, browser):
        cookies = browser._session.cookies.get_dict()
        browser.get("/en-US/account/logout")
        browser._session.cookies.update(cookies)
        assert browser.get("/en-US/splunkd/__raw/services/server/info").status_code == 401


class TestUpload:
    def test_a_package_is_installed(self, browser, splunkd, tmp_path):
        answer = browser.upload(package(tmp_path, "one"))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/en-US/manager/launcher/apps/local")
        assert "<li>one</li>" in browser.get(answer.headers["Location"]).text
        assert "one" in splunkd.confs.apps()

    def test_an_upgrade_must_be_forced(self, browser, splunkd, tmp_path):
        browser.upload(package(tmp_path, "one"))
        newer = package(tmp_path, "one", version="2.0.0")
        refused = browser.upload(newer)
        assert (refused.status_code, "already exists" in refused.text) == (200, True)
        assert browser.upload(newer, force="1").status_code == 303

    def test_an_invalid_package_is_reported_on_the_page(self, browser, tmp_path):
        (tmp_path / "text").write_text("no package")
        answer = browser.upload(tmp_path / "text")
        assert (answer.status_code, "Error during app install" in answer.text) == (200, True)

    def test_a_page_of_another_origin_uploads_nothing(self, browser, splunkd, tmp_path):
        answer = browser.upload(package(tmp_path, "one"), splunk_form_key="1")
        assert (answer.status_code, "CSRF validation failed" in answer.text) == (401, True)
        assert "one" not in splunkd.confs.apps()

    def test_only_an_administrator_can_upload(self, plain, splunkd, tmp_path):
        assert "permission" in plain.upload(package(tmp_path, "one")).text
        assert "one" not in splunkd.confs.apps()


class TestProxy:
    ROOT = "/en-US/splunkd/__raw/servicesNS/nobody/search/"

    def test_splunkd_answers_with_the_users_permissions(self, browser, plain):
        path = "/en-US/splunkd/__raw/services/authentication/current-context?output_mode=json"
        for each, user in ((browser, "admin"), (plain, "user")):
            assert each.get(path).json()["entry"][0]["content"]["username"] == user
        assert plain.get(self.ROOT + "storage/passwords").status_code == 403

    def test_names_pass_through_as_they_were_encoded(self, browser, splunkd):
        connect(splunkd, app="search", owner="nobody").saved_searches.create("a/b c", "| makeresults")
        answer = browser.get(self.ROOT + "saved/searches/a%252Fb%20c?output_mode=json")
        assert answer.json()["entry"][0]["name"] == "a/b c"

    def test_a_change_needs_the_form_key_and_the_header(self, browser, splunkd):
        form = {"name": "m", "search": "| makeresults"}
        for missing in browser.headers:
            headers = {name: value for name, value in browser.headers.items() if name != missing}
            assert browser.post(self.ROOT + "saved/searches", data=form, headers=headers).status_code == 401
        wrong = {**browser.headers, "X-Splunk-Form-Key": "1"}
        assert browser.post(self.ROOT + "saved/searches", data=form, headers=wrong).status_code == 401
        assert browser.post(self.ROOT + "saved/searches", data=form, headers=browser.headers).status_code == 201
        assert browser.delete(self.ROOT + "saved/searches/m").status_code == 401
        assert browser.delete(self.ROOT + "saved/searches/m", headers=browser.headers).status_code == 200

    def test_json_passes_through(self, browser, splunkd):
        splunkd.confs.write("collections", "search", "c", {})
        data = self.ROOT + "storage/collections/data/c"
        assert browser.post(data, json={"_key": "1", "a": "ü"}, headers=browser.headers).status_code == 201
        assert browser.get(data).json()[0]["a"] == "ü"

    @pytest.mark.parametrize("root", ["/en-US/splunkd/__raw/", "/en-US/splunkd/"])
    def test_endpoints_that_web_conf_does_not_expose_are_404(self, browser, splunkd, root):
        assert browser.get(root + "services/saved/searches").status_code == 200
        for path in ("services/admin/macros", "services/data/inputs/probe", "services", "nothing"):
            assert browser.get(root + path).status_code == 404
        assert (
            browser.post(
                root + "services/admin/macros", data={"name": "m", "definition": "1"}, headers=browser.headers
            ).status_code
            == 404
        )

    def test_an_app_exposes_what_its_own_web_conf_names(self, browser, splunkd, tmp_path):
        expose = "[expose:probes]\npattern = %s\nmethods = GET\n"
        splunkd.install(package(tmp_path, "one", {"default/web.conf": expose % "admin/macros"}), False)
        assert browser.get(self.ROOT + "admin/macros").status_code == 200
        assert browser.get(self.ROOT + "admin/macros/m").status_code == 404
        assert (
            browser.post(
                self.ROOT + "admin/macros", data={"name": "m", "definition": "1"}, headers=browser.headers
            ).status_code
            == 404
        )

    def test_without_a_session_there_is_nothing(self, stranger):
        assert stranger.get(self.ROOT + "saved/searches").status_code == 401

    def test_without_a_locale_there_is_nothing(self, browser):
        assert browser.get("/splunkd/__raw/services/server/info").status_code == 404


class TestViews:
    def test_an_app_opens_with_the_first_view_of_its_navigation(self, browser, app):
        assert browser.get("/en-US/app/one").headers["Location"] == "/en-US/app/one/start"

    @pytest.mark.parametrize("hidden, first", [("start", "chart"), ("none", "start")])
    def test_a_user_who_may_not_read_it_gets_the_first_readable_view(self, plain, splunkd, tmp_path, hidden, first):
        splunkd.install(
            package(
                tmp_path,
                "one",
                {
                    **FILES,
                    "default/data/ui/nav/default.xml": '<nav><view name="secret"/><view name="chart"/>'
                    '<view name="start" default="true"/></nav>',
                    "metadata/default.meta": FILES["metadata/default.meta"]
                    + ("[views/%s]\naccess = read : [ admin ]\n" % hidden),
                },
            ),
            False,
        )
        assert plain.get("/en-US/app/one").headers["Location"] == "/en-US/app/one/" + first

    def test_an_unreadable_app_is_404(self, browser, plain, splunkd, tmp_path):
        splunkd.install(
            package(tmp_path, "one", {**FILES, "metadata/default.meta": "[]\naccess = read : [ admin ]\n"}), False
        )
        apps = "/en-US/manager/launcher/apps/local"
        assert ("<li>one</li>" in browser.get(apps).text, "<li>one</li>" in plain.get(apps).text) == (True, False)
        assert browser.get("/en-US/app/one").status_code == 303
        for path in ("/en-US/app/one", "/en-US/app/one/start"):
            assert plain.get(path).status_code == 404

    def test_a_view_contains_its_panels_scripts_and_styles(self, browser, splunkd, app, tmp_path):
        splunkd.install(package(tmp_path, "two", {"default/app.conf": "[install]\nbuild = 7\n"}), False)
        text = browser.get("/en-US/app/one/start").text
        assert '<p id="place">Hello<br>you</p>' in text
        assert "<title>Start &amp; more</title>" in text
        static = "/en-US/static/@%s:" % DEFAULT.build
        for part in (
            '<script src="%s0/app/one/a.js">' % static,
            '<script src="%s7/app/two/b.js">' % static,
            '<link rel="stylesheet" href="%s0/app/one/a.css">' % static,
        ):
            assert part in text
        assert text.index("<style>") < text.index("<link")  # Bootstrap is below the app's own style

    def test_a_view_with_anything_but_html_is_refused_by_name(self, browser, app):
        answer = browser.get("/en-US/app/one/chart")
        assert (answer.status_code, "&lt;chart&gt;" in answer.text) == (501, True)

    def test_an_unreadable_view_is_404(self, browser, plain, app):
        assert browser.get("/en-US/app/one/secret").status_code == 200
        assert plain.get("/en-US/app/one/secret").status_code == 404
        assert browser.get("/en-US/app/one/none").status_code == 404

    def test_all_views_of_an_unconfigured_app_redirect_to_the_setup(self, browser, splunkd, tmp_path):
        conf = "[install]\nis_configured = 0\n[ui]\nsetup_view = start\n"
        splunkd.install(package(tmp_path, "one", {**FILES, "default/app.conf": conf}), False)
        assert browser.get("/en-US/app/one/secret").headers["Location"] == "/en-US/app/one/start"
        assert browser.get("/en-US/app/one/start").status_code == 200
        browser.post(
            "/en-US/splunkd/__raw/servicesNS/nobody/one/configs/conf-app/install",
            headers=browser.headers,
            data={"is_configured": "true"},
        )
        assert browser.get("/en-US/app/one/secret").status_code == 200

    def test_static_files_come_from_the_app_alone(self, stranger, app):
        answer = stranger.get("/en-US/static/app/one/a.js")
        assert answer.headers["Content-Type"].split(";")[0].split("/")[1] == "javascript"
        assert answer.text.startswith("i18n_register(") and answer.text.endswith("\nlet a;")
        assert "Cache-Control" not in answer.headers
        for build in ("@1:2", "@%s:0" % DEFAULT.build, "@1.5:2"):
            cached = stranger.get("/en-US/static/%s/app/one/a.js" % build)
            assert cached.text == answer.text and "max-age" in cached.headers["Cache-Control"]
        assert stranger.get("/en-US/static/1/app/one/a.js").status_code == 404
        assert stranger.get("/en-US/static/app/one/sub/b.css").text == "b {}"
        for path in ("none.js", "../../default/app.conf", "%2e%2e/%2e%2e/default/app.conf", "sub"):
            assert stranger.get("/en-US/static/app/one/" + path).status_code == 404

    @pytest.mark.parametrize("path", ["/en-US/static/app/one/a.js", "/en-US/app/one/start", "/en-US/none"])
    def test_answers_forbid_content_sniffing(self, browser, app, path):
        assert browser.get(path).headers["X-Content-Type-Options"] == "nosniff"

    def test_views_are_also_listed_over_rest(self, splunkd, app):
        service = connect(splunkd, "user", app, "nobody")
        assert [entry.title for entry in _entries(service, "data/ui/views")] == ["chart", "start"]
        assert [entry.title for entry in _entries(service, "data/ui/nav")] == ["default"]
        view = _entries(service, "data/ui/views/start")[0]
        assert (view.content["label"], view.content["eai:data"]) == ("Start & more", VIEW)


def _entries(service, path):
    return _load_atom_entries(service.get(path))
