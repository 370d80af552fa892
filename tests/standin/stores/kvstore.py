"""KV store: collections of JSON documents, each in a table of SQLite.

Splunk REST API reference, "KV store endpoint descriptions"; limits.conf.spec [kvstore]; collections.conf.spec.
"""

import itertools
import json
import re
import sqlite3
import threading
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..refusal import Refusal
from .conf import Confs, Settings, is_true
from .kvquery import column, condition, matcher, order_key, projection, sort_keys

MAX_DOCUMENTS_PER_BATCH_SAVE = 1_000
MAX_BATCH_SAVE_BYTES = 50 * 1024 * 1024
MAX_ROWS_PER_QUERY = 50_000
MAX_RESULT_BYTES = 50 * 1024 * 1024
MAX_QUERIES_PER_BATCH = 1_000
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
MAX_ACCELERATIONS = MAX_ACCELERATED_FIELDS = 10
READY, STARTING = "ready", "starting"
_TYPES = ("number", "bool", "string", "time", "array", "cidr")
_KEY = "_key"
LARGEST_KEPT_CHARS = 5_000
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")

Document = Dict[str, Any]
_written = json.JSONEncoder(ensure_ascii=False).encode


class KvStore:
    """Documents of all collections, by app, collection, owner and `_key`; inaccessible unless `status` is READY."""

    def __init__(self, path: Path, confs: Confs):
        self._confs = confs
        self.status = READY
        self._lock = threading.RLock()
        self._database = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        # Waiting for the disk, as the change of the journal's mode would do too, guards only against a power cut.
        self._database.executescript("PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL;")
        self._collections: Dict[Tuple[str, str, str], Tuple[Settings, Collection]] = {}

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def collection(self, app: str, name: str, owner: str) -> "Collection":
        """A collection that this app sees.

        Raises:
            Refusal: KV store is not up, or collections.conf has no such collection, or a wrong definition.
        """
        if self.status != READY:
            raise Refusal(
                503,
                "KV Store is initializing. Please try again later."
                if self.status == STARTING
                else "KV Store is %s." % self.status,
            )
        stanza = self._confs.stanza("collections", app, name)
        if stanza is None or is_true(stanza.settings.get("disabled", "0")):
            raise Refusal(404, "Could not find collection with name=%s in app=%s" % (name, app))
        asked = stanza.app, name, owner
        with self._lock:
            known = self._collections.get(asked)
            if known is None or known[0] != stanza.settings:
                definition = check_definition(stanza.settings)
                made = Collection(self._database, self._lock, stanza.app, name, owner, definition)
                known = self._collections[asked] = stanza.settings, made
        return known[1]

    def drop(self, app: str, collection: str = "") -> None:
        """Deletes the documents of a collection, or of all collections of an app."""
        with self._lock:
            self._collections.clear()
            tables = [row[0] for row in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                if table == _table(app, collection) or (not collection and table.startswith(_table(app, ""))):
                    self._database.execute("DROP TABLE " + _quoted(table))


class _Checked(NamedTuple):
    """A document that may be stored."""

    key: str
    text: str


class Definition(NamedTuple):
    """A definition from collections.conf: the fields' types, whether they are enforced, the fields of accelerations."""

    fields: Dict[str, str]
    enforced: bool
    accelerated: List[List[str]]


def check_definition(settings: Settings) -> Definition:
    """Checks a definition.

    Raises:
        Refusal: it is wrong.
    """
    fields, accelerated = {}, []
    for key, value in settings.items():
        kind, _, name = key.partition(".")
        if kind == "field":
            if value not in _TYPES:
                raise Refusal(
                    400, "Invalid type '%s' of field '%s': it is one of %s." % (value, name, ", ".join(_TYPES))
                )
            fields[name] = value
        elif kind == "accelerated_fields":
            try:
                named = json.loads(value)
                accelerated.append(list(named))
                is_right = (
                    all(direction in (1, -1) for direction in named.values())
                    and 0 < len(named) <= MAX_ACCELERATED_FIELDS
                )
            except (ValueError, AttributeError, TypeError):
                is_right = False
            if not is_right:
                raise Refusal(400, "Invalid JSON for acceleration '%s': %s" % (name, value))
    if len(accelerated) > MAX_ACCELERATIONS:
        raise Refusal(400, "A collection has at most %d accelerations." % MAX_ACCELERATIONS)
    return Definition(fields, is_true(settings.get("enforceTypes", "false")), accelerated)


class Collection:
    """One owner's documents in a collection. Writing a document replaces the one with the same `_key` as a whole."""

    def __init__(self, database: sqlite3.Connection, lock, app: str, name: str, owner: str, definition: Definition):
        self._database, self._lock = database, lock
        self.app, self._owner = app, owner
        self.fields, self._enforced, accelerated = definition
        self._accelerated = [column(names[0]) for names in accelerated]
        self._name = _table(app, name)
        self._table = _quoted(self._name)
        self._known: Tuple[int, List[str]] = (-1, [])
        """All documents, when this many changes had been made to the database."""
        with lock:
            database.execute(
                "CREATE TABLE IF NOT EXISTS %s (owner TEXT, key TEXT, document TEXT,"
                " PRIMARY KEY (owner, key)) WITHOUT ROWID" % self._table
            )
            for number, names in enumerate(accelerated):
                self._accelerate(number, names)

    def _accelerate(self, number: int, names: Sequence[str]) -> None:
        columns = ", ".join(column(name) for name in names if "." not in name)
        if columns:
            self._database.execute(
                "CREATE INDEX IF NOT EXISTS %s ON %s (%s)"
                % (_quoted("%s#%d %s" % (self._name, number, ",".join(names))), self._table, columns)
            )

    def find(
        self, query: Optional[dict] = None, *, sort: str = "", fields: str = "", skip: int = 0, limit: int = 0
    ) -> List[Document]:
        """Returns at most MAX_ROWS_PER_QUERY documents and, like KV store, says nothing about the rest."""
        if skip < 0 or limit < 0:
            raise Refusal(400, "skip and limit cannot be negative.")
        project, order = projection(fields), sort_keys(sort)
        wanted = slice(skip, skip + min(limit or MAX_ROWS_PER_QUERY, MAX_ROWS_PER_QUERY))
        with self._lock:
            if not order or [name for name, _ in order] == [_KEY]:
                found = self._matching(query, is_reversed=bool(order) and order[0][1] < 0)
                page = list(itertools.islice(found, wanted.start, wanted.stop))
            else:
                ordered = list(self._matching(query))
                for name, direction in reversed(order):
                    ordered.sort(key=lambda document: order_key(document.get(name)), reverse=direction < 0)
                page = ordered[wanted]
        return [project(document) for document in page]

    def get(self, key: str) -> Document:
        with self._lock:
            row = self._database.execute(
                "SELECT document FROM %s WHERE owner=? AND key=?" % self._table, (self._owner, key)
            ).fetchone()
        if row is None:
            raise Refusal(404, "Could not find object.")
        return json.loads(row[0])

    def insert(self, document: Any) -> str:
        checked = self._checked(document)
        try:
            self._write([checked], "INSERT")
        except sqlite3.IntegrityError:
            raise Refusal(409, "A document with the same key and user already exists.") from None
        return checked.key

    def replace(self, key: str, document: Any) -> None:
        with self._lock:
            self.get(key)
            self._write([self._checked({**_object(document), _KEY: key})], "REPLACE")

    def save(self, documents: Any) -> List[str]:
        """Inserts or replaces documents, either all of them or none. Returns their keys."""
        if not isinstance(documents, list):
            raise Refusal(400, "JSON in the request is invalid: batch_save takes an array of documents.")
        if len(documents) > MAX_DOCUMENTS_PER_BATCH_SAVE:
            raise Refusal(
                400,
                "The number of documents in the batch save request exceeds the limit of %d that "
                "max_documents_per_batch_save in limits.conf sets." % MAX_DOCUMENTS_PER_BATCH_SAVE,
            )
        checked = [self._checked(document) for document in documents]
        self._write(checked, "REPLACE")
        return [document.key for document in checked]

    def delete(self, query: Optional[dict] = None) -> None:
        """Deletes the documents that match the query, or all of them without one."""
        with self._lock:
            if not query:
                self._database.execute("DELETE FROM %s WHERE owner=?" % self._table, (self._owner,))
            else:
                self._remove([document[_KEY] for document in self._matching(query)])

    def delete_one(self, key: str) -> None:
        with self._lock:
            self.get(key)
            self._remove([key])

    def _remove(self, keys: Sequence[str]) -> None:
        self._change("DELETE FROM %s WHERE owner=? AND key=?" % self._table, [(self._owner, key) for key in keys])

    def texts(self, query: Optional[dict] = None) -> List[str]:
        """All matching documents as JSON, in the order of their keys. Nobody may change the list. Who reads the same
        documents repeatedly need not parse them again.
        """
        with self._lock:
            if query:
                return list(self._matching_texts(query))
            if self._known[0] != self._database.total_changes:
                self._known = self._database.total_changes, list(self._matching_texts(None))
            return self._known[1]

    def _matching(self, query: Optional[dict], is_reversed: bool = False) -> Iterator[Document]:
        return map(_document, self._matching_texts(query, is_reversed))

    def _matching_texts(self, query: Optional[dict], is_reversed: bool = False) -> Iterator[str]:
        """The matching documents in the order of their keys. SQLite finds candidates, kvquery decides."""
        matches, (where, values) = matcher(query) if query else None, condition(query or {}, self.fields)
        # If an acceleration finds few, SQLite must not walk all keys just to have them in order: a plus prevents that.
        is_accelerated = any("%s %s " % (column, sign) in where for column in self._accelerated for sign in ("=", "IN"))
        plus = "+" if is_accelerated else ""
        rows = self._database.execute(
            "SELECT document FROM %s WHERE %sowner=? AND %s ORDER BY %skey %s"
            % (self._table, plus, where, plus, "DESC" if is_reversed else "ASC"),
            (self._owner, *values),
        )
        return (text for (text,) in rows if matches is None or matches(_document(text)))

    def _write(self, documents: List["_Checked"], verb: str) -> None:
        with self._lock:
            self._change(
                "%s INTO %s VALUES (?, ?, ?)" % (verb, self._table),
                [(self._owner, document.key, document.text) for document in documents],
            )

    def _change(self, statement: str, rows: Sequence[tuple]) -> None:
        """Executes a statement with all rows or with none. (Most changes have one, which needs no transaction.)"""
        if len(rows) < 2:
            for row in rows:
                self._database.execute(statement, row)
            return
        self._database.execute("BEGIN")
        try:
            self._database.executemany(statement, rows)
        except sqlite3.Error:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _checked(self, document: Any) -> "_Checked":
        """The document as it is stored: with `_key` and `_user`. If types are not enforced, texts of numbers become
        numbers, and fields with other types are dropped.
        """
        stored = {}
        for name, value in _object(document).items():
            if name.startswith("$") or "\0" in name:
                raise Refusal(400, "Invalid field name '%s'." % name)
            kind = self.fields.get(name)
            if kind is None or value is None or _is(kind, value):
                stored[name] = value
            elif kind in ("number", "time") and not self._enforced and _is_number(value):
                stored[name] = json.loads(value)
            elif self._enforced:
                raise Refusal(400, "Value for field '%s' is not of type '%s'." % (name, kind))
        key = stored.setdefault(_KEY, uuid.uuid4().hex[:24])
        if not isinstance(key, str) or not key:
            raise Refusal(400, "The _key of a document must be a string that is not empty.")
        stored["_user"] = self._owner
        text = _written(stored)
        if 4 * len(text) > MAX_DOCUMENT_BYTES < len(text.encode(errors="surrogatepass")):
            raise Refusal(400, "The document exceeds the maximum size of 16 MB.")
        return _Checked(key, text)


def _document(text: str) -> Document:
    return (_flat(text) if len(text) <= LARGEST_KEPT_CHARS else None) or json.loads(text)


@lru_cache(maxsize=10_000)
def _flat(text: str) -> Optional[Document]:
    """A document, which is read repeatedly and copied by `find`; None if a copy would share lists or objects."""
    document = json.loads(text)
    return None if any(isinstance(value, (dict, list)) for value in document.values()) else document


def _table(app: str, collection: str) -> str:
    return "%s/%s" % (app, collection)


def _quoted(name: str) -> str:
    return '"%s"' % re.sub('"', '""', name)


def _object(document: Any) -> Document:
    if not isinstance(document, dict):
        raise Refusal(400, "JSON in the request is invalid: a document is an object.")
    return document


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _is(kind: str, value: Any) -> bool:
    if kind in ("number", "time"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"bool": bool, "array": list}.get(kind, str))
