"""How a request finds its handler, and what a handler knows of it.

REST API User Manual, "Namespace": /services/PATH and /servicesNS/OWNER/APP/PATH.
"""
import fnmatch
import json
from typing import Any, Callable, Collection, Dict, List, NamedTuple, Optional, Sequence
from urllib.parse import unquote, unquote_plus

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from ..refusal import Refusal
from . import entries
from .entries import Entry

_PAGING = ("output_mode", "count", "offset", "search", "sort_key", "sort_dir", "f", "listDefaultActionArgs")
DEFAULT_COUNT = 30


class Route(NamedTuple):
    """`arguments` are all that the handler takes; a name may have wildcards. `capability`: what the role must have."""

    handler: Callable
    arguments: Collection[str]
    capability: str
    anonymous: bool


_rules = Map(strict_slashes=False)


def route(method: str, path: str, *arguments: str, capability: str = "", anonymous: bool = False):
    """Registers a handler for a path, whose <parts> become its keyword arguments."""
    def register(handler: Callable) -> Callable:
        _rules.add(Rule("/" + path, methods=[method], endpoint=Route(handler, arguments, capability, anonymous)))
        return handler
    return register


class Call:
    """A request to splunkd in a namespace; `arguments` are those of the URL and of the form together."""

    def __init__(self, splunkd, request: Request, owner: Optional[str], app: Optional[str]):
        self.splunkd, self.request = splunkd, request
        self.owner, self.app = owner or "nobody", app or "search"
        self.namespaced = app is not None
        self.method = request.method
        self.arguments: Dict[str, str] = {**request.args.to_dict(), **request.form.to_dict()}
        self.as_json = self.arguments.get("output_mode") == "json"
        self.session: Any = None

    @property
    def origin(self) -> str:
        return self.request.host_url.rstrip("/")

    def argument(self, name: str, default: Optional[str] = None) -> str:
        """
        Raises:
            Refusal: it is missing.
        """
        value = self.arguments.get(name, default)
        if value is None:
            raise Refusal(400, "The following required arguments are missing: %s." % name)
        return value

    def settings(self, *without: str) -> Dict[str, str]:
        """The arguments that are attributes of the object."""
        return {name: value for name, value in self.arguments.items() if name not in (*without, *_PAGING)}

    def body_json(self) -> Any:
        """
        Raises:
            Refusal: it is not said to be JSON, or is none.
        """
        if self.request.mimetype != "application/json":
            raise Refusal(415, "Unsupported Content-Type: application/json is expected.")
        try:
            return json.loads(self.request.get_data())
        except ValueError:
            raise Refusal(400, "JSON in the request is invalid. ( JSON parse error )") from None

    def feed(self, found: Sequence[Entry], status: int = 200) -> Response:
        """A collection's entries: sorted by name, filtered by `search`, a page of `count` from `offset`."""
        found = sorted(found, key=lambda entry: entry.name.lower())
        pattern = self.arguments.get("search") if self.method == "GET" else None
        if pattern:
            found = [entry for entry in found if _matches(entry, pattern)]
        count, offset = self._whole("count", DEFAULT_COUNT), self._whole("offset", 0)
        page = found[offset:][:count if count > 0 else None]
        return entries.feed(page, self.request.path, self.origin, self.as_json, status=status, total=len(found),
                            offset=offset)

    def entry(self, entry: Entry, status: int = 200) -> Response:
        return entries.feed([entry], self.request.path, self.origin, self.as_json, status=status)

    def done(self) -> Response:
        """A deletion's answer: what is left, of which nobody reads anything."""
        return entries.feed([], self.request.path, self.origin, self.as_json)

    def check(self, right: str, kind: str, name: str, app: str) -> None:
        """
        Raises:
            Refusal: no role of the user's may `read` or `write` the object; who may not read it does not see it.
        """
        allowed = getattr(self.splunkd.confs.access(kind, name, app), right)
        if "admin_all_objects" in self.session.capabilities or "*" in allowed or allowed & self.session.roles:
            return
        if right == "read":
            raise Refusal(404, "Could not find object id=%s" % name)
        raise Refusal(403, "You (user=%s) do not have permission to perform this operation (requires capability: "
                           "admin_all_objects)." % self.session.user)

    def _whole(self, name: str, default: int) -> int:
        value = self.arguments.get(name, str(default))
        try:
            return int(value)
        except ValueError:
            raise Refusal(400, "Invalid value '%s' for argument '%s': a number is expected." % (value, name)) from None


def _matches(entry: Entry, pattern: str) -> bool:
    name, separator, value = pattern.partition("=")
    if separator:
        field = entry.name if name == "name" else str(entry.content.get(name, ""))
        return fnmatch.fnmatch(field, value.strip('"'))
    texts = [entry.name, *(str(value) for value in entry.content.values())]
    return any(fnmatch.fnmatch(text.lower(), "*%s*" % pattern.lower()) for text in texts)


def dispatch(splunkd, request: Request) -> Response:
    """Finds the handler, checks session, rights and arguments, and answers; refusals become messages."""
    as_json = request.args.get("output_mode") == "json"
    try:
        path, owner, app = _namespace(request.environ["REQUEST_URI"].split("?")[0])
        # KV store's data are JSON whatever is asked for, and its errors, too.
        as_json = as_json or path.startswith("/storage/collections/data/")
        found, names = _rules.bind("").match(path, method=request.method)
        call = Call(splunkd, request, owner, app)
        as_json = as_json or call.as_json
        if not found.anonymous:
            call.session = splunkd.sessions.of(request)
            if found.capability and found.capability not in call.session.capabilities:
                raise Refusal(403, "insufficient permission to access this resource")
            if app not in (None, "-", "system") and app not in splunkd.confs.apps():
                raise Refusal(404, "Application does not exist: %s" % app)
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


def _decoded(name: str) -> str:
    """splunkd's own links have slashes in names encoded twice; its clients also send a plus for a space."""
    return unquote(unquote_plus(name)) if "%25" in name else unquote_plus(name)


def _check(call: Call, arguments: Sequence[str]) -> None:
    allowed: List[str] = [*arguments, "output_mode"]
    if call.method == "GET":
        allowed += _PAGING
    for name in call.arguments:
        if not any(fnmatch.fnmatchcase(name, each) for each in allowed):
            raise Refusal(400, "Argument \"%s\" is not supported by this handler." % name)
