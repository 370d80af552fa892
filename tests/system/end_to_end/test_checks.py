"""The checks of a destination: a page asks Splunk, and Splunk asks through the destination's proxy and CA."""

import json
import time

import pytest
from splunklib.binding import HTTPError

from tests.standin.clients import connect
from tests.standin.splunkd import Splunkd
from tests.support.fakes.proxy import FakeProxy
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.fakes.segment_settings import FakeSettings
from tests.support.fakes.tls import Authority

CONF = "configs/conf-segment_bridge/segment"
HOSTS = ("api.segment.io", "cdn.segment.com")


@pytest.fixture(scope="module")
def site(package, tmp_path_factory):
    """Splunk with the app, and Segment under its own names, behind a proxy, with a private authority's certificates."""
    authority = Authority()
    tls = authority.server(*HOSTS)
    with (
        FakeSegment(tls=tls) as segment,
        FakeSettings(tls=tls, sources={WRITE_KEY: ""}) as settings,
        FakeProxy() as proxy,
        Splunkd(tmp_path_factory.mktemp("checks") / "splunk") as splunkd,
    ):
        proxy.routes = {"api.segment.io:443": segment.port, "cdn.segment.com:443": settings.port}
        splunkd.install(package, False)
        service = connect(splunkd, app="segment_bridge", owner="nobody")
        service.storage_passwords.create(WRITE_KEY, "segment", "segment_bridge")
        service.post(CONF, region="us", proxy_url=proxy.url, ca_file=str(authority.ca_file))
        yield service, settings, proxy, splunkd


def check(service, destination="segment"):
    answer = json.loads(service.post("segment_bridge/check", destination=destination).body.read())
    assert answer["destination"] == destination
    return {each["check"]: (each["status"], each["code"]) for each in answer["checks"]}


def test_all_is_well(site):
    service, settings, proxy, _ = site
    settings.sources = {WRITE_KEY: ""}
    found = check(service)
    assert found.pop("clock")[0] in ("ok", "unknown")
    assert found == dict.fromkeys(("receiver", "certificate", "key", "region"), ("ok", ""))
    assert set(proxy.targets) == {"api.segment.io:443", "cdn.segment.com:443"}


def test_an_unknown_key_and_a_wrong_region_are_recorded(site):
    service, settings, _, _ = site
    settings.sources = {}
    began = time.time()
    assert check(service)["key"] == ("warn", "key_unknown")
    records = {
        each["check"]: each
        for each in service.kvstore["segment_checks"].data.query(query=json.dumps({"destination": "segment"}))
    }
    assert records["key"]["status"] == "warn" and records["key"]["time"] >= began
    settings.sources = {WRITE_KEY: "events.eu1.segmentapis.com/v1"}
    assert check(service)["region"] == ("warn", "region_wrong")
    assert "clock" in records and len(service.kvstore["segment_checks"].data.query()) == len(records)


def test_errors_of_the_destination_itself(site):
    service, *_ = site
    assert check(service, "nowhere") == {"settings": ("warn", "settings")}
    service.post("configs/conf-segment_bridge", name="bare", region="us")
    assert check(service, "bare")["key"] == ("warn", "secret")


@pytest.mark.parametrize("name", ["", "a b", '"] | rest', "x" + '" | delete'])
def test_a_name_cannot_inject_spl(site, name):
    with pytest.raises(HTTPError) as refused:
        check(site[0], name)
    assert refused.value.status == 400


def test_checking_is_a_post_for_users_who_may_read_the_password_store(site):
    service, _, _, splunkd = site
    with pytest.raises(HTTPError) as refused:
        service.get("segment_bridge/check", destination="segment")
    assert refused.value.status == 405
    sender = connect(splunkd, "segment_bridge_sender", "segment_bridge", "nobody")
    with pytest.raises(HTTPError) as refused:
        check(sender)
    assert refused.value.status == 403
