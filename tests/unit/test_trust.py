"""The verdict on a message that was refused alone waits for what the receiver does with others."""

import pytest

from segment_bridge.delivery.outcomes import Outcome
from segment_bridge.delivery.trust import REFUSALS, Refusal, Trust


@pytest.fixture
def trust():
    return Trust()


def refuse(trust, count=1, answered=10, is_about_message=True):
    refusals = []
    for number in range(count):
        outcome = Outcome("rejected", "http_403", 403, "no")
        refusals.append(Refusal(b"%d" % number, outcome, "auth", is_about_message, answered))
        trust.refused(refusals[-1])
    return refusals


def seen(refusals):
    return [(each.outcome.status, each.outcome.reason) if each.is_decided else None for each in refusals]


REJECTED, FAILED, LOST = ("rejected", "http_403"), ("failed", "auth"), ("failed", "lost")


def test_a_later_acceptance_shows_that_the_message_is_at_fault(trust):
    refusals = refuse(trust, 2)
    assert seen(refusals) == [None, None] and trust.is_unknown
    trust.accepted(b"x", 11)
    assert seen(refusals) == [REJECTED] * 2
    assert trust.witness == b"x" and not trust.is_unknown


def test_requests_already_in_flight_prove_nothing(trust):
    refusals = refuse(trust, REFUSALS, answered=10)
    trust.accepted(b"x", 10)
    assert seen(refusals) == [None] * REFUSALS and trust.is_doubted


def test_several_refusals_in_a_row_raise_a_doubt(trust):
    trust.accepted(b"x", 1)
    refuse(trust, REFUSALS - 1)
    assert not trust.is_doubted
    trust.accepted(b"x", 11)
    refuse(trust, REFUSALS - 1)
    assert not trust.is_doubted
    refuse(trust)
    assert trust.is_doubted


def test_while_witnesses_are_accepted_each_doubt_takes_twice_as_many(trust):
    trust.accepted(b"x", 1)
    for count in (REFUSALS, 2 * REFUSALS, 4 * REFUSALS):
        refusals = refuse(trust, count - 1)
        assert not trust.is_doubted
        refusals += refuse(trust)
        assert trust.is_doubted
        trust.confirmed(11)
        assert seen(refusals) == [REJECTED] * count
    trust.accepted(b"y", 12)
    refuse(trust, REFUSALS)
    assert trust.is_doubted


def test_when_the_receiver_is_lost_earlier_and_later_refusals_are_failures(trust):
    refusals = refuse(trust, 2)
    trust.lose("lost", "why")
    refusals += refuse(trust)
    assert seen(refusals) == [LOST] * 3
    assert {each.outcome.error for each in refusals} == {"why"}
    assert not trust.overturned


def test_returned_rows_are_overturned(trust):
    gone = refuse(trust, 2)
    trust.close()
    assert seen(gone) == [REJECTED] * 2
    refusals = refuse(trust)
    trust.lose("lost", "why")
    assert trust.overturned == gone
    assert seen(gone + refusals) == [LOST] * 3


def test_returned_rows_stand_when_something_is_accepted(trust):
    gone = refuse(trust, 2)
    trust.close()
    trust.accepted(b"x", 11)
    refuse(trust)
    trust.lose("lost", "why")
    assert seen(gone) == [REJECTED] * 2 and not trust.overturned


def test_an_unsettled_doubt_is_not_a_verdict(trust):
    trust.accepted(b"x", 1)
    refusals = refuse(trust, REFUSALS)
    trust.close()
    assert seen(refusals) == [FAILED] * REFUSALS


@pytest.mark.parametrize(("is_about_message", "verdict"), [(True, REJECTED), (False, FAILED)])
def test_without_proof_the_usual_cause_of_the_answer_decides(trust, is_about_message, verdict):
    refusals = refuse(trust, is_about_message=is_about_message)
    trust.close()
    assert seen(refusals) == [verdict]


def test_another_way_of_sending_that_works_acquits_all(trust):
    refusals = refuse(trust, 2)
    trust.acquit(b"x", 11)
    assert seen(refusals) == [FAILED] * 2 and not trust.is_unknown
