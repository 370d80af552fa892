"""Views, navigation and the forms of alert actions: data/ui/views, data/ui/nav, data/ui/alerts.

Splunk REST API reference, "Knowledge endpoint descriptions"; Developing Views and Apps, "Simple XML reference" and
"Build navigation for a Splunk app". A view is a file, default/data/ui/views/NAME.xml; views are read here, not written.
"""

from pathlib import Path
from typing import Any, Dict, List, NamedTuple
from xml.etree import ElementTree

from werkzeug.wrappers import Response

from ..refusal import Refusal
from ..sessions import Session
from ..stores.conf import SYSTEM, Confs
from .entries import Entry
from .routing import ANY, Call, route

_FOLDERS = {"views": "data/ui/views", "nav": "data/ui/nav", "alerts": "data/ui/alerts"}
_SUFFIXES = {"alerts": "html"}


class _File(NamedTuple):
    """A view, a navigation bar or a form. `kind` is the one that its permissions use."""

    kind: str
    app: str
    path: Path

    @property
    def name(self) -> str:
        return self.path.stem


def _files(confs: Confs, kind: str, app: str) -> List[_File]:
    """The files of an app. Those in local/ replace those in default/."""
    found: Dict[str, _File] = {}
    for layer in ("default", "local"):
        for path in (confs.folder(app) / layer / _FOLDERS[kind]).glob("*." + _SUFFIXES.get(kind, "xml")):
            found[path.stem] = _File(kind, app, path)
    return list(found.values())


def _visible(confs: Confs, session: Session, kind: str, app: str) -> List[_File]:
    """The files that the user may read in an app, including those that other apps export."""
    found: Dict[tuple, _File] = {}
    for each in confs.apps():
        for file in _files(confs, kind, each):
            access = confs.access(kind, file.name, each)
            if (each == app or app == ANY or access.exported) and (
                "admin_all_objects" in session.capabilities or access.may_read(session.roles)
            ):
                found[(each if app == ANY else "", file.name)] = file
    for file in [] if app in (ANY, SYSTEM) else _files(confs, kind, app):
        if ("", file.name) in found:
            found[("", file.name)] = file
    return list(found.values())


def find(confs: Confs, session: Session, app: str, name: str) -> ElementTree.Element:
    """A view's XML.

    Raises:
        Refusal: the user may read no such view, or it is not a valid view.
    """
    for file in _visible(confs, session, "views", app):
        if file.name == name:
            return _parsed(file)
    raise Refusal(404, 'The view "%s" of the app "%s" was not found.' % (name, app))


def may_see(confs: Confs, session: Session, app: str) -> bool:
    """Whether the user can see the app at all."""
    return "admin_all_objects" in session.capabilities or confs.access(app=app).may_read(session.roles)


def default_view(confs: Confs, session: Session, app: str) -> str:
    """The view that the app's navigation opens first: among those that the user may read, the default, or else the
    first.

    Raises:
        Refusal: there is no such app, or it has no navigation with such a view.
    """
    readable = {file.name for file in _visible(confs, session, "views", app)}
    for file in _files(confs, "nav", app) if app in confs.apps() and may_see(confs, session, app) else ():
        found = [view for view in _parsed(file).iter("view") if view.get("name") in readable]
        for view in sorted(found, key=lambda each: each.get("default") != "true"):
            return view.get("name", "")
    raise Refusal(404, 'The app "%s" has no default view.' % app)


def _parsed(file: _File) -> ElementTree.Element:
    try:
        return ElementTree.parse(file.path).getroot()
    except ElementTree.ParseError as error:
        raise Refusal(400, "%s of the app '%s' is not XML: %s" % (file.path.name, file.app, error)) from None


def _entry(call: Call, file: _File) -> Entry:
    access = call.splunkd.confs.access(file.kind, file.name, file.app)
    content: Dict[str, Any] = {
        "eai:data": file.path.read_text("utf-8"),
        "eai:appName": file.app,
        "eai:userName": "nobody",
        "eai:type": file.kind,
        "disabled": False,
    }
    if file.kind == "views":
        root = _parsed(file)
        content.update(
            {
                "label": root.findtext("label", file.name),
                "isDashboard": root.tag in ("dashboard", "form"),
                "isVisible": root.get("isVisible", "true") != "false",
                "rootNode": root.tag,
                "version": root.get("version", "1.0"),
            }
        )
    return Entry(
        _FOLDERS[file.kind],
        file.name,
        content,
        file.app,
        access.owner,
        "global" if access.exported else "app",
        False,
        access.read,
        access.write,
        call.may_write(file.kind, file.name, file.app),
    )


def _reading(kind: str) -> None:
    def listed(call: Call) -> Response:
        return call.feed([_entry(call, file) for file in _visible(call.splunkd.confs, call.session, kind, call.app)])

    def shown(call: Call, name: str) -> Response:
        found = [file for file in _visible(call.splunkd.confs, call.session, kind, call.app) if file.name == name]
        if not found:
            raise Refusal(404, "Could not find object id=%s" % name)
        return call.feed([_entry(call, file) for file in found])

    route("GET", _FOLDERS[kind])(listed)
    route("GET", _FOLDERS[kind] + "/<name>")(shown)


_reading("views")
_reading("nav")
_reading("alerts")
