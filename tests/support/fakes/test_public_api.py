"""The fake Public API answers as Segment's documents and SDKs say.

Sources: Segment's "Public API": bearer tokens, 60 requests a minute, `{"data": ...}` and `{"errors": [...]}`,
pagination; public-api-sdk-java, docs/DeliveryOverviewApi.md (parameters, valid groups, windows by granularity, the
versions in Accept, statuses 200, 404, 422, 429) and docs/SourcesApi.md, docs/EventsApi.md.
"""

import datetime
import time

import pytest

from tests.support.fakes.public_api import BETA, SPELLINGS, STABLE, Arrival, FakePublicApi, Source

TOKEN = "fake-token"
HOUR = 3_600


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def arrivals():
    now = time.time()
    return [
        Arrival(now - 2 * HOUR, "received", "Build done"),
        Arrival(now - HOUR, "received", "Build done"),
        Arrival(now - HOUR, "received", "Release done"),
        Arrival(now - HOUR, "failed", "Build done", "id_not_string"),
        Arrival(now - HOUR, "filtered", "Build done", "schema"),
    ]


@pytest.fixture
def fake():
    tokens = {TOKEN: True, "poor": False}
    with FakePublicApi(tokens=tokens, sources=[Source("src", arrivals=arrivals())]) as fake:
        yield fake


@pytest.fixture
def ask(client, fake):
    def ask(path, accept=STABLE, token=TOKEN, drop=(), **query):
        headers = {"Authorization": "Bearer " + token, "Accept": accept}
        parameters = {name.replace("_", "."): value for name, value in query.items() if name not in drop}
        return client.get(fake.url + path, params=parameters, headers=headers)

    return ask


@pytest.fixture
def report(ask):
    def report(path, accept=BETA, **query):
        now = time.time()
        known = {"sourceId": "src", "startTime": iso(now - 3 * HOUR), "endTime": iso(now), "granularity": "HOUR"}
        return ask(path, accept, **{**known, "pagination_count": 200, **query})

    return report


FAILED, RECEIVED = "/delivery-overview/failed-on-ingest", "/delivery-overview/successfully-received"
FILTERED, VOLUME = "/delivery-overview/filtered-at-source", "/events/volume"


def test_a_source(ask):
    """SourcesApi.md, Get Source: data.source; its writeKeys are empty without the role Source Admin"""
    source = ask("/sources/src").json()["data"]["source"]
    assert (source["id"], source["enabled"], source["writeKeys"]) == ("src", True, [])
    answer = ask("/sources/other")
    assert answer.status_code == 404 and answer.json()["errors"][0].keys() == {"type", "message"}


def test_tokens(ask):
    assert ask("/sources/src", token="x").status_code == 401
    assert ask("/sources/src", token="poor").status_code == 403


def test_the_version_of_each_part(ask, report):
    """The version is in Accept: the delivery overview is v1beta"""
    assert ask("/sources/src", BETA).status_code == 404
    assert report(FAILED, STABLE).status_code == 404
    assert report(VOLUME, BETA).status_code == 404


def test_what_was_received_thrown_away_and_filtered(report):
    """data{total, dataset[]{eventName?, discardReason?, total, series[]{time, count}}, pagination}"""
    data = report(RECEIVED, groupBy="eventName").json()["data"]
    assert [(row["eventName"], row["total"], len(row["series"])) for row in data["dataset"]] == [
        ("Build done", 2, 2),
        ("Release done", 1, 1),
    ]
    assert data["total"] == 3 and data["pagination"]["totalEntries"] == 2
    (row,) = report(FAILED, groupBy=["eventName", "discardReason"]).json()["data"]["dataset"]
    assert (row["eventName"], row["discardReason"], row["series"][0]["count"]) == ("Build done", "id_not_string", 1)
    assert report(FILTERED).json()["data"]["total"] == 1


def test_the_volume(report):
    """data.result[]{eventName?, total, series[]}; counts are after validation"""
    data = report(VOLUME, STABLE, groupBy="eventName").json()["data"]
    assert {row["eventName"]: row["total"] for row in data["result"]} == {"Build done": 2, "Release done": 1}
    assert "dataset" not in data


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop": ["sourceId"]},
        {"drop": ["startTime"]},
        {"granularity": "hour"},
        {"granularity": "WEEK"},
        {"startTime": "yesterday"},
        {"startTime": iso(time.time() - 31 * 24 * HOUR)},
        {"startTime": iso(time.time() - 29 * 24 * HOUR)},  # 14 days by the hour
        {"startTime": iso(time.time() + HOUR)},
        {"granularity": "MINUTE", "startTime": iso(time.time() - 5 * HOUR)},
        {"groupBy": "userId"},
        {"groupBy": ["eventName", "eventName"]},
        {"pagination_count": 0},
        {"pagination_count": 201},
        {"pagination_cursor": "?"},
        {"limit": 5},
    ],
)
def test_invalid_requests_are_refused(report, wrong):
    answer = report(FAILED, **wrong)
    assert answer.status_code == 422
    assert set(answer.json()["errors"][0]) == {"type", "message", "field"}


def test_received_events_cannot_be_grouped_by_reason(report):
    """DeliveryOverviewApi.md: eventName, eventType and appVersion"""
    assert report(RECEIVED, groupBy="discardReason").status_code == 422


def test_another_source(report):
    assert report(FAILED, sourceId="other").status_code == 404


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_lists_have_one_spelling(client, spelling):
    now = time.time()
    with FakePublicApi(tokens={TOKEN: True}, sources=[Source("src")], spelling=spelling) as fake:

        def status(group):
            query = "sourceId=src&granularity=HOUR&pagination.count=1&startTime=%s&endTime=%s&%s" % (
                iso(now - HOUR),
                iso(now),
                group,
            )
            headers = {"Authorization": "Bearer " + TOKEN, "Accept": BETA}
            return client.get("%s%s?%s" % (fake.url, FAILED, query), headers=headers).status_code

        spelled = {
            "repeated": "groupBy=eventName&groupBy=discardReason",
            "numbered": "groupBy.0=eventName&groupBy.1=discardReason",
            "bracketed": "groupBy[]=eventName&groupBy[]=discardReason",
            "joined": "groupBy=eventName,discardReason",
        }
        assert {name: status(text) for name, text in spelled.items() if name != spelling} == dict.fromkeys(
            set(spelled) - {spelling}, 422
        )
        assert status(spelled[spelling]) == 200


def test_pages(report):
    first = report(RECEIVED, groupBy="eventName", pagination_count=1).json()["data"]
    cursor = first["pagination"]["next"]
    second = report(RECEIVED, groupBy="eventName", pagination_count=1, pagination_cursor=cursor).json()["data"]
    assert [row["eventName"] for data in (first, second) for row in data["dataset"]] == ["Build done", "Release done"]
    assert "next" not in second["pagination"]


def test_sixty_requests_a_minute(ask):
    statuses = [ask("/sources/src").status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    assert 50 <= int(ask("/sources/src").headers["Retry-After"]) <= 61


def test_it_is_read_only(client, fake):
    assert client.post(fake.url + "/sources/src").status_code == 405
