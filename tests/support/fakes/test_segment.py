"""The fake Segment does what Segment is documented to do, or was seen to do.

Sources are named as in Segment's documentation: "HTTP API", "Delivery Overview" (discards), "Duplicate data", "Common
fields"; threads are written as repository#number, owner segmentio.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import segment, segment_rules
from tests.support.fakes.segment import WRITE_KEY, FakeSegment, Separate

BAD_REQUEST = (400, "Bad Request")


def event(message_id="id-1", **fields):
    return {"type": "track", "event": "Looked", "userId": "u1", "messageId": message_id, **fields}


@pytest.fixture
def fake():
    with FakeSegment() as server:
        yield server


@pytest.fixture
def post(client, fake):
    def post(batch=None, *, body=None, key=WRITE_KEY, **headers):
        """Posts a batch of events, or a body as it is. Returns the status and the text of the answer."""
        if body is None:
            body = json.dumps({"batch": batch})
        fields = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        auth = None if key is None else (key, "")
        answer = client.post(f"{fake.url}/v1/batch", data=body, headers=fields, auth=auth)
        return answer.status_code, answer.text

    return post


def reasons(events):
    return [event.reason for event in events]


# Answers


def test_a_good_batch_is_answered_with_success(fake, post):
    """ "HTTP API": 200 {"success":true}"""
    assert post([event("a"), event("b")]) == (200, '{"success":true}')
    assert list(fake.accepted) == ["a", "b"]
    assert fake.counts()["events"] == 2


def test_only_the_batch_endpoint_exists(client, fake):
    assert client.post(f"{fake.url}/v1/tracks", json={}).status_code == 404
    assert client.put(f"{fake.url}/v1/batch", json={}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"batch":{}}',
        '{"batch":[]} x',
        '{"batch":[{"type":"track"},]}',
        '{"batch":[{"n":NaN}]}',
        '{"batch":[{"n":-Infinity}]}',
        '{"batch":["\\ud800"]}',
        '{"batch":[],"context":{"x":"\\uDC00"}}',
        '{"batch":["a\nb"]}',
        '{"batch":[' + "[" * 100_000,
        b'{"batch":["\xff"]}',
        b'\xef\xbb\xbf{"batch":[]}',
    ],
)
def test_invalid_json_fails_the_whole_batch(fake, post, body):
    """ "HTTP API", errors: 400 for JSON errors; plain text, analytics-ruby#147"""
    assert post(body=body) == BAD_REQUEST
    assert fake.counts()["events"] == 0


def test_one_nan_costs_the_whole_batch(fake, post):
    """Not JSON; analytics-python lost good events because of it."""
    assert (
        post(body=json.dumps({"batch": [event("good"), event("bad", properties={"x": float("nan")})]})) == BAD_REQUEST
    )
    assert not fake.accepted


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-ndjson", "application/x-www-form-urlencoded", ""]
)
def test_another_content_type_is_refused(post, content_type):
    """ "HTTP API": the header must be set to application/json"""
    assert post([event()], Content_Type=content_type) == BAD_REQUEST


def test_a_content_type_may_name_its_charset(post):
    assert post([event()], Content_Type="Application/JSON; charset=utf-8")[0] == 200


def test_a_body_over_500_kb_is_refused(fake, post):
    """ "HTTP API": 500 KB a request, 400 beyond; KB in the stricter sense"""
    rest = len(json.dumps({"batch": [], "pad": ""}))
    assert post(body=json.dumps({"batch": [], "pad": "x" * (500_001 - rest)})) == BAD_REQUEST
    assert post(body=json.dumps({"batch": [], "pad": "x" * (500_000 - rest)}))[0] == 200


def test_the_size_limit_applies_before_compression(fake, post):
    """Not documented; every library of Segment's measures the JSON."""
    body = gzip.compress(json.dumps({"batch": [], "pad": "x" * 500_000}).encode())
    assert post(body=body, Content_Encoding="gzip") == BAD_REQUEST


def test_gzip_is_taken(fake, post):
    """ "Analytics for Python", gzip; analytics-kotlin always sends it"""
    body = gzip.compress(json.dumps({"batch": [event("zipped")]}).encode())
    assert post(body=body, Content_Encoding="gzip")[0] == 200
    assert "zipped" in fake.accepted
    exchange = fake.requests[-1]
    assert exchange.wire_bytes == len(body) != exchange.body_bytes


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"plain"])
def test_bad_gzip_is_refused(post, spoil):
    body = gzip.compress(json.dumps({"batch": [event()]}).encode())
    assert post(body=spoil(body), Content_Encoding="gzip") == BAD_REQUEST


def test_another_compression_is_refused(post):
    assert post([event()], Content_Encoding="br")[0] == 415


def test_a_body_of_unknown_length_is_refused(client, fake):
    chunks = iter([b'{"batch":[]}'])
    assert client.post(f"{fake.url}/v1/batch", data=chunks, auth=(WRITE_KEY, "")).status_code == 411


# Write keys


def test_a_wrong_key_looks_like_success_and_loses_the_events(fake, post):
    """analytics-go#205, analytics-ruby#136, analytics-node#59: the edge is stateless and answers 200"""
    assert post([event("a")], key="w" * 32) == (200, '{"success":true}')
    assert not fake.accepted
    assert [(lost.message_id, lost.write_key) for lost in fake.vanished] == [("a", "w" * 32)]


@pytest.mark.parametrize("key", ["", "abc123", None])
def test_an_empty_very_short_or_missing_key_is_refused(post, key):
    """analytics-go#205: 400 for all of these"""
    assert post([event()], key=key) == BAD_REQUEST


def test_the_key_may_be_in_the_body(fake, post):
    """ "HTTP API", authentication: writeKey in the payload"""
    assert post(body=json.dumps({"writeKey": WRITE_KEY, "batch": [event()]}), key=None)[0] == 200
    assert fake.accepted


def test_oauth_goes_with_the_key_in_the_body(fake, post):
    """ "HTTP API", authentication: a bearer token and the writeKey"""
    body = json.dumps({"writeKey": WRITE_KEY, "batch": [event()]})
    assert post(body=body, key=None, Authorization="Bearer token")[0] == 200
    assert post([event()], key=None, Authorization="Bearer token") == BAD_REQUEST


def test_two_keys_that_differ_are_refused(post):
    assert post(body=json.dumps({"writeKey": "w" * 32, "batch": []})) == BAD_REQUEST


def test_basic_credentials_need_their_colon(post):
    """ "HTTP API", authentication: base64 of the key and a colon"""
    with_colon = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    without = base64.b64encode(WRITE_KEY.encode()).decode()
    assert post([event()], key=None, Authorization=f"Basic {with_colon}")[0] == 200
    assert post([event()], key=None, Authorization=f"Basic {without}") == BAD_REQUEST
    assert post([event()], key=None, Authorization="Basic !") == BAD_REQUEST


def test_authorizations_are_on_record(fake, post):
    post([event()])
    assert fake.authorizations == ["Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode()]


# Silent losses


def test_a_batch_of_more_than_2500_events_is_lost(fake, post):
    """ "HTTP API": 2,500 events; answered 200. Which events are lost is not documented; here all of them."""
    assert post([event(str(number)) for number in range(2_501)]) == (200, '{"success":true}')
    assert (len(fake.accepted), len(fake.lost), set(reasons(fake.lost))) == (0, 2_501, {"batch_events"})
    post([event(str(number)) for number in range(2_500)])
    assert len(fake.accepted) == 2_500


def test_an_event_of_more_than_32_kb_is_lost(fake, post):
    """ "HTTP API": 32 KB an event; as UTF-8, as sent"""
    small = len(json.dumps(event(properties={"x": ""}), ensure_ascii=False))
    for message_id, size in (("kept", 32_768), ("lost", 32_769)):
        text = "é" * 8_000
        text += "x" * (size - small - 16_000)
        whole = json.dumps({"batch": [event(message_id, properties={"x": text})]}, ensure_ascii=False)
        assert post(body=whole.encode())[0] == 200
    assert list(fake.accepted) == ["kept"]
    assert reasons(fake.lost) == ["event_bytes"]


def test_a_long_message_id_is_lost(fake, post):
    """ "Duplicate data": 100 characters"""
    post([event("i" * 100), event("j" * 101)])
    assert list(fake.accepted) == ["i" * 100]
    assert reasons(fake.lost) == ["message_id_characters"]


# What is discarded on ingest


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("text", "bad_request"),
        (None, "bad_request"),
        ({}, "missing_type"),
        ({"type": None, "userId": "u"}, "missing_type"),
        ({"type": "Track", "userId": "u", "event": "e"}, "invalid_type"),
        ({"type": ["track"], "userId": "u", "event": "e"}, "invalid_type"),
        ({"type": "track", "event": "e"}, "no_user_anon_id"),
        ({"type": "track", "event": "e", "userId": 7}, "id_not_string"),
        ({"type": "track", "event": "e", "userId": ""}, "id_not_string"),
        ({"type": "track", "event": "e", "userId": None}, "id_not_string"),
        ({"type": "track", "event": "e", "userId": "u", "anonymousId": 7}, "id_not_string"),
        ({"type": "track", "userId": "u"}, "event_not_defined"),
        ({"type": "track", "userId": "u", "event": ""}, "event_not_defined"),
        ({"type": "track", "userId": "u", "event": 7}, "event_not_string"),
        ({"type": "track", "userId": "u", "event": "e", "properties": []}, "properties_not_object"),
        ({"type": "identify", "userId": "u", "traits": "t"}, "traits_not_object"),
        ({"type": "page", "userId": "u", "name": ""}, "name_not_string"),
        ({"type": "screen", "userId": "u", "name": 7}, "name_not_string"),
        ({"type": "page", "userId": "u", "category": ""}, "category_not_string"),
        ({"type": "group", "userId": "u"}, "id_required"),
        ({"type": "group", "userId": "u", "groupId": 7}, "id_not_string"),
        ({"type": "alias", "userId": "u"}, "id_required"),
        ({"type": "alias", "anonymousId": "a", "previousId": "p"}, "id_required"),
        ({"type": "track", "event": "e", "userId": "u", "context": []}, "context_not_object"),
        ({"type": "track", "event": "e", "userId": "u", "integrations": None}, "integrations_not_object"),
        ({"type": "track", "event": "e", "userId": "u", "messageId": 7}, "message_id_not_string"),
        ({"type": "track", "event": "e", "userId": "u", "timestamp": "2026-11-23 19:52:18"}, "timestamp_not_iso8601"),
        ({"type": "track", "event": "e", "userId": "u", "timestamp": "2026-11-23T19:52:18"}, "timestamp_not_iso8601"),
        ({"type": "track", "event": "e", "userId": "u", "timestamp": "2026-02-30T19:52:18Z"}, "timestamp_not_iso8601"),
        ({"type": "track", "event": "e", "userId": "u", "timestamp": 1764000000}, "timestamp_not_iso8601"),
        ({"type": "track", "event": "e", "userId": "u", "sentAt": ""}, "sentAt_not_iso8601"),
    ],
)
def test_a_bad_event_is_discarded_and_its_batch_is_not(fake, post, message, reason):
    """ "Delivery Overview", failed on ingest (multi_user_error: messages without errors are published)"""
    assert post([message, event("good")]) == (200, '{"success":true}')
    assert reasons(fake.discarded) == [reason]
    assert list(fake.accepted) == ["good"]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "identify", "userId": "u", "traits": {"plan": "pro"}},
        {"type": "track", "anonymousId": "a", "event": "e", "properties": {}},
        {"type": "page", "userId": "u"},
        {"type": "screen", "userId": "u", "name": "Home"},
        {"type": "group", "anonymousId": "a", "groupId": "g"},
        {"type": "alias", "userId": "u", "previousId": "p"},
        {"type": "track", "userId": "u", "event": "e", "timestamp": "2026-11-23T19:52:18.013998+01:00"},
    ],
)
def test_each_type_is_taken_with_its_required_fields(fake, post, message):
    """ "HTTP API": identify, track, page, screen, group, alias"""
    post([{"messageId": "m", **message}])
    assert fake.accepted["m"].message == {"messageId": "m", **message}


def test_an_empty_batch_is_discarded(fake, post):
    """ "Delivery Overview": empty_batch; "HTTP API": everything except size and JSON errors is answered 200"""
    assert post([])[0] == 200
    assert reasons(fake.discarded) == ["empty_batch"]


# messageId


def test_the_first_of_two_events_with_one_message_id_wins(fake, post):
    """ "Duplicate data": by messageId alone, whatever the content; later ones are ignored with 200"""
    post([event("a", userId="first"), event("a", userId="second")])
    assert post([event("a", userId="third")])[0] == 200
    assert fake.accepted["a"].message["userId"] == "first"
    assert [repeat.message["userId"] for repeat in fake.duplicates] == ["second", "third"]


def test_message_ids_are_unique_over_all_sources(client):
    """analytics-ruby#241: an event sent to a second source with the same messageId is lost there"""
    with FakeSegment(write_keys=("a" * 32, "b" * 32)) as fake:
        for key in "a" * 32, "b" * 32:
            client.post(f"{fake.url}/v1/batch", json={"batch": [event("m")]}, auth=(key, ""))
    assert fake.accepted["m"].write_key == "a" * 32
    assert [repeat.write_key for repeat in fake.duplicates] == ["b" * 32]


def test_an_event_without_a_message_id_is_new_each_time(fake, post):
    """ "Common fields": Segment makes one for each receipt"""
    nameless = {key: value for key, value in event().items() if key != "messageId"}
    post([nameless])
    post([nameless])
    assert len(fake.accepted) == 2
    assert not fake.duplicates


# Times


def test_a_timestamp_without_sent_at_is_kept(fake, post):
    post([event("a", timestamp="2026-11-23T19:52:18.013998Z")])
    assert fake.accepted["a"].timestamp == "2026-11-23T19:52:18.013998Z"


def test_sent_at_moves_the_timestamp(fake, post):
    """ "Common fields": timestamp = receivedAt - (sentAt - originalTimestamp)"""
    post([event("a", timestamp="2026-11-23T10:00:00Z", sentAt="2026-11-23T10:01:00Z")])
    seen = datetime.datetime.fromisoformat(fake.accepted["a"].timestamp)
    age = datetime.datetime.now(datetime.timezone.utc) - seen
    assert 60 <= age.total_seconds() < 90


def test_sent_at_of_the_batch_moves_it_too(fake, post):
    """analytics-java#340"""
    whole = {"sentAt": "2026-11-23T10:00:00Z", "batch": [event("a", timestamp="2026-11-23T10:00:00Z")]}
    post(body=json.dumps(whole))
    assert not fake.accepted["a"].timestamp.startswith("2026-11-23T10:00:00")


# The record


def test_an_events_exact_text_is_kept(fake, post):
    raw = '{ "type":"track","event" : "E\\u00e9","userId":"u","messageId":"m", "properties":{"n":1.10,"n":1e400} }'
    assert post(body='{"batch": [\n' + raw + " ,\n" + json.dumps(event("next")) + "]}")[0] == 200
    assert fake.accepted["m"].raw == raw


NAMES = st.text().filter(lambda name: name != "batch")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(
    st.lists(JSON, max_size=5), st.dictionaries(NAMES, JSON, max_size=3), st.none() | st.integers(0, 2), st.booleans()
)
def test_a_body_is_parsed_as_json_loads_parses_it(events, rest, indent, ascii_only):
    """json.loads is the oracle."""
    text = json.dumps({**rest, "batch": events}, indent=indent, ensure_ascii=ascii_only)
    batch = segment_rules.split_body(text)
    assert batch.envelope == rest
    assert [value for _, value in batch.events] == events
    assert [json.loads(raw) for raw, _ in batch.events] == events


@given(text=st.text(alphabet='{}[]",: \nbatch\\1eu', max_size=30))
def test_a_body_that_json_loads_refuses_is_refused(text):
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict) and isinstance(value.get("batch"), list):
        segment_rules.split_body(text)
    else:
        with pytest.raises(ValueError):
            segment_rules.split_body(text)


def test_connections_and_latency_are_on_record(client, fake, post):
    fake.latency_s = 0.05
    post([event()])
    post([event()])
    first, second = fake.requests
    assert first.connection == second.connection
    assert first.headers["content-type"] == "application/json"
    assert first.status == 200
    assert first.ended_s - first.started_s >= 0.05  # the second request began after it, on the same connection
    assert first.facts["events"] == 1


# The program


def test_the_program_counts_in_a_process_of_its_own(client):
    with Separate() as separate:
        for number in range(3):
            body = {"batch": [event(f"{number}-{position}") for position in range(100)]}
            assert client.post(f"{separate.url}/v1/batch", json=body).json() == {"success": True}
        counts = separate.counts()
    assert (counts["events"], counts["requests"], counts["accepted"]) == (300, 4, 0)


def test_the_program_shows_what_it_holds(client):
    with Separate(lean=False) as separate:
        client.post(f"{separate.url}/v1/batch", json={"batch": [event("a"), event("a")]}, auth=(WRITE_KEY, ""))
        assert separate.counts()["duplicates"] == 1
        lines = client.get(f"{separate.url}/events").content.splitlines()
    assert [json.loads(line)["messageId"] for line in lines] == ["a"]


def test_a_state_file_outlives_the_server(client, tmp_path):
    state = tmp_path / "events.jsonl"
    for _ in range(2):
        with FakeSegment(state=state) as fake:
            client.post(f"{fake.url}/v1/batch", json={"batch": [event("a", userId="é")]}, auth=(WRITE_KEY, ""))
            assert fake.accepted["a"].message["userId"] == "é"
    assert len(fake.duplicates) == 1


def test_the_write_key_looks_like_one():
    """analytics-node#235: 32 characters"""
    assert len(segment.WRITE_KEY) == 32


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ({"consent": {}}, "consent_categorypreferences_should_exist"),
        ({"consent": {"categoryPreferences": []}}, "consent_categorypreferences_fields_should_be_object"),
        ({"consent": {"categoryPreferences": {"A": "true"}}}, "consent_categorypreferences_fields_should_be_bool"),
        ({"consent": {"categoryPreferences": {}, "version": "2"}}, "consent_version_should_be_number"),
        ({"device": {"advertisingId": 7}}, "device_advertisingid_should_be_string"),
    ],
)
def test_consent_and_advertising_ids(fake, post, context, code):
    """ "Delivery Overview", Failed on Ingest, as the table names them"""
    assert post([event("a", context=context)])[0] == 200
    assert reasons(fake.discarded) == [code] and not fake.accepted


def test_valid_consent_is_accepted(fake, post):
    consent = {"categoryPreferences": {"Advertising": False}, "version": 2}
    post([event("a", context={"consent": consent, "device": {"advertisingId": "x"}})])
    assert list(fake.accepted) == ["a"]


def test_a_change_of_consent_needs_its_category_preferences(fake, post):
    """ "Delivery Overview": the Segment Consent Preference Updated event needs context.consent.categoryPreferences"""
    post([event("a", event="Segment Consent Preference Updated")])
    assert reasons(fake.discarded) == ["consent_categorypreferences_should_exist"]


def test_a_source_that_demands_oauth(client):
    """Segment's answer to other tokens is not known: the strict way."""
    with FakeSegment(tokens=lambda token: token == "good") as fake:
        body = json.dumps({"writeKey": WRITE_KEY, "batch": [event("a")]})

        def status(authorization):
            headers = {"Content-Type": "application/json", "Authorization": authorization}
            return client.post(f"{fake.url}/v1/batch", data=body, headers=headers).status_code

        assert [status(each) for each in ("Bearer good", "Bearer bad", "")] == [200, 401, 401]
