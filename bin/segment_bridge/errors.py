"""What a person can put right. The text of each error names what failed, on which object, and the cure.

    SegmentBridgeError
    ├── SettingsError         a setting or an option has a value that it cannot have
    ├── SecretError           a write key or a token is not in the password store, or not to be had
    ├── SplunkdError          splunkd's REST API cannot be reached, or refuses
    ├── ClusterError          a Kubernetes API server cannot be reached, refuses, or answers with something else
    │   └── ListExpired       the pages of a list can no longer be had: begin it again
    ├── SuddenShrinkage       a list lacks so much of a collection that nothing was deleted
    ├── Unavailable           a service cannot answer now: trying again may help (segment_bridge.retry)
    └── DeadlineExceeded      trying again would take longer than the run may

Entry points catch SegmentBridgeError and show its text as it is; any other exception is a fault of the app's.
"""
from typing import Optional


class SegmentBridgeError(Exception):
    """The base of all; its text is for the person who runs the app."""


class SettingsError(SegmentBridgeError):
    """A setting of a .conf file or an option of the command, by name, what it must be, and what it is."""


class SecretError(SegmentBridgeError):
    """The password store does not have the secret, or does not let this user read it."""


class SplunkdError(SegmentBridgeError):
    """splunkd's REST API. `status` is that of its answer, None where there was none."""

    def __init__(self, text: str, status: Optional[int] = None):
        super().__init__(text)
        self.status = status


class ClusterError(SegmentBridgeError):
    """A Kubernetes API server, its address, what it was asked for, and what became of it."""


class ListExpired(ClusterError):
    """The state of the cluster that a list began with is no longer kept (410)."""


class SuddenShrinkage(SegmentBridgeError):
    """A collection keeps records that a list does not have, until somebody has looked."""


class Unavailable(SegmentBridgeError):
    """The other side is busy, starting or away. `retry_after_s`: how long it asks to be left alone."""

    def __init__(self, text: str, retry_after_s: Optional[float] = None):
        super().__init__(text)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(SegmentBridgeError):
    """Out of time; the text holds what was tried last."""
