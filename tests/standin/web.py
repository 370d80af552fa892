"""Splunk Web, as far as is needed to upload an app, set it up and look at it.

Admin Manual, "About installing Splunk add-ons"; Dashboards and Visualizations, "Customize Simple XML" (scripts, styles
and HTML panels). /splunkd and /splunkd/__raw pass on to splunkd what web.conf exposes. It shows the HTML panels of a
view, and refuses a view that has others. The paths of static files are those of @splunk/splunk-utils, url.js.
"""

import hmac
import mimetypes
import secrets
import tempfile
from html import escape
from pathlib import Path
from typing import Dict, List, Optional
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from .exposed import is_exposed
from .refusal import Refusal
from .rest import entries, views
from .rest.routing import dispatch
from .sessions import Session
from .stores.conf import is_true

_LOCALE = "en-US"
_RULES = Map(
    [
        Rule("/", endpoint="home"),
        Rule("/%s/" % _LOCALE, endpoint="home"),
        Rule("/%s/account/login" % _LOCALE, endpoint="login"),
        Rule("/%s/account/logout" % _LOCALE, endpoint="logout"),
        Rule("/%s/manager/launcher/apps/local" % _LOCALE, endpoint="apps"),
        Rule("/%s/manager/appinstall/_upload" % _LOCALE, endpoint="upload"),
        Rule("/%s/splunkd/<path:path>" % _LOCALE, endpoint="proxied"),
        Rule("/%s/app/<app>" % _LOCALE, endpoint="app"),
        Rule("/%s/app/<app>/<view>" % _LOCALE, endpoint="view"),
        Rule("/%s/static/app/<app>/<path:path>" % _LOCALE, endpoint="static"),
        Rule("/%s/static/<build>/app/<app>/<path:path>" % _LOCALE, endpoint="static"),
    ],
    strict_slashes=False,
)
_RAW = "/__raw"
_I18N = b'i18n_register({"plural": function(n) { return n == 1 ? 0 : 1; }, "catalog": {}});\n'
"""Each script of an app begins with this. Pages have the function."""
_GLOBALS = (
    'window.i18n_register = function () {}; window.$C = {"LOCALE": "%s", "SPLUNKD_PATH": "/%s/splunkd/__raw", '
    '"MRSPARKLE_ROOT_PATH": ""};' % (_LOCALE, _LOCALE)
)
_RESETS = """
label, input, button, select, textarea { font-size: 14px; line-height: 20px; }
label { display: block; margin-bottom: 5px; }
select, textarea, input[type="text"], input[type="password"], input[type="number"], input[type="url"] {
  box-sizing: content-box; display: inline-block; width: 206px; height: 20px; margin-bottom: 10px; padding: 4px 6px;
  border: 1px solid #ccc; border-radius: 4px; vertical-align: middle; }
textarea { height: auto; }
legend { display: block; width: 100%; margin-bottom: 20px; border-bottom: 1px solid #e5e5e5; font-size: 21px;
  line-height: 40px; }
table { max-width: 100%; border-collapse: collapse; border-spacing: 0; background-color: transparent; }
code { padding: 2px 4px; border: 1px solid #e1e1e8; color: #d14; background-color: #f7f7f9; white-space: nowrap; }
h1, h2, h3 { margin: 10px 0; line-height: 40px; }
ul, ol { margin: 0 0 10px 25px; padding: 0; }
"""
"""In short, what Bootstrap 2.3.2, part of Splunk's pages, does to forms and texts, beneath an app's style."""
_CSRF = "Splunk cannot authenticate the request. CSRF validation failed."


class Web:
    """The application that serves the port. Sessions are cookies named after the port."""

    def __init__(self, splunkd):
        self._splunkd = splunkd
        self._sessions: Dict[str, Session] = {}

    def __call__(self, request: Request) -> Response:
        response = self._answer(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

    def _answer(self, request: Request) -> Response:
        try:
            endpoint, names = _RULES.bind("").match(request.path, method=request.method)
            return getattr(self, "_" + endpoint)(request, **names)
        except HTTPException as error:
            return _page(error.name, "<p>%s is not known here.</p>" % escape(request.path), error.code)
        except Refusal as refusal:
            return _page("Error", "<p>%s</p>" % escape(refusal.text), refusal.status)

    def _home(self, request: Request) -> Response:
        return _see(_url("manager/launcher/apps/local"))

    # --- Sessions ---------------------------------------------------------------------------------------------------

    def _cookie(self, name: str) -> str:
        return "%s_%d" % (name, urlsplit(self._splunkd.web_url).port)

    def _login(self, request: Request) -> Response:
        """The form's `cval` must equal the cookie that came with it."""
        if request.method == "GET":
            response = _page(
                "Login",
                '<form method="post"><input name="username">'
                '<input name="password" type="password"><input name="cval" type="hidden">'
                "<button>Sign In</button></form>",
            )
            response.set_cookie("cval", secrets.token_hex(16), path=_url("account"))
            return response
        cval = request.cookies.get("cval", "")
        if not cval or not hmac.compare_digest(cval.encode(), request.form.get("cval", "").encode()):
            return entries.json_response({"status": 1, "message": "The login form has expired (cval)."}, 401)
        try:
            session = self._splunkd.sessions.login(request.form.get("username", ""), request.form.get("password", ""))
        except Refusal as refusal:
            return entries.json_response({"status": 1, "message": refusal.text}, 401)
        key = secrets.token_urlsafe(32)
        self._sessions[key] = session
        response = entries.json_response({"status": 0})
        response.set_cookie(self._cookie("splunkd"), key, httponly=True, samesite="Lax")
        response.set_cookie(self._cookie("splunkweb_csrf_token"), str(secrets.randbits(63)), samesite="Lax")
        return response

    def _logout(self, request: Request) -> Response:
        session = self._sessions.pop(request.cookies.get(self._cookie("splunkd"), ""), None)
        if session:
            self._splunkd.sessions.close(session)
        response = _see(_url("account/login"))
        for name in ("splunkd", "splunkweb_csrf_token"):
            response.delete_cookie(self._cookie(name))
        return response

    def _session(self, request: Request) -> Optional[Session]:
        return self._sessions.get(request.cookies.get(self._cookie("splunkd"), ""))

    def _is_forged(self, request: Request, key: str) -> bool:
        """Whether a request that changes something may come from somebody else's page."""
        token = request.cookies.get(self._cookie("splunkweb_csrf_token"), "")
        return not token or not hmac.compare_digest(token.encode(), key.encode())

    # --- splunkd ----------------------------------------------------------------------------------------------------

    def _proxied(self, request: Request, path: str) -> Response:
        """splunkd's own answer, given to the session's user if web.conf exposes the endpoint."""
        session = self._session(request)
        if session is None:
            return entries.messages(401, [("WARN", "call not properly authenticated")], as_json=True)
        uri = request.environ["REQUEST_URI"].split("/splunkd", 1)[1]
        uri = uri[len(_RAW) :] if uri.startswith(_RAW + "/") else uri
        if not is_exposed(self._splunkd.confs.stanzas("web"), request.method, uri.partition("?")[0]):
            raise NotFound
        if request.method not in ("GET", "HEAD") and (
            self._is_forged(request, request.headers.get("X-Splunk-Form-Key", ""))
            or request.headers.get("X-Requested-With") != "XMLHttpRequest"
        ):
            return entries.messages(401, [("ERROR", _CSRF)], as_json=True)
        return self._forwarded(session, request, uri)

    def _forwarded(self, session: Session, request: Request, uri: str) -> Response:
        path, _, query = uri.partition("?")
        builder = EnvironBuilder(
            path,
            self._splunkd.management_url,
            query,
            request.method,
            data=request.get_data(),
            content_type=request.content_type,
            headers={"Authorization": "Splunk " + session.key},
        )
        return dispatch(self._splunkd, Request({**builder.get_environ(), "REQUEST_URI": path}))

    # --- Apps -------------------------------------------------------------------------------------------------------

    def _apps(self, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return _to_login(request)
        readable = [app for app in self._splunkd.confs.apps() if views.may_see(self._splunkd.confs, session, app)]
        return _page("Apps", "<ul>%s</ul>" % "".join("<li>%s</li>" % escape(app) for app in readable))

    def _upload(self, request: Request) -> Response:
        """Passes the package to splunkd as a file, with the user's permissions."""
        session = self._session(request)
        if session is None:
            return _to_login(request)
        if request.method == "GET":
            return _upload_page("")
        if self._is_forged(request, request.form.get("splunk_form_key", "")):
            return _page("Unauthorized", "<p>%s</p>" % _CSRF, 401)
        package = request.files.get("appfile")
        if package is None or not package.filename:
            return _upload_page("There was an error processing the upload: choose a file.")
        with tempfile.TemporaryDirectory(prefix="upload-") as folder:
            path = Path(folder) / Path(package.filename).name
            package.save(path)
            builder = EnvironBuilder(
                "/services/apps/local",
                self._splunkd.management_url,
                method="POST",
                data={
                    "name": str(path),
                    "filename": "1",
                    "update": request.form.get("force", "0"),
                    "output_mode": "json",
                },
                headers={"Authorization": "Splunk " + session.key},
            )
            answer = dispatch(self._splunkd, Request({**builder.get_environ(), "REQUEST_URI": "/services/apps/local"}))
        if answer.status_code >= 400:
            return _upload_page(
                "There was an error processing the upload. %s"
                % " ".join(message["text"] for message in answer.json["messages"])
            )
        return _see(_url("manager/launcher/apps/local"))

    # --- Views ------------------------------------------------------------------------------------------------------

    def _app(self, request: Request, app: str) -> Response:
        """Redirects to the first view in the app's navigation that the user may read."""
        session = self._session(request)
        if session is None:
            return _to_login(request)
        return _see(_url("app/%s/%s" % (app, views.default_view(self._splunkd.confs, session, app))))

    def _view(self, request: Request, app: str, view: str) -> Response:
        session = self._session(request)
        if session is None:
            return _to_login(request)
        found = views.find(self._splunkd.confs, session, app, view)
        setup = self._setup_view(app)
        if setup and view != setup:
            return _see(_url("app/%s/%s" % (app, setup)))
        return self._shown(app, found)

    def _setup_view(self, app: str) -> str:
        """The view to which the app's users are redirected until it is configured."""
        settings = {name: stanza.settings for name, stanza in self._splunkd.confs.stanzas("app", app).items()}
        is_configured = is_true(settings.get("install", {}).get("is_configured", "0"))
        return "" if is_configured else settings.get("ui", {}).get("setup_view", "")

    def _static(self, request: Request, app: str, path: str, build: str = "") -> Response:
        """Scripts begin with their translations. Browsers keep the files of a `build`: @SPLUNK:APP, or anything.

        "Static assets for apps are cached on the client and server side": Developing Views and Apps for Splunk Web,
        "Customization options and caching". It does not say for how long; here it is longer than anybody wants.
        """
        if build and not build.startswith("@"):
            raise NotFound
        root = (self._splunkd.confs.folder(app) / "appserver" / "static").resolve()
        file = (root / path).resolve()
        if app not in self._splunkd.confs.apps() or root not in file.parents or not file.is_file():
            raise Refusal(404, "%s is not in the app's appserver/static." % path)
        kind = mimetypes.guess_type(file.name)[0]
        return Response(
            (_I18N if file.suffix == ".js" else b"") + file.read_bytes(),
            content_type=kind or "application/octet-stream",
            headers={"Cache-Control": "max-age=31536000"} if build else None,
        )

    def _asset(self, app: str, name: str) -> str:
        """`file` of the view's app, or `app:file`."""
        other, separator, file = name.partition(":")
        of, path = (other, file) if separator else (app, name)
        install = self._splunkd.confs.stanza("app", of, "install")
        build = "@%s:%s" % (self._splunkd.release.build, install.settings.get("build", "0") if install else "0")
        return _url("static/%s/app/%s/%s" % (quote(build, safe="@:"), quote(of), quote(path)))

    def _shown(self, app: str, view: ElementTree.Element) -> Response:
        head = ["<style>%s</style><script>%s</script>" % (_RESETS, _GLOBALS)]
        head += [
            '<link rel="stylesheet" href="%s">' % escape(self._asset(app, name)) for name in _files(view, "stylesheet")
        ]
        tail = ['<script src="%s"></script>' % escape(self._asset(app, name)) for name in _files(view, "script")]
        return _page(view.findtext("label", app), _panels(view) + "".join(tail), head="".join(head))


def _panels(view: ElementTree.Element) -> str:
    """The HTML panels of a view.

    Raises:
        Refusal: there are others.
    """
    panels: List[str] = []
    for element in view.iter():
        if element.tag == "html":
            panels.append(
                "".join(
                    [
                        element.text or "",
                        *(ElementTree.tostring(child, encoding="unicode", method="html") for child in element),
                    ]
                )
            )
    known = {"html", "row", "panel", "label", "description", "title", view.tag}
    for element in _outside_of_html(view):
        if element.tag not in known:
            raise Refusal(501, "<%s> of the view is not known here: only HTML panels are shown." % element.tag)
    return "".join(
        '<div class="dashboard-panel"><div class="panel-element-row html">%s</div></div>' % panel for panel in panels
    )


def _outside_of_html(element: ElementTree.Element):
    for child in element:
        yield child
        if child.tag != "html":
            yield from _outside_of_html(child)


def _files(view: ElementTree.Element, attribute: str) -> List[str]:
    return [name.strip() for name in view.get(attribute, "").split(",") if name.strip()]


def _url(path: str) -> str:
    return "/%s/%s" % (_LOCALE, path)


def _see(url: str) -> Response:
    return Response(status=303, headers={"Location": url})


def _to_login(request: Request) -> Response:
    return _see("%s?%s" % (_url("account/login"), urlencode({"return_to": request.full_path.rstrip("?")})))


def _upload_page(error: str) -> Response:
    shown = '<p class="error">%s</p>' % escape(error) if error else ""
    return _page(
        "Upload app",
        shown
        + (
            '<form method="post" enctype="multipart/form-data"><input type="file" name="appfile">'
            '<input type="checkbox" '
            'name="force" value="1"><input type="hidden" name="splunk_form_key"><button>Upload</button></form>'
        ),
    )


def _page(title: str, body: str, status: int = 200, head: str = "") -> Response:
    return Response(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>%s</title>%s</head>'
        "<body>%s</body></html>" % (escape(title), head, body),
        status,
        content_type="text/html; charset=utf-8",
    )
