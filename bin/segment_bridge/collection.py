"""What the app's packages need of a KV store collection; segment_bridge.splunk.kvstore implements it."""

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, Optional, Protocol, Set

from segment_bridge.errors import SegmentBridgeError

CLOCK_SKEW_S = 60
"""Clocks of search heads differ by no more than that."""

Document = Dict[str, Any]


@dataclass
class Saved:
    """Which documents were saved, by key; if not all of them, why the last was not."""

    keys: Set[str] = field(default_factory=set)
    error: Optional[SegmentBridgeError] = None
    refused: int = 0
    is_hopeless: bool = False


class Collection(Protocol):
    """Documents, each with a `_key`.

    Raises:
        SplunkdError, Unavailable: all but `save_each`; the text names the collection.
    """

    def read(self, query: Document, fields: str = "") -> Iterator[Document]:
        """The documents that match the query, by ascending `_key`; `fields` of them, with commas, or all."""

    def find(self, keys: Iterable[str]) -> Iterator[Document]:
        """Those of the documents with these keys that there are."""

    def save(self, documents: List[Document]) -> None:
        """Inserts or replaces documents."""

    def save_each(self, documents: List[Document]) -> Saved:
        """As `save`, but what is refused keeps no other document from being saved, and nothing is raised."""

    def insert(self, document: Document) -> bool:
        """Inserts one document; False if its `_key` is there already."""

    def delete(self, query: Document) -> None:
        """Deletes the documents that match the query, which must not be empty."""

    def delete_keys(self, keys: Iterable[str]) -> None:
        """Deletes the documents with these keys; it does not matter if they are gone already."""
