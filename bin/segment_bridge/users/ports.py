"""What a run needs of Splunk; the caller passes it in, as this package knows neither splunkd nor its SDK."""

from typing import Any, Protocol

from segment_bridge.collection import Collection
from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog


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
