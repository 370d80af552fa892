"""What a person can put right. The text of each error names what failed, on which object, and the cure.

    SegmentBridgeError
    ├── SettingsError         a setting or an option has a value that it cannot have
    ├── SecretError           a write key or a token is not in the password store, or not to be had
    ├── SplunkdError          splunkd's REST API cannot be reached, or refuses
    ├── ClusterError          a Kubernetes API server cannot be reached, refuses, or answers with something else
    │   └── ListExpired       the pages of a list can no longer be had: begin it again
    ├── SuddenShrinkage       a list lacks so much of a collection that nothing was deleted
    ├── Unavailable           a service cannot answer now: trying again may help (segment_bridge.retry)
    ├── DeadlineExceeded      trying again would take longer than the run may
    └── Unforeseen            stands for any other exception, which is a fault of the app's

Each has a `reason`, one of segment_bridge.reasons, and the `setting` that it is about, if it is about one, for alerts
and pages. Entry points show a text as it is: it is one
printable line. The text of an exception that nobody foresaw may hold anything, a secret as well: `unforeseen` tells it
by its type and place alone, `foreseen` puts that in its place, and `hide_tracebacks` sees to what nobody catches.
"""

import contextlib
import sys
import threading
import traceback
from typing import Any, Iterator, Optional

from segment_bridge import texts

_LONGEST_TEXT = 2_000


class SegmentBridgeError(Exception):
    """The base of all; its text is for the person who runs the app. `reason` may be given more precisely."""

    reason = "internal"

    def __init__(self, text: str, *, reason: str = "", setting: str = ""):
        super().__init__(texts.printable(text, _LONGEST_TEXT))
        self.reason = reason or self.reason
        self.setting = setting

    @property
    def coded(self) -> str:
        """The message of a program of the app: for people, and for pages, which go by code and setting."""
        return coded(str(self), self.reason, self.setting)

    def told(self, program: str) -> str:
        """The message for places where other programs write, too."""
        return "%s: %s" % (program, self.coded)


def coded(text: str, reason: str, setting: str = "") -> str:
    """A text with its codes behind it."""
    return "%s (reason=%s%s)" % (text, reason, setting and " setting=" + setting)


class SettingsError(SegmentBridgeError):
    """A setting of a .conf file or an option of the command, by name, what it must be, and what it is."""

    reason = "settings"


class SecretError(SegmentBridgeError):
    """The password store does not have the secret, or does not let this user read it."""

    reason = "secret"


class SplunkdError(SegmentBridgeError):
    """splunkd's REST API failed or refused. `status` is its answer's, None if there was no answer."""

    reason = "splunkd"

    def __init__(self, text: str, status: Optional[int] = None, *, reason: str = "", setting: str = ""):
        super().__init__(text, reason=reason, setting=setting)
        self.status = status


class ClusterError(SegmentBridgeError):
    """A Kubernetes API server failed or refused. The text has its address, the request, and what became of it."""

    reason = "cluster"


class ListExpired(ClusterError):
    """The state of the cluster that a list began with is no longer kept (410)."""

    reason = "list_expired"


class SuddenShrinkage(SegmentBridgeError):
    """A collection keeps records that a list does not have, until somebody has looked."""

    reason = "shrinkage"


class Unavailable(SegmentBridgeError):
    """The other side is busy, starting or away. `retry_after_s`: how long it asks to be left alone."""

    reason = "unavailable"

    def __init__(self, text: str, retry_after_s: Optional[float] = None, *, reason: str = "", setting: str = ""):
        super().__init__(text, reason=reason, setting=setting)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(SegmentBridgeError):
    """Out of time; the text holds what was tried last."""

    reason = "deadline"


class Unforeseen(SegmentBridgeError):
    """An exception that nobody foresaw, by its type and place."""


def unforeseen(error: BaseException) -> Unforeseen:
    """Replaces an exception: its type, where it was raised, and the innermost line of the app on the way there."""
    places = [
        "%s:%d" % (frame.f_globals.get("__name__"), line) for frame, line in traceback.walk_tb(error.__traceback__)
    ] or ["an unknown place"]
    own = [place for place in places if place.startswith("segment_bridge.")]
    through = ", called from %s" % own[-1] if own and own[-1] != places[-1] else ""
    return Unforeseen(
        "internal error: %s in %s%s. This is a fault of the app: please report it, in these words"
        % (type(error).__name__, places[-1], through)
    )


@contextlib.contextmanager
def foreseen() -> Iterator[None]:
    """Whatever the block or function inside raises becomes a SegmentBridgeError, or ends the process.

    Raises:
        SegmentBridgeError
    """
    try:
        yield
    except SegmentBridgeError:
        raise
    except Exception as error:
        raise unforeseen(error) from None


def hide_tracebacks() -> None:
    """Writes uncaught exceptions to stderr, and so into splunkd.log or search.log, in the words of `unforeseen`."""

    def say(error: Any) -> None:
        if error is not None and not isinstance(error, (SystemExit, KeyboardInterrupt)):
            told = error if isinstance(error, SegmentBridgeError) else unforeseen(error)
            print("ERROR segment_bridge: %s" % told, file=sys.stderr)

    sys.excepthook = lambda kind, error, trace: say(error)
    # A deadline that meets a finalizer comes again.
    sys.unraisablehook = lambda found: None if isinstance(found.exc_value, DeadlineExceeded) else say(found.exc_value)
    threading.excepthook = lambda found: say(found.exc_value)
