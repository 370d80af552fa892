"""Segment's Public API, as far as receipts need it: sources, the volume of events, and the delivery overview.

It is stricter than Segment's documents where they leave something open: it refuses parameters that it does not know,
and accepts lists in only one of the four spellings in use.
"""

from __future__ import annotations

import base64
import datetime
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer, Refusal, Request

STABLE, BETA = "application/vnd.segment.v1+json", "application/vnd.segment.v1beta+json"
REQUESTS_A_MINUTE = 60
MOST_PAGE_ROWS = 200
_WINDOWS = {
    "MINUTE": (60, 4 * 3_600, 48 * 3_600),
    "HOUR": (3_600, 14 * 86_400, 30 * 86_400),
    "DAY": (86_400, 30 * 86_400, 30 * 86_400),
}  # bucket, longest window, how long ago it may begin, in seconds
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_REPORTS = {
    "/delivery-overview/successfully-received": "received",
    "/delivery-overview/failed-on-ingest": "failed",
    "/delivery-overview/filtered-at-source": "filtered",
}
_GROUPS = {
    "received": {"eventName", "eventType", "appVersion"},
    "failed": {"eventName", "eventType", "discardReason", "appVersion"},
    "filtered": {"eventName", "eventType", "discardReason", "appVersion"},
    "volume": {"eventName", "eventType", "source"},
}
SPELLINGS = {"repeated": r"groupBy", "numbered": r"groupBy\.\d+", "bracketed": r"groupBy\[\]", "joined": r"groupBy"}


class Arrival(NamedTuple):
    """An event that reached a source: received, failed (thrown away) or filtered, and why."""

    time: float
    outcome: str
    event: str = ""
    reason: str = ""


@dataclass
class Source:
    id: str
    name: str = "Konflux"
    enabled: bool = True
    arrivals: list[Arrival] = field(default_factory=list)


class FakePublicApi(FakeServer):
    """api.segmentapis.com for one workspace, on loopback.

    Args:
        tokens: for each token, whether it may read what is asked for.
        spelling: of lists, one of SPELLINGS.
        lag_s: how far its counts lag behind the clock.
        arrivals: returns what reached the sources beyond what they hold themselves; called at each request.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        tokens: dict[str, bool],
        sources: Iterable[Source] = (),
        spelling: str = "repeated",
        lag_s: float = 0,
        most_page_rows: int = MOST_PAGE_ROWS,
        arrivals=lambda source_id: [],
        **server_options,
    ):
        super().__init__(port, **server_options)
        self.tokens, self.sources = tokens, {source.id: source for source in sources}
        self._spelling, self._lag_s, self._most_page_rows, self._arrivals = spelling, lag_s, most_page_rows, arrivals
        self._begun: list[float] = []
        self._guard = threading.Lock()

    def answer(self, request: Request) -> Reply:
        if request.method != "GET":
            return _error(405, "method-not-allowed", "Only GET is known here.")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            return _error(401, "unauthenticated", "The token is missing or not valid.")
        self._pace()
        if not self.tokens[token]:
            return _error(403, "forbidden", "The token has no access to this resource.")
        if request.path.startswith("/sources/"):
            return self._source(request)
        if request.path == "/events/volume":
            return self._counts(request, "volume", "result", STABLE)
        if request.path in _REPORTS:
            return self._counts(request, _REPORTS[request.path], "dataset", BETA)
        return _error(404, "not-found", "Not Found")

    def _pace(self) -> None:
        with self._guard:
            now = time.monotonic()
            self._begun = [began for began in self._begun if began > now - 60]
            if len(self._begun) >= REQUESTS_A_MINUTE:
                wait_s = str(int(self._begun[0] + 61 - now))
                raise Refusal(_error(429, "too-many-requests", "Too many requests", **{"Retry-After": wait_s}))
            self._begun.append(now)

    def _source(self, request: Request) -> Reply:
        _accept(request, STABLE)
        if request.query:
            raise Refusal(_invalid("query", "This takes no parameters."))
        source = self._known(request.path.rpartition("/")[2])
        return Reply.json(
            200,
            {
                "data": {
                    "source": {
                        "id": source.id,
                        "name": source.name,
                        "slug": source.name.lower(),
                        "enabled": source.enabled,
                        "writeKeys": [],
                        "workspaceId": "workspace",
                        "metadata": {},
                        "settings": {},
                        "labels": [],
                    }
                }
            },
        )

    def _known(self, source_id: str) -> Source:
        if source_id not in self.sources:
            raise Refusal(_error(404, "not-found", "The source was not found."))
        return self.sources[source_id]

    def _counts(self, request: Request, report: str, rows: str, version: str) -> Reply:
        _accept(request, version)
        query = {name: list(values) for name, values in request.query.items()}
        groups = self._groups(query, _GROUPS[report])
        source = self._known(_one(query, "sourceId"))
        granularity = _one(query, "granularity")
        if granularity not in _WINDOWS:
            raise Refusal(_invalid("granularity", "It must be one of MINUTE, HOUR, DAY."))
        bucket_s, longest_s, oldest_s = _WINDOWS[granularity]
        start, end = _moment(query, "startTime"), _moment(query, "endTime")
        now = time.time()
        if not start < end or end - start > longest_s + bucket_s or start < now - oldest_s or end > now + 60:
            raise Refusal(_invalid("startTime", "The time range is not one that can be asked for."))
        size, offset = self._page(query)
        if query:
            raise Refusal(_invalid(min(query), "The parameter is not known."))
        seen = [
            each
            for each in [*source.arrivals, *self._arrivals(source.id)]
            if start <= each.time < end
            and each.time <= now - self._lag_s
            and each.outcome == ("received" if report == "volume" else report)
        ]
        found = _grouped(seen, groups, bucket_s, with_empty=report == "volume")
        page, following = found[offset : offset + size], offset + size
        pages = {"current": _cursor(offset)} | ({"next": _cursor(following)} if following < len(found) else {})
        data = {rows: page, "pagination": {**pages, "totalEntries": len(found)}}
        if report != "volume":
            data["total"] = len(seen)
        return Reply.json(200, {"data": data})

    def _groups(self, query: dict[str, list[str]], valid: set[str]) -> list[str]:
        spelled = re.compile(SPELLINGS[self._spelling])
        names = sorted(name for name in query if spelled.fullmatch(name))
        groups = [value for name in names for value in query.pop(name)]
        if self._spelling == "joined":
            groups = groups[0].split(",") if len(groups) == 1 else [",".join(groups)] * bool(groups)
        if not set(groups) <= valid or len(set(groups)) < len(groups):
            raise Refusal(_invalid("groupBy", f"It must be some of {', '.join(sorted(valid))}."))
        return groups

    def _page(self, query: dict[str, list[str]]) -> tuple[int, int]:
        size = _one(query, "pagination.count")
        if not size.isdecimal() or not 1 <= int(size) <= MOST_PAGE_ROWS:
            raise Refusal(_invalid("pagination.count", f"It must be from 1 to {MOST_PAGE_ROWS}."))
        cursor = query.pop("pagination.cursor", [_cursor(0)])
        try:
            offset = int(base64.b64decode(cursor[0], validate=True))
        except ValueError:
            raise Refusal(_invalid("pagination.cursor", "It is not a cursor.")) from None
        return min(int(size), self._most_page_rows), offset


def _grouped(seen: list[Arrival], groups: list[str], bucket_s: int, *, with_empty: bool) -> list[dict]:
    values = {"eventName": lambda each: each.event, "discardReason": lambda each: each.reason}
    by_group: dict[tuple, Counter] = {}
    for each in seen:
        key = tuple(values[name](each) for name in groups)
        by_group.setdefault(key, Counter())[each.time // bucket_s * bucket_s] += 1
    found = []
    for key, counts in sorted(by_group.items()):
        if with_empty:  # the series has a point for each hour in between
            moment = min(counts)
            while moment < max(counts):
                counts.setdefault(moment, 0)
                moment += bucket_s
        series = [{"time": _iso(moment), "count": count} for moment, count in sorted(counts.items())]
        named = {name: value for name, value in zip(groups, key) if value}
        found.append({**named, "total": sum(counts.values()), "series": series})
    return found


def _accept(request: Request, version: str) -> None:
    if request.headers.get("Accept") != version:
        raise Refusal(_error(404, "not-found", f"This is part of {version}."))


def _one(query: dict[str, list[str]], name: str) -> str:
    values = query.pop(name, [])
    if len(values) != 1:
        raise Refusal(_invalid(name, "It is required, once."))
    return values[0]


def _moment(query: dict[str, list[str]], name: str) -> float:
    text = _one(query, name)
    if not _TIME.fullmatch(text):
        raise Refusal(_invalid(name, "It must be an ISO8601 timestamp."))
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _iso(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cursor(offset: int) -> str:
    return base64.b64encode(str(offset).encode()).decode()


def _invalid(name: str, message: str) -> Reply:
    return Reply.json(422, {"errors": [{"type": "validation", "message": message, "field": name}]})


def _error(status: int, kind: str, message: str, **headers: str) -> Reply:
    return Reply.json(status, {"errors": [{"type": kind, "message": message}]}, **headers)
