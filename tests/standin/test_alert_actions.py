"""Alert actions that apps bring: who may use them, what they are told, and what becomes of them."""

import csv
import gzip
import json
import time

import pytest

from tests.standin.clients import connect, package, refusal

SCRIPT = """import json, os, sys, time
payload = json.load(sys.stdin)
with open(%r, "a") as file:
    file.write(json.dumps({"argv": sys.argv[1:], "environment": sorted(os.environ), **payload}) + "\\n")
print("INFO it began", file=sys.stderr)
time.sleep(float(payload["configuration"]["sleep"]))
sys.exit(int(payload["configuration"]["status"]))
"""
CONF = """[tell]
is_custom = 1
label = Tell
payload_format = json
alert.execute.cmd = tell.py
python.version = python3
maxtime = 2s
param.status = 0
param.sleep = 0
param.text = $result.who$ of $name$, $app$, $owner$: $nothing$
"""
META = """[]
access = read : [ power, admin ], write : [ admin ]
export = none
[alert_actions/tell]
export = system
"""


class Telling:
    """An app whose action writes down what it is told. `told` holds that."""

    def __init__(self, splunkd, folder):
        self.splunkd, self.file = splunkd, folder / "told"
        self.service = connect(splunkd, app="search", owner="nobody")
        splunkd.install(
            package(
                folder,
                "teller",
                {
                    "default/alert_actions.conf": CONF,
                    "bin/tell.py": SCRIPT % str(self.file),
                    "default/data/ui/alerts/tell.html": "<form></form>",
                    "metadata/default.meta": META,
                },
            ),
            False,
        )

    def alert(self, search, name="An alert", **settings):
        """Saves an alert in the app "search" and has it triggered."""
        self.service.saved_searches.create(name, search, actions="tell", **settings)
        return self.trigger(name)

    def trigger(self, name="An alert"):
        job = self.service.saved_searches[name].dispatch(trigger_actions=1)
        while not job.is_done():
            time.sleep(0.02)
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    @property
    def log(self):
        return (self.splunkd.logs.folder / "splunkd.log").read_text()


@pytest.fixture
def telling(splunkd, tmp_path):
    return Telling(splunkd, tmp_path)


def rows(payload):
    with gzip.open(payload["results_file"], "rt", newline="") as file:
        return list(csv.DictReader(file))


TWO = '| makeresults count=2 | streamstats count AS n | eval who=if(n=1, "ann", split("bob;b$b", ";")) | table n who'


def test_it_learns_what_happened_and_finds_the_results_in_a_file(telling):
    """Payloads in public repositories have these keys; the manual for scripts has the argument."""
    (told,) = telling.alert(TWO, name="An alert & more")
    assert told["argv"] == ["--execute"]
    assert told["app"] == "search" and told["owner"] == "nobody" and told["search_name"] == "An alert & more"
    assert told["search_uri"] == "/servicesNS/nobody/search/saved/searches/An+alert+%26+more"
    assert told["server_uri"] == telling.splunkd.management_url
    assert told["results_file"].endswith("/dispatch/%s/results.csv.gz" % told["sid"])
    assert told["result"] == {"n": "1", "who": "ann"}
    assert "result_id" not in told
    assert rows(told) == [
        {"n": "1", "who": "ann", "__mv_n": "", "__mv_who": ""},
        {"n": "2", "who": "bob\nb$b", "__mv_n": "", "__mv_who": "$bob$;$b$$b$"},
    ]


def test_its_settings_merge_the_actions_and_the_alerts_with_the_first_rows_fields(telling):
    (told,) = telling.alert(TWO, **{"action.tell.param.more": "$result.n$ $job.resultCount$"})
    assert told["configuration"] == {
        "status": "0",
        "sleep": "0",
        "text": "ann of An alert, search, nobody: ",
        "more": "1 2",
    }


def test_each_result_may_be_an_alert_of_its_own(telling):
    told = telling.alert(TWO, **{"alert.digest_mode": "0"})
    assert [each["result_id"] for each in told] == ["0", "1"]
    assert [each["results_file"].rpartition("/dispatch/")[2].partition("/")[2] for each in told] == [
        "per_result_alert/tmp_0.csv.gz",
        "per_result_alert/tmp_1.csv.gz",
    ]
    assert [[row["n"] for row in rows(each)] for each in told] == [["1"], ["2"]]
    assert [each["configuration"]["text"][:3] for each in told] == ["ann", "bob"]


def test_it_gets_no_more_results_than_maxresults(telling):
    telling.splunkd.confs.write("alert_actions", "teller", "tell", {"maxresults": "3"})
    (told,) = telling.alert("| makeresults count=5 | streamstats count AS n | table n")
    assert [row["n"] for row in rows(told)] == ["1", "2", "3"]


def test_it_has_the_permissions_of_the_alerts_owner(telling):
    connect(telling.splunkd, "power")
    telling.service.saved_searches.create("Theirs", TWO, actions="tell", **{"action.tell.param.sleep": "1"})
    telling.service.saved_searches["Theirs"].acl_update(sharing="app", owner="power")
    running = telling.service.saved_searches["Theirs"].dispatch(trigger_actions=1)
    while not telling.file.exists():
        time.sleep(0.02)
    key = json.loads(telling.file.read_text())["session_key"]
    assert telling.splunkd.sessions._sessions[key].user == "power"
    while not running.is_done():
        time.sleep(0.02)
    assert key not in telling.splunkd.sessions._sessions, "the session must end with the action"


def test_failures_and_stderr_go_to_splunkds_log(telling):
    telling.alert(TWO, **{"action.tell.param.status": "3"})
    assert "ERROR sendmodalert - action=tell STDERR -  INFO it began" in telling.log
    assert "WARN  sendmodalert - action=tell - Alert action script returned error code=3" in telling.log
    assert [alert.actions for alert in telling.splunkd.alerts.fired()] == []


def test_one_that_takes_longer_than_maxtime_is_killed(telling):
    began = time.monotonic()
    telling.alert(TWO, **{"action.tell.param.sleep": "60"})
    assert 2 <= time.monotonic() - began < 30
    assert "it took longer than maxtime" in telling.log


def test_an_alert_may_have_a_maxtime_of_its_own(telling):
    telling.alert(TWO, **{"action.tell.maxtime": "1s", "action.tell.param.sleep": "60"})
    assert "it took longer than maxtime" in telling.log


def test_users_who_may_not_read_it_neither_see_nor_use_it(telling):
    connect(telling.splunkd, "user")
    mine = connect(telling.splunkd, "user", "search", "user")
    listed = [entry["name"] for entry in listing(mine, "alerts/alert_actions")]
    assert "tell" not in listed and "email" in listed
    assert refusal(mine.saved_searches.create, "Mine", TWO, actions="tell")[0] == 400
    assert refusal(mine.saved_searches.create, "Mine", TWO, **{"action.tell.param.status": "0"})[0] == 400
    telling.service.saved_searches.create("Given", TWO, actions="tell").acl_update(sharing="app", owner="user")
    assert telling.trigger("Given") == []
    assert 'Alert action "tell" not found' in telling.log


def test_users_who_may_read_it_see_it_in_every_app(telling):
    theirs = connect(telling.splunkd, "power", "search", "power")
    assert "tell" in [entry["name"] for entry in listing(theirs, "alerts/alert_actions")]
    assert (
        listing(connect(telling.splunkd, "power", "teller", "power"), "data/ui/alerts/tell")[0]["content"]["eai:data"]
        == "<form></form>"
    )


def listing(service, path):
    return json.loads(service.get(path, output_mode="json", count=0).body.read())["entry"]


def test_its_script_must_be_in_the_app_that_changed_it_last(telling):
    """As a public report shows, a stanza in another app's local/ is enough."""
    telling.splunkd.confs.write("alert_actions", "search", "tell", {})
    assert telling.alert(TWO) == []
    assert 'Unable to find alert action script for action="tell" in app="search"' in telling.log


def test_settings_of_an_unknown_action_are_refused(telling):
    status, text = refusal(telling.service.saved_searches.create, "s", TWO, **{"action.sing.param.song": "x"})
    assert (status, "action.sing.param.song" in text) == (400, True)
    assert refusal(telling.service.saved_searches.create, "s", TWO, actions="sing")[0] == 400
    assert refusal(telling.service.saved_searches.create, "s", TWO, **{"action.tell.color": "red"})[0] == 400


def test_a_schedule_runs_with_the_owners_permissions(telling, clock):
    clock.move_to(1_700_000_000 // 3600 * 3600 + 600)
    connect(telling.splunkd, "power")
    settings = {"is_scheduled": "1", "cron_schedule": "7 * * * *"}
    telling.service.saved_searches.create(
        "Who", "| rest /services/authentication/current-context | table username", actions="tell", **settings
    ).acl_update(sharing="app", owner="power")
    telling.splunkd.scheduler.tick()
    clock.move_to(clock.now() + 3600)
    telling.splunkd.scheduler.tick()
    (job,) = telling.splunkd.jobs.history("search", "Who")
    assert job.wait(10)
    assert [row["username"] for row in job.results.rows] == ["power"]


def test_another_format_or_an_odd_maxtime_is_refused(splunkd, tmp_path):
    conf = CONF.replace("payload_format = json", "payload_format = xml").replace("maxtime = 2s", "maxtime = soon")
    status, text = refusal(
        lambda: connect(splunkd).post(
            "apps/local",
            name=str(package(tmp_path, "odd", {"default/alert_actions.conf": conf})),
            filename="true",
        )
    )
    assert (status, "payload_format" in text) == (400, True), text
