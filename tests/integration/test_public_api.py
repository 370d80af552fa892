"""Requests to Segment's Public API, and the meaning of answers from the fake and from others."""

import json
import time
from typing import NamedTuple

import pytest

from segment_bridge import exchange
from segment_bridge.errors import DeadlineExceeded, SegmentBridgeError, Unavailable
from segment_bridge.reasons import is_known
from segment_bridge.receipts import public_api
from segment_bridge.receipts.public_api import ApiRefused, Count, PublicApi, Source, Window
from segment_bridge.settings import Way
from tests.support.fakes import faults
from tests.support.fakes import public_api as fakes
from tests.support.fakes.public_api import Arrival, FakePublicApi

TOKEN = "fake-token"
HOUR = 3_600


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now, slept = 0.0, []

        def ticks(self):
            return self.now

        def sleep(self, seconds):
            self.slept.append(seconds)
            self.now += seconds

    clock = Clock()
    clock.slept = []
    return clock


def window():
    now = int(time.time())
    return Window((now - 24 * HOUR) // HOUR * HOUR, now)


def hour(ago):
    return int((time.time() - ago * HOUR) // HOUR * HOUR)


@pytest.fixture
def fake():
    now = time.time()
    arrivals = [Arrival(now - HOUR, "received", "Build done")] * 3 + [
        Arrival(now - 2 * HOUR, "received", "Release done"),
        Arrival(now - HOUR, "received"),
        Arrival(now - HOUR, "failed", "Build done", "id_not_string"),
        Arrival(now - HOUR, "failed", "Build done", "too_large"),
        Arrival(now - HOUR, "filtered", "Release done", "schema"),
    ]
    sources = [fakes.Source("src", arrivals=arrivals), fakes.Source("off", "Old", enabled=False)]
    with FakePublicApi(tokens={TOKEN: True, "poor": False}, sources=sources) as fake:
        yield fake


@pytest.fixture
def api(fake, clock, monkeypatch):
    def api(token=TOKEN, url=None, **options):
        monkeypatch.setitem(public_api.HOSTS, "us", url or fake.url)
        asker = exchange.Asker(Way(2, 2), "Segment's Public API", [token], 4_000_000)
        return PublicApi(asker.ask, "us", token, ticks=clock.ticks, sleep=clock.sleep, **options)

    return api


def test_sources(api):
    ours = api()
    assert ours.source("src") == Source("src", "Konflux", True)
    assert ours.source("off") == Source("off", "Old", False)


def test_counts_by_the_hour(api):
    ours = api()
    assert sorted(ours.received("src", window())) == sorted(
        [Count(hour(1), "", "", 1), Count(hour(1), "Build done", "", 3), Count(hour(2), "Release done", "", 1)]
    )
    assert sorted(ours.failed("src", window())) == [
        Count(hour(1), "Build done", "id_not_string", 1),
        Count(hour(1), "Build done", "too_large", 1),
    ]
    assert ours.filtered("src", window()) == [Count(hour(1), "Release done", "schema", 1)]
    assert sum(count.number for count in ours.volume("src", window())) == 5


@pytest.mark.parametrize("spelling", fakes.SPELLINGS)
def test_lists_are_spelled_as_segment_takes_them(api, fake, spelling):
    fake._spelling = spelling
    ours = api()
    assert len(ours.failed("src", window())) == 2
    before = len(fake.requests)
    assert len(ours.filtered("src", window())) == 1
    assert len(fake.requests) == before + 1  # from then on the spelling is known


def test_all_pages(api, fake):
    fake._most_page_rows = 1
    assert sum(count.number for count in api().received("src", window())) == 5
    assert len(fake.requests) == 3


def test_sixty_requests_a_minute_and_no_more(api, fake, clock):
    ours = api(deadline_s=600)
    for _ in range(61):
        ours.source("src") if len(fake.requests) < 60 else None
    fake._begun.clear()
    ours.source("src")
    assert clock.slept == [60.0]


def test_a_429_is_retried_after_a_wait(api, fake, clock):
    fake.faults = faults.first(2, faults.status(429, '{"errors": []}', retry_after=17))
    assert api().source("src").is_enabled
    assert clock.slept == [17, 17]


def test_a_wait_that_would_take_too_long(api, fake):
    fake.faults = faults.status(429, retry_after=299)
    with pytest.raises(DeadlineExceeded) as late:
        api().source("src")
    assert late.value.reason == "http_429"


def test_a_transient_failure_is_retried(api, fake):
    fake.faults = faults.first(3, faults.mix(1, (0.5, faults.status(503)), (0.5, faults.reset())))
    assert api().source("src").is_enabled
    fake.faults = faults.status(500)
    with pytest.raises((Unavailable, DeadlineExceeded)):
        api().source("src")


@pytest.mark.parametrize(
    "token, source, status, reason",
    [("x", "src", 401, "api_token"), ("poor", "src", 403, "api_forbidden"), (TOKEN, "gone", 404, "no_source")],
)
def test_refusals_say_what_to_do(api, token, source, status, reason):
    for ask in (lambda ours: ours.source(source), lambda ours: ours.failed(source, window())):
        with pytest.raises(ApiRefused) as refused:
            ask(api(token))
        assert (refused.value.status, refused.value.reason) == (status, reason)
        assert "To do: " in str(refused.value) and token not in str(refused.value).replace("token", "")


def test_an_invalid_window_is_refused_after_trying_all_spellings(api, fake):
    with pytest.raises(ApiRefused) as refused:
        api().failed("src", Window(0, 1))
    assert refused.value.reason == "api_request" and "time range" in str(refused.value)
    assert len(fake.requests) == len(fakes.SPELLINGS)


def test_every_reason_is_known():
    assert all(map(is_known, public_api.REASONS.values()))


# --- Answers from something else ---


class Said(NamedTuple):
    status: int
    text: str
    headers: dict = {}


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "[]", "{}", '{"data": []}', '{"data": {}}', '{"data": {"source": {}}}', "[" * 9999,
     '{"data": {"source": {"enabled": "true"}}}'],
)  # fmt: skip
def test_an_answer_from_something_else(text):
    with pytest.raises(SegmentBridgeError) as told:
        PublicApi(lambda method, url, headers: Said(200, text), "us", TOKEN).source("src")
    assert told.value.reason == "unexpected_body"


@pytest.mark.parametrize(
    "data",
    [
        {"dataset": {}},
        {"dataset": [7]},
        {"dataset": [{"eventName": "x"}]},
        {"dataset": [{"series": [{"time": "soon", "count": 1}]}]},
        {"dataset": [{"series": [{"time": "2026-11-24T00:00:00Z", "count": None}]}]},
        {"dataset": [], "pagination": {"next": "again"}},
    ],
)
def test_invalid_counts(data):
    text = json.dumps({"data": data})
    with pytest.raises(SegmentBridgeError) as told:
        PublicApi(lambda method, url, headers: Said(200, text), "us", TOKEN).received("src", window())
    assert told.value.reason == "unexpected_body"


def test_both_regions_have_their_host():
    asked = []

    def ask(method, url, headers):
        asked.append((method, url, headers["Authorization"]))
        return Said(200, '{"data": {"source": {"enabled": true, "name": "x"}}}')

    for region in public_api.HOSTS:
        PublicApi(ask, region, TOKEN).source("a/b")
    assert asked == [
        ("GET", "https://%s/sources/a%%2Fb" % host, "Bearer " + TOKEN)
        for host in ("api.segmentapis.com", "eu1.api.segmentapis.com")
    ]
