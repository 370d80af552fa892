"""The alert action "Send to Segment", in alerts of the app "search", from saving them to the events at Segment."""

import json

import pytest
from splunklib.binding import HTTPError

from tests.support.administrator import APP, Administrator
from tests.support.environment import is_real
from tests.support.fakes import faults

ACTION = "segment_bridge_send"
ORDERS = (
    '| makeresults count=3 | streamstats count AS n | eval _time=1764000000+n, user="%s-".n, total=n*1.5, '
    'member=if(n=1, "true", "false"), tags=if(n=2, split("a;b", ";"), "a"), secret="not for Segment"'
)
FORM = {
    "event": "Order $result.n$ placed",
    "user": "$result.user$",
    "properties": "total:number = $result.total$\nmember:boolean\ntags\nalert = $name$, no. $result.n$",
}
TRIGGER = {"alert_type": "number of events", "alert_comparator": "greater than", "alert_threshold": "0"}


class Alerts:
    """An owner's alerts in the app "search"."""

    def __init__(self, bridge, owner="nobody"):
        self.bridge, self.owner = bridge, owner
        splunk = bridge.splunk
        self.admin = Administrator(splunk.management, splunk.web, splunk.hec, splunk.password, splunk.user, "search")
        self._names = []

    def save(self, name, search, **form):
        name = "%s %s" % (APP, name)
        settings = {"action.%s.param.%s" % (ACTION, key): text for key, text in form.items()}
        self.admin.service.saved_searches.create(
            name, search, actions=ACTION, **TRIGGER, **{"action." + ACTION: "1"}, **settings
        )
        self._names.append(name)
        if self.owner != "nobody":
            self.admin.service.saved_searches[name].acl_update(sharing="app", owner=self.owner)
        return name

    def trigger(self, name):
        """Triggers an alert. Returns the last line of the run's log."""
        sid = self.admin.run_saved_search(name).sid
        query = 'search index=_internal sourcetype="segment_bridge:log" component=%s event=run_end sid="%s"' % (
            ACTION,
            sid,
        )
        (line,) = self.bridge.admin.wait_for_rows(query)
        return line

    def log(self, line, event):
        query = 'search index=_internal sourcetype="segment_bridge:log" sid="%s" event=%s' % (line["sid"], event)
        return self.bridge.admin.wait_for_rows(query)

    def remove(self):
        for name in self._names:
            self.admin.service.saved_searches.delete(name)


@pytest.fixture
def alerts(bridge):
    found = Alerts(bridge)
    yield found
    found.remove()


def accepted(bridge, user):
    """Segment's events of users whose id begins like this, in the order of their ids."""
    messages = [event.message for event in bridge.segment.accepted.values()]
    return sorted(
        (message for message in messages if str(message.get("userId", "")).startswith(user)),
        key=lambda message: message["userId"],
    )


def test_each_result_is_an_event_with_its_own_fields(bridge, alerts):
    line = alerts.trigger(alerts.save("orders", ORDERS % "all", **FORM))
    assert (line["status"], line["accepted"], line["destination"]) == ("ok", "3", "segment")
    messages = accepted(bridge, "all-")
    assert [message["event"] for message in messages] == ["Order %d placed" % n for n in (1, 2, 3)]
    assert messages[1]["properties"] == {
        "total": 3,
        "member": False,
        "tags": ["a", "b"],
        "alert": APP + " orders, no. 2",
    }
    assert [message["timestamp"] for message in messages] == ["2025-11-24T16:00:0%d.000Z" % n for n in (1, 2, 3)]
    assert "not for Segment" not in json.dumps(messages)


def test_an_alert_that_finds_the_same_result_again_counts_it_once(bridge, alerts):
    name = alerts.save("again", ORDERS % "again", **FORM)
    lines = [alerts.trigger(name) for _ in range(2)]
    assert [line["status"] for line in lines] == ["ok", "ok"]
    assert len({line["sid"] for line in lines}) == 2
    assert len(accepted(bridge, "again-")) == 3


def test_only_the_first_result(bridge, alerts):
    line = alerts.trigger(alerts.save("first", ORDERS % "first", **FORM, rows="first"))
    assert line["accepted"] == "1"
    assert [message["userId"] for message in accepted(bridge, "first-")] == ["first-1"]


def test_a_dry_run_says_what_it_would_send_and_sends_nothing(bridge, alerts):
    before = len(bridge.segment.requests)
    line = alerts.trigger(alerts.save("dry", ORDERS % "dry", **FORM, dryrun="1"))
    assert (line["status"], line["rehearsed"], line["dryrun"]) == ("ok", "3", "true")
    assert len(bridge.segment.requests) == before


def test_identify_sends_traits(bridge, alerts):
    alerts.trigger(alerts.save("traits", ORDERS % "who", **{**FORM, "type": "identify", "properties": "total:number"}))
    assert [(message["type"], message["traits"]) for message in accepted(bridge, "who-")] == [
        ("identify", {"total": total}) for total in (1.5, 3, 4.5)
    ]


def test_a_result_that_cannot_be_sent_is_kept_and_the_others_are_sent(bridge, alerts):
    search = ORDERS % "odd" + ' | eval total=if(n=2, "two", total)'
    line = alerts.trigger(alerts.save("odd", search, **FORM))
    assert (line["accepted"], line["rejected"], line["dead_letters"]) == ("2", "1", "1")
    (letter,) = [each for each in bridge.admin.records("segment_dead_letters") if "odd-2" in each["payload"]]
    assert letter["reason"] == "properties_wrong_type"


def test_events_that_segment_does_not_take_are_kept_and_the_run_is_logged(bridge, alerts):
    name = alerts.save("down", ORDERS % "down", **FORM)
    bridge.segment.down()
    try:
        bridge.admin.set_destination("segment", max_attempts="1")
        line = alerts.trigger(name)
    finally:
        bridge.segment.up()
        bridge.admin.set_destination("segment", max_attempts="3")
    assert (line["status"], line["failed"], line["dead_letters"]) == ("failed", "3", "3")
    (run,) = [each for each in bridge.admin.records("segment_runs") if each.get("sid") == line["sid"]]
    assert (run["component"], run["status"], run["failed"]) == (ACTION, "failed", 3)
    said = bridge.admin.wait_for_rows('search index=_internal "%s" "3 of 3 events did not reach destination"' % ACTION)
    assert said


def test_it_ends_in_time_and_keeps_the_rest(bridge, alerts):
    """Splunk would kill it after `maxtime`."""
    name = alerts.save("slow", ORDERS % "slow", **FORM)
    bridge.admin.set("alert_actions", ACTION, {"maxtime": "10s"})
    bridge.segment.faults = faults.always(faults.hang())
    try:
        line = alerts.trigger(name)
    finally:
        bridge.segment.faults = None
        bridge.admin.set("alert_actions", ACTION, {"maxtime": "12m"})
    assert line["status"] == "failed"
    assert int(line["failed"]) + int(line["unsent"]) == int(line["dead_letters"]) == 3


def test_a_misspelled_field_is_reported(alerts):
    line = alerts.trigger(alerts.save("misspelled", ORDERS % "miss", **{**FORM, "properties": "totl:number"}))
    assert "no field totl" in " ".join(row["error"] for row in alerts.log(line, "warning"))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"event": ""}, "a track event needs an event name"),
        ({"type": "trak"}, "Type must be track"),
        ({"properties": "total:int = 5"}, "each line of Properties must look like"),
        ({"destination": "../x"}, "Destination must be"),
    ],
)
def test_errors_in_the_form_are_explained_when_it_is_saved(alerts, form, said):
    with pytest.raises(HTTPError, match=said):
        alerts.save("wrong", ORDERS % "wrong", **{**FORM, "destination": "segment", "type": "track", **form})


def test_other_alerts_are_saved_as_usual(alerts):
    service = alerts.admin.service
    service.saved_searches.create(
        APP + " other", "| makeresults", actions="email", **{"action.email.to": "a@example.com"}
    )
    service.saved_searches.delete(APP + " other")


def test_an_unknown_destination_is_an_error_of_the_run(alerts):
    line = alerts.trigger(alerts.save("nowhere", ORDERS % "nowhere", **FORM, destination="nowhere"))
    assert line["status"] == "failed"
    assert "has no stanza [nowhere]" in alerts.log(line, "error")[0]["error"]


@pytest.mark.skipif(is_real(), reason="only the stand-in tells whose permissions an action has")
class TestRights:
    def owner(self, bridge, role):
        name = "%s_alerts_of_%s" % (APP, role)
        bridge.admin.add_user(name, "fake-password", role)
        return Alerts(bridge, name)

    def test_a_sender_is_lent_the_write_key_and_keeps_no_dead_letters(self, bridge):
        alerts = self.owner(bridge, "segment_bridge_sender")
        try:
            line = alerts.trigger(alerts.save("lent", ORDERS % "lent", **FORM))
            assert (line["status"], line["accepted"]) == ("ok", "3")
            search = ORDERS % "lost" + ' | eval total="many"'
            line = alerts.trigger(alerts.save("lost", search, **FORM))
            assert (line["status"], line["rejected"], line["dead_letters_lost"]) == ("failed", "3", "3")
        finally:
            alerts.remove()

    def test_others_cannot_use_it(self, bridge):
        alerts = self.owner(bridge, "power")
        try:
            alerts.admin.run_saved_search(alerts.save("refused", ORDERS % "refused", **FORM))
            rows = bridge.admin.wait_for_rows('search index=_internal sendmodalert "%s" "not found"' % ACTION)
            assert rows and accepted(bridge, "refused-") == []
        finally:
            alerts.remove()


def test_users_who_may_use_it_see_it_in_other_apps(bridge):
    splunk = bridge.splunk
    for role, sees in (("segment_bridge_sender", True), ("power", False)):
        name = "%s_sees_%s" % (APP, role)
        bridge.admin.add_user(name, "fake-password", role)
        user = Administrator(splunk.management, splunk.web, splunk.hec, "fake-password", name, "search")
        for path in ("alerts/alert_actions", "data/ui/alerts"):
            reply = json.loads(user.service.get(path, output_mode="json", count=0).body.read())
            assert (ACTION in [entry["name"] for entry in reply["entry"]]) is sees, (role, path)
