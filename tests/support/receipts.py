"""Segment's Public API beside an environment's fake Segment. It tells what became of each event there.

Clients reach it under its real name, through a proxy, with a certificate from a private authority.
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
    """While active, the destination "segment" has a source id and a token with which its receipts can be fetched."""
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
    """What became of each event that Segment took or threw away. Repeats are not counted."""
    return [Arrival(event.received_s, "received", _name(event)) for event in [*segment.accepted.values()]] + [
        Arrival(event.received_s, "failed", _name(event), event.reason or "") for event in [*segment.discarded]
    ]


def _name(event: Event) -> str:
    return str(json.loads(event.raw).get("event", "")) if event.raw else ""
