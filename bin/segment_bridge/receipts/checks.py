"""Checks a destination without sending it an event; pure, except for the function that makes requests.

The status of a check is ok, warn, or unknown if it could not be found out. No check keeps the app from sending, because
some conclusions from Segment's answers are unproven.
"""

import email.utils
from typing import Callable, List, Mapping, NamedTuple

from segment_bridge.errors import SegmentBridgeError
from segment_bridge.exchange import Said

MOST_SKEW_S = 60.0
"""The most that clocks may differ. OAuth assertions are valid for less than that."""
OK, WARN, UNKNOWN = "ok", "warn", "unknown"


class Check(NamedTuple):
    check: str  # receiver, certificate, clock, key, region, source, token, repeats
    status: str
    code: str  # for alerts and pages; empty if the status is ok
    text: str


Ask = Callable[[str, str, Mapping[str, str]], Said]
"""Sends a request with method, URL and headers; raises SegmentBridgeError if there is no answer."""


def connection(ask: Ask, url: str, now: Callable[[], float]) -> List[Check]:
    """Checks that a receiver can be reached, that its certificate is valid, and that its clock agrees with this one.

    Sends a GET without a key, which no receiver takes for a batch. Any answer proves that the receiver is reachable.

    Args:
        now: epoch seconds.
    """
    is_encrypted = url.startswith("https:")
    try:
        said = ask("GET", url, {})
    except SegmentBridgeError as error:
        if error.reason == "tls":
            return [
                Check("receiver", UNKNOWN, "tls", "unknown, as its certificate is not valid"),
                Check(
                    "certificate",
                    WARN,
                    "tls",
                    "%s. If a private authority signed it, its PEM file goes into ca_file" % error,
                ),
            ]
        return [
            Check(
                "receiver",
                WARN,
                error.reason,
                "%s. Is the address right? Do firewalls let this search head through, or is a proxy needed?" % error,
            )
        ]
    if said.status == 407:
        return [Check("receiver", WARN, "proxy", "the proxy asks for credentials, which proxy_url cannot have")]
    found = [
        Check("receiver", OK, "", "it answers"),
        Check("certificate", OK, "", "it is valid")
        if is_encrypted
        else Check("certificate", UNKNOWN, "not_encrypted", "the receiver is on this machine, without TLS"),
    ]
    return [*found, _clock(said.headers.get("Date", ""), now())]


def _clock(date: str, now: float) -> Check:
    try:
        skew_s = email.utils.parsedate_to_datetime(date).timestamp() - now
    except (TypeError, ValueError, IndexError):
        return Check("clock", UNKNOWN, "no_date", "the receiver does not say what time it is")
    if abs(skew_s) > MOST_SKEW_S:
        return Check(
            "clock",
            WARN,
            "clock_skew",
            "this search head's clock is %.0f s %s the receiver's: set it, as "
            "certificates and OAuth's tokens go by it" % (abs(skew_s), "behind" if skew_s > 0 else "ahead of"),
        )
    return Check("clock", OK, "", "it agrees with the receiver's")
