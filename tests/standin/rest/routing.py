"""Finds the handler for a request, and tells it about the request.

REST API User Manual, "Namespace": /services/PATH and /servicesNS/OWNER/APP/PATH.
"""

import fnmatch
import json
from typing import Any, Callable, Collection, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Sequence, Tuple
from urllib.parse import unquote, unquote_plus

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from ..refusal import Refusal
from ..sessions import SYSTEM_USER
from ..stores.conf import NOBODY, SYSTEM
from ..values import number
from . import capabilities, entries
from .entries import Entry

_PAGING = ("output_mode", "count", "offset", "search", "sort_key", "sort_dir", "sort_mode", "f")
DEFAULT_COUNT, ALL = 30, 10_000_000
ANY = "-"
"""In a namespace, this means all owners or all apps."""


class Route(NamedTuple):
    """`arguments` are all that the handler takes; a name may have wildcards. `capability` is what the role must have,
    besides what restmap.conf requires. A `raw_body` is data, not a form.
    """

    handler: Callable
    arguments: Collection[str]
    capability: str
    anonymous: bool
    raw_body: bool


_rules = Map(strict_slashes=False)
_fallbacks: List[Route] = []


def route(
    method: str, path: str, *arguments: str, capability: str = "", anonymous: bool = False, raw_body: bool = False
):
    """Registers a handler for a path, whose <parts> become its keyword arguments."""

    def register(handler: Callable) -> Callable:
        found = Route(handler, arguments, capability, anonymous, raw_body)
        _rules.add(Rule("/" + path, methods=[method], endpoint=found))
        return handler

    return register


def fallback(*arguments: str):
    """Registers a handler for all methods of the paths without a handler of their own. It receives the path."""

    def register(handler: Callable) -> Callable:
        _fallbacks.append(Route(handler, arguments, "", anonymous=False, raw_body=False))
        return handler

    return register


def routes() -> Iterator[Tuple[str, str, Route]]:
    """All (method, path, route) triples."""
    for rule in _rules.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            yield method, rule.rule[1:], rule.endpoint


class Call:
    """A request to splunkd in a namespace. `arguments` are those of the URL and of the form together."""

    def __init__(self, splunkd, request: Request, owner: Optional[str], app: Optional[str], raw_body: bool):
        self.splunkd, self.request = splunkd, request
        self._owner, self.app = owner, app or "search"
        self.namespaced = app is not None
        self.method = request.method
        if not request.environ.get("CONTENT_TYPE"):  # a body without a content type is a form
            request.environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        self.arguments: Dict[str, str] = {**request.args.to_dict(), **({} if raw_body else request.form.to_dict())}
        self.as_json = self.arguments.get("output_mode") == "json"
        self.session: Any = None

    @property
    def owner(self) -> str:
        """Without a namespace, the user who calls."""
        return self._owner or self.session.user

    @property
    def origin(self) -> str:
        return self.request.host_url.rstrip("/")

    def argument(self, name: str, default: Optional[str] = None) -> str:
        """The argument's value.

        Raises:
            Refusal: it is missing.
        """
        value = self.arguments.get(name, default)
        if value is None:
            raise Refusal(400, "The following required arguments are missing: %s." % name)
        return value

    def settings(self, *without: str) -> Dict[str, str]:
        """The arguments that are attributes of the object."""
        return {name: value for name, value in self.arguments.items() if name not in (*without, "output_mode")}

    def body_json(self) -> Any:
        """The body as JSON.

        Raises:
            Refusal: its content type is not JSON, or it is not valid JSON.
        """
        if self.request.mimetype != "application/json":
            raise Refusal(415, "Unsupported Content-Type: application/json is expected.")
        try:
            return json.loads(self.request.get_data())
        except ValueError:
            raise Refusal(400, "JSON in the request is invalid. ( JSON parse error )") from None

    def feed(self, found: Sequence[Entry], status: int = 200) -> Response:
        """A collection's entries: filtered by `search`, sorted by `sort_key`, a page of `count` from `offset`, with
        only the content that `f` names.
        """
        found = [entry for entry in found if _matches(entry, self.argument("search", ""))]
        found.sort(
            key=_order(self.argument("sort_key", "name"), self.argument("sort_mode", "auto")),
            reverse=self.argument("sort_dir", "asc") == "desc",
        )
        size, offset = self.whole("count", DEFAULT_COUNT), max(self.whole("offset", 0), 0)
        page = entries.Page(len(found), size if size > 0 else ALL, offset)
        return self._answer([self._chosen(entry) for entry in found[offset:][: page.size]], status, page)

    def entry(self, entry: Entry, status: int = 200) -> Response:
        return self._answer([self._chosen(entry) if self.method == "GET" else entry], status)

    def _answer(self, found: Sequence[Entry], status: int = 200, page: Optional[entries.Page] = None) -> Response:
        return entries.feed(
            found, self.request.path, self.origin, self.as_json, self.splunkd.release, status=status, page=page
        )

    def _chosen(self, entry: Entry) -> Entry:
        wanted = self.request.args.getlist("f")
        if not wanted:
            return entry
        return entry._replace(
            content={
                name: value
                for name, value in entry.content.items()
                if any(fnmatch.fnmatchcase(name, each) for each in wanted)
            }
        )

    def done(self) -> Response:
        """The answer to a deletion. splunkd lists what is left; no client reads that, so here the list is empty."""
        return self._answer([])

    def require(self, capability: str) -> None:
        """Requires a capability, or several with "and", "or" and parentheses.

        Raises:
            Refusal: the user does not have it.
        """
        if not capabilities.allows(capability, self.session.capabilities):
            raise Refusal(403, "insufficient permission to access this resource")

    @property
    def is_admin(self) -> bool:
        """Whether the user may ignore the permissions of objects."""
        return "admin_all_objects" in self.session.capabilities

    def may_read(self, kind: str, name: str, app: str) -> bool:
        return self.is_admin or self.splunkd.confs.access(kind, name, app).may_read(self.session.roles)

    def may_write(self, kind: str, name: str, app: str) -> bool:
        return self.is_admin or self.splunkd.confs.access(kind, name, app).may_write(self.session.roles)

    def check_write(self, kind: str, name: str, app: str) -> None:
        """Requires that the user may write the object.

        Raises:
            Refusal: none of the user's roles may write it.
        """
        if not self.may_write(kind, name, app):
            self.forbid()

    def forbid(self, capability: str = "admin_all_objects") -> NoReturn:
        raise Refusal(
            403,
            "You (user=%s) do not have permission to perform this operation (requires capability: "
            "%s)." % (self.session.user, capability),
        )

    def whole(self, name: str, default: int) -> int:
        """The argument as a whole number.

        Raises:
            Refusal: it is not a number.
        """
        value = self.argument(name, str(default))
        try:
            return int(value)
        except ValueError:
            raise Refusal(400, "Invalid value '%s' for argument '%s': a number is expected." % (value, name)) from None


def _order(key: str, mode: str) -> Callable[[Entry], tuple]:
    """The sort key for a sort_mode.

    Raises:
        Refusal: there is no such sort_mode.
    """
    if mode not in ("auto", "alpha", "alpha_case", "num"):
        raise Refusal(400, "Invalid value '%s' for argument 'sort_mode'." % mode)

    def order(entry: Entry) -> tuple:
        value = entry.name if key == "name" else entry.content.get(key)
        as_number = number(value if value is None or isinstance(value, (int, float)) else str(value))
        if mode in ("auto", "num") and as_number is not None:
            return 0, as_number, ""
        text = "" if value is None else str(value)
        return 1, 0, text if mode == "alpha_case" else text.lower()

    return order


def _matches(entry: Entry, pattern: str) -> bool:
    """`text`, anywhere in the entry, or `field=value`. Both may have wildcards."""
    name, separator, value = pattern.partition("=")
    if separator:
        field = entry.name if name == "name" else str(entry.content.get(name, ""))
        return fnmatch.fnmatch(field, value.strip('"'))
    texts = [entry.name, *(str(value) for value in entry.content.values())]
    return any(fnmatch.fnmatch(text.lower(), "*%s*" % pattern.lower()) for text in texts)


def dispatch(splunkd, request: Request) -> Response:
    """Finds the handler, checks session, permissions and arguments, and answers. Refusals become messages."""
    as_json = request.args.get("output_mode") == "json"
    try:
        path, owner, app = _namespace(request.environ["REQUEST_URI"].split("?")[0])
        # KV store's data, and its errors, are JSON whatever format is requested.
        as_json = as_json or path.startswith("/storage/collections/data/")
        found, names = _match(path, request.method)
        call = Call(splunkd, request, owner, app, found.raw_body)
        as_json = as_json or call.as_json
        if not found.anonymous:
            call.session = splunkd.sessions.of(request)
            call.require(found.capability)
            for required in capabilities.shipped(splunkd.confs.stanzas("restmap"), path, request.method):
                call.require(required)
            _check_namespace(call)
        _check(call, found.arguments)
        return found.handler(call, **{name: _decoded(value) for name, value in names.items()})
    except Refusal as refusal:
        return entries.messages(refusal.status, [(refusal.level, refusal.text)], as_json)
    except MethodNotAllowed:
        return entries.messages(405, [("ERROR", "Method Not Allowed")], as_json)
    except NotFound:
        return entries.messages(404, [("ERROR", "Not Found")], as_json)


def _namespace(path: str) -> tuple:
    """The path without its namespace, the owner, the app."""
    parts = path.split("/")
    if parts[1:2] == ["services"]:
        return "/" + "/".join(parts[2:]).rstrip("/"), None, None
    if parts[1:2] == ["servicesNS"] and len(parts) > 4:
        return "/" + "/".join(parts[4:]).rstrip("/"), unquote(parts[2]), unquote(parts[3])
    raise Refusal(404, "Not Found")


def _match(path: str, method: str) -> Tuple[Route, Dict[str, str]]:
    """The route for a request.

    Raises:
        NotFound, MethodNotAllowed: no route handles it.
    """
    try:
        return _rules.bind("").match(path, method=method)
    except NotFound:
        if not _fallbacks:
            raise
        return _fallbacks[0], {"path": path[1:]}


def _check_namespace(call: Call) -> None:
    app, owner = call.app, call.owner
    if app not in (ANY, SYSTEM) and (app not in call.splunkd.confs.apps() or not call.may_read("", "", app)):
        raise Refusal(404, "Application does not exist: %s" % app)
    if owner not in (ANY, NOBODY, SYSTEM_USER) and owner not in call.splunkd.sessions.users:
        raise Refusal(404, "User does not exist: %s" % owner)


def _decoded(name: str) -> str:
    """Decodes twice: splunkd's own links encode slashes in names twice. Its clients also send a plus for a space."""
    return unquote(unquote_plus(name)) if "%25" in name else unquote_plus(name)


def _check(call: Call, arguments: Sequence[str]) -> None:
    allowed: List[str] = [*arguments, "output_mode"]
    if call.method == "GET":
        allowed += _PAGING
    for name in call.arguments:
        if not any(fnmatch.fnmatchcase(name, each) for each in allowed):
            raise Refusal(400, 'Argument "%s" is not supported by this handler.' % name)
