"""Segment's Public API beside the fake Segment of an environment: it tells what became of each event there.

It is reached under its own name, through a proxy, with a certificate of a private authority.
"""

import contextlib
import json
from typing import Iterator, List

from tests.support.environment import Environment
from tests.support.fakes.proxy import FakeProxy
from tests.support.fakes.public_api import Arrival, FakePublicApi, Source
from tests.support.fakes.segment import Event, FakeSegment
from tests.support.fakes.tls import Authority

TOKEN = "fake-token-of-the-public-api"
SOURCE = "fake-source-id"
_HOST = "api.segmentapis.com"


@contextlib.contextmanager
def receipts(environment: Environment) -> Iterator[None]:
    """While it lasts, the destination "segment" has a source id and a token by which its receipts are to be had."""
    authority, tokens = Authority(), {TOKEN: True}
    api = FakePublicApi(
        tls=authority.server(_HOST),
        tokens=tokens,
        sources=[Source(SOURCE)],
        arrivals=lambda _: arrivals(environment.segment),
    )
    with api, FakeProxy() as proxy:
        proxy.routes = {_HOST + ":443": api.port}
        environment.admin.set_secret("segment:api", TOKEN)
        environment.admin.set_destination(
            "segment", region="us", source_id=SOURCE, proxy_url=proxy.url, ca_file=str(authority.ca_file)
        )
        try:
            yield
        finally:
            environment.admin.set_destination("segment", source_id="", proxy_url="", ca_file="")


def arrivals(segment: FakeSegment) -> List[Arrival]:
    """Of each event that Segment took, and of each that it threw away. Repeats are not counted."""
    return [Arrival(event.received_s, "received", _name(event)) for event in [*segment.accepted.values()]] + [
        Arrival(event.received_s, "failed", _name(event), event.reason or "") for event in [*segment.discarded]
    ]


def _name(event: Event) -> str:
    return str(json.loads(event.raw).get("event", "")) if event.raw else ""
