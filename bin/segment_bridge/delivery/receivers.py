"""Describes how other receivers of Segment's protocol differ from Segment; pure.

| | segment | rudderstack | jitsu | customerio |
|---|---|---|---|---|
| address | by region | `url` | `url` | by region |
| key | `key:` | `key:` | `id:secret` | `key:` |
| a wrong key | 200 | 401 | 401 | 200; with X-Strict-Mode 401 |
| a disabled source | 200 | 404 | 200, `ok: false` | not known |
| one bad event | 200, dropped | 400 for the batch | 200, named in `errors` | with X-Strict-Mode 400 for the batch |
| a request, an event | 500 KB, 32 KB | 4,000 KB | not known: as Segment | 500 KB, 32 KB |
| repeats | dropped for about a day | kept by default | kept by default | not known: the app assumes kept |
| messageId | 100 characters | any | 64 of `A-Z a-z 0-9 . _ -`; others become `_` | any |
| the batch's context | merged into events | not read | merged, the event's wins | replaces the events' |

A KB counts as 1,000 bytes, the smaller of its meanings. If something is not known, the app is strict.

Sources: Segment's "HTTP API" and "Duplicate data"; rudder-server f2655fb, gateway/ (handle_http_auth.go,
response/response.go, configuration); jitsucom/bulker c5548cf, ingest/ (router_batch_handler.go, router.go);
Customer.io's "Pipelines API" (rate and payload limits; batch requests; strict mode).
"""

from types import MappingProxyType
from typing import Mapping, NamedTuple

_NONE: Mapping[str, str] = MappingProxyType({})


class Receiver(NamedTuple):
    """The properties of a receiver. Sizes are in bytes, before compression."""

    title: str
    endpoints: Mapping[str, str] = _NONE
    """The URLs for batches, by region; empty if each site has its own URL."""
    max_batch_bytes: int = 500_000
    max_event_bytes: int = 32_768
    has_key_with_secret: bool = False
    """Whether its key has two parts with a colon in between, name and password for HTTP Basic authentication."""
    drops_repeats: bool = False
    """Whether it drops events that it has already received with the same messageId."""
    headers: Mapping[str, str] = _NONE
    id_pattern: str = ""
    """A pattern for the messageIds that it leaves unchanged; empty if those are all with up to 100 characters."""
    takes_batch_context: bool = True
    """Whether a context beside the batch leaves the events' own contexts in place."""


RECEIVERS: Mapping[str, Receiver] = MappingProxyType(
    {
        "segment": Receiver(
            "Segment",
            {"us": "https://api.segment.io/v1/batch", "eu": "https://events.eu1.segmentapis.com/v1/batch"},
            drops_repeats=True,
        ),
        "rudderstack": Receiver("RudderStack", max_batch_bytes=4_000_000, max_event_bytes=3_900_000),
        "jitsu": Receiver("Jitsu", has_key_with_secret=True, id_pattern=r"[A-Za-z0-9._-]{1,64}"),
        "customerio": Receiver(
            "Customer.io",
            {"us": "https://cdp.customer.io/v1/batch", "eu": "https://cdp-eu.customer.io/v1/batch"},
            headers={"X-Strict-Mode": "1"},
            takes_batch_context=False,
        ),
    }
)
