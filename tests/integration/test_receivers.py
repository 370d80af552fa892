"""Runs to receivers other than Segment, and with OAuth: what becomes of each event, tested against the fakes."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from segment_bridge.delivery import client, oauth
from segment_bridge.delivery.batching import Batch
from segment_bridge.delivery.client import Client, Kind
from segment_bridge.delivery.engine import Engine
from segment_bridge.delivery.options import Destination
from segment_bridge.errors import SecretError
from tests.support.fakes import faults
from tests.support.fakes.receivers import FakeCustomerIo, FakeJitsu, FakeRudderStack, Source
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.fakes.token_server import FakeTokenServer

JITSU_KEY = "key-id:key-secret"
ON, OFF = Source("fake-key"), Source("disabled-key", False)


def event(message_id, **members):
    return json.dumps({"type": "track", "event": "x", "userId": "u", "messageId": message_id, **members}).encode()


def destination(fake, receiver, **settings):
    stanza = {"receiver": receiver, "url": fake.url + "/v1/batch", "region": "us", "deadline": "20", **settings}
    return Destination.parse("other", stanza, {})


def deliver(fake, receiver, payloads, key="fake-key", private_key="", **settings):
    """The status and reason of each event."""
    ours = destination(fake, receiver, **settings)
    found = {}

    def settled(settled):
        for outcome, part in settled.parts():
            found.update(dict.fromkeys(part.rows, (outcome.status, outcome.reason)))

    with Engine(Client(ours, key, private_key), ours, settled) as engine:
        engine.resume()
        engine.submit(Batch(1, payloads, [*range(len(payloads))]))
        engine.drain()
    return [found[row] for row in range(len(payloads))]


ACCEPTED = ("accepted", "")


# --- RudderStack ---


@pytest.fixture
def rudder():
    with FakeRudderStack(sources=(ON, OFF)) as fake:
        yield fake


def test_rudderstack(rudder):
    assert deliver(rudder, "rudderstack", [event("a"), event("b")]) == [ACCEPTED] * 2
    assert rudder.ids == ["a", "b"]


def test_rudderstack_refuses_a_request_because_of_one_bad_event(rudder):
    payloads = [event(str(number)) for number in range(9)]
    payloads[4] = event("bad", userId="")
    found = deliver(rudder, "rudderstack", payloads)
    assert found[4] == ("rejected", "http_400") and found.count(ACCEPTED) == 8
    assert sorted(rudder.ids) == sorted(str(number) for number in range(9) if number != 4)


def test_rudderstack_checks_keys(rudder):
    assert deliver(rudder, "rudderstack", [event("a")], key="wrong") == [("failed", "auth")]
    assert deliver(rudder, "rudderstack", [event("a"), event("b")], key=OFF.key) == [("failed", "source_disabled")] * 2
    assert rudder.accepted == []


def test_rudderstack_takes_large_events(rudder):
    large = event("a", properties={"x": "x" * 600_000})
    assert deliver(rudder, "rudderstack", [large], max_batch_bytes="3900000") == [ACCEPTED]


# --- Jitsu ---


@pytest.fixture
def jitsu():
    with FakeJitsu(sources=(Source(JITSU_KEY), Source("off:secret", False))) as fake:
        yield fake


def test_jitsu(jitsu):
    assert deliver(jitsu, "jitsu", [event("a"), event("b")], key=JITSU_KEY) == [ACCEPTED] * 2
    assert jitsu.ids == ["a", "b"]
    assert jitsu.accepted[0]["context"]["library"]["name"] == "segment-bridge"


def test_jitsu_names_the_bad_events_and_takes_the_others(jitsu):
    payloads = [event("a"), event("b", type="purchase"), event("c")]
    assert deliver(jitsu, "jitsu", payloads, key=JITSU_KEY) == [ACCEPTED, ("rejected", "success_false"), ACCEPTED]
    assert jitsu.ids == ["a", "c"] and len(jitsu.requests) == 1


def test_jitsu_when_all_events_of_a_request_are_bad(jitsu):
    payloads = [event("first"), *(event(name, type="purchase") for name in "ab")]
    settings = {"max_batch_events": "1", "concurrency": "1"}
    batches = [Batch(number, [payload], [number]) for number, payload in enumerate(payloads)]
    ours, found = destination(jitsu, "jitsu", **settings), {}

    def settled(settled):
        for outcome, part in settled.parts():
            found.update(dict.fromkeys(part.rows, (outcome.status, outcome.reason)))

    with Engine(Client(ours, JITSU_KEY), ours, settled) as engine:
        engine.resume()
        for batch in batches:
            engine.submit(batch)
        engine.drain()
    assert found == {0: ACCEPTED, 1: ("rejected", "success_false"), 2: ("rejected", "success_false")}


def test_jitsu_without_destinations(jitsu):
    assert deliver(jitsu, "jitsu", [event("a")], key="off:secret") == [("failed", "source_disabled")]


def test_jitsu_checks_keys(jitsu):
    assert deliver(jitsu, "jitsu", [event("a")], key="key-id:wrong") == [("failed", "auth")]


@pytest.mark.parametrize("key", ["key-id", ":secret", "key-id:", "a:b:c", "a b:c"])
def test_a_key_for_jitsu_has_two_parts(jitsu, key):
    with pytest.raises(SecretError) as refused:
        Client(destination(jitsu, "jitsu"), key)
    assert "colon" in str(refused.value) and key not in str(refused.value)


# --- Customer.io ---


@pytest.fixture
def customer_io():
    with FakeCustomerIo(sources=(ON,)) as fake:
        yield fake


def test_customer_io_in_strict_mode(customer_io):
    payloads = [event("a", context={"userAgent": "x"}), event("b", userId=7), event("c")]
    found = deliver(customer_io, "customerio", payloads)
    assert found == [ACCEPTED, ("rejected", "http_400"), ACCEPTED]
    assert all(each.headers["X-Strict-Mode"] == "1" for each in customer_io.requests)
    assert {each["messageId"]: each.get("context") for each in customer_io.accepted} == {
        "a": {"userAgent": "x"},  # a batch's context would replace it
        "c": None,
    }


def test_customer_io_checks_keys_in_strict_mode(customer_io):
    assert deliver(customer_io, "customerio", [event("a")], key="wrong") == [("failed", "auth")]


def test_headers_that_a_site_has_added(customer_io):
    assert deliver(customer_io, "customerio", [event("a")], headers='{"X-Strict-Mode": "0", "X-Site": "a"}') == [
        ACCEPTED
    ]
    (request,) = customer_io.requests
    assert (request.headers["X-Strict-Mode"], request.headers["X-Site"]) == ("0", "a")


# --- Answers that are 2xx ---


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"ok": true}', Kind.ACCEPTED),
        ('{"success": true}', Kind.ACCEPTED),
        ("", Kind.DENIED),
        ("{}", Kind.DENIED),
        ('{"ok": false}', Kind.DENIED),
        ('{"errors": ["x"]}', Kind.DENIED),
        ('{"okEvents": 1, "errors": ["Message ID: a: no"]}', Kind.ACCEPTED),
    ],
)
def test_a_207_counts_as_success_if_it_says_so(rudder, body, kind):
    rudder.faults = faults.status(207, body)
    sender = Client(destination(rudder, "rudderstack"), "fake-key")
    assert sender.send(sender.prepare(b'{"batch":[]}')).kind is kind


# --- OAuth ---

KEY = rsa.generate_private_key(65_537, 2_048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
OAUTH = {"oauth_app_id": "app", "oauth_key_id": "kid"}


@pytest.fixture
def server(monkeypatch):
    with FakeTokenServer(app_id="app", key_id="kid", public_key=KEY.public_key()) as server:
        monkeypatch.setitem(oauth.SERVERS, "us", server.url)
        yield server


@pytest.fixture
def segment(server):
    with FakeSegment(tokens=server.takes) as fake:
        yield fake


def by_oauth(segment, payloads, private_key=PEM):
    return deliver(segment, "segment", payloads, WRITE_KEY, private_key, **OAUTH)


def test_a_token_and_the_key_in_the_body(segment, server):
    assert by_oauth(segment, [event("a"), event("b")]) == [ACCEPTED] * 2
    (request,) = segment.requests
    assert request.headers["Authorization"].startswith("Bearer ")
    assert list(segment.accepted) == ["a", "b"] and len(server.requests) == 1


def test_basic_authentication_is_not_enough_for_an_oauth_source(segment):
    assert deliver(segment, "segment", [event("a")], WRITE_KEY) == [("failed", "auth")]


def test_a_batch_whose_token_was_refused_is_sent_again(segment, server):
    ours = destination(segment, "segment", **OAUTH)
    sender = Client(ours, WRITE_KEY, PEM)

    def send(name):
        return sender.send(sender.prepare(b'{"context":{},"batch":[%s]}' % event(name))).kind

    assert send("a") is Kind.ACCEPTED
    server.revoke_all()
    assert send("b") is Kind.ACCEPTED
    assert list(segment.accepted) == ["a", "b"] and (len(segment.requests), len(server.requests)) == (3, 2)


@pytest.mark.parametrize("status", [401, 403, 511])
def test_a_token_that_is_always_refused_stops_the_run(segment, server, status):
    segment.faults = faults.status(status)
    found = by_oauth(segment, [event(str(number)) for number in range(4)])
    assert {each[0] for each in found} == {"failed"}
    assert segment.accepted == {}


def test_a_bad_event_causes_one_new_token_and_not_one_per_half(segment, server):
    segment.faults = faults.when(lambda request: b"poison" in request.body, faults.status(400))
    payloads = [event(str(number)) for number in range(16)]
    payloads[7] = event("poison")
    found = by_oauth(segment, payloads)
    assert found[7] == ("rejected", "http_400") and found.count(ACCEPTED) == 15
    assert len(server.requests) == 2


def test_a_refused_application(segment, server):
    server.key_id = "another"
    assert by_oauth(segment, [event("a")]) == [("failed", "oauth")]
    assert segment.requests == []


def test_a_token_server_that_is_down_for_a_moment(segment, server):
    server.faults = faults.first(1, faults.status(503))
    assert by_oauth(segment, [event("a")]) == [ACCEPTED]


def test_an_invalid_private_key(segment):
    for text in ("", "x", PEM.replace("PRIVATE", "PUBLIC")):
        with pytest.raises(SecretError) as refused:
            client.Client(destination(segment, "segment", **OAUTH), WRITE_KEY, text)
        assert 'username "other:oauth"' in str(refused.value)
