"""Declares what the app's packages need from a KV store collection. segment_bridge.splunk.kvstore implements it."""

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, Optional, Protocol, Set

from segment_bridge.errors import SegmentBridgeError

CLOCK_SKEW_S = 60
"""The most that the clocks of search heads are assumed to differ."""

Document = Dict[str, Any]


@dataclass
class Saved:
    """Keys of the documents that were saved; if some were not, the latest error.

    `refused` counts single documents that were refused; `is_hopeless`: further documents would not be saved, either.
    """

    keys: Set[str] = field(default_factory=set)
    error: Optional[SegmentBridgeError] = None
    refused: int = 0
    is_hopeless: bool = False


class Collection(Protocol):
    """Documents, each with a `_key`.

    Every method but `save_each` raises SplunkdError or Unavailable; the text names the collection.
    """

    def read(self, query: Document, fields: str = "") -> Iterator[Document]:
        """Yields the documents that match the query, by ascending `_key`; only the comma-separated `fields`, or all."""

    def find(self, keys: Iterable[str]) -> Iterator[Document]:
        """Yields the documents with these keys; skips keys that do not exist."""

    def save(self, documents: List[Document]) -> None:
        """Inserts or replaces documents."""

    def save_each(self, documents: List[Document]) -> Saved:
        """Like `save`, but raises nothing: a refused document does not keep others from being saved."""

    def insert(self, document: Document) -> bool:
        """Inserts one document. Returns False if its `_key` already exists."""

    def delete(self, query: Document) -> None:
        """Deletes the documents that match the query, which must not be empty."""

    def delete_keys(self, keys: Iterable[str]) -> None:
        """Deletes the documents with these keys; ignores keys that do not exist."""
