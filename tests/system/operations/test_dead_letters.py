"""Events that Segment did not accept are kept, and sent again until accepted or left to a person to deal with."""

import json

import pytest

from segment_bridge.delivery import dead_letters
from segment_bridge.delivery.dead_letters import MAX_AGE_S
from segment_bridge.splunk import destinations, rest
from tests.standin.sessions import SYSTEM_USER
from tests.system.operations.bridge import AGAIN
from tests.system.operations.site import HOUR, JOB, START

LETTERS = "segment_dead_letters"
MARK = "Segment Bridge - Operations - Mark dead letters"
DAY = 24 * HOUR


def letters(bridge):
    return {document["message_id"]: document for document in bridge.documents(LETTERS)}


def edit(bridge, message_id: str, **members: str) -> None:
    """Edits a letter as the view Operations does: writes the whole record, including what it was before."""
    letter = letters(bridge)[message_id]
    payload = json.dumps({**json.loads(letter["payload"]), **members})
    bridge.save(LETTERS, {**letter, "payload": payload, "original": letter["payload"], "status": "again"})


def mark(bridge, mark: str, reason: str, status: str = "rejected", destination: str = "segment") -> int:
    """Marks all letters with a reason, as the view Operations does. Returns how many there were."""
    search = bridge.splunkd.confs.stanza("savedsearches", "segment_bridge", MARK).settings["search"]
    for name, value in {"mark": mark, "reason": reason, "status": status, "destination": destination}.items():
        search = search.replace("$%s$" % name, value)
    return int(bridge.run(MARK, search=search)[0]["count"])


@pytest.fixture
def failed(bridge):
    """The state after a run without Segment. Returns the ids of its two events."""
    ids = {bridge.act(START + 600), bridge.act(START + 700, "bob")}
    bridge.segment.down()
    assert not bridge.try_to_run(JOB, START + HOUR)
    bridge.segment.up()
    return ids


def test_a_failed_run_leaves_its_events(bridge, failed):
    assert set(letters(bridge)) == failed
    assert {letter["status"] for letter in letters(bridge).values()} <= {"failed", "unsent"}


def test_they_are_sent_again_and_leave_the_collection(bridge, failed):
    assert bridge.try_to_run(AGAIN, START + HOUR + 900)
    assert set(bridge.segment.accepted) == failed
    assert letters(bridge) == {}


def test_the_same_message_is_sent_again(bridge, failed):
    kept = {message_id: json.loads(letter["payload"]) for message_id, letter in letters(bridge).items()}
    bridge.try_to_run(AGAIN, START + HOUR + 900)
    assert {message_id: event.message for message_id, event in bridge.segment.accepted.items()} == kept


def test_the_next_hours_run_also_removes_them(bridge, failed):
    assert bridge.try_to_run(JOB, START + 2 * HOUR)
    assert set(bridge.segment.accepted) == failed
    assert letters(bridge) == {}


def test_one_that_fails_again_keeps_its_first_time_and_counts_its_attempts(bridge, failed):
    before = letters(bridge)
    bridge.segment.down()
    assert not bridge.try_to_run(AGAIN, START + HOUR + 900)
    for message_id, letter in letters(bridge).items():
        assert letter["first_time"] == before[message_id]["first_time"]
        assert letter["last_time"] == pytest.approx(START + HOUR + 900, abs=60)
    assert sum(letter["attempts"] for letter in letters(bridge).values()) > sum(
        letter["attempts"] for letter in before.values()
    )


def test_the_oldest_go_first(bridge):
    for hours in (2, 1, 3):
        bridge.letter("from hour %d" % hours, "failed", START + hours * HOUR)
    bridge.try_to_run(AGAIN, START + 4 * HOUR)
    assert list(bridge.segment.accepted) == ["from hour 1", "from hour 2", "from hour 3"]


def test_refused_and_week_old_letters_wait_for_a_person(bridge):
    bridge.letter("refused", "rejected", START + 6 * DAY)
    bridge.letter("old", "failed", START)
    bridge.letter("young", "failed", START + DAY)
    bridge.try_to_run(AGAIN, START + 7 * DAY + HOUR)
    assert set(bridge.segment.accepted) == {"young"}
    assert set(letters(bridge)) == {"refused", "old"}


def test_another_destinations_letters_are_not_sent_to_this_one(bridge):
    bridge.letter("a", "failed", START, _key="other/a", destination="other")
    bridge.try_to_run(AGAIN, START + HOUR)
    assert not bridge.segment.accepted
    assert set(letters(bridge)) == {"a"}


def test_an_event_without_a_user_is_not_kept(bridge):
    bridge.act(START + 600, "stranger")
    assert bridge.try_to_run(JOB, START + HOUR)
    assert letters(bridge) == {}


def test_an_invalid_event_is_kept_with_its_reason(bridge):
    bridge.search('| makeresults | eval userId="42", messageId="m", type="track" | segmentsend dead_letters=true')
    (letter,) = letters(bridge).values()
    assert (letter["status"], letter["reason"]) == ("rejected", "event_not_defined")
    assert json.loads(letter["payload"])["userId"] == "42"


class TestAPerson:
    def test_lists_them(self, bridge, failed):
        rows = bridge.search("| `segment_bridge_dead_letters` | table message_id status reason waits_for")
        assert {row["message_id"] for row in rows} == failed
        assert {row["waits_for"] for row in rows} == {"the next try"}

    def test_sends_some_again(self, bridge):
        bridge.letter("refused", "rejected", START)
        bridge.letter("another", "rejected", START, reason="too_large")
        bridge.search(
            '| `segment_bridge_dead_letters` | where reason="http_500" | `segment_bridge_send_again(segment)`'
        )
        assert set(bridge.segment.accepted) == {"refused"}
        assert set(letters(bridge)) == {"another"}

    def test_edits_one_and_has_it_sent_again(self, bridge):
        bridge.letter("m", "rejected", START - 9 * DAY)
        bridge.clock.move_to(START + HOUR)
        edit(bridge, "m", event="Page opened")
        assert letters(bridge)["m"]["first_time"] == START - 9 * DAY
        bridge.try_to_run(AGAIN, START + HOUR + 900)
        sent = bridge.segment.accepted["m"].message
        assert (sent["event"], sent["timestamp"]) == ("Page opened", "2026-11-04T00:00:00.000Z")
        assert letters(bridge) == {}

    def test_edits_one_of_a_search_without_ids(self, bridge):
        """The letter is found by the id in the row and the run log, and is sent with that id and its own time."""
        bridge.search(
            '| makeresults | eval _time=%d, userId="42", type="track", "properties.plan"="pro" '
            "| segmentsend dead_letters=true" % (START + 1)
        )
        (message_id,) = letters(bridge)
        bridge.clock.move_to(START + HOUR)
        edit(bridge, message_id, event="Page opened")
        for number in range(2):
            assert bridge.try_to_run(AGAIN, START + HOUR + 900 * (number + 1))
        (sent,) = bridge.segment.accepted.values()
        assert (sent.message["messageId"], sent.message["timestamp"]) == (message_id, "2026-11-04T00:00:01.000Z")
        assert sent.message["properties"] == {"plan": "pro"}
        assert letters(bridge) == {}

    def test_drops_some(self, bridge):
        bridge.letter("m", "rejected", START, reason="too_large")
        bridge.letter("other", "rejected", START)
        assert mark(bridge, "dropped", "too_large") == 1
        bridge.try_to_run(AGAIN, START + HOUR)
        assert set(letters(bridge)) == {"other"}

    def test_sends_all_of_a_reason_again_whatever_their_age(self, bridge):
        for name in ("a", "b"):
            bridge.letter(name, "rejected", START, edited_by="x")
        bridge.letter("c", "rejected", START, reason="too_large")
        bridge.letter("d", "rejected", START, _key="other/d", destination="other")
        bridge.clock.move_to(START + 20 * DAY)
        assert mark(bridge, "again", "http_500") == 2
        assert {(name, letter["status"], letter.get("edited_by")) for name, letter in letters(bridge).items()} == {
            ("a", "again", "x"),
            ("b", "again", "x"),
            ("c", "rejected", None),
            ("d", "rejected", None),
        }
        assert bridge.try_to_run(AGAIN, START + 20 * DAY + 900)
        assert set(bridge.segment.accepted) == {"a", "b"}

    def test_can_only_mark_as_again_or_dropped(self, bridge):
        bridge.letter("a", "rejected", START)
        assert mark(bridge, "accepted", "http_500") == 0
        assert letters(bridge)["a"]["status"] == "rejected"

    def test_can_only_drop_what_can_no_longer_be_sent(self, bridge):
        bridge.letter("a", "failed", START, payload="no JSON")
        assert mark(bridge, "again", "malformed", "failed") == 0
        assert mark(bridge, "dropped", "malformed", "failed") == 1
        assert letters(bridge)["a"]["reason"] == "http_500"

    def test_sends_none_of_another_destination(self, bridge):
        bridge.letter("a", "failed", START, _key="other/a", destination="other")
        bridge.search("| `segment_bridge_dead_letters` | `segment_bridge_send_again(segment)`")
        assert not bridge.segment.accepted


@pytest.mark.parametrize(
    "poison",
    [
        {"payload": None},
        {"payload": "no JSON"},
        {"payload": "7"},
        {"message_id": None},
        {"status": None},
        {"destination": None},
        {"reason": None},
    ],
    ids=str,
)
def test_a_malformed_letter_does_not_block_others_and_is_shown(bridge, poison):
    bridge.letter("right", "failed", START)
    bridge.letter("wrong", "failed", START)
    wrong = {**bridge.documents(LETTERS)[1], **poison}
    bridge.save(LETTERS, {name: value for name, value in wrong.items() if value is not None and name != "_user"})
    before = {key: value for key, value in bridge.documents(LETTERS)[1].items() if key != "_user"}
    assert bridge.try_to_run(AGAIN, START + HOUR)
    assert set(bridge.segment.accepted) <= {"right", "wrong"}
    assert "right" in bridge.segment.accepted
    if "wrong" not in bridge.segment.accepted:
        assert {key: value for key, value in bridge.documents(LETTERS)[0].items() if key != "_user"} == before
        (row,) = bridge.search("| `segment_bridge_dead_letters` | table waits_for")
        assert row["waits_for"] == "a person"


class TestBounds:
    def test_letters_that_are_too_old_are_removed_with_a_line_in_the_run_log(self, bridge):
        bridge.letter("old", "rejected", START - MAX_AGE_S - DAY)
        bridge.letter("young", "rejected", START)
        bridge.try_to_run(JOB, START + HOUR)
        assert set(letters(bridge)) == {"young"}
        assert bridge.search(
            'search index=_internal sourcetype="segment_bridge:log" event=dropped | table reason count'
        ) == [{"reason": "age", "count": "1"}]

    def test_the_oldest_of_too_many_are_removed(self, bridge, monkeypatch):
        monkeypatch.setattr(dead_letters, "MAX_LETTERS", 2)
        for number in range(4):
            bridge.letter(str(number), "rejected", START + number)
        bridge.letter("dropped", "dropped", START)
        bridge.letter("other", "rejected", START, _key="other/other", destination="other")
        service = rest.connect(bridge.splunkd.management_url, bridge.splunkd.sessions.open(SYSTEM_USER).key)
        assert destinations.dead_letters(service, "segment", clock=lambda: START + HOUR).prune() == {"number": 2}
        assert set(letters(bridge)) == {"2", "3", "other"}
