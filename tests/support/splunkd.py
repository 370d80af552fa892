"""The one double of splunkd: the part of its REST API that the app uses, in memory, underneath the real SDK or behind
TLS.

The stand-in imitates the real thing; this double is for what a test wants to inject: statuses, limits, and changes
between two requests. It answers 404 to what it does not know.

Source: Splunk REST API reference, "configs/conf-{file}", "storage/passwords", "KV store endpoint descriptions";
limits.conf.spec [kvstore].
"""

import io
import json
import secrets
import threading
from collections import Counter
from typing import Any, Callable, Dict, Iterable, List, Optional
from urllib.parse import parse_qs, unquote, urlsplit

from splunklib.client import Service

from tests.conftest import ROOT
from tests.package.conf import Conf
from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer, Request
from tests.support.fakes.tls import Authority

NAMESPACE = "/servicesNS/nobody/segment_bridge/"
DATA = NAMESPACE + "storage/collections/data/"
PASSWORDS = NAMESPACE + "storage/passwords"
CONFS = NAMESPACE + "configs/conf-"
WRITE_KEY = NAMESPACE + "segment_bridge/write_key"
MAX_QUERIES_PER_BATCH = 1_000

COLLECTIONS = Conf.read(ROOT / "default/collections.conf")
TYPES = {"string": str, "number": (int, float), "bool": bool}

Document = Dict[str, Any]
Test = Callable[[Document], bool]


class SplunkdDouble:
    """`conf` holds stanzas by file and name, `passwords` texts by user, `collections` documents by key, and
    `saved_searches` settings by path. `is_locked` says whether the app's user may not list passwords.

    `fault(method, path)` may return a status, with or without a text, or "cut", or "lost" (done, but not answered).
    `before(method, path)` may do anything.
    """

    def __init__(self) -> None:
        self.conf: Dict[str, Dict[str, Dict[str, str]]] = {"segment_bridge": {}}
        self.collections: Dict[str, Dict[str, Document]] = {name: {} for name in COLLECTIONS}
        self.passwords: Dict[str, str] = {}
        self.saved_searches: Dict[str, Document] = {}
        self.is_locked = False
        self.max_documents_per_batch_save = 1000
        self.max_rows_per_query = 50_000
        self.answers_backwards = False
        self.fault: Callable[[str, str], Any] = lambda method, path: None
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.requests: Counter = Counter()
        self._lock = threading.Lock()

    def service(self) -> Service:
        return Service(token="session", app="segment_bridge", owner="nobody", handler=self._handle)

    def records(self, collection: str) -> List[Document]:
        return sorted(self.collections[collection].values(), key=lambda document: document["_key"])

    def all_but_runs(self) -> Dict[str, List[Document]]:
        """All records, except the documents that every run leaves behind."""
        return {name: self.records(name) for name in self.collections if name != "segment_runs"}

    def _handle(self, url: str, message: Dict[str, Any], **_: Any) -> Dict[str, Any]:
        parts = urlsplit(url)
        assert len(url) < 8_000, "no server accepts a request line this long"
        method, path = message["method"], unquote(parts.path).rstrip("/")
        self.requests[method, path] += 1
        self.before(method, path)
        fault = self.fault(method, path)
        if fault == "cut":
            raise ConnectionResetError(104, "Connection reset by peer")
        if isinstance(fault, int):
            fault = fault, "KV Store is initializing. Please try again later."
        if isinstance(fault, tuple):
            return _answer(fault[0], _error(fault[1]))
        status, content = self.answer(method, path, parse_qs(parts.query), message.get("body"))
        if fault == "lost":
            raise ConnectionResetError(104, "Connection reset by peer")
        return _answer(status, content)

    def answer(self, method: str, path: str, query: Dict[str, List[str]], body: Optional[str]) -> tuple:
        """Status and content of an answer without a fault."""
        with self._lock:
            return self._answer(method, path, query, body)

    def _answer(self, method: str, path: str, query: Dict[str, List[str]], body: Optional[str]) -> tuple:
        parameters = {name: values[0] for name, values in query.items()}
        if (method, path) == ("GET", PASSWORDS):
            assert parameters == {"output_mode": "json", "count": "0"}
            if self.is_locked:
                return 403, _error("You (user=sender) do not have permission to perform this operation.")
            return 200, {"entry": [_password(user, secret) for user, secret in self.passwords.items()]}
        if (method, path) == ("GET", WRITE_KEY):
            return self._lent(parameters["destination"], parameters.get("salt") == "1")
        if method == "GET" and path in self.saved_searches:
            return 200, {"entry": [{"content": self.saved_searches[path]}]}
        if method == "GET" and path.startswith(CONFS):
            return self._stanzas(*path[len(CONFS) :].split("/", 1))
        name, _, operation = path[len(DATA) :].partition("/")
        if not path.startswith(DATA) or name not in self.collections:
            return 404, _error("Not Found")
        if method == "POST":
            return self._posted(name, operation, json.loads(body))
        found = list(_matching(self.collections[name], json.loads(parameters.pop("query"))))
        if operation:
            return 404, _error("Not Found")
        return self._delete(name, found, **parameters) if method == "DELETE" else self._get(found, **parameters)

    def _lent(self, name: str, is_salt: bool) -> tuple:
        """As bin/write_key.py."""
        if name not in self.conf["segment_bridge"]:
            return 404, _error("there is no destination [%s] that this user may read" % name)
        if is_salt:
            return 200, {"salt": self.passwords.setdefault("_salt", secrets.token_hex(32))}
        if name not in self.passwords:
            return 404, _error("there is no write key of [%s] in the password store: save it" % name)
        return 200, {"write_key": self.passwords[name]}

    def _posted(self, name: str, operation: str, content: Any) -> tuple:
        documents = self.collections[name]
        if operation == "batch_save":
            return self._save(name, content)
        if operation == "batch_find":
            if len(content) > MAX_QUERIES_PER_BATCH:
                return 400, _error("batch_find takes up to %d queries" % MAX_QUERIES_PER_BATCH)
            return 200, [list(_matching(documents, query["query"])) for query in content]
        if operation:
            return 404, _error("Not Found")
        if content["_key"] in documents:
            return 409, _error("A document with the same key and user already exists.")
        documents[content["_key"]] = content
        return 201, {"_key": content["_key"]}

    def _delete(self, name: str, found: List[Document]) -> tuple:
        for document in found:
            del self.collections[name][document["_key"]]
        return 200, None

    def _get(self, found: List[Document], sort: str, limit: str, fields: str = "") -> tuple:
        assert sort == "_key"
        found.sort(key=lambda document: document["_key"], reverse=self.answers_backwards)
        return 200, [
            {field: value for field, value in each.items() if not fields or field in fields.split(",")}
            for each in found[: min(int(limit), self.max_rows_per_query)]
        ]

    def _stanzas(self, name: str, stanza: str = "") -> tuple:
        stanzas = self.conf.get(name, {})
        if stanza and stanza not in stanzas:
            return 404, _error("Could not find object id=%s" % stanza)
        own = {"disabled": False, "eai:acl": None, "eai:appName": "segment_bridge", "eai:userName": "nobody"}
        wanted = {stanza: stanzas[stanza]} if stanza else stanzas
        return 200, {"entry": [{"name": each, "content": {**own, **content}} for each, content in wanted.items()]}

    def _save(self, name: str, batch: List[Document]) -> tuple:
        if len(batch) > self.max_documents_per_batch_save:
            return 400, _error("The number of documents exceeds max_documents_per_batch_save.")
        types = {
            "_key": str,
            **{
                setting.partition(".")[2]: TYPES[kind]
                for setting, kind in COLLECTIONS[name].items()
                if setting.startswith("field.")
            },
        }
        for document in batch:
            if not all(field in types and isinstance(value, types[field]) for field, value in document.items()):
                return 400, _error("A field does not have the type that enforceTypes asks for.")
        self.collections[name].update({document["_key"]: dict(document, _user="nobody") for document in batch})
        return 200, [document["_key"] for document in batch]


class SplunkdServer(FakeServer):
    """The double behind TLS with a self-made certificate, as splunkd is, for a program of the app."""

    def __init__(self, double: Optional[SplunkdDouble] = None, **server_options: Any):
        super().__init__(tls=Authority().server(), **server_options)
        self.session_key = secrets.token_hex(16)
        self._double = double or SplunkdDouble()
        self.conf, self.passwords = self._double.conf, self._double.passwords
        self.collections = self._double.collections

    def answer(self, request: Request) -> Reply:
        if request.headers.get("Authorization") != "Splunk " + self.session_key:
            return Reply.json(401, _error("call not properly authenticated"))
        path = unquote(request.path).rstrip("/")
        status, content = self._double.answer(request.method, path, request.query, request.body)
        # splunkd sends this header, and splunklib loses the body of an answer without it.
        return Reply.json(status, content, Connection="Keep-Alive")


def _password(user: str, secret: str) -> Dict[str, Any]:
    return {"content": {"realm": "segment_bridge", "username": user, "clear_password": secret}}


def _error(text: str) -> Dict[str, Any]:
    return {"messages": [{"type": "ERROR", "text": text}]}


def _answer(status: int, content: Any) -> Dict[str, Any]:
    return {"status": status, "reason": "", "headers": [], "body": io.BytesIO(json.dumps(content).encode())}


def _matching(documents: Dict[str, Document], query: Document) -> Iterable[Document]:
    key = query.get("_key")
    if isinstance(key, str):  # a look at each of thousands of documents, for each of a thousand queries, takes seconds
        documents = {key: documents[key]} if key in documents else {}
    return filter(_matcher(query), documents.values())


def _matcher(query: Document) -> Test:
    compare = {
        "$gt": lambda value, other: value > other,
        "$lt": lambda value, other: value < other,
        "$gte": lambda value, other: value >= other,
        "$lte": lambda value, other: value <= other,
    }
    conditions = []
    for field, wanted in query.items():
        if field in ("$or", "$and"):
            conditions.append(_combined(any if field == "$or" else all, [_matcher(part) for part in wanted]))
        elif isinstance(wanted, dict):
            conditions += [
                lambda document, field=field, test=compare[operator], other=other: (
                    # As in MongoDB, only values of one type are compared.
                    isinstance(document.get(field), str if isinstance(other, str) else (int, float))
                    and test(document[field], other)
                )
                for operator, other in wanted.items()
            ]
        else:
            conditions.append(lambda document, field=field, wanted=wanted: document.get(field) == wanted)
    return lambda document: all(condition(document) for condition in conditions)


def _combined(some: Callable, parts: List[Callable]) -> Test:
    return lambda document: some(part(document) for part in parts)
