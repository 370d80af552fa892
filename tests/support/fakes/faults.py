"""What can go wrong with a request, and plans that say which request it happens to.

A `Fault` is one way for a request to end other than by its ordinary answer: another answer, none,
half of one, a late one, a connection that breaks. The functions below name the ones seen in the
field. A *plan* is any callable ``(request) -> Fault | None``; the ones below count requests, draw
lots, or look at the request, and take a fault or another plan, so that they combine:

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
    """How one request ends. The default is no fault at all: read, handled, answered, kept alive."""

    reply: Reply | Callable[..., Reply] | None = None
    """Sent in place of the service's own answer; a function is called with the request."""
    handled: bool = True
    """Whether the service takes the request, that is whether its effects take place."""
    read: bool = True
    """Whether the request's body is read; if not, the fault strikes right after its head."""
    interim: bytes = b""
    """Goes out before the answer; `cut` does not count it."""
    delay_s: float = 0.0
    """Wait before the first byte of the answer."""
    drip: str | None = None
    """`head` or `body`: that part of the answer goes out byte by byte ..."""
    drip_s: float = 0.0
    """... with this pause before each byte."""
    cut: int | None = None
    """Only so many bytes of the answer (head included) go out; 0 is no answer at all."""
    end: str = KEEP
    """What becomes of the connection afterwards: kept alive, closed, reset, or left hanging."""


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
    """An answer of this status; header names are written with underscores (`X_RateLimit_Reset`).

    `retry_after` is in seconds, or an HTTP date (see `http_date`).
    """
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if retry_after is not None:
        fields["Retry-After"] = str(retry_after)
    return Fault(reply=Reply.text(code, body, content_type, **fields), handled=False)


def http_date(in_s: float) -> str:
    """The HTTP date so many seconds from now."""
    return email.utils.formatdate(time.time() + in_s, usegmt=True)


def html(code: int = 200) -> Fault:
    """A captive portal's or a proxy's page where the service's answer should be."""
    page = "<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>"
    return status(code, page, content_type="text/html; charset=utf-8")


def reset(*, read: bool = True) -> Fault:
    """A TCP reset, after the request was read, or before its body was."""
    return Fault(handled=False, read=read, cut=0, end=RESET)


def close() -> Fault:
    """The connection is closed without an answer; the service did not take the request."""
    return Fault(handled=False, cut=0, end=CLOSE)


def lost_answer(end: str = CLOSE) -> Fault:
    """The service takes the request, but its answer never arrives."""
    return Fault(cut=0, end=end)


def hang() -> Fault:
    """The request is read and never answered; the connection stays open till the client leaves."""
    return Fault(handled=False, cut=0, end=HANG)


def half_answer(sent_bytes: int, end: str = CLOSE) -> Fault:
    """The service takes the request; its answer breaks off after so many bytes, head included."""
    return Fault(cut=sent_bytes, end=end)


def stale() -> Fault:
    """An ordinary answer, after which the kept-alive connection is closed without a word."""
    return Fault(end=CLOSE)


def early_hints() -> Fault:
    """An interim answer (RFC 8297) before the ordinary one."""
    return Fault(interim=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")


def slow(seconds: float) -> Fault:
    """An ordinary answer, late."""
    return Fault(delay_s=seconds)


def slow_head(pause_s: float) -> Fault:
    """An ordinary answer whose head arrives byte by byte."""
    return Fault(drip="head", drip_s=pause_s)


def slow_body(pause_s: float) -> Fault:
    """An ordinary answer whose body arrives byte by byte."""
    return Fault(drip="body", drip_s=pause_s)


# Plans


def ask(what: FaultOrPlan, request) -> Fault | None:
    """The fault that `what` has for the request, be it a fault, a plan or nothing."""
    return what if what is None or isinstance(what, Fault) else what(request)


def always(fault: FaultOrPlan) -> Plan:
    """Every request."""
    return lambda request: ask(fault, request)


def at(faults: Mapping[int, FaultOrPlan]) -> Plan:
    """By number, the first request that this plan is asked about being 1."""
    numbers = itertools.count(1)
    return lambda request: ask(faults.get(next(numbers)), request)


def in_turn(*faults: FaultOrPlan) -> Plan:
    """The first fault for the first request, and so on; then none."""
    return at(dict(enumerate(faults, 1)))


def first(count: int, fault: FaultOrPlan) -> Plan:
    """The same for the first `count` requests."""
    return in_turn(*[fault] * count)


def when(holds: Callable[..., bool], fault: FaultOrPlan) -> Plan:
    """The requests for which `holds(request)`."""
    return lambda request: ask(fault, request) if holds(request) else None


def either(*plans: FaultOrPlan) -> Plan:
    """The first of the plans that has a fault for the request."""
    return lambda request: next(filter(None, (ask(plan, request) for plan in plans)), None)


def mix(seed: int, *shares: tuple[float, FaultOrPlan]) -> Plan:
    """Each fault at random in its share (0 to 1) of the requests; the seed settles the sequence."""
    lots = random.Random(seed)

    def plan(request):
        lot = lots.random()
        for share, fault in shares:
            if lot < share:
                return ask(fault, request)
            lot -= share
        return None

    return plan
