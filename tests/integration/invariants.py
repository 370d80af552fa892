"""Rows to send, and what must hold after every run, whatever happened in it."""

from __future__ import annotations

import json
from collections import Counter

from segment_bridge.reasons import is_known
from tests.support.fakes.segment import WRITE_KEY

STATUSES = {"accepted", "rejected", "failed", "unsent", "duplicate"}


def rows(count: int, **fields: str):
    return [
        {
            "_time": f"{1764000000 + number}.000",
            "messageId": f"id-{number:05}",
            "event": "Component created",
            "userId": f"0{number % 7}",
            "timestamp": f"2026-11-24T10:{number // 60 % 60:02}:{number % 60:02}.013998Z",
            "properties": json.dumps({"name": f"é-{number}", "count": number, "text": "007"}, ensure_ascii=False),
            "context": '{"userAgent":"kubectl"}',
            **fields,
        }
        for number in range(count)
    ]


def ids(some_rows, *wanted_statuses):
    return {row["messageId"] for row in some_rows if not wanted_statuses or row["segment_status"] in wanted_statuses}


def statuses(result):
    return Counter(row["segment_status"] for row in result.rows)


def reasons(result):
    return Counter(row.get("segment_reason", "") for row in result.rows)


def check(result, sent, segment):
    """Every row is back, unchanged, with an outcome. Segment has every row that says `accepted`, and others only if
    answers were lost. The write key appears nowhere.
    """
    assert [row["messageId"] for row in result.rows] == [row["messageId"] for row in sent]
    assert {row["segment_status"] for row in result.rows} <= STATUSES
    assert ids(result.rows, "accepted") <= segment.accepted.keys() <= ids(sent)
    assert not (segment.lost or segment.discarded or segment.vanished)
    for row, given in zip(result.rows, sent):
        assert {name: value for name, value in row.items() if not name.startswith("segment_")} == given
        assert (row["segment_status"] == "accepted") == ("segment_reason" not in row)
        assert is_known(row.get("segment_reason", "duplicate"))
    assert WRITE_KEY not in result.stderr + repr(result.messages) + repr(result.rows)


def check_all_there(sent, segment):
    """Segment has every row, once, as it was meant."""
    assert segment.accepted.keys() == ids(sent)
    for row in sent:
        message = segment.accepted[row["messageId"]].message
        assert message == {
            "type": "track",
            "messageId": row["messageId"],
            "event": row["event"],
            "userId": row["userId"],
            "timestamp": row["timestamp"],
            "properties": json.loads(row["properties"]),
            "context": json.loads(row["context"]),
        }
