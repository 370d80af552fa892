"""The little of splunkd's REST API that a run of `segmentsend` needs: its settings, its write key, dead letters.

It serves one session's key, over TLS with a certificate of its own making, as splunkd does. What it
does not know is 404. Source: Splunk REST API reference, "configs/conf-{file}", "storage/passwords",
"KV store endpoint descriptions"; limits.conf.spec, [kvstore].
"""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import urllib.parse
from typing import Any

from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer, Refusal, Request
from tests.support.fakes.tls import Authority

MAX_DOCUMENTS_PER_BATCH_SAVE = 1000
MAX_QUERIES_PER_BATCH = 1000

_NAMESPACE = "/servicesNS/nobody/segment_bridge/"
_BATCH = re.compile(r"storage/collections/data/(\w+)/(batch_save|batch_find)")


class FakeSplunkd(FakeServer):
    """`conf`: stanzas by file and name; `passwords`: texts by user; `collections`: documents by key."""

    def __init__(self, **server_options):
        super().__init__(tls=Authority().server(), **server_options)
        self.session_key = secrets.token_hex(16)
        self.conf: dict[str, dict[str, dict[str, str]]] = {"segment_bridge": {}}
        self.passwords: dict[str, str] = {}
        self.collections: dict[str, dict[str, dict[str, Any]]] = {"segment_dead_letters": {}, "segment_runs": {}}

    def answer(self, request: Request) -> Reply:
        try:
            reply = self._answer(request)
        except Refusal as refusal:
            reply = refusal.reply
        # splunkd says so, and splunklib loses the body of an answer that does not.
        return dataclasses.replace(reply, headers={**reply.headers, "Connection": "Keep-Alive"})

    def _answer(self, request: Request) -> Reply:
        if request.headers.get("Authorization") != f"Splunk {self.session_key}":
            raise _refusal(401, "call not properly authenticated")
        path = urllib.parse.unquote(request.path)
        if not path.startswith(_NAMESPACE):
            raise _refusal(404, "Not Found")
        path = path[len(_NAMESPACE) :]
        if request.method == "GET" and path == "storage/passwords":
            return _entries({f"segment_bridge:{user}:": _password(user, text) for user, text in self.passwords.items()})
        if request.method == "GET" and path.startswith("configs/conf-"):
            return self._stanzas(*path[len("configs/conf-") :].split("/", 1))
        batch = _BATCH.fullmatch(path)
        if request.method == "POST" and batch and batch[1] in self.collections:
            return getattr(self, "_" + batch[2])(self.collections[batch[1]], json.loads(request.body))
        raise _refusal(404, "Not Found")

    def _stanzas(self, name: str, stanza: str | None = None) -> Reply:
        conf = self.conf.get(name, {})
        if stanza is None:
            return _entries(conf)
        if stanza not in conf:
            raise _refusal(404, f"Could not find object id={stanza}")
        return _entries({stanza: conf[stanza]})

    def _batch_find(self, collection: dict[str, dict[str, Any]], queries: list[dict[str, Any]]) -> Reply:
        if len(queries) > MAX_QUERIES_PER_BATCH or any(query.keys() != {"query"} for query in queries):
            raise _refusal(400, "batch_find takes up to 1000 queries")
        keys = [query["query"].pop("_key") for query in queries]
        if any(query["query"] for query in queries):
            raise _refusal(400, "only queries for one _key are known here")
        return Reply.json(200, [[collection[key]] if key in collection else [] for key in keys])

    def _batch_save(self, collection: dict[str, dict[str, Any]], documents: list[dict[str, Any]]) -> Reply:
        if len(documents) > MAX_DOCUMENTS_PER_BATCH_SAVE:
            raise _refusal(400, "JSON array exceeds the limit max_documents_per_batch_save")
        stored = {document.get("_key") or secrets.token_hex(12): document for document in documents}
        collection.update({key: {**document, "_key": key} for key, document in stored.items()})
        return Reply.json(200, list(stored))


def _entries(contents: dict[str, dict[str, str]]) -> Reply:
    own = {"disabled": False, "eai:acl": None, "eai:appName": "segment_bridge", "eai:userName": "nobody"}
    entry = [{"name": name, "content": {**own, **content}} for name, content in contents.items()]
    return Reply.json(200, {"entry": entry, "messages": []})


def _password(user: str, text: str) -> dict[str, str]:
    return {"realm": "segment_bridge", "username": user, "password": "********", "clear_password": text}


def _refusal(status: int, text: str) -> Refusal:
    return Refusal(Reply.json(status, {"messages": [{"type": "WARN" if status == 401 else "ERROR", "text": text}]}))
