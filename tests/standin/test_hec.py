"""The HTTP Event Collector, as its clients see it: what it indexes, and the code of each refusal."""

import gzip
import json
import time

import pytest
import requests

from tests.standin.clients import connect

UNKNOWN = "00000000-0000-0000-0000-000000000000"


class Client:
    """A client of a collector, with one token."""

    def __init__(self, splunkd, token):
        self._splunkd, self.headers = splunkd, {"Authorization": "Splunk " + token}

    def send(self, body, path="/services/collector/event", **options):
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return requests.post(
            self._splunkd.hec_url + path,
            data=data.encode() if isinstance(data, str) else data,
            timeout=10,
            verify=self._splunkd.etc / "auth" / "ca.pem",
            **{"headers": self.headers, **options},
        )

    def events(self, index="main"):
        return list(self._splunkd.events.scan([index], None, None))


@pytest.fixture
def service(splunkd):
    return connect(splunkd, app="search", owner="nobody")


@pytest.fixture
def token(service):
    """A function that makes a token and returns it."""

    def make(**settings):
        service.post("data/inputs/http", name="t", **settings)
        return service.inputs["http://t", "http"]["token"]

    return make


@pytest.fixture
def collector(splunkd, token):
    return Client(splunkd, token(sourcetype="made:up"))


def code(answer):
    """The status, the code and the number of the wrong event."""
    said = answer.json()
    return answer.status_code, said["code"], said.get("invalid-event-number")


class TestEvents:
    def test_an_event_has_its_own_metadata(self, service, collector):
        service.indexes.create("other")
        assert collector.send(
            {"event": "text", "time": 1700000000.5, "host": "h", "source": "s", "sourcetype": "st", "index": "other"}
        ).json() == {"text": "Success", "code": 0}
        (event,) = collector.events("other")
        assert (event["_raw"], event["_time"], event["host"], event["source"], event["sourcetype"]) == (
            "text",
            "1700000000.500",
            "h",
            "s",
            "st",
        )

    def test_an_event_without_metadata_has_the_tokens(self, collector):
        before = time.time() - 1
        collector.send({"event": "text"})
        (event,) = collector.events()
        assert (event["sourcetype"], event["source"]) == ("made:up", "http:t")
        assert event["host"].startswith("127.0.0.1:")
        assert before < float(event["_time"]) < time.time() + 1

    def test_anything_but_text_is_indexed_as_json_without_blanks(self, collector):
        for event in ({"b": [1, "ü"], "a": None}, [1, 2], 5, True):
            collector.send({"event": event})
        assert {event["_raw"] for event in collector.events()} == {'{"b":[1,"ü"],"a":null}', "[1,2]", "5", "true"}

    @pytest.mark.parametrize("between", ["", " ", "\n", "\r\n\t"])
    def test_several_follow_one_another(self, collector, between):
        collector.send(between.join('{"event": "e%d", "time": "170000000%d"}' % (each, each) for each in range(3)))
        assert [event["_raw"] for event in collector.events()] == ["e2", "e1", "e0"]

    def test_a_long_event_is_cut_as_props_conf_says(self, service, collector):
        service.confs["props"].create("made:up", TRUNCATE="10")
        collector.send({"event": "0123456789abc"})
        assert collector.events()[0]["_raw"] == "0123456789"

    def test_indexed_fields_can_be_searched(self, service, collector):
        collector.send({"event": "x", "fields": {"color": "red", "sizes": ["s", "m"], "count": 3}})
        (row,) = json.loads(
            service.jobs.oneshot("search index=main color=red | table color sizes count", output_mode="json").read()
        )["results"]
        assert row == {"color": "red", "sizes": ["s", "m"], "count": "3"}

    def test_a_body_may_be_compressed(self, collector):
        headers = {**collector.headers, "Content-Encoding": "gzip"}
        assert collector.send(gzip.compress(b'{"event": "x"}'), headers=headers).status_code == 200
        assert collector.send(b"no gzip", headers=headers).json()["code"] == 6

    @pytest.mark.parametrize("path", ["", "/event/1.0", "/event/"])
    def test_its_address_has_several_forms(self, collector, path):
        assert collector.send({"event": "x"}, "/services/collector" + path).status_code == 200


class TestRefusals:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, (401, 2, None)),
            ({"Authorization": "Splunk"}, (401, 3, None)),
            ({"Authorization": "Bearer x"}, (401, 3, None)),
            ({"Authorization": "Splunk " + UNKNOWN}, (403, 4, None)),
        ],
    )
    def test_a_request_without_a_token(self, collector, headers, expected):
        assert code(collector.send({"event": "x"}, headers=headers)) == expected
        assert collector.events() == []

    def test_a_token_may_be_the_password_of_basic_authentication(self, collector):
        token = collector.headers["Authorization"].split()[1]
        assert collector.send({"event": "x"}, headers={}, auth=("any", token)).status_code == 200

    def test_a_disabled_token(self, splunkd, service, collector):
        service.post("data/inputs/http/http%3A%2F%2Ft/disable")
        assert code(collector.send({"event": "x"})) == (403, 1, None)
        service.post("data/inputs/http/http%3A%2F%2Ft/enable")
        assert collector.send({"event": "x"}).status_code == 200

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ("", (400, 5, None)),
            ("  \n", (400, 5, None)),
            ("no json", (400, 6, 0)),
            ('{"event": "x"', (400, 6, 0)),
            ('{"event": "x"}{"event"', (400, 6, 1)),
            ('[{"event": "x"}]', (400, 6, 0)),
            ('"x"', (400, 6, 0)),
            (b'{"event": "\xff"}', (400, 6, None)),
            ('{"time": 1}', (400, 12, 0)),
            ('{"event": null}', (400, 12, 0)),
            ('{"event": "x"}{"time": 1}', (400, 12, 1)),
            ('{"event": ""}', (400, 13, 0)),
            ('{"event": " "}', (400, 13, 0)),
            ('{"event": "x", "time": "soon"}', (400, 6, 0)),
            ('{"event": "x", "time": 1700000000000}', (400, 6, 0)),
            ('{"event": "x", "time": -1}', (400, 6, 0)),
            ('{"event": "x", "time": true}', (400, 6, 0)),
            ('{"event": "x", "host": 5}', (400, 6, 0)),
            ('{"event": "x", "color": "red"}', (400, 6, 0)),
            ('{"event": "x", "index": "none"}', (400, 7, 0)),
            ('{"event": "x"}{"event": "y", "index": "none"}', (400, 7, 1)),
            ('{"event": "x", "fields": "color"}', (400, 15, 0)),
            ('{"event": "x", "fields": {"a": {"b": 1}}}', (400, 15, 0)),
            ('{"event": "x", "fields": {"a": null}}', (400, 15, 0)),
            ('{"event": "x", "fields": {"": "a"}}', (400, 15, 0)),
        ],
    )
    def test_each_error_has_a_code_and_nothing_is_indexed(self, collector, body, expected):
        assert code(collector.send(body)) == expected
        assert collector.events() == []

    def test_an_index_that_the_token_may_not_write(self, service, splunkd, token):
        for name in ("allowed", "other"):
            service.indexes.create(name)
        collector = Client(splunkd, token(indexes="allowed", index="allowed"))
        assert collector.send({"event": "x"}).status_code == 200
        assert code(collector.send({"event": "x", "index": "other"})) == (400, 7, 0)

    def test_unknown_features_are_named(self, collector):
        assert "color" in collector.send({"event": "x", "color": "red"}).json()["text"]
        assert "channel" in collector.send({"event": "x"}, "/services/collector?channel=1").json()["text"]

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/services/collector/event", 405),
            ("POST", "/services/collector/health", 405),
            ("POST", "/services/collector/ack", 404),
            ("POST", "/", 404),
        ],
    )
    def test_unknown_addresses_and_methods(self, splunkd, collector, method, path, status):
        answer = requests.request(
            method,
            splunkd.hec_url + path,
            timeout=10,
            headers=collector.headers,
            verify=splunkd.etc / "auth" / "ca.pem",
        )
        assert (answer.status_code, answer.json()["code"]) == (status, status)

    def test_a_client_that_does_not_trust_its_certificate_cannot_connect(self, splunkd):
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(splunkd.hec_url + "/services/collector/health", timeout=10)


class TestRaw:
    def test_text_is_broken_into_events_with_their_own_times(self, service, collector):
        service.confs["props"].create("lines", TIME_FORMAT="%Y-%m-%dT%H:%M:%S%z", SHOULD_LINEMERGE="false")
        body = "2026-11-24T01:00:00Z one\n2026-11-24T02:00:00Z two\n"
        assert collector.send(body, "/services/collector/raw?sourcetype=lines&host=h").json()["code"] == 0
        assert [(event["_raw"], event["_time"], event["host"]) for event in collector.events()] == [
            ("2026-11-24T02:00:00Z two", "1795485600.000", "h"),
            ("2026-11-24T01:00:00Z one", "1795482000.000", "h"),
        ]

    @pytest.mark.parametrize(("name", "value"), [("SHOULD_LINEMERGE", "true"), ("TIME_FORMAT", "%B")])
    def test_unknown_settings_of_props_are_named(self, splunkd, collector, name, value):
        splunkd.confs.write("props", "search", "made:up", {name: value})
        answer = collector.send("x", "/services/collector/raw")
        assert (answer.status_code, name in answer.json()["text"]) == (400, True)
        assert collector.events() == []

    def test_empty_lines_alone_are_not_data(self, collector):
        assert code(collector.send("\n\n", "/services/collector/raw")) == (400, 5, None)

    def test_an_unknown_index(self, collector):
        assert code(collector.send("x", "/services/collector/raw?index=none")) == (400, 7, None)


def test_health_needs_no_token(splunkd):
    answer = requests.get(
        splunkd.hec_url + "/services/collector/health", timeout=10, verify=splunkd.etc / "auth" / "ca.pem"
    )
    assert (answer.status_code, answer.json()) == (200, {"text": "HEC is healthy", "code": 17})
