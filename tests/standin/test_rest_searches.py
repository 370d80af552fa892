"""Saved searches over REST: their settings, runs, alerts."""

import json
import time
from datetime import datetime

import pytest

from tests.standin.clients import connect, package, refusal

HOUR = 3600
CONF = """[Shipped]
search = | makeresults count=3 | streamstats count AS n | table n
cron_schedule = 7 * * * *
enableSched = 0
counttype = number of events
relation = greater than
quantity = 2
alert.severity = 4
"""


@pytest.fixture
def app(splunkd, tmp_path):
    return splunkd.install(package(tmp_path, "one", {"default/savedsearches.conf": CONF}), False)


@pytest.fixture
def service(splunkd, app):
    return connect(splunkd, app=app, owner="nobody")


@pytest.fixture
def shipped(service):
    return service.saved_searches["Shipped"]


def run(search, **arguments):
    job = search.dispatch(**arguments)
    while not job.is_done():
        time.sleep(0.02)
    return job


class TestSettings:
    def test_the_api_has_its_own_names_for_some_settings(self, shipped):
        names = ("is_scheduled", "alert_type", "alert_comparator", "alert_threshold")
        assert [shipped[name] for name in names] == ["0", "number of events", "greater than", "2"]
        assert not {"enableSched", "counttype", "relation", "quantity"} & set(shipped.content)

    def test_a_scheduled_search_says_when_it_runs_next(self, splunkd, clock, shipped):
        clock.move_to(datetime(2026, 11, 24, 10, 0, tzinfo=clock.zone).timestamp())
        assert shipped["next_scheduled_time"] is None
        shipped.update(is_scheduled="1")
        assert shipped.refresh()["next_scheduled_time"] == "2026-11-24 10:07:00 UTC"
        times = shipped.scheduled_times(latest_time="+3h")
        assert [each.minute for each in times] == [7, 7, 7]
        assert "enableSched = 1" in (splunkd.etc / "apps" / "one" / "local" / "savedsearches.conf").read_text()

    def test_a_search_is_created_changed_disabled_and_deleted(self, service):
        search = service.saved_searches.create(
            "New",
            "index=main | head 1",
            description="d",
            actions="email",
            **{"action.email.to": "a@example.com", "dispatch.earliest_time": "-1h"},
        )
        assert (search["qualifiedSearch"], search["description"], search["actions"]) == (
            "search index=main | head 1",
            "d",
            "email",
        )
        search.update(search="| makeresults", actions="")
        assert (search.refresh()["search"], search["qualifiedSearch"], search["actions"]) == (
            "| makeresults",
            "| makeresults",
            None,
        )
        search.disable()
        assert search.refresh()["disabled"] == "1"
        assert refusal(search.dispatch)[0] == 400
        search.enable()
        service.saved_searches.delete("New")
        assert "New" not in service.saved_searches

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"color": "red"}, "color"),
            ({"enableSched": "1"}, "enableSched"),
            ({"is_scheduled": "1"}, "cron_schedule"),
            ({"is_scheduled": "sometimes"}, "is_scheduled"),
            ({"cron_schedule": "7 * * *"}, "cron_schedule"),
            ({"cron_schedule": "61 * * * *"}, "cron_schedule"),
            ({"alert_type": "odd"}, "alert_type"),
            ({"alert_comparator": "odd"}, "alert_comparator"),
            ({"alert_threshold": "few"}, "alert_threshold"),
            ({"dispatch.earliest_time": "-1fortnight"}, "dispatch.earliest_time"),
            ({"alert.expires": "soon"}, "expires"),
            ({"dispatch.max_time": "-1"}, "dispatch.max_time"),
            ({"actions": "explode"}, "explode"),
        ],
    )
    def test_errors_are_explained(self, service, settings, said):
        status, text = refusal(service.saved_searches.create, "New", "| makeresults", **settings)
        assert (status, said in text) == (400, True), text
        assert "New" not in service.saved_searches

    def test_a_search_needs_a_name_and_a_search(self, service):
        assert refusal(service.post, "saved/searches", name="New")[0] == 400
        assert refusal(service.post, "saved/searches", search="| makeresults")[0] == 400
        assert refusal(service.saved_searches.create, "New", " ")[0] == 400

    def test_scheduling_requires_a_capability_and_an_app(self, splunkd, service, app):
        connect(splunkd, "user")
        own = connect(splunkd, "user", app, "user")
        settings = {"is_scheduled": "1", "cron_schedule": "7 * * * *"}
        assert refusal(own.saved_searches.create, "Mine", "| makeresults", **settings)[0] == 400
        service.saved_searches["Shipped"].acl_update(sharing="app", owner="nobody", **{"perms.write": "user,power"})
        shared = connect(splunkd, "user", app, "nobody").saved_searches["Shipped"]
        assert refusal(shared.update, is_scheduled="1")[0] == 403
        connect(splunkd, "power", app, "nobody").saved_searches["Shipped"].update(is_scheduled="1")


class TestRuns:
    def test_a_dispatched_search_is_a_job_in_its_history(self, shipped):
        job = run(shipped)
        assert job["resultCount"] == "3"
        assert [each.sid for each in shipped.history()] == [job.sid]

    def test_a_dispatch_may_have_its_own_times(self, service):
        search = service.saved_searches.create(
            "Range", "| makeresults | addinfo | table info_min_time", **{"dispatch.earliest_time": "100"}
        )
        assert json.loads(run(search).results(output_mode="json").read())["results"][0]["info_min_time"] == "100.000"
        job = run(search, **{"dispatch.earliest_time": "200"})
        assert json.loads(job.results(output_mode="json").read())["results"][0]["info_min_time"] == "200.000"

    def test_a_dispatchs_arguments_are_put_into_the_search_unchanged(self, service):
        """REST API reference, saved/searches, args.*: args.username=foobar, "when the search is search $username$"."""
        search = service.saved_searches.create("Said", '| makeresults | eval a="$a$", b="$b$$a$" | table a b')
        job = run(search, **{"args.a": "x", "args.b": "y z"})
        assert json.loads(job.results(output_mode="json").read())["results"] == [{"a": "x", "b": "y zx"}]
        job = run(search)
        assert json.loads(job.results(output_mode="json").read())["results"] == [{"a": "$a$", "b": "$b$$a$"}]

    @pytest.mark.parametrize("arguments", [{"color": "red"}, {"dispatch.color": "red"}, {"args.a": "1"}])
    def test_a_dispatch_refuses_unknown_arguments(self, shipped, arguments):
        assert refusal(shipped.dispatch, **arguments)[0] == 400

    def test_users_who_may_read_a_search_may_run_it_and_see_all_its_runs(self, splunkd, app, shipped):
        job = run(shipped)
        theirs = connect(splunkd, "user", app, "nobody").saved_searches["Shipped"]
        assert {each.sid for each in theirs.history()} == {job.sid}
        assert {each.sid for each in theirs.history()} < {run(theirs).sid, job.sid}
        assert len(shipped.history()) == 2


class TestRights:
    """The permissions that a search runs with, and who sees its results."""

    WHO = "| rest /services/authentication/current-context | table username"

    @pytest.fixture
    def plain(self, splunkd, app):
        return connect(splunkd, "user", app, "nobody")

    def who(self, service, search):
        job = run(service.saved_searches[search])
        return [row["username"] for row in json.loads(job.results(output_mode="json").read())["results"]]

    @pytest.mark.parametrize(
        "dispatch_as, owner, expected",
        [
            (None, "nobody", "splunk-system-user"),
            ("owner", "nobody", "splunk-system-user"),
            ("owner", "admin", "admin"),
            ("user", "nobody", "user"),
            ("user", "admin", "user"),
        ],
    )
    def test_a_shared_search_runs_as_its_owner_by_default(self, service, plain, dispatch_as, owner, expected):
        search = service.saved_searches.create("Who", self.WHO, **({"dispatchAs": dispatch_as} if dispatch_as else {}))
        search.acl_update(sharing="app", owner=owner)
        assert self.who(plain, "Who") == [expected]

    def test_a_private_search_runs_as_its_user(self, splunkd, app):
        own = connect(splunkd, "user", app, "user")
        own.saved_searches.create("Mine", self.WHO)
        assert self.who(own, "Mine") == ["user"]

    def test_a_search_whose_owner_is_gone_does_not_run(self, splunkd, service, plain):
        connect(splunkd, "power")
        service.saved_searches.create("Who", self.WHO).acl_update(sharing="app", owner="power")
        service.delete("authentication/users/power")
        assert "owner 'power' does not exist" in refusal(plain.saved_searches["Who"].dispatch)[1]

    @pytest.mark.parametrize("meta", ["[savedsearches]\n", "[savedsearches/Shipped]\n"])
    def test_users_who_may_not_read_a_search_see_neither_it_nor_its_results(
        self, splunkd, shipped, plain, tmp_path, meta
    ):
        job = run(shipped)
        assert plain.job(job.sid)["resultCount"] == "3"
        splunkd.install(
            package(
                tmp_path,
                "one",
                {"default/savedsearches.conf": CONF, "metadata/default.meta": meta + "access = read : [ power ]\n"},
            ),
            True,
        )
        assert "Shipped" not in plain.saved_searches
        for path in (
            "saved/searches/Shipped",
            "saved/searches/Shipped/history",
            "configs/conf-savedsearches/Shipped",
            "search/jobs/%s" % job.sid,
            "search/v2/jobs/%s/results" % job.sid,
        ):
            assert refusal(plain.get, path)[0] == 404
        assert refusal(plain.post, "saved/searches/Shipped/dispatch")[0] == 404
        assert connect(splunkd, "power", "one", "nobody").job(job.sid)["resultCount"] == "3"

    def test_users_who_may_not_change_a_search_cannot_end_its_jobs(self, shipped, plain):
        job = run(shipped)
        assert refusal(plain.delete, "search/jobs/%s" % job.sid)[0] == 403
        assert refusal(plain.post, "search/jobs/%s/control" % job.sid, action="cancel")[0] == 403

    def test_an_ad_hoc_search_is_private(self, service, plain):
        job = service.jobs.create("| makeresults")
        assert refusal(plain.get, "search/jobs/%s" % job.sid)[0] == 404


class TestAlerts:
    def test_a_run_with_actions_triggers_its_alert(self, service, shipped):
        assert [group.name for group in service.fired_alerts] == ["-"]
        run(shipped)
        assert [group.name for group in service.fired_alerts] == ["-"]
        job = run(shipped, trigger_actions="1")
        assert {group.name: group.count for group in service.fired_alerts} == {"-": 1, "Shipped": 1}
        assert shipped.refresh().alert_count == 1
        (alert,) = service.fired_alerts["Shipped"].alerts
        assert (alert.name, alert["savedsearch_name"], alert["severity"], alert["sid"]) == (
            job.sid,
            "Shipped",
            "4",
            job.sid,
        )
        assert datetime.fromisoformat(alert["expiration_time_rendered"]) > datetime.fromisoformat(
            alert["trigger_time_rendered"]
        )

    def test_a_triggered_alert_expires(self, splunkd, clock, service, shipped):
        run(shipped, trigger_actions="1")
        clock.move_to(time.time() + 25 * HOUR)
        assert [group.name for group in service.fired_alerts] == ["-"]

    def test_deleting_one_requires_write_permission_on_its_search(self, splunkd, app, service, shipped):
        sid = run(shipped, trigger_actions="1").sid
        other = connect(splunkd, "user", app, "nobody")
        assert [group.name for group in other.fired_alerts] == ["-", "Shipped"]
        assert refusal(other.delete, "alerts/fired_alerts/" + sid)[0] == 403
        service.delete("alerts/fired_alerts/" + sid)
        assert [group.name for group in service.fired_alerts] == ["-"]
        assert refusal(service.delete, "alerts/fired_alerts/" + sid)[0] == 404


class TestKnowledge:
    def test_macros_have_their_own_endpoint(self, service):
        service.post("admin/macros", name="m(1)", args="a", definition="eval x=$a$")
        assert service.macros["m(1)"].definition == "eval x=$a$"
        service.post("admin/macros/m%281%29", definition="eval y=$a$")
        assert service.macros["m(1)"].definition == "eval y=$a$"
        service.delete("admin/macros/m%281%29")
        assert "m(1)" not in service.macros
        assert refusal(service.post, "admin/macros", name="m")[0] == 400

    def test_lookups_are_files_or_collections(self, service):
        url = "data/transforms/lookups"
        service.post(url, name="file", filename="a.csv", max_matches="1")
        service.post(url, name="kv", external_type="kvstore", collection="c", fields_list="_key, a")
        entries = json.loads(service.get(url, output_mode="json").body.read())["entry"]
        assert {each["name"] for each in entries} == {"file", "kv"}
        service.delete(url + "/file")
        for wrong in (
            {"filename": "a.csv", "collection": "c"},
            {},
            {"collection": "c"},
            {"external_type": "geo", "filename": "a.kmz"},
        ):
            assert refusal(service.post, url, name="wrong", **wrong)[0] == 400
