"""Saved searches on their schedules, their alerts, and what scheduler.log says about them."""

import http.server
import json
import re
import socketserver
import threading

import pytest

from tests.support.serving import serve

EVERY_HOUR = {
    "enableSched": "1",
    "cron_schedule": "7 * * * *",
    "dispatch.earliest_time": "-1h",
    "dispatch.latest_time": "now",
}
TEN_PAST = 1_700_000_000 // 3600 * 3600 + 600


@pytest.fixture
def saved(splunkd, clock):
    """Saves a search, as if at ten past an hour."""
    clock.move_to(TEN_PAST)

    def save(name, search, **settings):
        splunkd.confs.write("savedsearches", "search", name, {**EVERY_HOUR, "search": search, **settings})
        splunkd.scheduler.tick()

    return save


def finished(splunkd, name):
    jobs = splunkd.jobs.history("search", name)
    for job in jobs:
        assert job.wait(10)
    return jobs


def log_lines(splunkd, name):
    text = (splunkd.logs.folder / "scheduler.log").read_text()
    return [line for line in text.splitlines() if ';%s"' % name in line]


class TestSchedule:
    def test_a_search_runs_when_it_is_due_and_not_before(self, splunkd, clock, saved):
        saved("hourly", "| makeresults")
        assert not finished(splunkd, "hourly")
        clock.move_to(TEN_PAST + 3600)
        splunkd.scheduler.tick()
        splunkd.scheduler.tick()
        jobs = finished(splunkd, "hourly")
        assert len(jobs) == 1
        assert jobs[0].latest == TEN_PAST + 3600 - 180
        assert jobs[0].earliest == TEN_PAST - 180

    def test_a_search_without_schedule_does_not_run(self, splunkd, clock, saved):
        saved("idle", "| makeresults", enableSched="0")
        clock.move_to(TEN_PAST + 3600)
        splunkd.scheduler.tick()
        assert not finished(splunkd, "idle")

    def test_a_real_time_schedule_runs_only_the_last_missed_slot(self, splunkd, clock, saved):
        saved("hourly", "| makeresults")
        clock.move_to(TEN_PAST + 5 * 3600)
        splunkd.scheduler.tick()
        assert [job.latest for job in finished(splunkd, "hourly")] == [TEN_PAST + 5 * 3600 - 180]

    def test_it_does_so_even_if_the_last_was_days_ago(self, splunkd, clock, saved):
        saved("monthly", "| makeresults", cron_schedule="7 0 1 * *")
        january_1 = 1_704_067_620  # the slot of December 1 is missed as well
        clock.move_to(january_1 + 5 * 86_400)
        splunkd.scheduler.tick()
        assert [job.latest for job in finished(splunkd, "monthly")] == [january_1]

    def test_a_continuous_schedule_runs_all_missed_slots(self, splunkd, clock, saved):
        saved("all", "| makeresults", realtime_schedule="0", max_concurrent="9")
        clock.move_to(TEN_PAST + 3 * 3600)
        splunkd.scheduler.tick()
        assert sorted(job.latest for job in finished(splunkd, "all")) == [
            TEN_PAST - 180 + hours * 3600 for hours in (1, 2, 3)
        ]

    def test_a_slot_is_skipped_while_the_last_run_goes_on(self, splunkd, clock, saved, monkeypatch):
        goes_on = threading.Event()
        monkeypatch.setattr(splunkd.alerts, "judged", lambda job: goes_on.wait(10) and ())
        saved("slow", "| makeresults")
        for hours in (1, 2):
            clock.move_to(TEN_PAST + hours * 3600)
            splunkd.scheduler.tick()
        goes_on.set()
        assert len(finished(splunkd, "slow")) == 1
        skipped = [line for line in log_lines(splunkd, "slow") if "status=skipped" in line]
        assert len(skipped) == 1
        assert 'reason="The maximum number of concurrent running jobs' in skipped[0]

    def test_a_run_that_succeeded_is_logged_with_status_and_count(self, splunkd, clock, saved):
        saved("hourly", "| makeresults count=3")
        clock.move_to(TEN_PAST + 3600)
        splunkd.scheduler.tick()
        finished(splunkd, "hourly")
        (line,) = log_lines(splunkd, "hourly")
        assert re.search(r' INFO +SavedSplunker - savedsearch_id="nobody;search;hourly"', line)
        assert "status=success" in line
        assert "result_count=3" in line

    def test_a_run_that_failed_is_logged_without_status(self, splunkd, clock, saved):
        saved("wrong", "| nonsense")
        clock.move_to(TEN_PAST + 3600)
        splunkd.scheduler.tick()
        (line,) = log_lines(splunkd, "wrong")
        assert " ERROR SavedSplunker - " in line
        assert "Unknown search command 'nonsense'" in line
        assert line.endswith("No actions executed")
        assert "status=" not in line


ON_RESULTS = {"counttype": "number of events", "relation": "greater than", "quantity": "0"}


class TestAlerts:
    def run(self, splunkd, clock, hours=1):
        clock.move_to(TEN_PAST + hours * 3600)
        splunkd.scheduler.tick()
        for job in splunkd.jobs.all():
            assert job.wait(10)
        return [alert.name for alert in splunkd.alerts.fired()]

    def test_results_trigger_it(self, splunkd, clock, saved):
        saved("some", "| makeresults", **ON_RESULTS)
        assert self.run(splunkd, clock) == ["some"]

    def test_no_results_do_not(self, splunkd, clock, saved):
        saved("none", "| makeresults | where 1=2", **ON_RESULTS)
        assert self.run(splunkd, clock) == []

    def test_a_custom_condition_looks_at_the_results(self, splunkd, clock, saved):
        for name, least in (("above", 2), ("below", 9)):
            saved(
                name,
                "| makeresults count=5 | stats count",
                counttype="custom",
                alert_condition="where count > %d" % least,
            )
        assert self.run(splunkd, clock) == ["above"]

    def test_a_failed_search_triggers_nothing(self, splunkd, clock, saved):
        saved("failed", "| nonsense", counttype="always", **{"alert.track": "1"})
        assert self.run(splunkd, clock) == []

    def test_a_plain_report_is_not_listed(self, splunkd, clock, saved):
        saved("report", "| makeresults")
        assert self.run(splunkd, clock) == []

    def test_a_suppressed_alert_is_silent_for_its_period(self, splunkd, clock, saved):
        saved("quiet", "| makeresults", **ON_RESULTS, **{"alert.suppress": "1", "alert.suppress.period": "150m"})
        for hours in (1, 2, 3, 4):
            self.run(splunkd, clock, hours)
        assert [alert.time // 3600 - TEN_PAST // 3600 for alert in splunkd.alerts.fired()] == [4, 1]

    def test_a_triggered_alert_expires(self, splunkd, clock, saved):
        saved("some", "| makeresults", **ON_RESULTS, **{"alert.expires": "2h"})
        self.run(splunkd, clock)
        splunkd.confs.write("savedsearches", "search", "some", {"enableSched": "0"})
        assert self.run(splunkd, clock, 2) == ["some"]
        assert self.run(splunkd, clock, 4) == []


class TestActions:
    @pytest.fixture
    def receiver(self):
        bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        end = serve(server)
        yield "http://127.0.0.1:%d/hook" % server.server_address[1], bodies
        end()

    @pytest.fixture
    def mail_server(self):
        """Takes one mail at a time, following RFC 5321."""
        mails = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 here\r\n")
                for line in iter(self.rfile.readline, b""):
                    if line.upper().startswith(b"DATA"):
                        self.wfile.write(b"354 go on\r\n")
                        mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                    self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        end = serve(server)
        yield "127.0.0.1:%d" % server.server_address[1], mails
        end()

    def run(self, splunkd, clock):
        clock.move_to(TEN_PAST + 3600)
        splunkd.scheduler.tick()
        for job in splunkd.jobs.all():
            assert job.wait(10)

    def test_a_webhook_gets_the_first_row(self, splunkd, clock, saved, receiver):
        url, bodies = receiver
        saved(
            "hooked",
            '| makeresults | eval reason="http_400"',
            **ON_RESULTS,
            **{"action.webhook": "1", "action.webhook.param.url": url},
        )
        self.run(splunkd, clock)
        assert [(body["search_name"], body["result"]["reason"]) for body in bodies] == [("hooked", "http_400")]
        assert 'alert_actions="webhook"' in log_lines(splunkd, "hooked")[0]

    def test_an_email_has_the_search_and_its_results(self, splunkd, clock, saved, mail_server):
        address, mails = mail_server
        saved(
            "mailed",
            '| makeresults | eval reason="http_400"',
            **ON_RESULTS,
            **{
                "action.email": "1",
                "action.email.to": "ops@example.com",
                "action.email.mailserver": address,
                "action.email.sendresults": "1",
                "action.email.inline": "1",
            },
        )
        self.run(splunkd, clock)
        assert "To: ops@example.com" in mails[0]
        assert "Subject: Splunk Alert: mailed" in mails[0]
        assert "http_400" in mails[0]

    def test_the_tokens_in_an_email_are_replaced(self, splunkd, clock, saved, mail_server):
        address, mails = mail_server
        saved(
            "told",
            '| makeresults | eval reason="http_400"',
            description="What it means",
            **ON_RESULTS,
            **{
                "action.email": "1",
                "action.email.to": "ops@example.com",
                "action.email.mailserver": address,
                "action.email.subject": "It is $result.reason$",
                "action.email.message.alert": "$description$.",
                "action.email.include.trigger_time": "1",
            },
        )
        self.run(splunkd, clock)
        assert "Subject: It is http_400" in mails[0]
        assert "What it means." in mails[0]
        assert "Trigger time: " in mails[0]

    def test_a_failed_action_is_logged_and_the_alert_remains(self, splunkd, clock, saved):
        saved(
            "unheard",
            "| makeresults",
            **ON_RESULTS,
            **{"action.email": "1", "action.email.to": "ops@example.com", "action.email.mailserver": "127.0.0.1:1"},
        )
        self.run(splunkd, clock)
        assert [alert.actions for alert in splunkd.alerts.fired()] == [()]
        assert "action=email" in (splunkd.logs.folder / "splunkd.log").read_text()

    def test_an_unknown_action_is_named(self, splunkd, clock, saved):
        saved("odd", "| makeresults", **ON_RESULTS, **{"action.lookup": "1"})
        self.run(splunkd, clock)
        assert "the alert action lookup is not known here" in (splunkd.logs.folder / "splunkd.log").read_text()
