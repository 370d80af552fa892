"""The form of "Send to Segment": the input that it accepts, and the rows that it makes of results."""

import pytest

from segment_bridge.delivery.alert_form import Form
from segment_bridge.errors import SettingsError

RESULTS = ["_time", "user", "__mv_user", "total", "city", "noise"]
ROWS = [["1700000000", "ann", "", "12.5", "Ulm", "x"], ["1700000060", "bob\nbo", "$bob$;$bo$", "", "Bonn", "y"]]
ALERT = {"name": "Orders", "app": "shop", "owner": "ann", "results_link": "http://splunk/@go?sid=1", "job.sid": "1"}


def made(params, results=RESULTS, rows=ROWS):
    """The rows that a form makes, each as a mapping from column to cell."""
    form = Form({"event": "Order", "user": "$result.user$", **params}, ALERT)
    header = form.header(results)
    return [dict(zip(header, cells)) for cells in zip(*form.rows(results, rows))]


def test_each_row_has_its_own_fields():
    rows = made({"event": "Order from $result.city$", "properties": "total:number = $result.total$"})
    assert [row["event"] for row in rows] == ["Order from Ulm", "Order from Bonn"]
    assert [row["properties.total:number"] for row in rows] == ["12.5", ""]
    assert [row["type"] for row in rows] == ["track", "track"]


def test_a_text_that_is_one_field_keeps_all_of_its_values():
    rows = made({"properties": "who=$result.user$\nwhere = at $result.user$"})
    assert [row["__mv_userId"] for row in rows] == ["", "$bob$;$bo$"]
    assert [row["__mv_properties.who"] for row in rows] == ["", "$bob$;$bo$"]
    assert rows[1]["properties.where"] == "at bob\nbo" and "__mv_properties.where" not in rows[1]


def test_a_line_that_is_a_name_takes_the_field_of_that_name():
    assert made({"properties": "city\r\ntotal:number\n\n"})[0] == {
        "type": "track",
        "userId": "ann",
        "__mv_userId": "",
        "event": "Order",
        "properties.city": "Ulm",
        "properties.total:number": "12.5",
        "_time": "1700000000",
    }


def test_only_ids_and_the_time_go_with_it():
    results = ["messageId", "__mv_messageId", "anonymousId", "groupId", "previousId", "_time", "_bkt", "_cd"]
    rows = made({}, [*results, "_raw", "context", "timestamp"], [[name + "!" for name in [*results, "a", "b", "c"]]])
    assert {name: rows[0].get(name) for name in results} == {name: name + "!" for name in results}
    assert not {"_raw", "context", "timestamp"} & rows[0].keys()


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("track", {"event", "properties.plan"}),
        ("page", {"name", "properties.plan"}),
        ("screen", {"name", "properties.plan"}),
        ("identify", {"traits.plan"}),
        ("group", {"traits.plan"}),
    ],
)
def test_a_type_has_the_columns_that_segmentsend_reads(kind, columns):
    row = made({"type": kind, "properties": "plan=pro"}, ["user"], [["ann"]])[0]
    assert row.keys() == {"type", "userId", *columns}


def test_the_alerts_name_can_be_used():
    texts = " ".join("$%s$" % name for name in ALERT)
    assert made({"properties": "alert=%s, $ 5 to $9" % texts})[0]["properties.alert"] == (
        "Orders shop ann http://splunk/@go?sid=1 1, $ 5 to $9"
    )


def test_a_value_cannot_add_properties():
    """A value keeps its lines: the form's texts are split before fields are put in."""
    row = made({"properties": "note = $result.note$"}, ["user", "note"], [["ann", "x\nadmin:boolean = true"]])[0]
    assert row["properties.note"] == "x\nadmin:boolean = true"
    assert "properties.admin:boolean" not in row


def test_nothing_is_sent_for_a_missing_field():
    form = Form({"event": "Order", "user": "$result.usr$", "properties": "plan"}, ALERT)
    assert form.fields == {"usr", "plan"}
    assert made({"user": "$result.usr$"})[0]["userId"] == ""


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"type": "trak"}, 'Send to Segment: type must be track or identify or .*, got "trak"'),
        ({"destination": "a b"}, "Send to Segment: destination must be the name of a destination"),
        ({"rows": "some"}, "Send to Segment: rows must be all or first"),
        ({"dryrun": "perhaps"}, "Send to Segment: dryrun must be true or false"),
        ({"event": " "}, "a track event needs an event name"),
        ({"event": "at $trigger_time$"}, r"\$trigger_time\$ is not a known token; use \$result.<field>\$, \$name\$"),
        ({"properties": "plan: pro = x"}, 'the type of plan must be string or .*, got "pro"'),
        ({"properties": "= pro"}, 'each line of properties must look like .*, got "= pro"'),
        ({"properties": "a=1\na = 2"}, "properties has a twice"),
        ({"type": "alias", "properties": "plan=pro"}, "an alias event has no properties"),
    ],
)
def test_errors_are_explained(params, said):
    with pytest.raises(SettingsError, match=said):
        made(params)
