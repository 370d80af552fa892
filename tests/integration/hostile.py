"""The oddest possible rows, at random, and what must hold for each of them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence

from tests.integration.chunked import Command, Row, decode, encode
from tests.integration.invariants import STATUSES
from tests.support.fakes.segment import FakeSegment

COLUMNS = (
    *("type", "event", "name", "userId", "anonymousId", "groupId", "previousId", "messageId", "timestamp", "_time"),
    *("properties", "traits", "context", "integrations", "_bkt", "_cd", "_raw", "other", 'od"d, name', "Ünïcode"),
    *("properties.a", "properties.a.b", "properties.a{}", "properties..", "properties.", "traits.x.y", "context.ip"),
    *("properties.b:number", "properties.c:json", "properties.c:boolean", "properties.d{}:string", "context.c:int"),
    *("properties.e{}.f", "integrations.All"),
)
TEXTS = (
    *("", " ", "\t", "0", "-0", "007", "1e400", "NaN", "null", "true", "9007199254740993", "track", "identify", "page"),
    *("screen", "group", "alias", "Track", "2026-11-24T09:30:00Z", "2026-02-30T00:00:00Z", "1764000000", "1e300", "-1"),
    *(
        "\0",
        "a\0b",
        "\x7f",
        "\x1f",
        "\ufeff",
        "\ufffe",
        "\u2028",
        "\x85",
        "\r",
        "\r\n",
        "\n",
        '"',
        '""',
        "'",
        ",",
        "$",
        "$$",
    ),
    *(
        "$;$",
        "\\",
        "\\u0000",
        "\\ud800",
        "é",
        "e\u0301",
        "漢字",
        "😀",
        "👩\u200d👩\u200d👧",
        "\U0010ffff",
        "‮",
        "{{}}",
        "%s",
    ),
    *("[object Object]", "<script>", "${jndi:x}", "../..", "<bad>", "x<bad>y", "a" * 101, "é" * 600),
)
JSONS = (
    *(
        "{}",
        "[]",
        "null",
        "1",
        '"x"',
        "{",
        "}",
        '{"a":1}',
        '{"a":1,"a":{"b":2}}',
        '{"a":{"b":[1,2]}}',
        '{"":""}',
        " {} ",
    ),
    *('{"a":NaN}', '{"a":-Infinity}', '{"a":1e400}', '{"a":0.1000}', '{"a":' + "9" * 400 + "}", '{"a":01}', '{"a":1}x'),
    *(
        '{"a":"\\ud800"}',
        '{"a":"\\udc00\\ud800"}',
        '{"a":"\\ud83d\\ude00"}',
        '{"a":"\\u0000"}',
        '{"a":"\n"}',
        '{"a":"é😀"}',
    ),
    *(
        '{"a":"\ufffd"}',
        '{"a":"x\0y"}',
        "{'a':1}",
        '{"a":1,}',
        '{"a":tru}',
        '{"a":"\\x"}',
        '{"a":"$;$"}',
        '{"a" :\t[ ]}',
    ),
)
RARE = (
    lambda: "x" * 1_000_000,
    lambda: json.dumps({"a": "é" * 500_000}, ensure_ascii=False),
    lambda: json.dumps({f"p{number}": number for number in range(10_000)}),
    lambda: json.dumps({f"p{number}": None for number in range(1_500)}),
    lambda: '{"a":' * 199 + "1" + "}" * 199,
    lambda: '{"a":' * 100_000,
    lambda: '{"a":' + "[" * 5_000 + "]" * 5_000 + "}",
    lambda: '{"a":"' + "\\ud800" * 3_000 + '"}',
)
TYPED = {
    "properties.b:number": ("", "0", "-1.50e3", "9" * 400, " 7 "),
    "properties.c:json": ("", "[]", '{"x":[{"y":null}]}', '"z"', "null"),
    "properties.c:boolean": ("true", "False"),
    "integrations.All": ("", "true", "false"),
}
SELDOM = ("properties.a.b", "properties.c:boolean", "properties.e{}.f", "context.c:int")
"""Columns that contradict another one, or are never valid."""
MEMBER = ('{"a":%d}', '{"a":{"b":%d}}')
BAD_UTF_8 = (b"\xff", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f", b"\xf4\x90\x80\x80")


def chunk(chance: random.Random, count: int) -> bytes:
    """The body of a chunk of this many rows, which share their columns.

    Half of the chunks contain nothing that needs csv to be read: the app reads rows in two ways.
    """
    is_plain = chance.random() < 0.5
    names = chance.sample(COLUMNS, chance.randint(1, len(COLUMNS)))
    if chance.random() < 0.9:  # otherwise hardly any row becomes a message
        names = list(dict.fromkeys([*names, "userId", "event"]))
    rows = [_row(chance, names) for _ in range(count)]
    body = encode([_plain(row) for row in rows] if is_plain else rows)
    pieces = body.split(b"<bad>")
    return pieces[0] + b"".join(chance.choice(BAD_UTF_8) + piece for piece in pieces[1:])


def _row(chance: random.Random, names: Sequence[str]) -> Row:
    row: Row = {}
    for name in names:
        lot = chance.random()
        if name in SELDOM and chance.random() < 0.98:
            row[name] = ""
        elif lot < 0.0002:
            row[name] = chance.choice(RARE)()
        elif lot < 0.04:
            row[name] = [_text(chance, name) for _ in range(chance.randint(0, 4))]
        else:
            row[name] = _text(chance, name)
    return row


_NOT_PLAIN = str.maketrans(dict.fromkeys("\0\1\2\r\n\ufffd"))


def _plain(row: Row) -> Row:
    first = {name: (value[0] if value else "") if isinstance(value, list) else value for name, value in row.items()}
    return {name: text.replace("<bad>", "").translate(_NOT_PLAIN).lstrip('"') for name, text in first.items()}


def _text(chance: random.Random, name: str) -> str:
    lot = chance.random()
    if name in ("properties", "traits", "context", "integrations") and lot < 0.8:
        return chance.choice(JSONS) if lot < 0.3 else MEMBER[name == "integrations"] % chance.randrange(10**9)
    if lot < (0.05 if name in TYPED else 0.3):
        return chance.choice(TEXTS)
    if lot < 0.35:
        return "".join(chance.choice(TEXTS) for _ in range(chance.randint(2, 6)))
    if name == "messageId" and lot < 0.5:
        return "m-%d" % chance.randrange(100)
    if name in TYPED:
        return chance.choice(TYPED[name])
    if name == "type":
        return chance.choice(("", "track", "identify", "group"))
    if name in ("timestamp", "_time"):
        return {"timestamp": "2026-11-24T09:30:00.%06dZ", "_time": "1764000000.%06d"}[name] % chance.randrange(10**6)
    return "%x" % chance.getrandbits(60)


def check(command: Command, segment: FakeSegment, body: bytes) -> Counter:
    """Sends a chunk. Checks that every row comes back unchanged with an outcome; that Segment has what was accepted,
    and nothing else; and that none of the requests was one that Segment refuses, and none of the messages one that it
    discards. Returns outcomes by status.
    """
    segment.accepted.clear()
    segment.requests.clear()
    reply = command.exchange({"action": "execute", "finished": False}, body)
    sent = decode(body.decode("utf-8", "replace").encode())
    assert [
        {name: value for name, value in row.items() if not name.startswith("segment_")} for row in reply.rows
    ] == sent
    assert all(row.get("segment_status") in STATUSES for row in reply.rows)
    assert all(exchange.status == 200 for exchange in segment.requests)
    assert not (segment.discarded or segment.lost or segment.vanished)
    accepted = [row["segment_message_id"] for row in reply.rows if row["segment_status"] == "accepted"]
    assert len(set(accepted)) == len(accepted)
    assert segment.accepted.keys() <= set(accepted)  # the missing ones repeat those of an earlier chunk
    assert len(segment.accepted) + len(segment.duplicates) == len(accepted)
    segment.duplicates.clear()
    return Counter(row["segment_status"] for row in reply.rows)
