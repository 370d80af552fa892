"""Declares what a run needs from Splunk. The caller passes it in, as this package knows neither splunkd nor its SDK."""

from typing import Any, Protocol

from segment_bridge.collection import Collection
from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog


class Splunk(Protocol):
    """The search head that runs the input."""

    host: str
    """The search head's name, by which other search head cluster members see which one holds a lease."""

    def collection(self, name: str, retry: Retry) -> Collection:
        """A collection of the app; `retry` says how long to wait for KV store."""

    def secret(self, name: str, what: str) -> str:
        """The secret that the password store holds under this username; empty if there is none.

        Args:
            what: describes the secret in errors, such as "bearer token".

        Raises:
            SecretError: this user may not read it, or no HTTP header can carry it.
            SplunkdError: splunkd cannot be reached.
        """

    def needed_secret(self, name: str, what: str) -> str:
        """Like `secret`, but raises a SecretError that says what to do if there is none."""

    def keep(self, log: RunLog, **facts: Any) -> None:
        """Stores the result of the run in the collection segment_runs. Raises nothing."""

    def complain(self, text: str) -> None:
        """Writes an error to splunkd.log."""
