"""What can go wrong with a request, and plans that choose which requests it happens to.

A `Fault` is one way for a request to end other than with its ordinary answer: another answer, no answer, half an
answer, a late answer, a broken connection. The functions below name the faults seen in the field. A *plan* is any
callable ``(request) -> Fault | None``. The plans below count requests, draw at random or look at the request. Each
takes a fault or another plan, so they can be combined:

    server.faults = at({2: status(500), 3: reset()})
    server.faults = mix(7, (0.10, status(500)), (0.05, lost_answer()))
    server.faults = when(lambda request: b"poison" in request.body, status(400, "Bad Request"))
"""

from __future__ import annotations

import email.utils
import itertools
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable, Optional, Union

from tests.support.fakes.reply import Reply

KEEP, CLOSE, RESET, HANG = "keep", "close", "reset", "hang"


@dataclass(frozen=True)
class Fault:
    """How one request ends. The default is no fault: read, handled, answered, kept alive."""

    reply: Reply | Callable[..., Reply] | None = None
    """Replaces the service's own answer. A function is called with the request."""
    handled: bool = True
    """Whether the service handles the request, that is, whether its effects take place."""
    read: bool = True
    """Whether the server reads the request's body. If not, the fault strikes right after its head."""
    interim: bytes = b""
    """Sent before the answer. `cut` does not count it."""
    delay_s: float = 0.0
    """Wait before the first byte of the answer."""
    drip: str | None = None
    """`head` or `body`: sends that part of the answer byte by byte ..."""
    drip_s: float = 0.0
    """... with this pause before each byte."""
    cut: int | None = None
    """Sends only this many bytes of the answer, head included. 0 sends no answer."""
    end: str = KEEP
    """What happens to the connection afterwards: kept alive, closed, reset, or left hanging."""


Plan = Callable[..., Optional[Fault]]
FaultOrPlan = Union[Fault, Plan, None]


# Faults


def status(
    code: int,
    body: str = "",
    *,
    content_type: str = "text/plain",
    retry_after: int | str | None = None,
    **headers: str,
) -> Fault:
    """Answers with this status. Header names are written with underscores (`X_RateLimit_Reset`).

    `retry_after` is in seconds, or an HTTP date (see `http_date`).
    """
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if retry_after is not None:
        fields["Retry-After"] = str(retry_after)
    return Fault(reply=Reply.text(code, body, content_type, **fields), handled=False)


def http_date(in_s: float) -> str:
    """The HTTP date this many seconds from now."""
    return email.utils.formatdate(time.time() + in_s, usegmt=True)


def html(code: int = 200) -> Fault:
    """Sends a captive portal's or a proxy's page instead of the service's answer."""
    page = "<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>"
    return status(code, page, content_type="text/html; charset=utf-8")


def reset(*, read: bool = True) -> Fault:
    """Resets the TCP connection, after reading the request or before reading its body."""
    return Fault(handled=False, read=read, cut=0, end=RESET)


def close() -> Fault:
    """Closes the connection without an answer. The service does not handle the request."""
    return Fault(handled=False, cut=0, end=CLOSE)


def lost_answer(end: str = CLOSE) -> Fault:
    """The service handles the request, but its answer never arrives."""
    return Fault(cut=0, end=end)


def hang() -> Fault:
    """Reads the request and never answers. The connection stays open until the client leaves."""
    return Fault(handled=False, cut=0, end=HANG)


def half_answer(sent_bytes: int, end: str = CLOSE) -> Fault:
    """The service handles the request, but its answer breaks off after this many bytes, head included."""
    return Fault(cut=sent_bytes, end=end)


def stale() -> Fault:
    """Answers as usual, then closes the kept-alive connection without telling the client."""
    return Fault(end=CLOSE)


def early_hints() -> Fault:
    """Sends an interim answer (RFC 8297) before the ordinary one."""
    return Fault(interim=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")


def slow(seconds: float) -> Fault:
    """Sends the ordinary answer late."""
    return Fault(delay_s=seconds)


def slow_head(pause_s: float) -> Fault:
    """Sends the ordinary answer with its head byte by byte."""
    return Fault(drip="head", drip_s=pause_s)


def slow_body(pause_s: float) -> Fault:
    """Sends the ordinary answer with its body byte by byte."""
    return Fault(drip="body", drip_s=pause_s)


# Plans


def ask(what: FaultOrPlan, request) -> Fault | None:
    """The fault that `what` has for the request, whether it is a fault, a plan or None."""
    return what if what is None or isinstance(what, Fault) else what(request)


def always(fault: FaultOrPlan) -> Plan:
    """Hits every request."""
    return lambda request: ask(fault, request)


def at(faults: Mapping[int, FaultOrPlan]) -> Plan:
    """Hits requests by number. The first request that this plan is asked about is 1."""
    numbers = itertools.count(1)
    return lambda request: ask(faults.get(next(numbers)), request)


def in_turn(*faults: FaultOrPlan) -> Plan:
    """Hits the first request with the first fault, and so on, and then none."""
    return at(dict(enumerate(faults, 1)))


def first(count: int, fault: FaultOrPlan) -> Plan:
    """Hits the first `count` requests."""
    return in_turn(*[fault] * count)


def when(holds: Callable[..., bool], fault: FaultOrPlan) -> Plan:
    """Hits the requests for which `holds(request)` is true."""
    return lambda request: ask(fault, request) if holds(request) else None


def either(*plans: FaultOrPlan) -> Plan:
    """Uses the first plan that has a fault for the request."""
    return lambda request: next(filter(None, (ask(plan, request) for plan in plans)), None)


def mix(seed: int, *shares: tuple[float, FaultOrPlan]) -> Plan:
    """Hits a share (0 to 1) of the requests with each fault, at random. The seed fixes the sequence."""
    lots = random.Random(seed)

    def plan(request):
        lot = lots.random()
        for share, fault in shares:
            if lot < share:
                return ask(fault, request)
            lot -= share
        return None

    return plan
