"""Letters are kept, found again and removed, whatever the collection contains and whatever KV store refuses."""

import json

import pytest

from segment_bridge import reasons
from segment_bridge.delivery import dead_letters
from segment_bridge.delivery.dead_letters import DROPS, MAX_AGE_S
from segment_bridge.delivery.outcomes import Outcome
from segment_bridge.splunk import destinations
from tests.support.splunkd import DATA, SplunkdDouble

NOW = 1_764_000_000.0
PATH = DATA + "segment_dead_letters"
FAILED = Outcome("failed", "http_503", 503, "busy", 1, 3)
REJECTED = Outcome("rejected", "http_400", 400, "no", 1, 1)

NO_TIMES = (None, "", "x", "1764000000", [], {}, True, -1, float("inf"), float("nan"), 1e300)


@pytest.fixture
def splunkd():
    return SplunkdDouble()


@pytest.fixture
def held(splunkd):
    return splunkd.collections["segment_dead_letters"]


@pytest.fixture
def letters(splunkd):
    return destinations.dead_letters(splunkd.service(), "segment", clock=lambda: NOW)


def payload(message_id):
    return json.dumps({"type": "track", "event": "x", "messageId": message_id})


def letter(message_id, status="failed", first_time=NOW - 60, **fields):
    return {"_key": "segment/" + message_id, "destination": "segment", "message_id": message_id, "status": status,
            "payload": payload(message_id), "attempts": 2, "first_time": first_time, **fields}  # fmt: skip


def put(held, *some):
    held.update({each["_key"]: each for each in some})


def test_a_letter_that_fails_again_keeps_the_original_before_edits(letters, held):
    edited = {"original": "{}", "edited": NOW - 30, "edited_by": "ann"}
    put(held, letter("m", "again", **edited))
    letters.add("m", payload("m"), FAILED)
    letters.write()
    assert {name: held["segment/m"][name] for name in edited} == edited
    assert held["segment/m"]["status"] == FAILED.status


def test_a_letter_that_fails_again_keeps_its_first_time_and_counts_attempts(letters, held):
    put(held, letter("m"))
    letters.add("m", payload("m"), FAILED)
    letters.write()
    assert (held["segment/m"]["first_time"], held["segment/m"]["last_time"]) == (NOW - 60, NOW)
    assert held["segment/m"]["attempts"] == 5
    assert (letters.kept, letters.lost) == (1, 0)


@pytest.mark.parametrize("poison", NO_TIMES)
def test_a_malformed_letter_is_skipped_and_counted(letters, held, poison):
    put(held, letter("good", first_time=NOW - MAX_AGE_S - 1), letter("bad", first_time=poison, attempts=poison))
    put(held, {"_key": "segment/worse", "destination": "segment"}, letter("odd", status=poison))
    letters.accepted([payload("other").encode()])
    letters.add("bad", payload("bad"), FAILED)
    letters.write()
    assert letters.malformed == 3
    assert letters.prune() == {"age": 1}
    assert set(held) == {"segment/bad", "segment/worse", "segment/odd"}
    assert (held["segment/bad"]["first_time"], held["segment/bad"]["attempts"]) == (NOW, 3)


def test_a_letter_that_somebody_requeued_is_not_too_old(letters, held):
    put(held, letter("old", "again", NOW - 2 * MAX_AGE_S), letter("dropped", "dropped"))
    assert letters.prune() == {} and letters.malformed == 0
    assert set(held) == {"segment/old"}


def test_a_future_time_counts_as_now(letters, held):
    put(held, letter("m", first_time=NOW + 9e6))
    letters.add("m", payload("m"), FAILED)
    letters.write()
    assert held["segment/m"]["first_time"] == NOW


def test_at_the_limit_letters_awaiting_retry_outlive_refused_ones(letters, held, monkeypatch):
    monkeypatch.setattr(dead_letters, "MAX_LETTERS", 3)
    put(held, *(letter("failed-%d" % number, "failed", NOW - 900 + number) for number in range(2)))
    put(held, *(letter("unsent-%d" % number, "unsent", NOW - 800 + number) for number in range(2)))
    put(held, *(letter("rejected-%d" % number, "rejected", NOW - number) for number in range(3)))
    assert letters.prune() == {"number": 4}
    assert set(held) == {"segment/failed-1", "segment/unsent-0", "segment/unsent-1"}
    assert letters.malformed == 0


def test_a_letter_that_kv_store_refuses_does_not_block_others(letters, held):
    """A document of a wrong type represents anything that KV store refuses."""
    for number in range(100):
        letters.add(str(number), payload(str(number)), REJECTED._replace(http="x") if number in (7, 50) else REJECTED)
    letters.write()
    assert len(held) == letters.kept == 98 and letters.lost == 2
    assert "answered 400" in str(letters.error) and letters.error.reason == "kvstore"
    for number in range(100, 110):
        letters.add(str(number), payload(str(number)), REJECTED)
    letters.write()
    assert len(held) == letters.kept == 108


def test_kv_store_that_takes_none_is_not_asked_for_each_letter(letters, splunkd):
    for number in range(400):
        letters.add(str(number), payload(str(number)), REJECTED._replace(http="x"))
    letters.write()
    assert (letters.kept, letters.lost) == (0, 400)
    assert splunkd.requests["POST", PATH + "/batch_save"] < 60


@pytest.mark.parametrize("fault", [401, 403, 404])
def test_kv_store_that_does_not_answer_is_not_asked_for_each_letter(letters, splunkd, fault):
    splunkd.fault = lambda method, path: fault
    for number in range(1_200):
        letters.add(str(number), payload(str(number)), REJECTED)
    letters.write()
    assert (letters.kept, letters.lost) == (0, 1_200)
    assert splunkd.requests["POST", PATH + "/batch_find"] == 1


def test_events_that_are_not_text_are_still_kept(letters, held):
    letters.add("m", json.dumps({"event": ["a", "b"], "messageId": "m"}), REJECTED)
    letters.write()
    assert letters.kept == 1 and held["segment/m"]["event"] == "['a', 'b']"


def test_reasons_for_dropping_are_listed():
    assert set(DROPS) <= reasons.LETTER
