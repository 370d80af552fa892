"""Journeys defined as rows: a made-up product's, the app's own as a site has changed them, and wrong rows."""

import json
import re
from urllib.parse import quote

import pytest

from tests.standin.spl import run
from tests.standin.spl.choices import CHOICES
from tests.standin.vectors.app import ROOT, app_lookups, app_macros
from tests.standin.vectors.host import Host
from tests.standin.vectors.test_hourly_job import journeys, recorded_events
from tests.standin.vectors.test_journeys import event

JOB = "search `segment_bridge_audit` `segment_bridge_candidates` | `segment_bridge_events`"


def row(key, **fields):
    """A valid row."""
    return {
        "_key": key, "journey": key.title(), "api_group": "greenhouse.example", "resource": "beds", "verb": "create",
        "event": "Bed created", "who": "person", "enabled": 1, **fields,
    }  # fmt: skip


def request(resource="beds", verb="create", code=201, user="fern", group="greenhouse.example", number=1, **event):
    """An audit event from the greenhouse's cluster."""
    ref = {"apiVersion": "v1", "resource": resource, "namespace": "north", "name": "one", **event.pop("ref", {})}
    return json.dumps(
        {
            "auditID": "id-%d" % number,
            "log_type": "audit",
            "verb": verb,
            "user": {"username": user},
            "userAgent": "garden",
            "requestURI": "/apis/%s/v1/%s" % (group, resource),
            "requestReceivedTimestamp": "2023-11-14T22:13:20.%06dZ" % number,
            "responseStatus": {"code": code},
            "objectRef": {**({"apiGroup": group} if group else {}), **ref},
            "responseObject": {
                "metadata": {
                    "resourceVersion": "1",
                    "labels": {"garden.example/size": "7"},
                    "annotations": {"garden.example/note": 'a "b", [c]\\ \n\t{d}', "garden.example/empty": ""},
                },
                "spec": {"length": 2.50, "count": 12, "isOpen": True, "text": "007", "nothing": None, "tags": ["a", 1]},
            },
            **event,
        }
    )


def sent(rows, *events, others=(), search=JOB):
    host = Host(
        app_macros(),
        app_lookups(rows),
        [{"index": "k8s_audit", "_raw": each} for each in events],
        {"KV_MODE": "auto"},
        others=others,
    )
    return run(search, host).rows


def properties(found):
    return json.loads(found.get("properties", "{}"))


@pytest.fixture(params=[(), CHOICES], ids=["", "the other answers"])
def others(request):
    """Both answers of each choice: whatever Splunk does where no manual says it."""
    return request.param


PRODUCT = [
    row("bed-created"),
    row("bed-changed", verb="update, patch", event="Bed %verb%", properties="beds = objectRef.name"),
    row("bed-removed", verb="delete deletecollection", event="Bed removed", who="owner"),
    row("plants", resource="plants trees", verb="create", event="%subject% planted"),
    row("watering", resource="beds", subresource="water", verb="create", event="Bed watered"),
    row(
        "harvest",
        resource="harvests",
        verb="update",
        subresource="status",
        who="person or owner",
        event="Harvest ended",
    ),
    row("renamed", api_group="old.example new.example", resource="lamps", event="Lamp created"),
    row("secret", api_group="", resource="secrets", event="Secret created", properties="name:digest = objectRef.name"),
    row("looked", resource="diaries", verb="get", event="Diary read"),
    row("off", resource="tools", event="Tool created", enabled=0),
]


class TestMadeUpProduct:
    """Ten rows for CRDs that nobody has seen, without any SPL."""

    def test_each_request_is_the_journey_of_its_row(self, others):
        events = [
            request(number=1),
            request(number=2, verb="patch", code=200),
            request(number=3, verb="delete", code=200, user="system:gardener", responseObject={"kind": "Status"}),
            request("trees", number=4),
            request(number=5, ref={"subresource": "water"}),
            request("harvests", "update", 200, user="system:gardener", number=6, ref={"subresource": "status"}),
            request("lamps", group="new.example", number=7),
            request("secrets", group="", number=8, responseObject=None),
            request("diaries", "get", 200, number=9),
            request("tools", number=10),
            request("beds", number=11, verb="patch", code=201),  # created by server-side apply
            request("beds", number=12, user="system:gardener"),  # a controller is not a person
            request("beds", number=13, code=409),
            request("beds", number=14, requestURI="/apis/greenhouse.example/v1/beds?dryRun=All"),
            request("beds", number=15, group="other.example"),
            request("plants", number=16, ref={"subresource": "status"}),
        ]
        found = {each["messageId"]: each for each in sent(PRODUCT, *events, others=others)}
        assert {key: each["event"] for key, each in found.items()} == {
            "id-1": "Bed created", "id-2": "Bed patched", "id-3": "Bed removed", "id-4": "trees planted",
            "id-5": "Bed watered", "id-6": "Harvest ended", "id-7": "Lamp created", "id-8": "Secret created",
            "id-9": "Diary read", "id-11": "Bed created",
        }  # fmt: skip
        assert found["id-1"]["journey"] == "Bed-Created"
        assert json.loads(found["id-8"]["properties:digest"]) == {"name": "one"}
        assert "properties" not in found["id-8"] and "properties.apiGroup:string" not in found["id-8"]

    def test_a_message_has_what_every_journey_has(self):
        (found,) = sent(PRODUCT, request())
        assert {key: value for key, value in found.items() if not key.startswith("_")} == {
            "journey": "Bed-Created", "event": "Bed created", "messageId": "id-1",
            "timestamp": "2023-11-14T22:13:20.000001Z", "properties.apiGroup:string": "greenhouse.example",
            "properties.apiVersion:string": "v1", "properties.kind:string": "beds",
            "context.userAgent:string": "garden",
        }  # fmt: skip

    def test_the_jobs_own_journeys_are_as_they_were(self, others):
        """Everything that the recorded cluster did, with ten more rows."""
        host = Host(
            app_macros(),
            app_lookups(PRODUCT),
            [{"index": "k8s_audit", **each} for each in recorded_events()],
            {"KV_MODE": "auto"},
            others=others,
        )
        found = [each for each in run(JOB, host).rows if each["journey"] != "Secret"]
        assert found == journeys(recorded_events(), others, JOB).rows


class TestProperties:
    @pytest.mark.parametrize(
        ("line", "value"),
        [
            ("p = objectRef.name", "one"),
            ("p = objectRef.subresource", None),
            ("p = label garden.example/size", "7"),
            ("p:number = label garden.example/size", 7),
            ("p = annotation garden.example/note", 'a "b", [c]\\ \n\t{d}'),
            ("p = annotation garden.example/empty", ""),
            ("p = annotation garden.example/none", None),
            ("p = responseObject.spec.length", 2.5),
            ("p = responseObject.spec.count", 12),
            ("p:string = responseObject.spec.count", "12"),
            ("p = responseObject.spec.isOpen", True),
            ("p:boolean = responseObject.spec.isOpen", True),
            ("p:boolean = responseObject.spec.count", None),
            ("p = responseObject.spec.text", "007"),
            ("p:number = responseObject.spec.text", None),
            ("p = responseObject.spec.nothing", None),
            ("p = responseObject.spec.tags", ["a", 1]),
            ("p = responseObject.spec.tags{1}", 1),
            ("p:string = responseObject.spec.tags", None),
            ("p = requestObject.spec.length", None),
            ("p = responseObject.spec.size | label garden.example/none | responseObject.spec.count", 12),
            ("p = responseObject.spec.nothing | text unknown", "unknown"),
            ("p = text greenhouse 4.16", "greenhouse 4.16"),
            ("p = cluster", None),
        ],
    )
    def test_a_property_is_the_value_at_its_path(self, line, value, others):
        (found,) = sent([row("bed", properties=line)], request(), others=others)
        assert properties(found) == ({} if value is None else {"p": value})

    def test_without_bodies_the_object_reference_is_used(self, others):
        """At level Metadata the API server logs no bodies."""
        own = row(
            "bed", properties="name = objectRef.name\nsize = label a.example/b\nlength = responseObject.spec.length"
        )
        (found,) = sent([own], request(responseObject=None), others=others)
        assert properties(found) == {"name": "one"}

    def test_a_known_cluster_is_a_property(self):
        macros = app_macros()
        macros["segment_bridge_cluster"] = macros["segment_bridge_cluster"]._replace(definition='"eu"')
        rows = [row("bed", properties="where = cluster")]
        host = Host(macros, app_lookups(rows), [{"index": "k8s_audit", "_raw": request()}])
        assert properties(run(JOB, host).rows[0]) == {"where": "eu"}

    def test_standard_properties_can_be_left_out_or_replaced(self):
        (found,) = sent([row("bed", properties="apiGroup = -\nkind = text Bed\napiVersion:digest")], request())
        assert not [key for key in found if key.startswith("properties.")]
        assert properties(found) == {"kind": "Bed"}
        assert json.loads(found["properties:digest"]) == {"apiVersion": "v1"}


class TestTheAppsOwn:
    """What a row of segment_journeys changes about the app's own journeys."""

    CREATED = event("ssa-create-application")

    def change(self, key="application-created", **fields):
        return {"_key": key, **fields}

    def test_is_switched_off(self):
        assert sent([self.change(enabled=0)], json.dumps(self.CREATED)) == []
        assert len(sent([self.change(enabled=1)], json.dumps(self.CREATED))) == 1
        assert len(sent([], json.dumps(self.CREATED))) == 1

    def test_makes_room_for_a_sites_own_journey_when_switched_off(self):
        own = row("own", api_group="appstudio.redhat.com", resource="applications", event="App made")
        (found,) = sent([own], json.dumps(self.CREATED))
        assert found["event"] == "Application created"
        (found,) = sent([own, self.change(enabled=0)], json.dumps(self.CREATED))
        assert (found["event"], found["journey"]) == ("App made", "Own")

    @pytest.mark.parametrize(
        ("event", "name"),
        [("App", "App"), ("%verb% %subject%!", "created Application!"), ("New %subject%", "New Application")],
    )
    def test_is_renamed(self, event, name):
        (found,) = sent([self.change(event=event)], json.dumps(self.CREATED))
        assert (found["event"], found["journey"]) == (name, "Application created")

    def test_gains_and_loses_properties(self):
        change = self.change(properties="name = -\napplication:digest\nns = objectRef.namespace\nkind = text App")
        (found,) = sent([change], json.dumps(self.CREATED))
        ref = self.CREATED["objectRef"]
        assert properties(found) == {"ns": ref["namespace"], "kind": "App"}
        assert json.loads(found["properties:digest"]) == {"application": ref["name"]}
        assert {key for key in found if key.startswith("properties.")} == {
            "properties.apiGroup:string", "properties.apiVersion:string",
        }  # fmt: skip

    def test_finds_a_scan_whose_result_has_another_name(self, others):
        scans = [each for each in recorded_events() if "CLAIR_SCAN_RESULT" in each["_raw"]]
        renamed = [
            {**each, "_raw": each["_raw"].replace("CLAIR_SCAN_RESULT", "NEW_NAME").replace("SCAN_OUTPUT", "NEW_NAME")}
            for each in scans
        ]
        for names, texts, count in (
            (None, scans, None), (None, renamed, 0), ("NEW_NAME, SCAN_OUTPUT", renamed, None), ("NEW_NAME", scans, 0)
        ):  # fmt: skip
            rows = [self.change("clair-scan-completed", aliases=names)] if names else []
            host = Host(
                app_macros(), app_lookups(rows), [{"index": "k8s_audit", **each} for each in texts], others=others
            )
            found = [each for each in run(JOB, host).rows if each["journey"] == "Clair scan completed"]
            assert len(found) == count if count is not None else found

    def test_every_event_is_one(self):
        every = self.change("every-event", properties="environment = text production\nuserId:digest\napiVersion = -")
        found = sent([every, row("bed", properties="environment = text bed")], json.dumps(self.CREATED), request())
        assert [properties(each) for each in found] == [{"environment": "production"}, {"environment": "bed"}] or [
            properties(each) for each in found
        ] == [{"environment": "bed"}, {"environment": "production"}]
        assert not [each for each in found if "properties.apiVersion:string" in each or "userId" in each]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"_key": "Bed"}, "id"),
        ({"journey": None}, "journey"),
        ({"journey": 'a" | delete'}, "journey"),
        ({"event": None}, "event_missing"),
        ({"event": " "}, "event_missing"),
        ({"event": "a|b"}, "event"),
        ({"event": "%verb% %verb%"}, "event"),
        ({"event": "x" * 101}, "event"),
        ({"event": "a\\"}, "event"),
        ({"event": "a`b"}, "event"),
        ({"event": "$result.x$"}, "event"),
        ({"event": "[ search x ]"}, "event"),
        ({"api_group": "acme.io) OR (index=secret"}, "api_group"),
        ({"api_group": "-acme"}, "api_group"),
        ({"resource": None}, "resource"),
        ({"resource": "beds/status"}, "resource"),
        ({"resource": '"'}, "resource"),
        ({"subresource": "*"}, "subresource"),
        ({"verb": None}, "verb"),
        ({"verb": "make"}, "verb"),
        ({"verb": "create make"}, "verb"),
        ({"who": None}, "who"),
        ({"who": "everybody"}, "who"),
        ({"aliases": "a b)"}, "aliases"),
        ({"properties": "no place"}, "property_place"),
        ({"properties": "a = label b/c\n1 = objectRef.name"}, "property"),
        ({"properties": "a =  | objectRef.name"}, "property_place"),
        ({"properties": "a:text = objectRef.name"}, "property_type"),
        ({"properties": "a"}, "property_place"),
        ({"properties": "a:digest"}, "property_place"),
        ({"properties": "userId = objectRef.name"}, "property_place"),
        ({"properties": "a = objectRef.kind"}, "property_place"),
        ({"properties": "a = user.username"}, "property_place"),
        ({"properties": "a = responseObject"}, "property_place"),
        ({"properties": "a = responseObject.spec.\"x\""}, "property_place"),
        ({"properties": "a = label x\\"}, "property_place"),
        ({"properties": "a = text \"), delete(\""}, "property_place"),
        ({"properties": "a = objectRef.name\nb = objectRef.uid\na:string = label x"}, "property_repeated"),
        ({"properties": "\n".join("a%d = objectRef.name" % each for each in range(51))}, "properties_many"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_reported_and_skipped_while_others_work(fields, problem):
    wrong = {**row("wrong", resource="wrongs"), **fields}
    rows = [wrong, row("bed"), row("lamp", resource="lamps", event="Lamp created")]
    told = {each["id"]: each.get("problem") for each in sent(rows, search="| `segment_bridge_journey_rows(-)`")}
    assert told.pop(wrong["_key"]) == problem
    assert set(told.values()) == {None}
    found = sent(rows, request(number=1), request("wrongs", number=2), request("lamps", number=3))
    assert [each["event"] for each in found] == ["Bed created", "Lamp created"]


@pytest.mark.parametrize(
    ("second", "detail"),
    [
        (row("again"), "greenhouse.example/beds/-/create"),
        (row("again", verb="delete create", resource="lamps beds"), "greenhouse.example/beds/-/create"),
        (row("again", journey="BED", resource="lamps"), "BED"),
        (row("again", journey="Application created", resource="lamps"), "Application created"),
    ],
)
def test_the_second_of_two_equal_rows_is_wrong(second, detail):
    told = {
        each["id"]: each
        for each in sent([row("bed"), {**second, "_key": "z"}], search="| `segment_bridge_journey_rows(-)`")
    }
    assert (told["z"].get("problem"), told["z"].get("detail")) == ("repeated", detail)
    assert "problem" not in told["bed"] and "problem" not in told["application-created"]
    off = [{**row("a-bed"), "enabled": 0}, row("bed")]
    assert not [each for each in sent(off, search="| `segment_bridge_journey_rows(-)`") if "problem" in each]


def test_a_row_being_tried_replaces_all_rows():
    """The page tries rows before it saves them."""
    tried = quote(json.dumps([{**row("bed", journey="Bäd", resource="lamps", event="Lamp"), "id": "bed"}]), safe="")
    search = "search `segment_bridge_audit` `segment_bridge_candidates(%s)` | `segment_bridge_journeys(%s)`" % (
        tried,
        tried,
    )
    events = [request(number=1), request("lamps", number=2), json.dumps(event("ssa-create-application"))]
    (found,) = sent([row("bed"), row("other", resource="trees")], *events, search=search)
    assert (found["event"], found["journey"]) == ("Lamp", "Bäd")


def test_the_heartbeat_is_off_by_default_and_has_the_fields_that_segment_requires():
    beat = "| makeresults | where false() | `segment_bridge_heartbeat`"
    assert sent([], search=beat) == []
    (found,) = sent([{"_key": "heartbeat", "enabled": 1, "event": "Alive"}], search=beat)
    assert (found["journey"], found["event"], found["anonymousId"]) == ("Heartbeat", "Alive", "segment-bridge")
    assert found["messageId"].startswith("segment-bridge-heartbeat-") and "userId" not in found


def test_the_alert_reports_a_wrong_row_as_a_trouble():
    (found,) = sent([row("wrong", verb="make"), row("bed")], search="| `segment_bridge_trouble_journeys`")
    assert (found["about"], found["level"]) == ("wrong", "degraded")
    assert found["news"] == "journey Wrong is skipped: verb (make)"


def test_peoples_actions_are_counted_and_marked_as_journeys():
    events = [
        request(number=1),
        request(number=2, user="rose"),
        request("lamps", number=3),
        request(number=4, user="system:x"),
    ]
    found = sent([row("lamp", resource="lamps")], *events, search="search `segment_bridge_done_by_people`")
    assert [(each["resource"], each["events"], each["people"], each["journey"]) for each in found] == [
        ("beds", 2, 2, "-"), ("lamps", 1, 1, "Lamp"),
    ]  # fmt: skip


def test_each_collection_has_rights_of_its_own():
    """An analyst may read collections, because the page needs one. The others name who may (default.meta.conf.spec)."""
    collections, rights = (
        set(re.findall(pattern, (ROOT / file).read_text("utf-8"), re.MULTILINE))
        for pattern, file in (
            (r"^\[(\w+)\]", "default/collections.conf"),
            (r"^\[collections/(\w+)\]", "app/metadata/default.meta"),
        )
    )
    assert rights == collections
