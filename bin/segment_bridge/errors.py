"""Exceptions for problems that a person can fix. Each text says what failed, on which object, and what to do.

    SegmentBridgeError
    ├── SettingsError         a setting or an option is missing or not valid
    ├── SecretError           a write key or a token is missing, cannot be read, or cannot be sent
    ├── SplunkdError          splunkd's REST API cannot be reached, or refuses
    ├── ClusterError          a Kubernetes API server cannot be reached, refuses, or gives an unexpected answer
    │   └── ListExpired       the server no longer has the rest of a list: start it again
    ├── SuddenShrinkage       a list lacks so many of a collection's records that none was deleted
    ├── Unavailable           a service cannot answer now: a retry may help (segment_bridge.retry)
    ├── DeadlineExceeded      a retry would exceed the time limit
    └── Unforeseen            replaces any other exception, which is a bug in the app

Each has a `reason`, one of segment_bridge.reasons, and the `setting` that it concerns, if any, for alerts and pages.
Entry points show its text unchanged: it is one printable line. The text of any other exception may contain anything,
even a secret. So `unforeseen` describes it only by type and place, `presentable` and `foreseen` replace it with that
description, and `hide_tracebacks` does the same for exceptions that nothing catches.
"""

import contextlib
import sys
import threading
import traceback
from typing import Any, Iterator, Optional

from segment_bridge import texts

_LONGEST_TEXT = 2_000


class SegmentBridgeError(Exception):
    """The base class. Its text is for the person who runs the app. `reason` may be more precise than its class's."""

    reason = "internal"

    def __init__(self, text: str, *, reason: str = "", setting: str = ""):
        super().__init__(texts.printable(text, _LONGEST_TEXT))
        self.reason = reason or self.reason
        self.setting = setting

    @property
    def coded(self) -> str:
        """The text with its codes: people read the text, pages read the codes."""
        return coded(str(self), self.reason, self.setting)

    def told(self, program: str) -> str:
        """The coded text with the program's name, for logs that other programs write to as well."""
        return "%s: %s" % (program, self.coded)


def coded(text: str, reason: str, setting: str = "") -> str:
    """Appends the codes to a text."""
    return "%s (reason=%s%s)" % (text, reason, setting and " setting=" + setting)


class SettingsError(SegmentBridgeError):
    """A setting of a .conf file or an option of a command is wrong. The text says what it must be, and what it is."""

    reason = "settings"


class SecretError(SegmentBridgeError):
    """The password store does not have the secret, or does not let this user read it."""

    reason = "secret"


class SplunkdError(SegmentBridgeError):
    """splunkd's REST API failed or refused. `status` is that of its answer, None if there was no answer."""

    reason = "splunkd"

    def __init__(self, text: str, status: Optional[int] = None, *, reason: str = "", setting: str = ""):
        super().__init__(text, reason=reason, setting=setting)
        self.status = status


class ClusterError(SegmentBridgeError):
    """A Kubernetes API server failed or refused. The text has its address, the request, and the result."""

    reason = "cluster"


class ListExpired(ClusterError):
    """The server no longer keeps the state of the cluster that a list began with (410)."""

    reason = "list_expired"


class SuddenShrinkage(SegmentBridgeError):
    """A list lacks so many records that they stay in the collection until a person has checked."""

    reason = "shrinkage"


class Unavailable(SegmentBridgeError):
    """The other side is busy, starting or unreachable. `retry_after_s`: how long it asks to wait, if it does."""

    reason = "unavailable"

    def __init__(self, text: str, retry_after_s: Optional[float] = None, *, reason: str = "", setting: str = ""):
        super().__init__(text, reason=reason, setting=setting)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(SegmentBridgeError):
    """The time is up. The text includes the last error."""

    reason = "deadline"


class Unforeseen(SegmentBridgeError):
    """Describes an unexpected exception by its type and place."""


def unforeseen(error: BaseException) -> Unforeseen:
    """Describes an exception by its type, where it was raised, and the innermost line of the app that led there."""
    places = [
        "%s:%d" % (frame.f_globals.get("__name__"), line) for frame, line in traceback.walk_tb(error.__traceback__)
    ] or ["an unknown place"]
    own = [place for place in places if place.startswith("segment_bridge.")]
    through = ", called from %s" % own[-1] if own and own[-1] != places[-1] else ""
    return Unforeseen(
        "internal error: %s in %s%s. This is a fault of the app: please report it, in these words"
        % (type(error).__name__, places[-1], through)
    )


def presentable(error: Optional[BaseException]) -> SegmentBridgeError:
    """The exception itself if it is one of the app's, which a person may read. For any other, an Unforeseen."""
    return error if isinstance(error, SegmentBridgeError) else unforeseen(error or Exception())


@contextlib.contextmanager
def foreseen() -> Iterator[None]:
    """Turns any other exception of its block into an Unforeseen. Lets SystemExit and its like pass.

    Raises:
        SegmentBridgeError: the block raised it, or raised any other exception.
    """
    try:
        yield
    except Exception as error:
        raise presentable(error) from None


def hide_tracebacks() -> None:
    """Makes stderr, and so splunkd.log or search.log, show uncaught exceptions only as `unforeseen` describes them."""

    def say(error: Any) -> None:
        if error is not None and not isinstance(error, (SystemExit, KeyboardInterrupt)):
            print("ERROR segment_bridge: %s" % presentable(error), file=sys.stderr)

    sys.excepthook = lambda kind, error, trace: say(error)
    # Python discards a DeadlineExceeded that is raised inside a finalizer; the alarm repeats, so it is not lost.
    sys.unraisablehook = lambda found: None if isinstance(found.exc_value, DeadlineExceeded) else say(found.exc_value)
    threading.excepthook = lambda found: say(found.exc_value)
