"""Ids that rows bring along."""

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segment_bridge.delivery import ids

IDS = st.one_of(
    st.uuids().map(str),
    st.sampled_from(["", "7", "null", "Undefined", "n/a", "object Object", "-", " a", "a ", "a b", "ü", "x" * 101]),
    st.text(max_size=20),
)


@given(st.lists(IDS, min_size=1, max_size=10))
@example(["a", "b "])
@example(["a\x1c"])
@example(["a", "\x1cb"])
@example(["a\x00"])
def test_ids_that_are_plain_stay_as_they_are(texts):
    if ids.are_plain(texts):
        assert [ids.given_message_id(text) for text in texts if text] == [text for text in texts if text]


def test_usual_ids_are_plain():
    assert ids.are_plain(["f:12-00000001", "", "7", "a1b2c3d4-0000-4000-8000-000000000001", "x" * 100])


@pytest.mark.parametrize("text", ["null", "Undefined", " a", "a\n", "a\u2800", "ü", "(a)", "x" * 101])
def test_what_needs_a_closer_look_is_not_plain(text):
    assert not ids.are_plain(["f:12-00000001", text])


def test_ids_for_a_receiver_that_changes_them():
    fitting = ids.fitting("[A-Za-z0-9._-]{1,64}")
    for given_id in ("a/b", "x" * 65, "ü"):
        assert fitting(given_id) == hashlib.sha256(given_id.encode()).hexdigest()
    assert fitting(" a-1.B_ ") == "a-1.B_"
    with pytest.raises(ValueError):
        fitting("null")
