"""A site's own events, from searches as people write them."""

import json
import re

import pytest

from segment_bridge.delivery.messages import TYPES
from tests.conftest import ROOT

WHOLE = '{"userId":"7","event":"Order","properties":{"total":9.5,"products":[{"sku":"A","price":1},{"sku":"B"}]}}'


def payloads(outcome):
    assert not outcome.failed, outcome.messages
    return [json.loads(row["segment_payload"]) for row in outcome.rows]


def spl(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def test_a_field_declares_its_type(bridge):
    outcome = bridge.admin.search(
        '| makeresults | eval userId="7", event="Order", paid=if(1=1, "true", "false"), '
        '"properties.total:number"=9.5, "properties.note:string"="null", "properties.plan"="null", '
        '"properties.lines:json"=json_array(1, "a") | rename paid AS "properties.paid:boolean" '
        "| segmentsend dryrun=true payload=true"
    )
    (message,) = payloads(outcome)
    assert message["properties"] == {"total": 9.5, "note": "null", "lines": [1, "a"], "paid": True}


def test_an_event_split_by_spath_is_refused_and_sent_whole_with_one_typed_field(bridge):
    taken = "| makeresults | eval _raw=%s | spath | segmentsend dryrun=true payload=true" % spl(WHOLE)
    (row,) = bridge.admin.search(taken).rows
    assert (row["segment_status"], row["segment_reason"]) == ("rejected", "properties_array_apart")
    kept = taken.replace(
        "| segmentsend",
        '| eval "properties.products:json"=json_extract(_raw, "properties.products") '
        '| fields - "properties.products{}.*" | segmentsend',
    )
    (message,) = payloads(bridge.admin.search(kept))
    assert message["properties"] == {"total": "9.5", "products": [{"sku": "A", "price": 1}, {"sku": "B"}]}


@pytest.mark.parametrize(("options", "said"), [
    ('dryrun=""', "segmentsend option dryrun is empty"),
    ("dryrun=true dryrun=false", "segmentsend option dryrun is given twice"),
    ("logging_configuration=/etc/passwd", 'segmentsend has no option "logging_configuration"; it has destination, '),
    ("RECORD=true", 'segmentsend has no option "RECORD"'),
])  # fmt: skip
def test_options_are_the_commands_own_with_one_value_each(bridge, options, said):
    outcome = bridge.admin.search('| makeresults | eval userId="7", event="x" | segmentsend ' + options)
    assert outcome.failed
    assert said in " ".join(text for level, text in outcome.messages if level in ("ERROR", "FATAL"))


def test_rows_without_a_time_are_new_events_in_another_window(bridge):
    search = (
        '| makeresults | eval userId="7", event="Daily summary", "properties.count:number"=3 '
        "| table userId event properties.* | segmentsend dryrun=true"
    )

    def made(**window):
        (row,) = bridge.admin.search(search, **window).rows
        return row["segment_message_id"]

    day = {"earliest_time": "1764000000", "latest_time": "1764086400"}
    assert made(**day) == made(**day) != made(earliest_time="1764086400", latest_time="1764172800")


def test_the_documented_example_of_each_type_is_accepted(bridge):
    text = (ROOT / "docs/segmentsend.md").read_text(encoding="utf-8")
    examples = re.findall(r"^    \| makeresults\n(?:    \|.*\n)+", text, re.MULTILINE)
    rows = [row for example in examples for row in bridge.admin.search(example).rows]
    assert [row["segment_status"] for row in rows] == ["accepted"] * len(examples)
    assert {row.get("type", "track") for row in rows} == TYPES.keys() - {"screen"}
