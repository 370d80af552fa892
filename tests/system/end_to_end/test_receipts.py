"""The installed app fetches Segment's receipts into KV store, through the destination's proxy, verified by its CA."""

import json
import time

import pytest

from tests.standin.clients import connect
from tests.standin.splunkd import Splunkd
from tests.support.fakes.proxy import FakeProxy
from tests.support.fakes.public_api import Arrival, FakePublicApi, Source
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.fakes.tls import Authority

CONF = "configs/conf-segment_bridge/segment"
TOKEN = "fake-token-of-the-public-api"
SEND = (
    '| makeresults count=5 | streamstats count AS n | eval event=if(n > 3, "Release done", "Build done"), userId="u" '
    '| eval messageId="m".n | segmentsend'
)


@pytest.fixture(scope="module")
def site(package, tmp_path_factory):
    authority = Authority()
    with (
        FakeSegment(tls=authority.server("api.segment.io")) as segment,
        FakePublicApi(
            tls=authority.server("api.segmentapis.com"), tokens={TOKEN: True}, sources=[Source("src"), Source("off")]
        ) as api,
        FakeProxy() as proxy,
        Splunkd(tmp_path_factory.mktemp("receipts") / "splunk") as splunkd,
    ):
        proxy.routes = {"api.segment.io:443": segment.port, "api.segmentapis.com:443": api.port}
        splunkd.install(package, False)
        service = connect(splunkd, app="segment_bridge", owner="nobody")
        service.storage_passwords.create(WRITE_KEY, "segment", "segment_bridge")
        service.post(CONF, region="us", proxy_url=proxy.url, ca_file=str(authority.ca_file))
        yield service, segment, api


def found(service, search):
    answer = service.post("search/jobs", exec_mode="oneshot", output_mode="json", search=search)
    return json.loads(answer.body.read())["results"]


def receipts(service):
    return {
        each["event"]: (each["accepted"], each["received"], each["discarded"], each["filtered"])
        for each in service.kvstore["segment_receipts"].data.query()
    }


def test_without_a_token_nothing_is_asked(site):
    service, _, api = site
    assert found(service, "| makeresults | segmentreceipts") == []
    assert api.requests == []


def test_accepted_received_and_thrown_away(site):
    service, segment, api = site
    found(service, SEND)
    now = time.time()
    api.sources["src"].arrivals = [Arrival(now - 1, "received", "Build done")] * 2 + [
        Arrival(now - 1, "failed", "Build done", "id_not_string"),
        Arrival(now - 1, "received", "Release done"),
        Arrival(now - 1, "filtered", "Release done", "schema"),
    ]
    service.storage_passwords.create(TOKEN, "segment:api", "segment_bridge")
    service.post(CONF, source_id="src")
    rows = found(service, "| makeresults | segmentreceipts | `segment_bridge_funnel`")
    assert [(row["event"], row["accepted"], row["received"], row["thrown_away"], row["filtered"]) for row in rows] == [
        ("Build done", "3", "2", "1", "0"),
        ("Release done", "2", "1", "0", "1"),
    ]
    assert receipts(service) == {"Build done": (3, 2, 1, 0), "Release done": (2, 1, 0, 1)}
    (discard,) = found(service, "| `segment_bridge_receipts` | `segment_bridge_discards`")
    assert (discard["reason"], discard["events"]) == ("id_not_string", "1") and "userId" in discard["cure"]
    assert len(segment.accepted) == 5


def test_fetching_again_replaces_earlier_receipts(site):
    service, _, api = site
    api.sources["src"].arrivals.append(Arrival(time.time() - 1, "received", "Build done"))
    found(service, "| makeresults | segmentreceipts")
    assert receipts(service)["Build done"] == (3, 3, 1, 0)
    api.sources["src"].arrivals.clear()
    found(service, "| makeresults | segmentreceipts")
    assert receipts(service) == {"Build done": (3, 0, 0, 0), "Release done": (2, 0, 0, 0)}


def test_a_disabled_source_is_named(site):
    service, _, api = site
    api.sources["off"].enabled, api.sources["off"].name = False, "Konflux staging"
    service.post(CONF, source_id="off")
    found(service, "| makeresults | segmentreceipts")
    records = {each["check"]: each for each in service.kvstore["segment_checks"].data.query()}
    assert records["source"]["code"] == "source_disabled" and "Konflux staging" in records["source"]["text"]
    answer = json.loads(service.post("segment_bridge/check", destination="segment").body.read())
    assert {each["check"]: each["code"] for each in answer["checks"]}["source"] == "source_disabled"
    service.post(CONF, source_id="gone")
    found(service, "| makeresults | segmentreceipts")
    records = {each["check"]: each for each in service.kvstore["segment_checks"].data.query()}
    assert records["source"]["code"] == "no_source"


def test_the_token_is_in_no_log(site):
    service, _, _ = site
    service.post(CONF, source_id="src")
    logged = found(service, "search index=_internal source=*segment_bridge.log component=segmentreceipts")
    assert any("event=receipts" in row["_raw"] for row in logged)
    assert not any(TOKEN in row["_raw"] or WRITE_KEY in row["_raw"] for row in logged)
