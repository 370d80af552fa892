"""The proxy forwards the right requests to the right place for the right clients."""

import pytest
import requests

from tests.support.fakes.faults import always, html
from tests.support.fakes.proxy import FakeProxy
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.fakes.tls import Authority


def batch(message_id):
    return {"batch": [{"type": "track", "event": "e", "userId": "u", "messageId": message_id}]}


def proxies(proxy, user=""):
    return dict.fromkeys(("http", "https"), proxy.url.replace("//", f"//{user}@") if user else proxy.url)


def test_https_is_tunnelled_to_where_a_name_is_routed(client):
    authority = Authority()
    segment, proxy = FakeSegment(tls=authority.server("api.segment.io")), FakeProxy()
    with segment, proxy:
        proxy.routes["api.segment.io:443"] = segment.port
        for message_id in "a", "b":
            answer = client.post(
                "https://api.segment.io/v1/batch",
                json=batch(message_id),
                auth=(WRITE_KEY, ""),
                proxies=proxies(proxy),
                verify=str(authority.ca_file),
            )
            assert answer.json() == {"success": True}
        client.close()
    assert list(segment.accepted) == ["a", "b"]
    assert proxy.targets == ["api.segment.io:443"]


def test_http_is_forwarded(client):
    with FakeSegment() as segment, FakeProxy() as proxy:
        url = f"{segment.url}/v1/batch?x=1"
        answer = client.post(url, json=batch("a"), auth=(WRITE_KEY, ""), proxies=proxies(proxy))
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert list(segment.accepted) == ["a"]
    assert segment.requests[0].target == "/v1/batch?x=1"
    assert proxy.targets == [f"127.0.0.1:{segment.port}"]


def test_credentials_are_asked_for(client):
    with FakeSegment() as segment, FakeProxy(user="joe", password="s p") as proxy:
        assert client.get(segment.url, proxies=proxies(proxy)).status_code == 407
        assert client.get(segment.url, proxies=proxies(proxy, "joe:s%20p")).status_code == 200
        with pytest.raises(requests.exceptions.ProxyError, match="407"):
            client.get("https://localhost:1", proxies=proxies(proxy))
    assert "Proxy-Authorization" not in segment.requests[0].headers


def test_nothing_beyond_loopback_is_reached(client):
    with FakeProxy() as proxy:
        assert client.get("http://example.com/", proxies=proxies(proxy)).status_code == 502
        with pytest.raises(requests.exceptions.ProxyError, match="502"):
            client.get("https://example.com/", proxies=proxies(proxy))


def test_a_proxy_has_faults_of_its_own(client):
    with FakeSegment() as segment, FakeProxy() as proxy:
        proxy.faults = always(html())
        assert "<html>" in client.get(segment.url, proxies=proxies(proxy)).text
    assert not segment.requests
