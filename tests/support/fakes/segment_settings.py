"""Segment's settings endpoint, where its browser libraries get a source's settings. It knows which keys exist.

It is as strict as Segment's own code and tests (see the test beside this file). What no source says: whether it knows
other kinds of sources or disabled ones, and for how long it knows a deleted one. A test decides which keys exist.
"""

from __future__ import annotations

import re

from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer, Request

_PATH = re.compile(r"/v1/projects/([^/]+)/settings")


class FakeSettings(FakeServer):
    """cdn.segment.com on loopback.

    Attributes:
        sources: by write key, the `apiHost` for its events; empty if the answer names none.
    """

    def __init__(self, port: int = 0, *, sources: dict[str, str] | None = None, **server_options):
        super().__init__(port, **server_options)
        self.sources = sources or {}

    def answer(self, request: Request) -> Reply:
        if request.method not in ("GET", "OPTIONS"):
            return Reply.text(404, f"Cannot {request.method} - Invalid method.")
        path = _PATH.fullmatch(request.path)
        if not path or path[1] not in self.sources:
            return Reply.text(404, "Cannot GET - Invalid path or write key provided.")
        host = self.sources[path[1]]
        source = {"apiKey": path[1], "addBundledMetadata": True, **({"apiHost": host} if host else {})}
        settings = {"integrations": {"Segment.io": source}, "plan": {"track": {"__default": {"enabled": True}}}}
        return Reply.json(200, {**settings, "edgeFunction": {}, "analyticsNextEnabled": True})
