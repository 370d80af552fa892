"""Wherever a row's outcome comes from, every part that has to know is told once."""

import pytest

from segment_bridge.delivery.batching import Batch
from segment_bridge.delivery.counts import Counts
from segment_bridge.delivery.outcomes import DUPLICATE, SENT_BEFORE, Outcome, Outcomes, Settled

ACCEPTED = Outcome("accepted", "", 200, "", 1, 1)
FAILED = Outcome("failed", "http_503", 503, "busy", 1, 3)
REJECTED = Outcome("rejected", "event_not_defined", error="event is empty")


class Told:
    """Stands for a row's reply, the dead letters and the ledger at once."""

    def __init__(self):
        self.rows, self.kept, self.settled, self.remembered, self.written = {}, {}, [], [], 0

    def settle(self, rows, outcome):
        assert not self.rows.keys() & set(rows)
        self.rows.update(dict.fromkeys(rows, outcome))

    def keeps(self, outcome):
        return outcome.status in ("rejected", "failed")

    def add(self, message_id, payload, outcome):
        self.kept[message_id] = (payload, outcome)

    def accepted(self, some):
        (self.remembered if isinstance(some[0], int) else self.settled).extend(some)

    def write(self):
        self.written += 1


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def forgotten():
    return []


@pytest.fixture
def outcomes(told, counts, forgotten):
    made = Outcomes(counts, told, told, forgotten.append)
    made.begin(told)
    return made


def batch(*rows):
    return Batch(1, [b'{"messageId":"m-%d"}' % row for row in rows], list(rows))


def counted(counts):
    return {(each.outcome.status, each.outcome.reason): (each.count, each.message_id) for each in counts.reasons}


def test_an_accepted_event_is_remembered_and_its_dead_letter_removed(outcomes, told, counts, forgotten):
    outcomes.sent(batch(0, 1), ACCEPTED)
    assert told.rows == {0: ACCEPTED, 1: ACCEPTED}
    assert told.remembered == [0, 1] and told.settled == batch(0, 1).payloads
    assert counts["accepted"] == 2 and not (counts.reasons or told.kept or forgotten)


def test_an_event_that_was_not_accepted_is_kept_and_its_id_may_come_again(outcomes, told, counts, forgotten):
    outcomes.sent(batch(0, 1), FAILED)
    assert told.kept["m-1"] == ('{"messageId":"m-1"}', FAILED) and len(told.kept) == 2
    assert forgotten == ["m-0", "m-1"]
    assert counted(counts) == {("failed", "http_503"): (2, "m-0")} and counts.not_sent == 2


def test_a_made_up_id_belongs_to_no_other_row(outcomes, forgotten):
    outcomes.made([1])
    outcomes.sent(batch(0, 1), FAILED)
    assert forgotten == ["m-0"]


def test_a_twin_is_a_duplicate_or_lost_like_the_first(outcomes, told, counts):
    for row, of in ((2, "m-0"), (3, "m-1"), (4, "m-1")):
        outcomes.withheld(row, of, DUPLICATE)
    outcomes.sent(batch(0), ACCEPTED)
    outcomes.sent(batch(1), FAILED)
    outcomes.end()
    assert [told.rows[row] for row in range(5)] == [ACCEPTED, FAILED, DUPLICATE, FAILED, FAILED]
    assert told.kept.keys() == {"m-1"}
    assert (counts["duplicate"], counts["failed"]) == (1, 3)


def test_a_row_without_a_message_is_kept_as_its_draft(outcomes, told, counts):
    outcomes.withheld(0, "a", REJECTED, "a draft")
    outcomes.withheld(1, "", REJECTED)
    assert told.rows == {0: REJECTED, 1: REJECTED} and told.kept == {"a": ("a draft", REJECTED)}
    assert counted(counts) == {("rejected", "event_not_defined"): (2, "a")}


def test_the_dead_letter_of_an_event_accepted_by_an_earlier_run_is_removed(outcomes, told, counts):
    outcomes.sent_before(0, "m-0", b"0")
    assert told.rows == {0: SENT_BEFORE} and told.settled == [b"0"] and not told.remembered
    assert counts["duplicate"] == 1


def test_a_dry_run_leaves_nothing_behind(outcomes, told, counts, forgotten):
    outcomes.sent(batch(0), Outcome("dryrun", batch=1))
    assert counts["dryrun"] == 1 and not (told.kept or told.settled or told.remembered or forgotten)


def test_an_overturned_event_is_kept_as_failed_after_its_row_was_returned(outcomes, told, counts):
    outcomes.overturned(b'{"messageId":"m-9"}', FAILED)
    assert told.kept["m-9"][1] is FAILED and not told.rows and not counts["failed"]


def test_letters_are_written_at_the_end_of_a_piece(outcomes, told):
    outcomes.end()
    assert told.written == 1


@pytest.mark.parametrize(
    ("fates", "expected"),
    [("aaa", [("a", [0, 1, 2])]), ("aba", [("a", [0]), ("b", [1]), ("a", [2])]), ("abb", [("a", [0]), ("b", [1, 2])])],
)
def test_a_batch_is_processed_in_parts_with_one_outcome_each(fates, expected):
    settled = Settled(batch(0, 1, 2), [Outcome(fate) for fate in fates], 0.0)
    assert [(outcome.status, part.rows) for outcome, part in settled.parts()] == expected
