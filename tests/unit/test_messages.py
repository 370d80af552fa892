"""The message that a row becomes, or the reason why it becomes none."""

import datetime
import hashlib
import json
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segment_bridge import reasons
from segment_bridge.delivery import defaults, ingest
from segment_bridge.delivery.deduplication import Seen
from segment_bridge.delivery.drafts import draft
from segment_bridge.delivery.ids import MAX_REMEMBERED_REPEATS, MessageIds
from segment_bridge.delivery.messages import Layout, Manner, MessageBuilder, mistaken
from segment_bridge.delivery.outcomes import Outcome
from segment_bridge.delivery.profiles import Profiles
from tests.conftest import thorough
from tests.support.fakes.segment_rules import discard_reason

TRACK = {"userId": "42", "event": "Order placed", "messageId": "m-1"}


def laid_out(*rows):
    """Rows (a list is a multivalue field) in splunkd's layout: all columns, then their twins."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [
        [_cell(row.get(name, "")) for name in names] + [_twin(row.get(name, "")) for name in names] for row in rows
    ]
    return Layout([*names, *("__mv_" + name for name in names)]), list(zip(*lines)), len(rows)


def _cell(value):
    return "\n".join(value) if isinstance(value, list) else value


def _twin(value):
    return ";".join("$%s$" % each.replace("$", "$$") for each in value) if isinstance(value, list) else ""


def cells_of(columns):
    """The cells of the only row."""
    return [column[0] for column in columns]


def builder(source="source", max_event_bytes=32_768, occasion="a day"):
    return MessageBuilder(MessageIds(source, occasion), max_event_bytes)


def small_builder():
    """For less than fifty rows: to clear eight megabytes, enough for the ids of a run, takes milliseconds."""
    with mock.patch("segment_bridge.delivery.ids.Seen", lambda: Seen(64)):
        return builder()


def one(messages):
    """Id and message of a block of one row, or the reason why it is withheld."""
    return messages.ids[0], messages.payloads[0], messages.withheld.get(0)


def built(**row):
    message_id, payload, outcome = one(builder().build(*laid_out(row)))
    assert outcome is None
    return message_id, payload


def message(**row):
    return json.loads(built(**row)[1])


def withheld(**row):
    outcome = one(builder().build(*laid_out(row)))[2]
    assert outcome is not None
    return outcome


def reason(**row):
    outcome = withheld(**row)
    assert (outcome.status, outcome.batch, outcome.attempts) == ("rejected", None, 0)
    return outcome.reason


# --- Types and their fields ---


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"event": "x", "properties": "{}"}, {"type": "track", "event": "x", "properties": {}}),
        ({"type": "track", "event": "x"}, {"type": "track", "event": "x"}),
        ({"type": "identify", "traits": '{"plan":"pro"}'}, {"type": "identify", "traits": {"plan": "pro"}}),
        ({"type": "page", "name": "Home", "properties": "{}"}, {"type": "page", "name": "Home", "properties": {}}),
        ({"type": "screen", "name": "Home"}, {"type": "screen", "name": "Home"}),
        ({"type": "page"}, {"type": "page"}),
        ({"type": "group", "groupId": "7", "traits": "{}"}, {"type": "group", "groupId": "7", "traits": {}}),
        ({"type": "alias", "previousId": "7"}, {"type": "alias", "previousId": "7"}),
    ],
)
def test_a_type_takes_its_fields(row, expected):
    assert message(userId="42", messageId="m", **row) == {"userId": "42", "messageId": "m", **expected}


def test_every_type_takes_ids_context_and_integrations():
    common = {"userId": "42", "anonymousId": "a", "context": '{"ip":"::1"}', "integrations": '{"All":false}'}
    for kind, needed in {
        "track": {"event": "x"},
        "identify": {},
        "page": {},
        "screen": {},
        "group": {"groupId": "7"},
        "alias": {"previousId": "7"},
    }.items():
        assert message(type=kind, messageId="m", **needed, **common) == {
            "type": kind,
            "messageId": "m",
            "userId": "42",
            "anonymousId": "a",
            "context": {"ip": "::1"},
            "integrations": {"All": False},
            **needed,
        }


def test_fields_that_a_type_does_not_have_are_left_out():
    assert message(**TRACK, traits='{"a":1}', name="x", groupId="7", previousId="6", other="y", segment_status="z") == {
        **TRACK,
        "type": "track",
    }


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"event": "x"}, "no_user_anon_id"),
        ({"event": "x", "userId": "", "anonymousId": ""}, "no_user_anon_id"),
        ({"userId": "42"}, "event_not_defined"),
        ({"userId": "42", "event": ""}, "event_not_defined"),
        ({"userId": "42", "type": "group"}, "id_required"),
        ({"userId": "42", "type": "alias"}, "id_required"),
        ({"anonymousId": "42", "type": "alias", "previousId": "7"}, "id_required"),
        ({"userId": "42", "type": "trak"}, "invalid_type"),
        ({"userId": "42", "type": "Track", "event": "x"}, "invalid_type"),
        ({"userId": " \t", "event": "x"}, "id_is_none"),
        ({"userId": "42", "event": "null"}, "event_not_defined"),
        ({"userId": ["1", "2"], "event": "x"}, "id_not_string"),
        ({"userId": "42", "event": ["x", "y"]}, "event_not_string"),
        ({"userId": "42", "type": "page", "name": ["x", "y"]}, "name_not_string"),
        ({"userId": "42", "event": "x", "messageId": ["1", "2"]}, "message_id_not_string"),
        ({"userId": "42", "event": "x", "timestamp": ["1", "2"]}, "timestamp_invalid"),
        ({"userId": "42", "event": "x", "properties": ["{}", "{}"]}, "properties_not_object"),
    ],
)
def test_messages_that_segment_would_discard_have_segments_reason(row, expected):
    assert reason(**row) == expected


@pytest.mark.parametrize(
    "given_id",
    [
        "00123",
        "9007199254740993",
        "12345678901234567890",
        "1e400",
        "1.0",
        "f:12-ab",
        "true",
        "0",
        "nullable",
        "nancy",
        "None of us",
        "Ünïcode 😀",
        "😀",
        "漢",
        '"x"',
        "\\",
        "_",
    ],
)
def test_ids_stay_the_texts_that_they_were(given_id):
    assert message(userId=given_id, event="x")["userId"] == given_id


NONE = [
    *("null", "NULL", "Null", "undefined", "None", "NaN", "nan", "-nan", "nil", "N/A", "-", "--"),
    *("[object Object]", "[object Undefined]", "(null)", "<nil>", "<none>", '"null"', '""', "''", "{}", "[]", "[null]"),
    *(
        " ",
        "\t\n",
        "\u00a0",
        "\u3000",
        "\u2028",
        "\u200b",
        "\ufeff",
        "\u2060\u00ad",
        "\u2800",
        "\u3164",
        "\0",
        "\x7f",
        "\ufe0f",
    ),
    *("\u00a0null ", "\ufeffnull", "nu\u200bll"),
]


@pytest.mark.parametrize("text", NONE)
def test_a_word_for_none_is_not_an_id(text):
    for row in (
        {"userId": text},
        {"userId": "7", "anonymousId": text},
        {"userId": text, "anonymousId": "a"},
        {"userId": "7", "messageId": text},
        {"userId": "7", "type": "group", "groupId": text},
        {"userId": "7", "type": "alias", "previousId": text},
    ):
        outcome = withheld(event="x", **row)
        assert outcome[:2] == ("rejected", "id_is_none")
        name = next(name for name, cell in row.items() if cell == text)
        assert outcome.error.startswith(name + ": ")
        assert "empty the cell" in outcome.error and outcome.error.isprintable()


def test_ids_lose_surrounding_white_space():
    row = {"userId": " 42\n", "type": "group", "groupId": "\t7 ", "messageId": " m "}
    assert {name: message(**row)[name] for name in ("userId", "groupId", "messageId")} == {
        "userId": "42",
        "groupId": "7",
        "messageId": "m",
    }


def test_one_value_of_a_multivalue_field_is_that_value():
    assert message(**{**TRACK, "userId": ["$42;"]})["userId"] == "$42;"


def test_empty_cells_are_left_out():
    assert message(**TRACK, anonymousId="", properties="", context="", timestamp="", **{"properties.plan": ""}) == {
        **TRACK,
        "type": "track",
    }


# --- Objects ---


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1.10,"b":1e400,"c":9007199254740993,"d":-0.0}',
        '{"a":1,"a":2}',
        '{ "a" : [ 1 , { } ] }',
        '{"é":"😀\\u00e9\\ud83d\\ude00"}',
    ],
)
def test_an_objects_json_is_sent_unchanged(text):
    assert ('"properties":%s,' % text).encode() in built(**TRACK, properties="\n %s " % text)[1]


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        '"x"',
        "null",
        "1",
        "x",
        "{",
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1}{',
        "{'a':1}",
        '{"a":1,}',
        '{"a":01}',
        '{"a":"\n"}',
        "{a:1}",
        '{"a":' * 300 + "1" + "}" * 300,
    ],
)
@pytest.mark.parametrize("name", ["properties", "context", "integrations"])
def test_an_invalid_object_says_why(name, text):
    outcome = withheld(**{**TRACK, name: text})
    assert outcome.reason == name + "_not_object"
    assert outcome.error.startswith(name + ": ")


def test_dotted_fields_are_texts_in_objects_and_arrays():
    row = {
        "properties.plan": "pro",
        "properties.count": "007",
        "properties.address.city": "Ulm",
        "properties.tags": ["a", "b"],
        "properties.one{}": "x",
        "context.ip": "::1",
        "properties.empty": "",
        "properties.many{}": ["x", "y"],
    }
    built_message = message(**TRACK, **row)
    assert built_message["properties"] == {
        "plan": "pro",
        "count": "007",
        "address": {"city": "Ulm"},
        "tags": ["a", "b"],
        "one": ["x"],
        "many": ["x", "y"],
    }
    assert built_message["context"] == {"ip": "::1"}


def test_a_dotted_field_overrides_the_json():
    text = '{"plan":"free","count":1.10,"address":{"city":"Ulm","zip":89073},"on":true,"no":null,"list":[1,{"a":2}]}'
    payload = built(**TRACK, properties=text, **{"properties.plan": "pro", "properties.address.city": "Bonn"})[1]
    assert (
        b'"properties":{"plan":"pro","count":1.10,"address":{"city":"Bonn","zip":89073},"on":true,"no":null,'
        b'"list":[1,{"a":2}]}' in payload
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"plan":"free"}', "properties.plan.name"),
        ('{"plan":{"name":"free"}}', "properties.plan"),
        ('{"plan":[1]}', "properties.plan.0"),
    ],
)
def test_a_path_that_is_both_an_object_and_a_value_is_a_conflict(text, name):
    outcome = withheld(**TRACK, properties=text, **{name: "x"})
    assert outcome.reason == "properties_conflict"
    assert "both an object and a value" in outcome.error


def test_dotted_fields_can_contradict_each_other():
    assert reason(**TRACK, **{"properties.a": "1", "properties.a.b": "2"}) == "properties_conflict"


def test_names_that_only_look_dotted_are_ordinary_fields():
    assert message(**TRACK, **{"properties.": "x", "propertiesX.y": "z", "event.y": "z"}) == {**TRACK, "type": "track"}


@pytest.mark.parametrize(
    "name",
    [
        "properties.products{}.sku",
        "properties.a{}.b{}",
        "properties.a{}{}",
        "properties.a{}.b:number",
        "properties.a{0}.b",
    ],
)
@pytest.mark.parametrize("cell", ["A", ["A", "B"]])
def test_an_array_split_by_spath_is_refused_with_what_to_do(name, cell):
    outcome = withheld(**TRACK, **{name: cell})
    assert outcome[:2] == ("rejected", "properties_array_apart")
    assert (
        'send the whole array, for example by eval "properties.%s:json"=' % name[11:].partition("{")[0] in outcome.error
    )
    assert "properties" not in message(**TRACK, **{name: ""})


def test_an_event_split_by_spath_is_refused():
    """Of {"userId":null,"event":"Order","properties":{"plan":null,"total":9.5,"products":[{"sku":"A",...},...]}}."""
    row = {
        "userId": "null",
        "event": "Order",
        "properties.plan": "null",
        "properties.total": "9.5",
        "properties.products{}.sku": ["A", "B"],
        "properties.products{}.price": "1",
    }
    assert reason(**row) == "id_is_none"
    assert reason(**{**row, "userId": "7"}) == "properties_array_apart"
    whole = {"userId": "7", "properties.products:json": '[{"sku":"A","price":1},{"sku":"B"}]', "properties.total": ""}
    taken = {
        name: cell for name, cell in {**row, **whole, "properties.total:number": "9.5"}.items() if "{}" not in name
    }
    assert message(**taken)["properties"] == {"products": [{"sku": "A", "price": 1}, {"sku": "B"}], "total": 9.5}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"integrations.All": "false", "integrations.Mixpanel": "true"}, {"All": False, "Mixpanel": True}),
        ({"integrations.All": "False", "integrations.X": ""}, {"All": False}),
        ({"integrations": '{"All":false,"A":{"id":"x"}}'}, {"All": False, "A": {"id": "x"}}),
        ({"integrations.A.id:string": "7", "integrations.A.on": "true"}, {"A": {"id": "7", "on": True}}),
        ({"integrations": '{"A":{"id":1.0}}', "integrations.All": "true"}, {"A": {"id": 1}, "All": True}),
        ({"integrations.A:json": '{"id":1}'}, {"A": {"id": 1}}),
        ({"integrations.A:boolean": "true"}, {"A": True}),
    ],
)
def test_integrations_are_booleans_or_objects(row, expected):
    assert message(**TRACK, **row)["integrations"] == expected


@pytest.mark.parametrize(
    "row",
    [
        *({"integrations.All": cell} for cell in ("no", "1", "yes", "on", ["true", "false"])),
        {"integrations.A.id": "7"},
        {"integrations.All:string": "false"},
        {"integrations.All:number": "0"},
        {"integrations.All{}": "true"},
        {"integrations.All:json": "null"},
        *({"integrations": '{"All":%s}' % value} for value in ('"false"', "0", "null", "[false]")),
    ],
)
def test_other_values_in_integrations_are_refused(row):
    outcome = withheld(**TRACK, **row)
    assert outcome[:2] == ("rejected", "integrations_wrong_type")
    assert "true" in outcome.error and "integrations." in outcome.error


# --- Types of dotted fields ---


@pytest.mark.parametrize(
    ("name", "cell", "expected"),
    [
        ("properties.x:number", "12.50", "12.50"),
        ("properties.x:number", " -1e3\n", "-1e3"),
        ("properties.x:number", "123456789012345678901234567890.10", "123456789012345678901234567890.10"),
        ("properties.x:number", ["1", "2.0"], "[1,2.0]"),
        ("properties.x:number", ["$7;", "8"][1:], "8"),
        ("properties.x{}:number", "1", "[1]"),
        ("properties.x{}:number", ["1"], "[1]"),
        ("properties.x:boolean", "true", "true"),
        ("properties.x:boolean", "False", "false"),
        ("properties.x:boolean", ["true", "false"], "[true,false]"),
        ("properties.x:json", '{"a":[1.10,null]}', '{"a":[1.10,null]}'),
        ("properties.x:json", '"7"', '"7"'),
        ("properties.x:json", "null", "null"),
        ("properties.x:json", ["1", '"a"', "{}"], '[1,"a",{}]'),
        ("properties.x{}:json", "[1]", "[[1]]"),
        ("properties.x:string", "null", '"null"'),
        ("properties.x:string", " #1 ", '" #1 "'),
        ("properties.x:string", '{"a":1}', '"{\\"a\\":1}"'),
        ("properties.x:string", ["null", "1"], '["null","1"]'),
        ("properties.x{}:string", "null", '["null"]'),
        ("properties.x", "12.5", '"12.5"'),
        ("properties.x", "true", '"true"'),
        ("properties.x", "NULL", '"NULL"'),
        ("properties.x", ["a", "null", "b"], '["a","b"]'),
        ("properties.x{}", ["", "b"], '["","b"]'),
    ],
)
def test_a_dotted_fields_type_decides_what_it_becomes(name, cell, expected):
    assert ('"properties":{"x":%s}' % expected).encode() in built(**TRACK, **{name: cell})[1]


@pytest.mark.parametrize("root", ["properties", "context"])
def test_types_work_in_each_object_and_at_each_depth(root):
    row = {root + ".a.n:number": "1", root + ".a.b:boolean": "true", root + ".a.t": "1", root + ".j:json": "[{}]"}
    assert message(**TRACK, **row)[root] == {"a": {"n": 1, "b": True, "t": "1"}, "j": [{}]}


def test_traits_have_types_too():
    assert message(**{**TRACK, "type": "identify", "traits.age:number": "7"})["traits"] == {"age": 7}


@pytest.mark.parametrize(
    "name", ["properties.x", "properties.x:number", "properties.x:boolean", "properties.x{}", "properties.x:string"]
)
def test_a_missing_value_is_left_out(name):
    cells = ["", [""]] if name.endswith(":string") else ["", "null", [""], ["null", "null"]]
    for cell in cells:
        assert "properties" not in message(**TRACK, **{name: cell})


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        *(
            ("properties.x:number", cell, "must be a number")
            for cell in (
                "abc",
                "007",
                "+1",
                ".5",
                "1.",
                "1,000",
                "nan",
                "inf",
                "-Infinity",
                "0x1F",
                "true",
                '"1"',
                "١",
                "NULL",
                "1\n2",
            )
        ),
        *(("properties.x:boolean", cell, "must be true or false") for cell in ("1", "0", "yes", "t", "NULL")),
        *(("properties.x:json", cell, "character") for cell in ("abc", "{", "True", '1,"y":2')),
        ("properties.x:json", "NaN", "is not JSON"),
        ("properties.x:number", ["1", "two"], "must be a number"),
        ("properties.x:number", ["1", ""], "must be a number"),
        *(
            ("properties.x:" + word, "1", "is not a type: use properties.x:string, :number, :boolean, :json")
            for word in ("int", "bool", "num", "Number", "STRING", "number{}", " json", "float", "text", "object")
        ),
    ],
)
def test_a_cell_of_the_wrong_type_says_where_and_what_is_expected(name, cell, said):
    outcome = withheld(**TRACK, **{name: cell})
    assert outcome[:2] == ("rejected", "properties_unknown_type" if "not a type" in said else "properties_wrong_type")
    assert outcome.error.startswith(name + ": ")
    assert said in outcome.error


def test_a_row_is_not_rejected_for_fields_that_its_type_does_not_take():
    assert "properties" not in message(**{**TRACK, "type": "identify", "properties.x:number": "abc"})


def test_a_colon_with_any_other_word_is_part_of_the_name():
    row = {
        "properties.k8s:app": "a",
        "properties.a:int:string": "7",
        "properties.app:x:number": "1",
        "properties.:number": "x",
        "properties.a:": "y",
    }
    assert message(**TRACK, **row)["properties"] == {
        "k8s:app": "a",
        "a:int": "7",
        "app:x": 1,
        ":number": "x",
        "a:": "y",
    }


@pytest.mark.parametrize("rest", [{}, {"properties": '{"a":true,"b":1.10}'}])
def test_one_of_several_types_may_have_a_value(rest):
    names = ["properties.a:number", "properties.a:string", "properties.a"]
    for name in names:
        row = {**dict.fromkeys(names, ""), name: "7"}
        assert message(**TRACK, **rest, **row)["properties"]["a"] == (7 if name == names[0] else "7")
    outcome = withheld(**TRACK, **rest, **dict.fromkeys(names[:2], "7"))
    assert outcome.reason == "properties_conflict"
    assert outcome.error == "properties.a:number, properties.a:string: only one of these may have a value in a row"


@pytest.mark.parametrize(
    "names",
    [
        ("properties.a:json", "properties.a.b"),
        ("properties.a", "properties.a{}"),
        ("properties.a.b", "properties.a:number"),
    ],
)
def test_two_fields_of_one_path_contradict_each_other_in_any_order(names):
    cells = {"properties.a:json": '{"x":1}', "properties.a:number": "1"}
    for order in (names, names[::-1]):
        assert reason(**TRACK, **{name: cells.get(name, "v") for name in order}) == "properties_conflict"


def test_typed_fields_override_the_json():
    text = '{"a":"x","b":{"c":1.10},"d":null}'
    payload = built(
        **TRACK,
        properties=text,
        **{"properties.a:number": "2.0", "properties.b.c:json": "[1]", "properties.d:boolean": "True"},
    )[1]
    assert b'"properties":{"a":2.0,"b":{"c":[1]},"d":true}' in payload
    assert reason(**TRACK, properties=text, **{"properties.b:json": '{"c":2}'}) == "properties_conflict"


# --- messageId ---


def test_a_long_message_id_becomes_its_hash():
    assert message(**{**TRACK, "messageId": "x" * 100})["messageId"] == "x" * 100
    assert message(**{**TRACK, "messageId": "x" * 101})["messageId"] == hashlib.sha256(b"x" * 101).hexdigest()


def test_a_derived_message_id_is_stable_and_differs_by_source_and_row():
    row = {"userId": "42", "event": "x", "_time": "1764000000"}

    def made(source="source", occasion="a day", **changed):
        return builder(source, occasion=occasion).build(*laid_out({**row, **changed})).ids[0]

    assert made() == made(other="y") == made(occasion="another")
    ids = {
        made(),
        made("other source"),
        made(userId="43"),
        made(_time="1764000001"),
        made(_bkt="main~1~A", _cd="1:2"),
        made(_bkt="main~1~A", _cd="1:3"),
    }
    assert len(ids) == 6
    assert all(len(each) == 64 for each in ids)


SAME = [
    {"userId": "7", "event": "x", "properties.a": "1", "properties.b:number": "10", "properties.c.d:boolean": "true"},
    {"properties.c.d:boolean": "True", "properties.b:number": "1e1", "event": "x", "properties.a": "1", "userId": " 7"},
    {"event": "x", "properties": '{"a":"1","b":10.0,"c":{"d":true}}', "userId": "7", "type": "track"},
    {"type": "", "event": "x", "userId": "7", "properties": ' {"c" : {"d":true}, "b":1.00e+1, "\\u0061":"\\u0031"}'},
    {
        "event": "x",
        "userId": "7",
        "properties": '{"b":10,"c":{"d":true}}',
        "properties.a:string": "1",
        "properties.z": "null",
    },
]


@pytest.mark.parametrize("time", [{}, {"_time": "1764000000"}])
def test_a_derived_message_id_depends_on_content_not_notation(time):
    assert len({built(**row, **time)[0] for row in SAME}) == 1
    for other in (
        '{"a":1,"b":10,"c":{"d":true}}',
        '{"a":"1","b":"10","c":{"d":true}}',
        '{"a":"1","b":11,"c":{"d":true}}',
        '{"a":"1","b":10,"c":{"d":false}}',
        '{"a":"1","b":10,"c":{"d":true},"e":null}',
    ):
        assert built(userId="7", event="x", properties=other, **time)[0] != built(**SAME[0], **time)[0]


ONE_OCCURRENCE = {"userId": "7", "event": "Daily summary", "properties": '{"count":3}'}


def test_if_nothing_else_distinguishes_occurrences_the_occasion_does():
    def made(occasion, **row):
        return builder(occasion=occasion).build(*laid_out({**ONE_OCCURRENCE, **row})).ids[0]

    assert made("a day") == made("a day", _time="", other="y") != made("another")
    for telling in (
        {"_time": "1"},
        {"timestamp": "2026-11-24T09:30:00Z"},
        {"_bkt": "main~1~A", "_cd": "1:2"},
        {"messageId": "m"},
    ):
        assert made("a day", **telling) == made("another", **telling)


def test_indistinguishable_rows_are_counted():
    message_ids = MessageIds("source", "a day")
    MessageBuilder(message_ids, 32_768).build(
        *laid_out(ONE_OCCURRENCE, {**ONE_OCCURRENCE, "_time": "1"}, TRACK, {"event": "x"})
    )
    assert message_ids.undated == 1


def test_equal_rows_are_distinguished_by_number():
    first, second = builder(), builder()
    row = {"userId": "42", "event": "x"}
    ids = first.build(*laid_out(*[row] * 100)).ids
    assert len(set(ids)) == 100
    assert [second.build(*laid_out(row)).ids[0] for _ in range(100)] == ids


def test_equal_rows_beyond_the_memory_are_reported():
    run = builder()
    rows = laid_out(*[{"userId": str(number), "event": "x"} for number in range(MAX_REMEMBERED_REPEATS + 1)])
    ids = [message_id for _ in range(3) for message_id in run.build(*rows).ids]
    assert len(set(ids)) == len(ids)


def test_a_repeated_message_id_is_a_duplicate():
    run = builder()
    sent = run.build(*laid_out(TRACK))
    message_id, payload, outcome = one(run.build(*laid_out({**TRACK, "event": "y"})))
    assert outcome[:2] == ("duplicate", "duplicate")
    assert (message_id, len(payload)) == (sent.ids[0], len(sent.payloads[0]) - len("Order placed") + 1)


def test_an_id_that_was_rejected_is_not_a_duplicate_afterwards():
    run = builder(max_event_bytes=1_000)
    found = run.build(*laid_out({**TRACK, "event": "x" * 1_000}, {**TRACK, "userId": ""}, TRACK))
    assert {row: outcome.reason for row, outcome in found.withheld.items()} == {0: "too_large", 1: "no_user_anon_id"}
    assert found.ids == ["m-1", "m-1", "m-1"]


# --- Size ---


def test_the_largest_event_is_measured_in_bytes():
    rest = len(built(**{**TRACK, "event": "x"})[1]) - 1
    room = 32_768 - rest
    assert len(built(**{**TRACK, "event": "x" * room})[1]) == 32_768
    assert len(built(**{**TRACK, "event": "é" * (room // 2)})[1]) <= 32_768
    outcome = withheld(**{**TRACK, "event": "x" * (room + 1)})
    assert (outcome.reason, outcome.error) == ("too_large", "32,769 bytes as JSON, the most is 32,768")
    assert reason(**{**TRACK, "event": "é" * (room // 2 + 1)}) == "too_large"


# --- Times ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T09:30:00Z", "2026-11-24T09:30:00Z"),
        ("2026-11-24T09:30:00.013998Z", "2026-11-24T09:30:00.013998Z"),
        ("2026-11-24T09:30:00.123456789+02:00", "2026-11-24T09:30:00.123456789+02:00"),
        (" 2024-02-29T23:59:59-0330 ", "2024-02-29T23:59:59-03:30"),
    ],
)
def test_a_timestamp_is_sent_unchanged(text, expected):
    assert message(**TRACK, timestamp=text, _time="1")["timestamp"] == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T09:30:00",
        "2026-11-24 09:30:00Z",
        "2026-11-24",
        "1764000000",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T09:60:00Z",
        "2026-11-24T09:30:00+24:00",
        "0000-01-01T00:00:00Z",
        "٢026-11-24T09:30:00Z",
        "now",
        "2026-11-24T09:30:00.1234567890Z",
    ],
)
def test_an_invalid_timestamp_is_rejected(text):
    assert reason(**TRACK, timestamp=text) == "timestamp_invalid"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1764000000", "2025-11-24T16:00:00.000Z"),
        ("1764000000.5", "2025-11-24T16:00:00.500Z"),
        ("1764000000.0139", "2025-11-24T16:00:00.014Z"),
        ("-1.25", "1969-12-31T23:59:58.750Z"),
        ("0", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_time_is_sent_if_there_is_no_timestamp(text, expected):
    assert message(**TRACK, _time=text, timestamp="")["timestamp"] == expected


@pytest.mark.parametrize("text", ["now", "nan", "inf", "1e300", "-1e12"])
def test_an_invalid_time_is_rejected(text):
    assert reason(**TRACK, _time=text) == "timestamp_invalid"


def test_without_any_time_segment_uses_the_time_of_receipt():
    assert "timestamp" not in message(**TRACK)


# --- Columns that look like mistakes ---


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("user_id event properties", {"user_id": "userId"}),
        ("userid event properties", {"userid": "userId"}),
        ("UserID event _raw host source", {"UserID": "userId"}),
        ("anonymous_id event properties", {"anonymous_id": "anonymousId"}),
        ("userId event_name context.ip", {"event_name": "event"}),
        ("userId event MessageID properties", {"MessageID": "messageId"}),
        (
            "userId event Properties.x property.y Trait.z",
            {"Properties.x": "properties.x", "property.y": "properties.y", "Trait.z": "traits.z"},
        ),
        ("userId event traits:json", {"traits:json": "traits"}),
        ("userId type group_id traits", {"group_id": "groupId"}),
        ("userId event Timestamp properties", {"Timestamp": "timestamp"}),
        ("userId event plan", {"plan": "properties.plan"}),
        ("userId user_id userid event properties", {}),
        ("userId event group_id properties", {}),
        ("_time userId event Timestamp properties.x", {}),
        ("_time _raw host source userId event plan", {}),
        ("userId event plan properties.amount", {}),
        ("_time userId event type name properties traits.x timestamp segment_status __mv_plan", {}),
        ("userId event user.id Event.x properties.x", {}),
    ],
)
def test_columns_that_look_like_mistakes_are_reported_with_the_intended_name(columns, expected):
    assert mistaken(columns.split()) == expected


# --- Any row ---


NAMES = [
    "type",
    "event",
    "name",
    "userId",
    "anonymousId",
    "groupId",
    "previousId",
    "messageId",
    "timestamp",
    "_time",
    "properties",
    "traits",
    "context",
    "integrations",
    "properties.a",
    "properties.a.b",
    "properties.a{}",
    "properties.a:number",
    "properties.a:json",
    "properties.b{}:boolean",
    "properties.b:string",
    "properties.c:int",
    "properties.d{}.e",
    "integrations.All",
    "traits.x",
    "properties..",
    "context.ip",
    "_bkt",
    "_cd",
    "other",
]
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
).map(json.dumps)  # including NaN, Infinity, and escaped halves of surrogate pairs
VALUES = (
    TEXTS
    | JSONS
    | st.sampled_from(
        [
            "",
            "track",
            "identify",
            "page",
            "group",
            "alias",
            "2026-11-24T09:30:00Z",
            "1764000000",
            "null",
            "12.50",
            "True",
            "{}",
            '{"a":{"b":1}}',
            '{"a":"\\ud800"}',
            '{"a":1,"a":2}',
            "\ufffd",
            "\x7f",
            "\0",
        ]
    )
)
ROWS = st.dictionaries(st.sampled_from(NAMES), VALUES | st.lists(VALUES, max_size=3), max_size=12)
STRICT = json.JSONDecoder(parse_constant=lambda constant: pytest.fail(constant))


@settings(max_examples=thorough(2_000), deadline=None)
@given(ROWS)
@example({"userId": "1", "event": "x", "properties": '{"a":"\\ud800\\ud800\\udc00\\udc00"}'})
def test_a_row_becomes_a_valid_message_or_has_a_reason(row):
    layout, columns, count = laid_out(row)
    message_id, payload, outcome = one(small_builder().build(layout, columns, count))
    if outcome:
        assert outcome.status == "rejected"
        assert outcome.reason in reasons.EVENT and outcome.error
        assert json.loads(draft(layout, cells_of(columns), "x" * 64))["messageId"] == "x" * 64
        return
    sent = STRICT.decode(payload.decode("utf-8"))
    json.dumps(sent, ensure_ascii=False).encode("utf-8")  # no half of a surrogate pair
    assert discard_reason(sent) is None
    assert sent["messageId"] == message_id
    assert "sentAt" not in sent
    assert None not in sent.values() and "" not in sent.values()


@settings(max_examples=thorough(500), deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_rows_of_a_block_become_what_they_become_one_by_one(rows):
    layout, columns, count = laid_out(*rows)
    together = small_builder().build(layout, columns, count)
    run = small_builder()
    for row in range(count):
        alone = one(run.build(layout, [column[row : row + 1] for column in columns], 1))
        assert alone == (together.ids[row], together.payloads[row], together.withheld.get(row))


@settings(max_examples=thorough(300), deadline=None)
@given(st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30)))
def test_any_time_is_sent_to_the_millisecond(moment):
    seconds = (moment - datetime.datetime(1970, 1, 1)).total_seconds()
    sent = datetime.datetime.fromisoformat(message(**TRACK, _time="%.6f" % seconds)["timestamp"][:-1])
    assert abs(sent - moment) <= datetime.timedelta(milliseconds=1)


def test_an_outcome_claims_no_more_than_is_known():
    assert Outcome("accepted") == ("accepted", "", None, "", None, 0)


# --- What Segment throws away because of consent or the advertising id, and what a destination adds ---


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ('{"consent": {}}', "consent_categorypreferences_should_exist"),
        ('{"consent": null}', "consent_categorypreferences_should_exist"),
        ('{"consent": {"categoryPreferences": true}}', "consent_categorypreferences_fields_should_be_object"),
        ('{"consent": {"categoryPreferences": {"A": 1}}}', "consent_categorypreferences_fields_should_be_bool"),
        ('{"consent": {"categoryPreferences": {}, "version": "1"}}', "consent_version_should_be_number"),
        ('{"device": {"advertisingId": 7}}', "device_advertisingid_should_be_string"),
    ],
)
def test_consent_that_segment_throws_away(context, code):
    assert reason(**TRACK, context=context) == code
    assert discard_reason({**TRACK, "type": "track", "context": json.loads(context)}) == code


def test_a_change_of_consent_needs_its_category_preferences():
    row = {**TRACK, "event": "Segment Consent Preference Updated"}
    assert reason(**row) == "consent_categorypreferences_should_exist"
    good = {"context.consent.categoryPreferences.Ads:boolean": "false", "context.consent.version:number": "2"}
    assert message(**row, **good)["context"]["consent"] == {"categoryPreferences": {"Ads": False}, "version": 2}


def added(row, **texts):
    layout = Layout([*row], Manner({name: defaults.add(text) for name, text in texts.items()}))
    _, payload, outcome = one(builder().build(layout, [[cell] for cell in row.values()], 1))
    assert outcome is None, outcome
    return payload.decode()


def test_fields_that_a_destination_adds():
    context = '{"consent":{"categoryPreferences":{"Ads":false}},"app":{"version":1.10}}'
    assert '"context":%s' % context in added(TRACK, context=context)
    payload = added({**TRACK, "context": '{"app":{"version":2,"build":7}}'}, context=context)
    assert json.loads(payload)["context"] == {
        "consent": {"categoryPreferences": {"Ads": False}},
        "app": {"version": 2, "build": 7},
    }
    payload = added({**TRACK, "integrations.Mixpanel": "true"}, integrations='{"All":false,"Mixpanel":{"x":1}}')
    assert json.loads(payload)["integrations"] == {"All": False, "Mixpanel": True}


def test_added_fields_count_towards_the_size():
    layout = Layout([*TRACK], Manner({"context": defaults.add('{"x":"%s"}' % ("x" * 40_000))}))
    cells = [[cell] for cell in TRACK.values()]
    assert one(builder().build(layout, cells, 1))[2].reason == "too_large"


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_the_category_of_a_page(kind):
    row = {"type": kind, "userId": "1", "category": "Docs", "name": "Start"}
    assert message(**row)["category"] == "Docs"
    assert reason(**{**row, "category": ["a", "b"]}) == "category_not_string"


def test_events_beyond_unifys_limits_are_noticed():
    many = json.dumps({"properties": {str(number): 0 for number in range(301)}}).encode().replace(b": ", b":")
    few = json.dumps({"properties": {"x": ["y"] * 1_000}, "traits": {str(n): 0 for n in range(300)}}).encode()
    assert (ingest.has_many_members(many), ingest.has_many_members(few)) == (True, False)
    group = b'{"type":"group","groupId":"%s"}'
    assert (ingest.has_long_group(group % (b"g" * 501)), ingest.has_long_group(group % (b"g" * 500))) == (True, False)
    profiles = Profiles()
    profiles.begin()
    layout = Layout(["userId", "anonymousId"])
    users = [["a"] * 26 + [""] * 26 + ["b"] * 9, [""] * 26 + ["c"] * 26 + [""] * 9]
    profiles.add(layout, users, [b"{}"] * 61)
    for rows in (range(26), range(26, 52), range(20, 44), range(52, 61)):
        profiles.sent(rows)
    assert profiles.beyond == {"busy_profile": 2}
    profiles.begin()
    profiles.add(Layout(["userId"]), [["a"] * 25 + ["b"] * 25 + ["a"]], [b"{}"] * 51)
    profiles.sent(range(50))
    assert profiles.beyond == {"busy_profile": 2}
    profiles.sent([*range(25), 50])
    assert profiles.beyond == {"busy_profile": 3}


def test_unifys_limits_are_noticed_among_the_messages_of_rows():
    many = {"type": "identify", "userId": "1", "traits": json.dumps(dict.fromkeys(map(str, range(301)), 0))}
    group = {"type": "group", "userId": "1", "groupId": "g" * 501}
    profiles = Profiles()
    profiles.begin()
    for row in (many, group, TRACK):
        layout, cells = Layout([*row]), [[cell] for cell in row.values()]
        profiles.add(layout, cells, builder().build(layout, cells, 1).payloads)
    assert profiles.beyond == {"many_properties": 1, "long_group_id": 1}
