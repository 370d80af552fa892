"""The delivery ledger: with it, an event is sent once although four runs read it, and never withheld without cause."""

import pytest

from segment_bridge.delivery.ledger import KEPT_S
from segment_bridge.splunk import destinations, rest
from tests.standin.sessions import SYSTEM_USER
from tests.support.fakes.segment import WRITE_KEY
from tests.system.operations.bridge import AGAIN
from tests.system.operations.site import APP, HOUR, JOB, START


@pytest.fixture
def with_ledger(bridge):
    bridge.configure(ledger="1")
    bridge.set_macro("segment_bridge_overlap", "3")
    return bridge


def sends(bridge):
    """How often Segment received an event."""
    return len(bridge.segment.accepted) + len(bridge.segment.duplicates)


def test_it_is_off_by_default(bridge):
    bridge.set_macro("segment_bridge_overlap", "3")
    bridge.act(START + 60)
    for hour in (1, 2):
        assert bridge.try_to_run(JOB, START + hour * HOUR)
    assert sends(bridge) == 2
    assert not bridge.documents("segment_ledger")


def test_an_event_is_sent_once(with_ledger):
    bridge = with_ledger
    bridge.act(START + 60)
    for hour in (1, 2, 3):
        bridge.act(START + hour * HOUR + 60)
        assert bridge.try_to_run(JOB, START + hour * HOUR + 420)
    assert sends(bridge) == len(bridge.segment.accepted) == 4


def test_events_sent_before_are_reported_as_such(with_ledger):
    with_ledger.act(START + 60)
    with_ledger.try_to_run(JOB, START + HOUR)
    (row,) = with_ledger.run(JOB, START + 2 * HOUR)
    assert (row["segment_status"], row["segment_reason"], row["count"]) == ("duplicate", "sent_before", 1)
    (hour,) = with_ledger.documents("segment_activity")
    assert (hour["accepted"], hour["not_accepted"], hour["users"]) == (1, 0, 1)


def test_events_that_were_not_accepted_are_sent_again(with_ledger):
    bridge = with_ledger
    message_id = bridge.act(START + 60)
    bridge.segment.down()
    assert not bridge.try_to_run(JOB, START + HOUR)
    bridge.segment.up()
    assert bridge.try_to_run(JOB, START + 2 * HOUR)
    assert set(bridge.segment.accepted) == {message_id}


def test_a_dead_letter_that_was_accepted_meanwhile_is_removed(with_ledger):
    bridge = with_ledger
    message_id = bridge.act(START + 60)
    bridge.try_to_run(JOB, START + HOUR)
    bridge.letter(message_id, "failed", START)
    bridge.try_to_run(AGAIN, START + HOUR + 900)
    assert sends(bridge) == 1
    assert not bridge.documents("segment_dead_letters")


def test_events_sent_with_another_key_are_sent_again(with_ledger):
    bridge = with_ledger
    message_id = bridge.act(START + 60)
    bridge.splunkd.secrets.change(APP, "segment_bridge:segment:", "wrong" + WRITE_KEY[5:])
    assert bridge.try_to_run(JOB, START + HOUR)  # Segment answers 200 to any key
    assert not bridge.segment.accepted
    bridge.splunkd.secrets.change(APP, "segment_bridge:segment:", WRITE_KEY)
    assert bridge.try_to_run(JOB, START + 2 * HOUR)
    assert set(bridge.segment.accepted) == {message_id}


def test_it_expires(with_ledger):
    bridge = with_ledger
    bridge.act(START + 60)
    bridge.try_to_run(JOB, START + HOUR)
    (kept,) = bridge.documents("segment_ledger")
    later = START + HOUR + KEPT_S + 60
    bridge.act(later - 60)
    bridge.try_to_run(JOB, later)
    assert kept not in bridge.documents("segment_ledger")
    assert len(bridge.documents("segment_ledger")) == 1


def test_without_kv_store_everything_is_sent(bridge):
    stranger = rest.connect(bridge.splunkd.management_url, "no session")
    ledger = destinations.kept_ledger(stranger, "segment", WRITE_KEY)
    assert not ledger.known(["m"], [0], 0)
    ledger.accepted([0])
    ledger.write()


def test_destinations_are_independent(bridge):
    service = rest.connect(bridge.splunkd.management_url, bridge.splunkd.sessions.open(SYSTEM_USER).key)
    ledger = destinations.kept_ledger(service, "segment", WRITE_KEY)
    assert not ledger.known(["m"], [0], 0)
    ledger.accepted([0])
    ledger.write()
    for destination, known in (("segment", {0}), ("other", set())):
        assert destinations.kept_ledger(service, destination, WRITE_KEY).known(["m"], [0], 0) == known
