"""Search jobs through splunklib's client: starting, reading and ending them, and an app's search command in one."""

import json
import threading
import time

import pytest
import splunklib.client
import splunklib.results
from splunklib.binding import HTTPError

from tests.standin.clients import connect, package
from tests.standin.conftest import PASSWORD
from tests.standin.jobs import saved_sid
from tests.standin.stores.events import Event


@pytest.fixture
def service(splunkd):
    port = int(splunkd.management_url.rpartition(":")[2])
    return splunklib.client.connect(host="127.0.0.1", port=port, username="admin", password=PASSWORD, verify=False)


@pytest.fixture
def events(splunkd):
    now = time.time()
    splunkd.events.add(Event('{"n": %d}' % number, now - number, "main", "h", "s", "json") for number in range(10))


def rows(stream):
    return [row for row in splunklib.results.JSONResultsReader(stream) if isinstance(row, dict)]


def finished(job):
    while not (job.is_ready() and job["isDone"] == "1"):
        time.sleep(0.05)
    return job


class TestNormal:
    def test_a_job_is_done_after_a_while_and_has_results(self, service, events):
        job = finished(service.jobs.create("search index=main | stats count"))
        assert rows(job.results(output_mode="json")) == [{"count": "10"}]
        assert (job["isFailed"], job["dispatchState"], job["resultCount"]) == ("0", "DONE", "1")

    def test_a_time_range_includes_its_beginning_and_not_its_end(self, service, splunkd):
        splunkd.events.add(Event("e", float(second), "main", "h", "s", "st") for second in range(1000, 1010))
        job = finished(service.jobs.create("search index=main | stats count", earliest_time="1002", latest_time="1005"))
        assert rows(job.results(output_mode="json")) == [{"count": "3"}]

    def test_results_come_in_pages(self, service):
        job = finished(service.jobs.create("| makeresults count=250 | streamstats count AS n | table n"))
        assert len(rows(job.results(output_mode="json"))) == 100
        assert len(rows(job.results(output_mode="json", count=0))) == 250
        assert [row["n"] for row in rows(job.results(output_mode="json", count=2, offset=5))] == ["6", "7"]

    def test_several_values_are_a_list_and_time_is_a_date(self, service):
        job = finished(service.jobs.create('| makeresults | eval _time=0, v=split("a,b", ",")'))
        (row,) = rows(job.results(output_mode="json"))
        assert row["v"] == ["a", "b"]
        assert row["_time"].startswith("1970-01-01T00:00:00.000")

    @pytest.mark.parametrize(
        "mode, expected",
        [
            ("csv", 'a,b\n1,"x\ny"\n'),
            ("json_rows", [["1", ["x", "y"]]]),
            ("json_cols", [["1"], [["x", "y"]]]),
        ],
    )
    def test_every_output_mode_has_the_same_rows(self, service, mode, expected):
        job = finished(service.jobs.create('| makeresults | eval a=1, b=split("x,y", ",") | table a b'))
        text = job.results(output_mode=mode).read().decode()
        assert (text if mode == "csv" else json.loads(text)["rows" if mode == "json_rows" else "columns"]) == expected

    def test_xml_results_have_field_order_and_values(self, service):
        job = finished(service.jobs.create('| makeresults | eval b="<&>", a=1 | table b a'))
        text = job.results(output_mode="xml").read().decode()
        assert "<field>b</field>\n<field>a</field>" in text
        assert '<field k="b"><value><text>&lt;&amp;&gt;</text></value>' in text

    def test_there_are_no_results_before_the_end(self, service, splunkd, monkeypatch):
        goes_on = threading.Event()
        monkeypatch.setattr(splunkd.alerts, "judged", lambda job: goes_on.wait(10) and ())
        splunkd.confs.write("savedsearches", "search", "slow", {"search": "| makeresults"})
        job = service.saved_searches["slow"].dispatch(trigger_actions="1")
        early = job.results(output_mode="json").read()
        goes_on.set()
        assert early == b""
        assert len(rows(finished(job).results(output_mode="json"))) == 1

    def test_a_job_that_was_removed_is_unknown(self, service):
        job = finished(service.jobs.create("| makeresults"))
        job.cancel()
        with pytest.raises(HTTPError) as raised:
            service.get("search/jobs/" + job.sid)
        assert raised.value.status == 404


class TestErrors:
    @pytest.mark.parametrize(
        "search, text",
        [
            ("| nonsense", "Unknown search command 'nonsense'."),
            ("| makeresults | eval x=`none`", "The search specifies a macro 'none' that cannot be found"),
            ("index=main", "Unknown search command 'index"),
        ],
    )
    def test_an_unknown_name_is_refused_at_once(self, service, search, text):
        with pytest.raises(HTTPError) as raised:
            service.jobs.create(search)
        assert raised.value.status == 400
        assert text in str(raised.value)

    def test_an_invalid_search_is_dispatched_and_fails(self, service):
        job = finished(service.jobs.create("| makeresults | where 1="))
        assert (job["isFailed"], job["dispatchState"]) == ("1", "FAILED")
        assert "Error in 'where' command" in str(job["messages"])

    def test_oneshot_answers_a_failure_with_400(self, service):
        with pytest.raises(HTTPError) as raised:
            service.jobs.oneshot("| makeresults | where 1=")
        assert raised.value.status == 400

    def test_invalid_times(self, service):
        with pytest.raises(HTTPError) as raised:
            service.jobs.create("search index=main", earliest_time="yesterdayish")
        assert raised.value.status == 400
        assert "yesterdayish" in str(raised.value)

    def test_an_unknown_argument_is_refused(self, service):
        with pytest.raises(HTTPError) as raised:
            service.jobs.create("| makeresults", reuse_max_seconds_ago=5)
        assert raised.value.status == 400
        assert "reuse_max_seconds_ago" in str(raised.value)

    def test_nothing_is_answered_without_a_session(self, splunkd):
        anonymous = splunklib.client.Service(
            host="127.0.0.1", port=int(splunkd.management_url.rpartition(":")[2]), token="none", verify=False
        )
        with pytest.raises((HTTPError, splunklib.client.AuthenticationError)):
            anonymous.get("search/jobs")


class TestOtherModes:
    def test_oneshot_answers_with_the_results(self, service, events):
        assert rows(service.jobs.oneshot("search index=main | stats count", output_mode="json")) == [{"count": "10"}]

    def test_export_answers_with_one_line_per_row(self, service, events):
        stream = service.jobs.export("search index=main | stats count", output_mode="json", preview="false")
        assert rows(stream) == [{"count": "10"}]

    def test_blocking_returns_after_the_end(self, service):
        job = service.jobs.create("| makeresults", exec_mode="blocking")
        assert job.is_done()


class TestRights:
    @pytest.fixture
    def user(self, splunkd):
        splunkd.sessions.add("una", "password", frozenset(["user"]))
        return splunklib.client.connect(
            host="127.0.0.1",
            port=int(splunkd.management_url.rpartition(":")[2]),
            username="una",
            password="password",
            verify=False,
        )

    def test_a_user_does_not_see_another_users_job(self, service, user):
        job = finished(service.jobs.create("| makeresults"))
        with pytest.raises(HTTPError) as raised:
            user.get("search/jobs/" + job.sid)
        assert raised.value.status == 404

    def test_a_role_searches_only_its_allowed_indexes(self, service, user, splunkd):
        splunkd.events.add([Event("x", time.time(), "_internal", "h", "s", "st")])
        search = "search index=_internal sourcetype=st | stats count"
        counts = [rows(each.jobs.oneshot(search, output_mode="json")) for each in (service, user)]
        assert counts == [[{"count": "1"}], [{"count": "0"}]]


@pytest.mark.parametrize(
    ("user", "app", "name", "sid"),
    [
        (
            "scheduler",
            "splunk_archiver",
            "Bucket Copy Trigger",
            "scheduler__nobody_c3BsdW5rX2FyY2hpdmVy__RMD5473cbac83d6c9db7_at_1667128620_1",
        ),
        (
            "admin",
            "search",
            "Errors in the last 24 hours",
            "admin__nobody__search__RMD55d9ebac05a79f513_at_1667128620_1",
        ),
        (
            "admin",
            "SplunkforSnort",
            "Top 10 signatures",
            "admin__nobody__SplunkforSnort__RMD5bd4c9c15bd2e7f88_at_1667128620_1",
        ),
    ],
)
def test_the_id_of_a_saved_search_s_job(user, app, name, sid):
    """As in public logs of Splunk (the times are ours)."""
    assert saved_sid(user, "nobody", app, name, 1_667_128_620, 1) == sid


class TestCommands:
    @pytest.mark.parametrize(
        "search, capability",
        [
            ("| inputlookup none.csv", "input_file"),
            ("| makeresults | outputlookup a.csv", "output_file"),
            ("| rest /services/server/info", "rest_access_server_endpoints"),
            ("| makeresults | append [| inputlookup none.csv]", "input_file"),
        ],
    )
    def test_a_command_requires_a_capability(self, splunkd, tmp_path, search, capability):
        splunkd.install(package(tmp_path, "one", {"default/authorize.conf": "[role_lone]\nsearch = enabled\n"}), False)
        job = finished(connect(splunkd, "lone").jobs.create(search))
        assert "capability='%s'" % capability in str(job["messages"])


class TestWhatTheSdkTests:
    """What splunk-sdk-python's own integration tests (test_job) show about a real Splunk."""

    def test_a_touch_is_an_update(self, service):
        job = finished(service.jobs.create("| makeresults"))
        before = job.state.updated
        time.sleep(0.01)
        job.touch()
        assert job.refresh().state.updated > before

    @pytest.mark.parametrize("kind", ["results", "results_preview", "events"])
    def test_results_can_be_fetched_by_post(self, service, events, kind):
        job = finished(service.jobs.create("search index=main | head 3"))
        answer = service.post("search/v2/jobs/%s/%s" % (job.sid, kind), output_mode="json")
        assert len(json.loads(answer.body.read())["results"]) == 3
        assert job.refresh()["eventCount"] == "3"
