"""What a run asks of Splunk, which hands it in: this room knows neither splunkd nor its SDK."""

from typing import Any, Dict, Iterable, Iterator, List, Protocol

from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog

Document = Dict[str, Any]


class Collection(Protocol):
    """A KV store collection. Each method raises SplunkdError or, where it was tried again in vain, Unavailable."""

    def read(self, query: Document) -> Iterator[Document]:
        """The documents that match, in ascending order of `_key`."""

    def save(self, documents: List[Document]) -> None:
        """Inserts or replaces any number of documents, by their `_key`."""

    def insert(self, document: Document) -> bool:
        """Inserts one document; False if its `_key` is there already."""

    def delete(self, query: Document) -> None:
        """Deletes the documents that match."""

    def delete_keys(self, keys: Iterable[str]) -> None:
        """Deletes the documents with these keys, as far as they are there."""


class Splunk(Protocol):
    """The search head that runs the input."""

    host: str
    """Its name, for other members of a search head cluster to see who is at work."""

    def collection(self, name: str, retry: Retry) -> Collection:
        """A collection of the app; `retry` says how long KV store is waited for."""

    def secret(self, name: str, what: str) -> str:
        """A secret of the password store by its username; empty where there is none.

        `what` says what it is, for errors: "bearer token".

        Raises:
            SecretError: it may not be read, or no HTTP header can carry it.
            SplunkdError: splunkd cannot be reached.
        """

    def needed_secret(self, name: str, what: str) -> str:
        """As `secret`, but a SecretError that says what to do where there is none."""

    def keep(self, log: RunLog, **facts: Any) -> None:
        """Keeps what the run came to, in the collection segment_runs; raises nothing."""

    def complain(self, text: str) -> None:
        """Writes an error into splunkd.log."""
