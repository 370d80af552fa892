"""Batches respect Segment's limits, to the byte."""

import json

from hypothesis import given
from hypothesis import strategies as st

from segment_bridge import __version__
from segment_bridge.delivery.batching import ENVELOPE_BYTES, Batch, Batcher, body, body_bytes, of_rows
from tests.support.fakes.segment_rules import MAX_BATCH_EVENTS, MAX_BODY_BYTES, split_body

PAYLOADS = st.lists(st.integers(2, 300).map(lambda size: b'"' + b"x" * (size - 2) + b'"'), max_size=60)


def batches(payloads, max_bytes, max_events):
    batcher = Batcher(max_bytes, max_events)
    return [*batcher.add(payloads, range(len(payloads))), *filter(None, [batcher.flush()])]


def test_a_body_names_the_library_and_holds_the_messages_in_order():
    parsed = split_body(body([b'{"a":1}', b'{"b":2}']).decode())
    assert [raw for raw, _ in parsed.events] == ['{"a":1}', '{"b":2}']
    assert parsed.envelope == {"context": {"library": {"name": "segment-bridge", "version": __version__}}}


@given(PAYLOADS)
def test_the_size_of_a_body_is_known_without_building_it(payloads):
    assert body_bytes(payloads) == len(body(payloads))


@given(PAYLOADS, st.integers(150, 1_000), st.integers(1, 20))
def test_no_batch_exceeds_a_limit_or_closes_early(payloads, max_bytes, max_events):
    made = batches(payloads, max_bytes, max_events)
    assert [payload for batch in made for payload in batch.payloads] == payloads
    assert [row for batch in made for row in batch.rows] == list(range(len(payloads)))
    assert [batch.number for batch in made] == list(range(1, len(made) + 1))
    for batch, following in zip(made, [*made[1:], None]):
        assert len(batch) <= max_events
        assert len(body(batch.payloads)) <= max_bytes or len(batch) == 1
        if following:
            assert len(batch) == max_events or len(body([*batch.payloads, following.payloads[0]])) > max_bytes


def test_a_body_may_be_as_large_as_the_limit_and_no_larger():
    payload = b'"' + b"x" * 98 + b'"'
    exactly = ENVELOPE_BYTES + 3 * len(payload) + 2
    assert [len(batch) for batch in batches([payload] * 6, exactly, 100)] == [3, 3]
    assert [len(batch) for batch in batches([payload] * 6, exactly - 1, 100)] == [2, 2, 2]


def test_full_batches_of_small_and_of_large_messages_are_within_segments_limits():
    small = batches([b"{}"] * 5_000, 480_000, 2_000)
    large = batches([json.dumps("x" * 32_766).encode()] * 40, 480_000, 2_000)
    assert max(len(batch) for batch in small) == 2_000 <= MAX_BATCH_EVENTS
    assert 450_000 < max(len(body(batch.payloads)) for batch in large) <= 480_000 <= MAX_BODY_BYTES


def test_the_limit_can_be_lowered_during_a_run():
    batcher = Batcher(10_000, 100)
    payload = b'"' + b"x" * 998 + b'"'
    made = []
    for full in batcher.add([payload] * 20, range(20)):
        made.append(len(full))
        batcher.max_bytes = 3_200
    assert made == [9, 3, 3, 3]


@given(st.integers(2, 50))
def test_two_halves_contain_the_whole_batch(count):
    whole = Batch(7, [b"%d" % number for number in range(count)], list(range(count)))
    first, second = whole.halves()
    assert (first.payloads + second.payloads, first.rows + second.rows) == (whole.payloads, whole.rows)
    assert len(first) >= 1 and abs(len(first) - len(second)) <= 1
    assert first.number == second.number == 7


@given(st.lists(st.integers(0, 99), min_size=1, unique=True).map(sorted))
def test_the_values_of_a_batchs_rows(rows):
    assert [*of_rows(range(100), rows)] == rows
