"""The draft of a row that gives no message can be corrected, sent again, and found again."""

import json

import pytest

from segment_bridge.delivery.drafts import draft
from segment_bridge.delivery.messages import Layout
from segment_bridge.delivery.options import MAX_EVENT_BYTES


def drafted(row, message_id="m"):
    header = [name for key in row for name in (key, "__mv_" + key)]
    cells = []
    for value in row.values():
        if isinstance(value, list):
            cells += ["\n".join(value), ";".join("$%s$" % each.replace("$", "$$") for each in value)]
        else:
            cells += [value, ""]
    return draft(Layout(header), cells, message_id)


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({"event": "x", "userId": "", "other": "y"}, {"event": "x"}),
        ({"properties": '{"a":1.10}', "properties.b.c": "d"}, {"properties": {"a": 1.1, "b": {"c": "d"}}}),
        ({"properties.amount:number": "12.5", "traits.t": ["1", "2"]}, {"properties": {"amount": 12.5},
                                                                        "traits": {"t": ["1", "2"]}}),
        ({"properties": "{broken", "properties.plan": "pro"}, {"properties": "{broken", "properties.plan": "pro"}),
        ({"properties.a:number": "x", "context.ip": "1"}, {"properties.a:number": "x", "context": {"ip": "1"}}),
        ({"properties.a": "1", "properties.a.b": "2"}, {"properties.a": "1", "properties.a.b": "2"}),
        ({"event": ["a", "b"], "messageId": ["c", "d"]}, {"event": ["a", "b"]}),
        ({"_time": "1764000000.5"}, {"timestamp": "2025-11-24T16:00:00.500Z"}),
        ({"_time": "1764000000", "timestamp": "2026-01-01T00:00:00Z"}, {"timestamp": "2026-01-01T00:00:00Z"}),
        ({"_time": "never"}, {"_time": "never"}),
        ({"_time": ["1", "2"]}, {"_time": ["1", "2"]}),
    ],
)  # fmt: skip
def test_it_contains_the_messages_fields_and_the_letters_id(row, kept):
    assert json.loads(drafted(row)) == {**kept, "messageId": "m"}


@pytest.mark.parametrize(
    "row",
    [
        {"event": "x" * 100_000, "userId": "1"},
        {"event": "x", "userId": "1", "properties": json.dumps({"a": "é" * 1_000_000}, ensure_ascii=False)},
        {"event": "x", "userId": "1", **{"properties.p%d" % number: "a" * 90 for number in range(5_000)}},
        {"event": "x", "userId": "1", **{"properties.%d.%s" % (number, "a" * 9_000): "x" for number in range(50)}},
    ],
)
def test_a_draft_that_can_never_be_sent_is_cut(row):
    text = drafted(row)
    assert len(text.encode()) <= MAX_EVENT_BYTES + 10
    kept = json.loads(text)
    assert kept["messageId"] == "m" and kept["userId"] == "1"
    assert "(cut)" in text
