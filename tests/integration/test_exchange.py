"""Asking an API over a connection that stays open, which the other side may close, and answers that do not come."""

import pytest

from segment_bridge.errors import SegmentBridgeError, Unavailable
from segment_bridge.exchange import Asker
from segment_bridge.settings import Way
from tests.support.fakes import faults
from tests.support.fakes.proxy import FakeProxy
from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer
from tests.support.fakes.tls import Authority

SECRET = "fake-token"


class Api(FakeServer):
    def answer(self, request):
        return Reply.text(200, "fine")


@pytest.fixture
def api():
    with Api() as server:
        yield server


def asker(**way):
    return Asker(Way(**{"connect_timeout": 0.2, "timeout": 0.2, **way}), "the API", [SECRET])


def ask(asking, url):
    return asking.ask("GET", url + "/?" + SECRET, {}).text


def test_a_connection_that_was_closed_meanwhile_is_opened_again(api):
    api.faults = faults.first(1, faults.stale())
    asking = asker()
    assert [ask(asking, api.url) for _ in range(3)] == ["fine"] * 3
    assert [each.connection for each in api.requests] == [1, 2, 2]


def test_a_connection_that_was_closed_meanwhile_and_cannot_be_opened_again(api):
    api.faults = faults.in_turn(faults.stale(), faults.reset(), faults.reset())
    asking = asker()
    ask(asking, api.url)
    with pytest.raises(Unavailable, match="the API cannot be reached: ") as told:
        ask(asking, api.url)
    assert told.value.reason == "network" and SECRET not in str(told.value)


@pytest.mark.parametrize("fault", [faults.reset(), faults.close(), faults.hang(), faults.half_answer(60)])
def test_a_request_without_an_answer_is_not_repeated_here(api, fault):
    api.faults = faults.always(fault)
    with pytest.raises(Unavailable, match="the API cannot be reached: ") as told:
        ask(asker(), api.url)
    assert told.value.reason == "network" and SECRET not in str(told.value)
    assert len(api.requests) == 1


def test_an_answer_in_an_encoding_that_is_not_what_it_says_still_has_its_status(api):
    api.faults = faults.always(faults.status(503, "plain", Content_Encoding="gzip"))
    said = asker().ask("GET", api.url, {})
    assert said.status == 503 and "gzip" in said.text


def test_a_certificate_of_another_authority():
    other = Authority()
    with (
        Api(tls=Authority().server()) as api,
        pytest.raises(SegmentBridgeError, match=r"certificate in certificate chain|local issuer") as told,
    ):
        ask(asker(ca_file=str(other.ca_file)), api.url)
    assert told.value.reason == "tls" and not isinstance(told.value, Unavailable)


def test_a_proxy_that_asks_for_credentials():
    with (
        FakeProxy(user="u", password="p") as proxy,
        pytest.raises(SegmentBridgeError, match="407 Proxy Authentication Required") as told,
    ):
        ask(asker(proxy_url=proxy.url), "https://127.0.0.1:1")
    assert told.value.reason == "proxy" and not isinstance(told.value, Unavailable)
