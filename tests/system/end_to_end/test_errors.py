"""The errors that people meet after wrong set-up. Each names what is wrong and what to do."""

import pytest
from splunklib.binding import HTTPError

from tests.support.fakes.kubernetes import Account

ROW = '| makeresults | eval event="Page opened", userId="42" '


def errors(outcome):
    return " ".join(text for level, text in outcome.messages if level in ("ERROR", "FATAL"))


class TestSegmentsend:
    def test_an_unknown_destination(self, bridge):
        outcome = bridge.admin.search(ROW + "| segmentsend destination=nowhere")
        assert outcome.failed
        assert "segment_bridge.conf has no stanza [nowhere]; it has [segment]" in errors(outcome)

    def test_a_destination_without_a_write_key(self, bridge):
        bridge.admin.set_destination("keyless", url=bridge.segment.url + "/v1/batch")
        outcome = bridge.admin.search(ROW + "| segmentsend destination=keyless")
        assert outcome.failed
        assert "no write key of [keyless] in the password store" in errors(outcome)
        assert 'realm "segment_bridge", username "keyless"' in errors(outcome)

    def test_an_impossible_write_key(self, bridge):
        bridge.admin.set_destination("short", region="us")
        bridge.admin.set_secret("short", "too-short")
        outcome = bridge.admin.search(ROW + "| segmentsend destination=short dryrun=true")
        texts = " ".join(text for _, text in outcome.messages)
        assert "the write key of [short] has 9 characters, Segment's have 32" in texts

    def test_a_url_without_tls(self, bridge):
        bridge.admin.set_destination("plain", url="http://segment.example.com/v1/batch")
        outcome = bridge.admin.search(ROW + "| segmentsend destination=plain")
        assert outcome.failed
        assert "segment_bridge.conf [plain] url must" in errors(outcome)

    def test_an_impossible_option(self, bridge):
        outcome = bridge.admin.search(ROW + "| segmentsend timeout=soon")
        assert outcome.failed
        assert "timeout must be a number from" in errors(outcome)

    def test_a_row_without_an_event_name(self, bridge):
        outcome = bridge.admin.search('| makeresults | eval userId="42" | segmentsend')
        assert not outcome.failed
        (row,) = outcome.rows
        assert (row["segment_status"], row["segment_reason"]) == ("rejected", "event_not_defined")
        assert "event" in row["segment_error"]

    def test_a_good_row_is_sent_despite_a_bad_one(self, bridge):
        outcome = bridge.admin.search(
            '| makeresults count=2 | eval userId="42" | streamstats count '
            '| eval event=if(count=1, "Page opened", null()) | segmentsend'
        )
        assert sorted(row["segment_status"] for row in outcome.rows) == ["accepted", "rejected"]


class TestUserSignups:
    def refusal(self, bridge, **settings):
        with pytest.raises(HTTPError) as raised:
            bridge.admin.add_cluster(
                "other", **{"server": bridge.cluster.url, "ca_file": str(bridge.cluster.ca_file), **settings}
            )
        return str(raised.value)

    def test_no_bearer_token(self, bridge):
        assert 'username "usersignups:other"' in self.refusal(bridge)

    def test_an_unreachable_cluster(self, bridge):
        bridge.admin.set_secret("usersignups:other", bridge.cluster.token)
        refusal = self.refusal(bridge, server="https://127.0.0.1:1")
        assert "https://127.0.0.1:1" in refusal
        assert "refused" in refusal

    def test_an_unknown_token(self, bridge):
        bridge.admin.set_secret("usersignups:other", "unknown")
        refusal = self.refusal(bridge)
        assert "401" in refusal
        assert "usersignups:other" in refusal

    def test_a_token_without_permissions(self, bridge):
        bridge.cluster.tokens["restricted"] = Account("system:serviceaccount:default:nobody")
        bridge.admin.set_secret("usersignups:other", "restricted")
        refusal = self.refusal(bridge)
        assert "403" in refusal
        assert 'resources: ["usersignups"], verbs: ["list"]' in refusal

    def test_a_missing_collection(self, bridge):
        bridge.admin.set_secret("usersignups:lost", bridge.cluster.token)
        bridge.admin.set("collections", "tenant_namespaces", {"disabled": "1"})
        try:
            bridge.admin.add_cluster("lost", server=bridge.cluster.url, ca_file=str(bridge.cluster.ca_file))
            row, *_ = bridge.admin.wait_for_rows(
                "search index=_internal component=usersignups event=error cluster=lost"
            )
        finally:
            bridge.admin.set("collections", "tenant_namespaces", {"disabled": "0"})
        assert "collection tenant_namespaces" in row["error"]
        assert "collections.conf is not loaded: restart Splunk" in row["error"]
