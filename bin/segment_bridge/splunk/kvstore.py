"""KV store collections over splunkd's REST API: reads page by page, writes and deletions in batches.

While KV store is starting or cannot be reached, requests are retried for as long as the given `retry` allows.

Sources: Splunk REST API reference, "KV store endpoint descriptions"; limits.conf.spec [kvstore].
"""

import http.client
import json
from typing import Any, Dict, Iterable, Iterator, List, Optional
from urllib.parse import quote

from splunklib.binding import HTTPError
from splunklib.client import Service

from segment_bridge.collection import Document, Saved
from segment_bridge.errors import SegmentBridgeError, SplunkdError, Unavailable
from segment_bridge.retry import Retry
from segment_bridge.splunk import rest

READ_ROWS = 5_000
SAVE_DOCUMENTS = 1_000
"""limits.conf: max_documents_per_batch_save."""
FIND_QUERIES = 500
"""limits.conf: max_queries_per_batch is 1,000."""
DELETE_QUERY_CHARS = 2_000
"""Limits the length of the URL, which holds the keys to delete."""
MOST_REFUSED = 20
"""If this many single documents are refused and none was saved, the documents are not the cause."""


class Collection:
    """A collection of the app, shared by all users.

    Every method but `save_each` raises SplunkdError, or Unavailable if no attempt succeeded. Both name the collection.
    """

    def __init__(self, service: Service, name: str, retry: Retry):
        """`service` must use the app's namespace, with owner nobody."""
        self.name = name
        self._service = service
        self._path = "storage/collections/data/" + name
        self._retry = retry
        self._save_documents = SAVE_DOCUMENTS

    def read(self, query: Document, fields: str = "") -> Iterator[Document]:
        """Yields the documents that match the query, in ascending order of `_key` by code points.

        Each page begins after the last key of the one before. Unlike `skip`, this stays right while documents are added
        and deleted.

        Args:
            fields: the fields to return, separated by commas, with _key among them; all by default.
        """
        wanted = {"fields": fields} if fields else {}
        last: Optional[str] = None
        while True:
            remaining = query if last is None else {"$and": [query, {"_key": {"$gt": last}}]}
            page = self._call("GET", query=json.dumps(remaining), sort="_key", limit=READ_ROWS, **wanted)
            if not isinstance(page, list):
                raise SplunkdError("collection %s: KV store answered with something other than documents" % self.name)
            if not page:  # a short page is not the end: limits.conf may allow fewer rows than requested
                return
            for document in page:
                if last is not None and document["_key"] <= last:
                    raise SplunkdError(
                        'collection %s: KV store gave _key "%s" after "%s": documents may be missing'
                        % (self.name, document["_key"], last)
                    )
                last = document["_key"]
                yield document

    def find(self, keys: Iterable[str]) -> Iterator[Document]:
        """Yields the documents with these keys; skips keys that do not exist."""
        queries = [{"query": {"_key": key}} for key in keys]
        for start in range(0, len(queries), FIND_QUERIES):
            for found in self._call("POST", "/batch_find", json.dumps(queries[start : start + FIND_QUERIES])):
                yield from found

    def save(self, documents: List[Document]) -> None:
        """Inserts or replaces any number of documents by `_key`."""
        remaining = list(documents)
        while remaining:
            batch = remaining[: self._save_documents]
            try:
                self._call("POST", "/batch_save", json.dumps(batch))
            except SplunkdError as error:
                if error.status != 400 or len(batch) == 1:
                    raise
                self._save_documents = len(batch) // 2  # limits.conf may allow fewer than the default
            else:
                del remaining[: len(batch)]

    def save_each(self, documents: List[Document]) -> "Saved":
        """Like `save`, but raises nothing: a refused document does not keep others from being saved."""
        saved = Saved()
        for start in range(0, len(documents), self._save_documents):
            self._save_what_it_takes(documents[start : start + self._save_documents], saved)
        return saved

    def _save_what_it_takes(self, batch: List[Document], saved: "Saved") -> None:
        if saved.is_hopeless:
            return
        try:
            self._call("POST", "/batch_save", json.dumps(batch))
            saved.keys.update(document["_key"] for document in batch)
        except SegmentBridgeError as error:
            saved.error = error
            if getattr(error, "status", None) not in (400, 413):
                saved.is_hopeless = True
            elif len(batch) == 1:
                saved.refused += 1
                saved.is_hopeless = saved.refused >= MOST_REFUSED and not saved.keys
            else:
                half = len(batch) // 2
                self._save_what_it_takes(batch[:half], saved)
                self._save_what_it_takes(batch[half:], saved)

    def delete(self, query: Document) -> None:
        """Deletes the documents that match the query. It must not be empty, which would delete all of them."""
        if not query:
            raise ValueError("a deletion without a query would empty the collection %s" % self.name)
        self._call("DELETE", query=json.dumps(query))

    def delete_keys(self, keys: Iterable[str]) -> None:
        """Deletes the documents with these keys; ignores keys that do not exist."""
        query: List[Document] = []
        chars = 0
        for key in keys:
            query.append({"_key": key})
            chars += len(quote(json.dumps(query[-1])))
            if chars > DELETE_QUERY_CHARS:
                self.delete({"$or": query})
                query, chars = [], 0
        if query:
            self.delete({"$or": query})

    def insert(self, document: Document) -> bool:
        """Inserts one document. Returns False if its `_key` already exists."""
        try:
            self._call("POST", "", json.dumps(document))
        except SplunkdError as error:
            if error.status != 409:
                raise
            return False
        return True

    def _call(self, method: str, path: str = "", body: Optional[str] = None, **parameters: Any) -> Any:
        return self._retry.call(lambda: self._request(method, path, body, parameters))

    def _request(self, method: str, path: str, body: Optional[str], parameters: Dict[str, Any]) -> Any:
        try:
            if method == "POST":
                headers = [("Content-Type", "application/json")]
                response = self._service.post(self._path + path, headers=headers, body=body)
            else:
                call = self._service.get if method == "GET" else self._service.delete
                response = call(self._path + path, **parameters)
            content = response.body.read()
            return None if method == "DELETE" else json.loads(content)
        except HTTPError as error:
            raise self._refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(
                "collection %s: splunkd cannot be reached at %s: %s"
                % (self.name, self._service.authority, str(error) or type(error).__name__),
                reason="kvstore",
            ) from None

    def _refusal(self, error: HTTPError) -> SegmentBridgeError:
        text = "collection %s: splunkd answered %d: %s. " % (self.name, error.status, rest.said(error))
        if error.status == 429 or error.status >= 500:
            is_starting = error.status == 503 and "initializing" in text
            return Unavailable(
                text + "If this persists, run: splunk show kvstore-status",
                reason="kvstore_starting" if is_starting else "kvstore",
            )
        return SplunkdError(
            text
            + {
                401: "This run's session has expired: the next run gets a new one",
                403: "Only administrators and the app's own scheduled searches may write to it",
                404: "The app's collections.conf is not loaded: restart Splunk. Or server.conf turns KV store off",
            }.get(error.status, "Compare its fields with collections.conf"),
            error.status,
            reason="kvstore",
        )
