"""Whatever others say becomes one printable line, without the secrets that they were told."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_bridge import texts

SAID = json.loads('"bad \\u001b[31mgate\\u0000way\\u0001"')
"""splunk-sdk-csharp-pcl#50: the answer of a gateway."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é漢😀 text", "plain é漢😀 text"),
        (SAID, "bad gate\ufffdway\ufffd"),
        ("two\r\nlines\tof \u2028 text\u2029\x85", "two lines of text"),
        ("\x1b]0;title\x07\x1b[1;31mred\x1b[0m\x1bM \x1b", "red \ufffd"),
        ("to the\u202eleft\u200b\ufeff", "to the\ufffdleft\ufffd\ufffd"),
        ("half a pair \ud800", "half a pair \ufffd"),
        ("\ufffe\x7f\x9b", "\ufffd\ufffd\ufffd"),
        ("", ""),
    ],
)
def test_it_is_one_line_of_printable_text(text, shown):
    assert texts.printable(text, 200) == shown


def test_it_is_bounded():
    assert texts.printable("x" * 100_000, 200) == "x" * 200


@pytest.mark.parametrize(
    "text", ["key s3cret", "s3cret", "a s3cret b s3cret", "x" * 17 + "s3cret", "\x1b[1ms3cret\x1b[0m", "s3\x1b[1mcret"]
)
def test_a_secret_is_masked_even_at_the_cut(text):
    shown = texts.printable(text, 20, ["", "s3cret"])
    assert "s3c" not in shown and shown


@given(st.text())
def test_any_text_can_be_printed_encoded_and_put_into_xml(text):
    shown = texts.printable(text, 50)
    assert shown.isprintable() and len(shown) <= 50
    element = ElementTree.Element("message")
    element.text = shown
    assert (ElementTree.fromstring(ElementTree.tostring(element)).text or "") == shown
