"""Texts of JSON objects, checked as strictly as any parser would, and left unchanged."""

import json
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segment_bridge.delivery import jsontext
from tests.conftest import thorough

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(), JSONS, max_size=5)


def constant(name):
    raise ValueError(name)


def is_object(text):
    """The verdict of Python's parser, made strict."""
    try:
        return isinstance(json.loads(text, parse_constant=constant), dict)
    except ValueError:
        return False


@given(OBJECTS, st.sampled_from([None, 1]), st.booleans())
def test_an_object_is_left_unchanged(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if "\\ud" not in text:
        assert jsontext.checked(" \n%s\t" % text) == text
    assert json.loads(jsontext.checked(text)) == json.loads(text)


@settings(max_examples=thorough(1_000))
@given(OBJECTS.map(json.dumps), st.data())
@example('{"a":NaN}', None)
def test_a_damaged_object_is_refused_exactly_if_it_is_invalid(text, data):
    if data:
        position = data.draw(st.integers(0, len(text)))
        text = (
            text[:position]
            + data.draw(st.sampled_from(['"', "{", "}", ",", ":", "\\", "1", "x", "\n", ""]))
            + text[position + data.draw(st.integers(0, 2)) :]
        )
    if is_object(text.strip(" \t\r\n")):
        assert is_object(jsontext.checked(text))
    else:
        with pytest.raises(ValueError, match=r"character|due|JSON"):
            jsontext.checked(text)


@given(JSONS, st.sampled_from(["", " ", "\r\n"]))
def test_any_value_is_left_unchanged(value, space):
    text = json.dumps(value, ensure_ascii=False)
    assert jsontext.checked_value(space + text + space) == text


@pytest.mark.parametrize(
    "text",
    ["", "x", "NaN", "-Infinity", "01", "+1", "-", "1,2", '1,"a":2', "[1", '"x', "'x'", "1 2", "[" * 300 + "]" * 300],
)
def test_an_invalid_value_is_refused(text):
    with pytest.raises(ValueError, match=r"character|JSON|levels"):
        jsontext.checked_value(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'{"a":"\ud800"}', r'{"a":"\ufffd"}'),
        (r'{"a":"\uDFFF x"}', r'{"a":"\ufffd x"}'),
        (r'{"a":"\ud83d\ude00"}', r'{"a":"\ud83d\ude00"}'),
        (r'{"a":"\ud83d\ud83d\ude00\ude00"}', r'{"a":"\ufffd\ud83d\ude00\ufffd"}'),
        (r'{"a":"\\ud800"}', r'{"a":"\\ud800"}'),
        (r'{"a":"\\\ud800"}', r'{"a":"\\\ufffd"}'),
        (r'{"\ud800":1}', r'{"\ufffd":1}'),
    ],
)
def test_half_a_surrogate_pair_becomes_a_replacement_character(text, expected):
    assert jsontext.checked(text) == expected


NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False).map(str).filter(
    lambda text: jsontext.NUMBER.fullmatch(text) and len(text) < 40
)


@settings(max_examples=thorough(500))
@given(NUMBERS.map(str), NUMBERS.map(str))
@example("1e2", "100.0")
@example("-0", "0.00")
@example("0.1", "1e-1")
@example("9007199254740993", "9007199254740992")
@example("1764000000.123456789", "1764000000.123456788")
def test_numbers_have_one_text_exactly_if_they_are_equal(one, other):
    same = Fraction(one) == Fraction(other)
    assert (jsontext.canonical("[%s]" % one) == jsontext.canonical("[%s]" % other)) == same
    assert jsontext.canonical("[%s]" % one) != jsontext.canonical('["%s"]' % one)


@given(OBJECTS, OBJECTS, st.sampled_from([None, 1]), st.booleans(), st.randoms(use_true_random=False))
def test_equal_values_have_one_text(value, other, indent, ascii_only, chance):
    def shuffled(each):
        if isinstance(each, dict):
            keys = list(each)
            chance.shuffle(keys)
            return {key: shuffled(each[key]) for key in keys}
        return [shuffled(item) for item in each] if isinstance(each, list) else each

    def canonical(each, **options):
        return jsontext.canonical(jsontext.checked(json.dumps(each, **options)))

    assert canonical(value) == canonical(shuffled(value), indent=indent, ensure_ascii=ascii_only)
    if json.dumps(value, sort_keys=True) != json.dumps(other, sort_keys=True) and value != other:
        assert canonical(value) != canonical(other)


def test_numbers_beyond_floating_point_are_their_own_text():
    for number in ("1e" + "9" * 5_000, "9" * 5_000, "0." + "0" * 5_000 + "1"):
        assert jsontext.canonical("[%s]" % number)


def test_depth_is_counted_outside_of_texts():
    depth = jsontext.MAX_DEPTH
    deep = '{"a":' * depth + "1" + "}" * depth
    assert jsontext.checked(deep) == deep
    with pytest.raises(ValueError, match="more than 200 levels"):
        jsontext.checked('{"a":%s}' % deep)
    wide = json.dumps({"a": "{[" * 1_000 + '"', "b": [[]] * 1_000})
    assert jsontext.checked(wide) == wide


def test_depth_that_would_crash_a_parser_is_refused():
    for text in ('{"a":' * 100_000, '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"):
        with pytest.raises(ValueError, match="levels"):
            jsontext.checked(text)


def test_numbers_are_kept_as_they_are_written():
    text = '{"a":1.10,"b":1e400,"c":-0,"d":12345678901234567890123}'
    assert jsontext.with_values(text, [(["x"], "1.20"), (["y"], '"1.20"')]) == text[:-1] + ',"x":1.20,"y":"1.20"}'


@given(OBJECTS)
def test_nothing_but_the_values_changes(value):
    value.pop("new", None)
    changed = json.loads(jsontext.with_values(json.dumps(value, ensure_ascii=False), [(["new", "deep"], '["1"]')]))
    assert changed == {**value, "new": {"deep": ["1"]}}


@pytest.mark.parametrize(
    ("text", "path"),
    [('{"a":1}', ["a", "b"]), ('{"a":{}}', ["a"]), ('{"a":[]}', ["a", "b"]), ('{"a":{"b":"x"}}', ["a", "b", "c", "d"])],
)
def test_a_path_that_leads_through_a_value_is_refused(text, path):
    with pytest.raises(ValueError, match="both an object and a value"):
        jsontext.with_values(text, [(path, '"x"')])
