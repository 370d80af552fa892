"""KV store: collections of JSON documents, in SQLite.

Splunk REST API reference, "KV store endpoint descriptions"; limits.conf.spec [kvstore]; collections.conf.spec.
"""
import json
import sqlite3
import threading
import uuid
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..refusal import Refusal
from .conf import Confs, is_true
from .kvquery import matcher, order_key, projection, sort_keys

MAX_DOCUMENTS_PER_BATCH_SAVE = 1_000
MAX_BATCH_SAVE_BYTES = 50 * 1024 * 1024
MAX_ROWS_PER_QUERY = 50_000
MAX_QUERIES_PER_BATCH = 1_000
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
_TYPES = ("number", "bool", "string", "time", "array", "cidr")

Document = Dict[str, Any]


class KvStore:
    """Documents of all collections, by app, collection, owner and `_key`."""

    def __init__(self, path: Path, confs: Confs):
        self._confs = confs
        self._lock = threading.RLock()
        self._database = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents (app TEXT, collection TEXT, owner TEXT, key TEXT, document TEXT,"
            " PRIMARY KEY (app, collection, owner, key)) WITHOUT ROWID")

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def collection(self, app: str, name: str, owner: str) -> "Collection":
        """A collection that this app sees.

        Raises:
            Refusal: collections.conf has none of that name.
        """
        stanza = self._confs.stanza("collections", app, name)
        if stanza is None or is_true(stanza.settings.get("disabled", "0")):
            raise Refusal(404, "Could not find collection with name=%s in app=%s" % (name, app))
        fields = {key[len("field."):]: value for key, value in stanza.settings.items() if key.startswith("field.")}
        for field, kind in fields.items():
            if kind not in _TYPES:
                raise Refusal(400, "Invalid type '%s' of field '%s' of collection '%s'" % (kind, field, name))
        return Collection(self._database, self._lock, (stanza.app, name, owner), fields,
                          is_true(stanza.settings.get("enforceTypes", "false")))


class Collection:
    """One owner's documents of a collection. A document that is written replaces the one with its `_key` as a whole."""

    def __init__(self, database: sqlite3.Connection, lock, where: Tuple[str, str, str], fields: Dict[str, str],
                 enforce: bool):
        self._database, self._lock, self._where = database, lock, where
        self.fields, self._enforce = fields, enforce

    def find(self, query: Optional[dict] = None, *, sort: str = "", fields: str = "", skip: int = 0,
             limit: int = 0) -> List[Document]:
        """At most MAX_ROWS_PER_QUERY, as KV store does, which says nothing of the rest."""
        found = self._matching(query)
        for name, direction in reversed(sort_keys(sort)):
            found.sort(key=lambda document: order_key(document.get(name)), reverse=direction < 0)
        project = projection(fields)
        return [project(document) for document in found[skip:][:min(limit or MAX_ROWS_PER_QUERY, MAX_ROWS_PER_QUERY)]]

    def get(self, key: str) -> Document:
        with self._lock:
            row = self._database.execute("SELECT document FROM documents WHERE app=? AND collection=? AND owner=?"
                                         " AND key=?", (*self._where, key)).fetchone()
        if row is None:
            raise Refusal(404, "Could not find object.")
        return json.loads(row[0])

    def insert(self, document: Any) -> str:
        checked = self._checked(document)
        try:
            self._write([checked], "INSERT")
        except sqlite3.IntegrityError:
            raise Refusal(409, "A document with the same key and user already exists.") from None
        return checked["_key"]

    def replace(self, key: str, document: Any) -> None:
        with self._lock:
            self.get(key)
            self._write([self._checked({**_object(document), "_key": key})], "REPLACE")

    def save(self, documents: Any) -> List[str]:
        """Inserts or replaces; all of them or none."""
        if not isinstance(documents, list):
            raise Refusal(400, "JSON in the request is invalid: batch_save takes an array of documents.")
        if len(documents) > MAX_DOCUMENTS_PER_BATCH_SAVE:
            raise Refusal(400, "The number of documents in the batch save request exceeds the limit of %d that "
                               "max_documents_per_batch_save in limits.conf sets." % MAX_DOCUMENTS_PER_BATCH_SAVE)
        checked = [self._checked(document) for document in documents]
        self._write(checked, "REPLACE")
        return [document["_key"] for document in checked]

    def delete(self, query: Optional[dict] = None) -> None:
        """Without a query, all."""
        with self._lock:
            self._remove([document["_key"] for document in self._matching(query)])

    def delete_one(self, key: str) -> None:
        with self._lock:
            self.get(key)
            self._remove([key])

    def _remove(self, keys: Sequence[str]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany("DELETE FROM documents WHERE app=? AND collection=? AND owner=? AND key=?",
                                   [(*self._where, key) for key in keys])
        self._database.execute("COMMIT")

    def _matching(self, query: Optional[dict]) -> List[Document]:
        matches = matcher(query or {})
        with self._lock:
            rows = self._database.execute(
                "SELECT document FROM documents WHERE app=? AND collection=? AND owner=?", self._where).fetchall()
        return [document for document in (json.loads(row[0]) for row in rows) if matches(document)]

    def _write(self, documents: List[Document], verb: str) -> None:
        rows = [(*self._where, document["_key"], json.dumps(document, ensure_ascii=False)) for document in documents]
        with self._lock:
            self._database.execute("BEGIN")
            try:
                self._database.executemany(verb + " INTO documents VALUES (?, ?, ?, ?, ?)", rows)
            except sqlite3.Error:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _checked(self, document: Any) -> Document:
        """As it is stored: with `_key` and `_user`; where types are not enforced, without fields that have others."""
        stored = {}
        for name, value in _object(document).items():
            if name.startswith("$") or "\0" in name:
                raise Refusal(400, "Invalid field name '%s'." % name)
            kind = self.fields.get(name)
            if kind is None or value is None or _is(kind, value):
                stored[name] = value
            elif self._enforce:
                raise Refusal(400, "Value for field '%s' is not of type '%s'." % (name, kind))
        key = stored.setdefault("_key", uuid.uuid4().hex[:24])
        if not isinstance(key, str) or not key:
            raise Refusal(400, "The _key of a document must be a string that is not empty.")
        if len(json.dumps(stored)) > MAX_DOCUMENT_BYTES:
            raise Refusal(400, "The document exceeds the maximum size of 16 MB.")
        stored["_user"] = self._where[2]
        return stored


def _object(document: Any) -> Document:
    if not isinstance(document, dict):
        raise Refusal(400, "JSON in the request is invalid: a document is an object.")
    return document


def _is(kind: str, value: Any) -> bool:
    if kind in ("number", "time"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"bool": bool, "array": list}.get(kind, str))
