"""The fakes of other receivers do what the receivers' own source and documents say.

Sources: rudder-server f2655fb, gateway/response/response.go (texts and statuses), gateway/handle_http_auth.go (keys,
disabled sources), gateway/handle.go (which checks events undergo), Gateway.maxReqSizeInKB and Gateway.enableDedup;
jitsucom/bulker c5548cf, ingest/router_batch_handler.go (answers, ids), ingest/router.go (keys, contexts, ErrNoDst);
Customer.io's "Pipelines API": authentication, "Rate and payload limits", "Batch requests", X-Strict-Mode.
"""

import base64
import gzip
import json

import pytest

from tests.support.fakes.receivers import (
    CUSTOMER_IO_MAX_BYTES,
    RUDDER_MAX_BYTES,
    FakeCustomerIo,
    FakeJitsu,
    FakeRudderStack,
    Source,
)

KEY, OFF = "fake-key", "disabled-key"


def event(message_id="a", **members):
    return {"type": "track", "event": "x", "userId": "u", "messageId": message_id, **members}


def poster(client, fake):
    def post(*events, key=KEY, path="/v1/batch", body=None, **options):
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        if key is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(key.encode()).decode()
        data = json.dumps({"batch": events, **options}) if body is None else body
        answer = client.post(fake.url + path, data=data, headers=headers)
        return answer.status_code, answer.text

    return post


# --- RudderStack ---


@pytest.fixture
def rudder():
    with FakeRudderStack(sources=(Source(KEY), Source(OFF, False))) as fake:
        yield fake


@pytest.fixture
def to_rudder(client, rudder):
    post = poster(client, rudder)
    return lambda *events, key=KEY + ":", **options: post(*events, key=key, **options)


def test_rudderstack_says_ok(rudder, to_rudder):
    """response.go: Ok = "OK" """
    assert to_rudder(event("a"), event("b")) == (200, "OK")
    assert rudder.ids == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "status", "text"),
    [
        (None, 401, "Failed to read writeKey from header\n"),
        (":", 401, "Failed to read writeKey from header\n"),
        ("another:", 401, "Invalid Write Key\n"),
        (OFF + ":", 404, "Source is disabled\n"),
    ],
)
def test_rudderstacks_keys(to_rudder, key, status, text):
    """handle_http_auth.go, writeKeyAuth; http.Error ends its text with a line feed"""
    assert to_rudder(event(), key=key) == (status, text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "Request body is nil\n"),
        ("{", "Invalid JSON\n"),
        ('{"batch":[[{"userId":"u"}]]}', "Event is not a valid rudder event\n"),
        ('{"batch":[{"userId":"u"},{"event":"x"}]}', "Request neither has anonymousId nor userId\n"),
    ],
)
def test_rudderstack_refuses_a_whole_request_because_of_one_event(rudder, to_rudder, body, text):
    """response.go: 400; handle.go returns at the first invalid event"""
    assert to_rudder(body=body) == (400, text)
    assert rudder.accepted == []


def test_rudderstacks_largest_request(to_rudder):
    """Gateway.maxReqSizeInKB: 4000"""
    assert to_rudder(body=b" " * (RUDDER_MAX_BYTES + 1)) == (413, "Request size exceeds max limit\n")
    assert to_rudder(event(x="x" * (RUDDER_MAX_BYTES - 200)))[0] == 200


def test_rudderstack_keeps_repeats_and_reads_no_context_of_a_batch(rudder, to_rudder):
    """Gateway.enableDedup: false; handle.go reads batch[i]"""
    to_rudder(event("a"), event("a"), context={"x": 1})
    assert rudder.ids == ["a", "a"] and "context" not in rudder.accepted[0]


def test_rudderstack_takes_gzip(to_rudder):
    """The rudder SDKs send it by default."""
    body = gzip.compress(json.dumps({"batch": [event()]}).encode())
    assert to_rudder(body=body, headers={"Content-Encoding": "gzip"}) == (200, "OK")


# --- Jitsu ---


@pytest.fixture
def jitsu():
    with FakeJitsu(sources=(Source("id:secret"), Source("off:secret", False))) as fake:
        yield fake


@pytest.fixture
def to_jitsu(client, jitsu):
    post = poster(client, jitsu)

    def send(*events, key="id:secret", **options):
        status, text = post(*events, key=key, **options)
        return status, json.loads(text)

    return send


@pytest.mark.parametrize("path", ["/v1/batch", "/api/s/s2s/batch"])
def test_jitsu_counts_the_events_that_it_takes(jitsu, to_jitsu, path):
    """router_batch_handler.go: ok, receivedEvents, okEvents"""
    assert to_jitsu(event("a"), event("b"), path=path) == (200, {"ok": True, "receivedEvents": 2, "okEvents": 2})
    assert jitsu.ids == ["a", "b"]


def test_jitsu_names_invalid_events(jitsu, to_jitsu):
    """router_batch_handler.go: "Message ID: %s: %v"; router.go: "Unknown event type: %s" """
    status, said = to_jitsu(event("a"), event("b", type="purchase"))
    assert status == 200 and (said["ok"], said["receivedEvents"], said["okEvents"]) == (False, 2, 1)
    assert said["errors"] == ["Message ID: b: event error: Unknown event type: purchase"]
    assert jitsu.ids == ["a"]


def test_a_jitsu_stream_without_destinations(jitsu, to_jitsu):
    """router.go: ErrNoDst = "no destinations found for stream" """
    status, said = to_jitsu(event("a"), key="off:secret")
    assert (status, said["ok"], said["okEvents"]) == (200, False, 0)
    assert "no destinations found for stream" in said["errors"][0] and jitsu.accepted == []


def test_jitsus_keys(to_jitsu):
    """router.go, getDataLocator: Basic without a colon at its end, X-Write-Key, writeKey; 401 "stream not found" """
    assert to_jitsu(event(), key="id:secret:")[0] == 200
    assert to_jitsu(event(), key=None, headers={"X-Write-Key": "id:secret"})[0] == 200
    assert to_jitsu(event(), key=None, writeKey="id:secret")[0] == 200
    for key in ("id", "id:other", None):
        status, said = to_jitsu(event(), key=key)
        assert status == 401 and said["error"].startswith("stream not found")


def test_jitsu_changes_ids(jitsu, to_jitsu):
    """router.go: [^a-zA-Z0-9._-] becomes _; 64 characters"""
    to_jitsu(event("a/b ü"), event("x" * 65))
    assert jitsu.ids == ["a_b__", "x" * 64]


def test_jitsu_merges_the_batchs_context_and_the_events_own_wins(jitsu, to_jitsu):
    """router.go, patchEvent: a copy of the batch's context, overwritten with everything in the event's"""
    to_jitsu(event(context={"x": 2}), context={"x": 1, "y": 1})
    assert jitsu.accepted[0]["context"] == {"x": 2, "y": 1}


def test_jitsu_needs_json(to_jitsu):
    assert to_jitsu(event(), headers={"Content-Type": "text/csv"})[0] == 400
    assert to_jitsu(body="{")[0] == 400


# --- Customer.io ---


@pytest.fixture
def customer_io():
    with FakeCustomerIo(sources=(Source(KEY),)) as fake:
        yield fake


@pytest.fixture
def to_customer_io(client, customer_io):
    post = poster(client, customer_io)

    def send(*events, key=KEY + ":", is_strict=True, **options):
        return post(*events, key=key, headers={"X-Strict-Mode": "1"} if is_strict else {}, **options)[0]

    return send


def test_customer_io_takes_a_key_as_username_with_a_blank_password(customer_io, to_customer_io):
    """ "this API key is the Username, and the Password is blank" """
    assert to_customer_io(event("a")) == 200 and customer_io.ids == ["a"]
    assert to_customer_io(event(), key=KEY + ":x") == 401


def test_customer_io_is_permissive_without_strict_mode(customer_io, to_customer_io):
    """X-Strict-Mode: "returns proper HTTP error codes (400/401) ...", else "logging errors but returning HTTP 200" """
    bad = event(userId=7)
    assert [to_customer_io(bad), to_customer_io(event(), key="wrong:")] == [400, 401]
    assert [to_customer_io(bad, is_strict=False), to_customer_io(event(), key="wrong:", is_strict=False)] == [200, 200]
    assert customer_io.accepted == []


def test_customer_ios_limits(to_customer_io):
    """ "limited to 500KB total and 32KB per call" """
    assert to_customer_io(event(x="x" * 32_000)) == 400
    many = [event(str(number), x="x" * 20_000) for number in range(CUSTOMER_IO_MAX_BYTES // 20_000 + 1)]
    assert to_customer_io(*many) == 400
    assert to_customer_io(*many[:20]) == 200


def test_the_batchs_context_replaces_the_events(customer_io, to_customer_io):
    """ "the context and integrations objects apply to all calls in the request" """
    to_customer_io(event(context={"x": 2}), context={"y": 1})
    assert customer_io.accepted[0]["context"] == {"y": 1}
