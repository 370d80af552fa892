"""Recognises repeated texts within a memory of fixed size."""

from hypothesis import given
from hypothesis import strategies as st

from segment_bridge.delivery.deduplication import Seen


@given(st.lists(st.text(max_size=3), max_size=300))
def test_a_text_is_new_only_once(texts):
    seen, known = Seen(1 << 12), set()
    for text in texts:
        assert seen.add(text) == (text not in known)
        known.add(text)


def test_a_repeat_is_recognised_until_three_quarters_are_full():
    seen = Seen(1 << 10)
    assert seen.add("first")
    for number in range(766):
        assert seen.add("text %d" % number)
        assert not seen.add("first")
    assert seen.add("the 768th, with which it begins anew")
    assert seen.add("first")


def test_it_never_fills_up():
    seen = Seen(1 << 4)
    assert sum(seen.add(str(number)) for number in range(10_000)) == 10_000


def test_a_discarded_text_is_new_again_and_hides_no_other():
    seen = Seen(16)
    texts = [str(number) for number in range(9)]
    assert all(map(seen.add, texts))
    seen.discard("3")
    seen.discard("no such")
    assert [seen.add(text) for text in texts] == [text == "3" for text in texts]
    assert not seen.add("3")
