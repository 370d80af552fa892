"""Indexes, the receivers that put events into them, and splunkd's information about itself, over REST."""

import json
import time

import pytest

from tests.standin.clients import connect, refusal


@pytest.fixture
def service(splunkd):
    return connect(splunkd, app="search", owner="nobody")


def status(call, *arguments, **named):
    return refusal(call, *arguments, **named)[0]


def events(splunkd, index="main"):
    return [
        (event["_raw"], event["sourcetype"], event["source"], event["host"])
        for event in splunkd.events.scan([index], None, None)
    ]


class TestIndexes:
    def test_a_new_index_exists_at_once(self, splunkd, service):
        service.indexes.create("fresh")
        index = service.indexes["fresh"]
        assert (index["totalEventCount"], index["disabled"]) == ("0", "0")
        index.submit("hello", sourcetype="st", source="s", host="h")
        assert events(splunkd, "fresh") == [("hello", "st", "s", "h")]
        assert index.refresh()["totalEventCount"] == "1"

    def test_an_age_limit_is_refused_because_nothing_expires(self, service):
        assert refusal(service.indexes.create, "fresh", frozenTimePeriodInSecs="86400")[0] == 400

    @pytest.mark.parametrize("name", ["Upper", "_internal2", "-dash", "with space", "kvstore1", ""])
    def test_an_impossible_name(self, service, name):
        assert status(service.post, "data/indexes", name=name) == 400

    def test_a_second_index_of_a_name_is_refused(self, service):
        assert status(service.indexes.create, "main") == 409

    def test_a_disabled_index_takes_nothing(self, service):
        service.indexes.create("fresh").disable()
        assert status(service.indexes["fresh"].submit, "x", sourcetype="st") == 400
        service.indexes["fresh"].enable()
        service.indexes["fresh"].submit("x", sourcetype="st")

    def test_a_deleted_index_is_gone_with_its_events(self, splunkd, service):
        service.indexes.create("fresh").submit("x", sourcetype="st")
        service.indexes.delete("fresh")
        assert "fresh" not in service.indexes
        service.indexes.create("fresh")
        assert events(splunkd, "fresh") == []

    def test_splunks_own_indexes_cannot_be_deleted(self, service):
        assert status(service.delete, "data/indexes/main") == 403

    def test_only_administrators_create_indexes(self, splunkd):
        assert status(connect(splunkd, "power").indexes.create, "fresh") == 403


class TestReceivers:
    def test_a_body_is_broken_into_events(self, splunkd, service):
        service.indexes["main"].submit("one\ntwo\n", sourcetype="st")
        assert [event[0] for event in events(splunkd)] == ["two", "one"]

    def test_a_body_that_looks_like_a_form_is_an_event(self, splunkd, service):
        service.indexes["main"].submit("a=1&b=2", sourcetype="st")
        assert events(splunkd)[0][0] == "a=1&b=2"

    def test_a_body_without_a_source_type_is_too_small_to_be_recognised(self, splunkd, service):
        service.indexes["main"].submit("x")
        assert events(splunkd)[0][1:3] == ("http-simple-too_small", "http-simple")

    @pytest.mark.filterwarnings("ignore:ssl.:DeprecationWarning")  # splunklib's
    def test_a_stream_is_indexed_when_it_ends(self, splunkd, service):
        with service.indexes["main"].attached_socket(sourcetype="st", source="s", host="h") as socket:
            socket.sendall(b"one\r\n")
            socket.sendall(b"two\r\n")
        deadline = time.monotonic() + 5
        while len(events(splunkd)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert events(splunkd) == [("two", "st", "s", "h"), ("one", "st", "s", "h")]

    def test_an_unknown_index(self, service):
        assert status(service.post, "receivers/simple", body="x", index="none", sourcetype="st") == 400

    def test_an_unknown_argument(self, service):
        assert status(service.post, "receivers/simple", body="x", color="red") == 400

    def test_sending_events_requires_permission(self, splunkd):
        assert status(connect(splunkd, "user").indexes["main"].submit, "x") == 403


class TestInformation:
    def test_splunklib_finds_the_version(self, service):
        assert service.splunk_version >= (9, 3)
        assert "search_head" in service.info["server_roles"]
        assert service.info["kvStoreStatus"] == "ready"

    def test_settings_contain_the_ports(self, splunkd, service):
        assert splunkd.web_url.endswith(":" + service.settings["httpport"])

    def test_messages_are_created_read_and_removed(self, splunkd, service):
        message = service.messages.create("restart", value="Splunk must be restarted.", severity="warn")
        assert (message.value, message["severity"]) == ("Splunk must be restarted.", "warn")
        assert [each.name for each in connect(splunkd, "user").messages] == ["restart"]
        assert status(connect(splunkd, "user").messages.delete, "restart") == 403
        service.messages.delete("restart")
        assert len(service.messages) == 0
        assert status(service.post, "messages", name="x", value="y", severity="odd") == 400

    def test_answers_are_atom_unless_json_is_asked_for(self, service):
        assert service.get("server/info").body.read().startswith(b"<?xml")
        reply = json.loads(service.get("server/info", output_mode="json").body.read())
        assert set(reply) == {"links", "origin", "updated", "generator", "entry", "paging", "messages"}
