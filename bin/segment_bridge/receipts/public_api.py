"""Asks Segment's Public API about a source, and how many of its events arrived, were thrown away or filtered each hour.

| answer | meaning |
|---|---|
| 200 | `{"data": ...}`, page by page |
| 401, 403 | the token is not valid, or lacks the right: ApiRefused |
| 404 | the source is not in the token's workspace, or not in this region: ApiRefused |
| 422 | the request is malformed. It is repeated with lists in another notation, as Segment's documents disagree |
| 429 | the request is repeated after Retry-After |
| 5xx, none | the request is repeated a few times |

The API allows 60 requests a minute. Its counts are by time of receipt, and include every sender of the source.

Sources: Segment's "Public API" (rate limits, pagination, errors; Get Source; Get Events Volume from Workspace; Delivery
Overview) and its SDKs (public-api-sdk-java, docs/DeliveryOverviewApi.md: parameters, windows, statuses).
"""

import datetime
import json
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import quote, urlencode

from segment_bridge import texts
from segment_bridge.errors import SegmentBridgeError, Unavailable
from segment_bridge.exchange import Said
from segment_bridge.receipts.checks import Ask
from segment_bridge.retry import Retry, retry_after_s

HOSTS = {"us": "https://api.segmentapis.com", "eu": "https://eu1.api.segmentapis.com"}
PAGE_ROWS = 200
MOST_PAGES = 100
REQUESTS_A_MINUTE = 60
LONGEST_HOURS = 14 * 24
"""The longest window for counts by the hour. It may begin up to 30 days ago."""
_STABLE, _BETA = "application/vnd.segment.v1+json", "application/vnd.segment.v1beta+json"
_EXCERPT_CHARS = 300
_CURES = {
    401: "make a token in Segment (Settings > Workspace settings > Access Management > Tokens), and save it again",
    403: "let a Workspace Owner make the token; the plan must have the Public API (Team or Business)",
    404: "compare source_id with the source's Settings > API Keys in Segment. Is the token of its workspace?",
    422: "compare source_id with the source's Settings > API Keys in Segment",
}
REASONS = {401: "api_token", 403: "api_forbidden", 404: "no_source", 422: "api_request"}


class ApiRefused(SegmentBridgeError):
    """The API refuses the request, so retrying is useless. `reason` is one of REASONS, or http_<status>."""

    def __init__(self, text: str, status: int = 400, **about: str):
        super().__init__(text, **{"reason": REASONS.get(status, "http_%d" % status), **about})
        self.status = status


class Source(NamedTuple):
    id: str
    name: str
    is_enabled: bool


class Count(NamedTuple):
    """The number of events in the hour that begins at `hour` (epoch seconds). `event` and `reason` may be empty."""

    hour: int
    event: str
    reason: str
    number: int


class Window(NamedTuple):
    """From `start` to before `end`, in epoch seconds."""

    start: int
    end: int

    def texts(self) -> Tuple[str, str]:
        return _iso(self.start), _iso(self.end)


def _repeated(name: str, values: Sequence[str]) -> List[Tuple[str, str]]:
    return [(name, value) for value in values]


def _numbered(name: str, values: Sequence[str]) -> List[Tuple[str, str]]:
    return [("%s.%d" % (name, number), value) for number, value in enumerate(values)]


def _bracketed(name: str, values: Sequence[str]) -> List[Tuple[str, str]]:
    return [(name + "[]", value) for value in values]


def _joined(name: str, values: Sequence[str]) -> List[Tuple[str, str]]:
    return [(name, ",".join(values))]


_SPELLINGS = [_repeated, _numbered, _bracketed, _joined]
"""Notations for a list in a query: that of the SDKs, of an example in the documents, a common one, and that of the
parameter's description."""


class PublicApi:
    """The API of one workspace.

    Args:
        deadline_s: the limit for all calls together.
        ticks: seconds of a monotonic clock.
        clock: epoch seconds.
    """

    def __init__(
        self,
        ask: Ask,
        region: str,
        token: str,
        *,
        deadline_s: float = 240.0,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ):
        self._ask, self._host, self._token, self._clock = ask, HOSTS[region], token, clock
        self._retry = Retry(max_attempts=6, deadline_s=deadline_s, clock=ticks, sleep=sleep)
        self._ticks, self._sleep = ticks, sleep
        self._begun: List[float] = []  # when requests of the last minute began
        self._spellings = [*_SPELLINGS]

    # Each raises ApiRefused; Unavailable or DeadlineExceeded, if no attempt succeeded; or another SegmentBridgeError.

    def source(self, source_id: str) -> Source:
        found = self._get("/sources/" + quote(source_id, safe=""), [], _STABLE).get("source")
        if not isinstance(found, dict) or not isinstance(found.get("enabled"), bool):
            raise _unexpected("a source")
        return Source(source_id, str(found.get("name") or found.get("slug") or source_id), found["enabled"])

    def volume(self, source_id: str, window: Window) -> List[Count]:
        """Counts events received and validated, by event name, from the stable part of the API."""
        return self._counts("/events/volume", "result", source_id, window, ["eventName"], _STABLE)

    def received(self, source_id: str, window: Window) -> List[Count]:
        """Counts events received, by event name."""
        return self._counts(
            "/delivery-overview/successfully-received", "dataset", source_id, window, ["eventName"], _BETA
        )

    def failed(self, source_id: str, window: Window) -> List[Count]:
        """Counts events that Segment threw away on ingest, by event name and reason."""
        return self._counts(
            "/delivery-overview/failed-on-ingest", "dataset", source_id, window, ["eventName", "discardReason"], _BETA
        )

    def filtered(self, source_id: str, window: Window) -> List[Count]:
        """Counts events that the source's own settings filtered, by event name and reason."""
        return self._counts(
            "/delivery-overview/filtered-at-source", "dataset", source_id, window, ["eventName", "discardReason"], _BETA
        )

    def _counts(
        self, path: str, rows: str, source_id: str, window: Window, groups: Sequence[str], accept: str
    ) -> List[Count]:
        start, end = window.texts()
        query = [("sourceId", source_id), ("startTime", start), ("endTime", end), ("granularity", "HOUR")]
        found: List[Count] = []
        for row in self._rows(path, rows, query, groups, accept):
            if not isinstance(row, dict) or not isinstance(row.get("series"), list):
                raise _unexpected("counts by the hour")
            event, reason = (str(row.get(name) or "") for name in ("eventName", "discardReason"))
            for point in row["series"]:
                hour, number = _point(point)
                found.append(Count(hour, event, reason, number))
        return found

    def _rows(
        self, path: str, rows: str, query: List[Tuple[str, str]], groups: Sequence[str], accept: str
    ) -> Iterator[Any]:
        """Yields the rows of all pages."""
        cursor = ""
        for _ in range(MOST_PAGES):
            page = [("pagination.count", str(PAGE_ROWS))] + ([("pagination.cursor", cursor)] if cursor else [])
            data = self._grouped(path, query, groups, page, accept)
            if not isinstance(data.get(rows), list):
                raise _unexpected(rows)
            yield from data[rows]
            pages = data.get("pagination")
            following = pages.get("next") if isinstance(pages, dict) else None
            if not following:
                return
            if following == cursor:
                raise _unexpected("another page")
            cursor = str(following)
        raise _unexpected("an end of its pages")

    def _grouped(
        self, path: str, query: List[Tuple[str, str]], groups: Sequence[str], page: List[Tuple[str, str]], accept: str
    ) -> Dict[str, Any]:
        """Gets data grouped by several names, in the first notation for lists that Segment takes, and remembers it."""
        refused: Optional[ApiRefused] = None
        for spelling in [*self._spellings]:
            try:
                data = self._get(path, [*query, *spelling("groupBy", groups), *page], accept)
            except ApiRefused as error:
                if error.status != 422 or len(groups) == 1:
                    raise
                refused = refused or error
                continue
            if len(groups) > 1:
                self._spellings = [spelling]
            return data
        raise refused or _unexpected("an answer")

    def _get(self, path: str, query: Sequence[Tuple[str, str]], accept: str) -> Dict[str, Any]:
        url = self._host + path + ("?" + urlencode(query) if query else "")
        data: Dict[str, Any] = self._retry.call(lambda: self._data(url, accept))
        return data

    def _data(self, url: str, accept: str) -> Dict[str, Any]:
        self._pace()
        said = self._ask("GET", url, {"Authorization": "Bearer " + self._token, "Accept": accept})
        if said.status == 200:
            try:
                data = json.loads(said.text)["data"]
            except (ValueError, KeyError, TypeError, RecursionError):
                data = None
            if not isinstance(data, dict):
                raise _unexpected("its own kind of answer")
            return data
        if said.status == 429 or said.status >= 500 or said.status == 408:
            raise Unavailable(
                "Segment's Public API answered %d: %s" % (said.status, _told(said)),
                retry_after_s(said.headers, self._clock()),
                reason="http_%d" % said.status,
            )
        cure = _CURES.get(said.status, "look at what it says")
        raise ApiRefused(
            "Segment's Public API answered %d: %s. To do: %s" % (said.status, _told(said), cure), said.status
        )

    def _pace(self) -> None:
        """Waits if another request would exceed the limit for this minute."""
        now = self._ticks()
        self._begun = [began for began in self._begun if began > now - 60]
        if len(self._begun) >= REQUESTS_A_MINUTE:
            self._sleep(self._begun[0] + 60 - now)
        self._begun.append(self._ticks())


def _point(point: Any) -> Tuple[int, int]:
    """The hour (epoch seconds) and the count of a point in a series."""
    try:
        moment = datetime.datetime.fromisoformat(str(point["time"]).replace("Z", "+00:00"))
        number = int(point["count"])
    except (KeyError, TypeError, ValueError):
        raise _unexpected("a time and a count") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) // 3600 * 3600, number


def _told(said: Said) -> str:
    """The messages of an error, which has the form {"errors": [{"type", "message", ...}]}."""
    try:
        errors = json.loads(said.text)["errors"]
        text = "; ".join(str(error.get("message") or error.get("type")) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = said.text
    return texts.printable(text, _EXCERPT_CHARS).rstrip(". ")


def _unexpected(due: str) -> SegmentBridgeError:
    return SegmentBridgeError(
        "Segment's Public API answered with something other than %s: is a proxy in between?" % due,
        reason="unexpected_body",
    )


def _iso(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
