"""What was accepted compared with what arrived: which of it may be repeats, and rows by hour and name."""

import json

from hypothesis import given
from hypothesis import strategies as st

from segment_bridge.delivery.tally import MOST_NAMES, Tally
from segment_bridge.receipts import funnel
from segment_bridge.receipts.funnel import Row, Run
from segment_bridge.receipts.public_api import Count

H = 3_600


def run(start, end, *accepted):
    return Run(start * H, end * H, list(accepted))


def test_runs_in_their_stored_form():
    tally = Tally(clock=lambda: 7 * H + 61)
    tally.begin()
    tally.add(["Build done", "Build done", "", "Release done"])
    tally.accepted([0, 1, 2])
    document = {"events": tally.told(), "earliest": 3 * H, "latest": 7 * H}
    assert funnel.runs([document]) == [Run(3 * H, 7 * H, [(7 * H, "-", 1), (7 * H, "Build done", 2)])]
    shapes = [{}, {"events": ""}, {"events": "x"}, {"events": "[7]"}, {"events": '[["a","b","c"]]'}, {"events": "[]"}]
    assert funnel.runs([*shapes, {**document, "latest": "x"}, {"events": None}]) == []


def test_the_next_chunk_starts_afresh():
    tally = Tally(clock=lambda: 0)
    for name in ("a", "b"):
        tally.begin()
        tally.add([name])
        tally.accepted([0])
    assert json.loads(tally.told()) == [[0, "a", 1], [0, "b", 1]]
    assert Tally().told() == ""


def test_names_beyond_a_limit_are_counted_together():
    tally = Tally(clock=lambda: 0)
    tally.add([str(number) for number in range(MOST_NAMES + 5)])
    tally.accepted(range(MOST_NAMES + 5))
    told = json.loads(tally.told())
    assert len(told) == MOST_NAMES + 1 and [0, "-", 5] in told


def test_one_of_several_runs_over_the_same_time_is_not_a_repeat():
    jobs = [run(start, start + 4, (start + 4, "x", 10)) for start in range(1, 9)]
    assert sum(each.number for each in jobs) - sum(each.number for each in funnel.maybe_repeats(jobs)) == 20
    hours = [run(start, start + 1, (start + 1, "x", 10)) for start in range(1, 9)]
    assert funnel.maybe_repeats(hours) == []


def test_a_run_with_few_acceptances_does_not_replace_one_with_many():
    much, little = run(1, 4, (4, "x", 100)), run(3, 4, (4, "x", 1))
    assert funnel.maybe_repeats([little, much]) == [little]


def test_a_run_without_a_window_may_be_all_repeats():
    assert funnel.maybe_repeats([run(0, 0, (4, "x", 1))]) == [run(0, 0, (4, "x", 1))]


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 5), st.integers(1, 9))))
def test_events_that_are_not_repeats_count_once(windows):
    runs = [run(start, start + length, (start, "x", number)) for start, length, number in windows]
    others = funnel.maybe_repeats(runs)
    alone = [each for each in runs if not any(each is other for other in others)]
    assert len(alone) + len(others) == len(runs)
    assert not any(a.overlaps(b) for a in alone for b in alone if a is not b)


def test_rows():
    runs = [run(1, 4, (5 * H, "Build done", 10), (5 * H, "-", 1)), run(2, 5, (6 * H, "Build done", 4))]
    rows = funnel.rows(
        runs,
        [Count(5 * H, "Build done", "", 7), Count(5 * H, "", "", 1), Count(1 * H, "Old", "", 9)],
        [Count(5 * H, "Build done", "ID_NOT_STRING", 2), Count(5 * H, "Build done", "", 1)],
        [Count(6 * H, "Release done", "schema", 3)],
        since=5 * H,
    )
    assert rows == [
        Row(5 * H, "-", 1, 0, 1, 0, 0, {}),
        Row(5 * H, "Build done", 10, 0, 7, 3, 0, {"id_not_string": 2, "unknown": 1}),
        Row(6 * H, "Build done", 4, 4, 0, 0, 0, {}),
        Row(6 * H, "Release done", 0, 0, 0, 0, 3, {}),
    ]
