"""What segmentcheck can find out about a destination without sending an event to it."""

import email.utils
from typing import NamedTuple
from urllib.parse import unquote

import pytest

from segment_bridge.errors import SegmentBridgeError, Unavailable
from segment_bridge.reasons import is_known
from segment_bridge.receipts import checks, keys

KEY = "fake0segment0write0key0000000001"
NOW = 1_800_000_000.0
URL = "https://api.segment.io/v1/batch"


class Said(NamedTuple):
    status: int
    text: str = ""
    headers: dict = {}


def asked(answer, calls=None):
    def ask(method, url, headers):
        if calls is not None:
            calls.append((method, url, dict(headers)))
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def settings(host=None, key=KEY):
    source = {"apiKey": key, **({"apiHost": host} if host else {})}
    return Said(200, '{"integrations": {"Segment.io": %s}}' % str(source).replace("'", '"'))


def told(found):
    assert all(check.text for check in found)
    assert all(is_known(check.code) for check in found if check.code)
    assert all(bool(check.code) == (check.status != "ok") for check in found)
    return [(check.check, check.status, check.code) for check in found]


# --- The key and the region (the answers are those of tests/support/fakes/test_segment_settings.py) ---


def test_a_key_that_segment_knows():
    calls = []
    found = keys.check(asked(settings(), calls), KEY, "us")
    assert told(found) == [("key", "ok", ""), ("region", "ok", "")]
    assert calls == [("GET", "https://cdn.segment.com/v1/projects/%s/settings" % KEY, {"Accept": "application/json"})]


def test_a_key_that_segment_does_not_know_warns():
    found = keys.check(asked(Said(404, "Cannot GET - Invalid path or write key provided.")), KEY, "us")
    assert told(found) == [("key", "warn", "key_unknown"), ("region", "unknown", "key_unknown")]


@pytest.mark.parametrize(
    "host, region, code",
    [
        (None, "us", ""),
        ("api.segment.io/v1", "us", ""),
        ("events.eu1.segmentapis.com/v1", "eu", ""),
        ("events.eu1.segmentapis.com/v1", "us", "region_wrong"),
        (None, "eu", "region_wrong"),
    ],
)
def test_the_region_that_segment_names(host, region, code):
    assert told(keys.check(asked(settings(host)), KEY, region))[1] == ("region", "warn" if code else "ok", code)


def test_another_address_is_in_neither_region():
    assert told(keys.check(asked(settings("events.example.com/v1")), KEY, "us"))[1] == (
        "region",
        "unknown",
        "other_host",
    )


@pytest.mark.parametrize(
    "answer, code",
    [
        (Said(404, "<h1>Not Found</h1>"), "http_404"),
        (Said(503), "http_503"),
        (Said(302), "http_302"),
        (Said(200, "<html>Log in</html>"), "unexpected_body"),
        (Said(200, "{}"), "unexpected_body"),
        (Said(200, '{"integrations": []}'), "unexpected_body"),
        (Said(200, '{"integrations": {"Segment.io": {"apiKey": "k", "apiHost": 7}}}'), "unexpected_body"),
        (settings(key="another"), "unexpected_body"),
        (Unavailable("no", reason="network"), "network"),
        (SegmentBridgeError("no", reason="tls"), "tls"),
    ],
)
def test_an_inconclusive_answer_means_unknown(answer, code):
    assert told(keys.check(asked(answer), KEY, "us")) == [("key", "unknown", code), ("region", "unknown", code)]


def test_a_key_is_one_segment_of_the_path():
    calls = []
    keys.check(asked(Said(404), calls), "a/../b?c#d", "us")
    ((_, url, _),) = calls
    assert unquote(url) != url and url.count("/") == 6 and "?" not in url and "#" not in url


def test_no_text_contains_the_key():
    for answer in (settings(), Said(404, "Cannot GET - Invalid path or write key provided."), Said(200, KEY)):
        assert not any(KEY in check.text for check in keys.check(asked(answer), KEY, "eu"))


# --- The receiver, its certificate, its clock ---


def date(seconds):
    return {"Date": email.utils.formatdate(seconds, usegmt=True)}


def connection(answer, url=URL):
    return checks.connection(asked(answer), url, lambda: NOW)


def test_a_receiver_that_answers_anything_is_reachable():
    calls = []
    found = checks.connection(asked(Said(404, "", date(NOW + 59)), calls), URL, lambda: NOW)
    assert told(found) == [("receiver", "ok", ""), ("certificate", "ok", ""), ("clock", "ok", "")]
    assert calls == [("GET", URL, {})]  # no receiver takes this for a batch, and it contains no key


@pytest.mark.parametrize("skew_s, words", [(61, "61 s behind"), (-61, "61 s ahead of")])
def test_a_wrong_clock_warns(skew_s, words):
    found = connection(Said(200, "", date(NOW + skew_s)))
    assert told(found)[2] == ("clock", "warn", "clock_skew")
    assert words in found[2].text


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"Date": ""}])
def test_an_unknown_clock(headers):
    assert told(connection(Said(200, "", headers)))[2] == ("clock", "unknown", "no_date")


def test_an_unreachable_receiver():
    assert told(connection(Unavailable("no", reason="network"))) == [("receiver", "warn", "network")]
    assert told(connection(SegmentBridgeError("no", reason="proxy"))) == [("receiver", "warn", "proxy")]
    assert told(connection(Said(407))) == [("receiver", "warn", "proxy")]


def test_an_invalid_certificate():
    found = connection(SegmentBridgeError("no", reason="tls"))
    assert told(found) == [("receiver", "unknown", "tls"), ("certificate", "warn", "tls")]
    assert "ca_file" in found[1].text


def test_a_receiver_on_this_machine_has_no_certificate():
    found = connection(Said(200, "", date(NOW)), "http://127.0.0.1:8080/v1/batch")
    assert told(found)[1] == ("certificate", "unknown", "not_encrypted")
