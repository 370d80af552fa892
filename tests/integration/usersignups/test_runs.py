"""The modular input, from its XML to its collections and its line in the run log."""

import io
import json
import re
import signal
import threading
import time
import xml.etree.ElementTree as ElementTree
from contextlib import nullcontext
from dataclasses import fields

import pytest
from splunklib.modularinput import EventWriter

from segment_bridge.splunk import passwords, run_records
from segment_bridge.splunk.modular_input import Splunk
from segment_bridge.users import lease as leases
from segment_bridge.users import run as users_run
from segment_bridge.users.settings import Cluster
from tests.support import recorded
from tests.support.fakes import faults
from tests.support.fakes.kubernetes import TOKEN
from tests.support.fakes.kubernetes_objects import signup
from tests.support.fakes.proxy import FakeProxy


def users(splunkd, cluster="host"):
    return {
        document["username"]: document["sso_user_id"]
        for document in splunkd.records("usersignups")
        if document["cluster"] == cluster
    }


class TestTheScheme:
    def test_has_every_setting(self, script):
        status, out, _ = script("--scheme")
        scheme = ElementTree.fromstring(out)
        names = {argument.get("name") for argument in scheme.iter("arg")}
        assert (status, names) == (0, {field.name for field in fields(Cluster)} - {"name"})
        assert all(argument.findtext("title") and argument.findtext("description") for argument in scheme.iter("arg"))

    def test_asks_for_validation_and_a_process_for_each_cluster(self, script):
        scheme = ElementTree.fromstring(script("--scheme")[1])
        assert scheme.findtext("use_external_validation") == "true"
        assert scheme.findtext("use_single_instance") == "false"
        assert [each.get("name") for each in scheme.iter("arg") if each.findtext("required_on_create") == "true"] == []


class TestARun:
    def test_fills_both_collections(self, run, splunkd):
        expected = recorded.expected_counts()["lookup"]
        assert run() == (0, "", "")
        assert len(splunkd.records("usersignups")) == expected["usernames"]
        assert len(splunkd.records("tenant_namespaces")) == expected["tenant_namespaces"]
        assert users(splunkd)["ivo"] == "0000000000000000000042"

    def test_logs_one_line_with_its_counts(self, run, log):
        run()
        (end,) = log("run_end")
        counts = {name: value for name, value in end.items() if name not in ("duration_s", "event", "component")}
        assert counts == {
            "cluster": "host",
            "status": "ok",
            "listed": "16",
            "written": "12",
            "deleted": "0",
            "unchanged": "0",
            "skipped_no_sso_user_id": "1",
            "skipped_no_username": "3",
            "namespaces_listed": "20",
            "namespaces_written": "19",
            "namespaces_deleted": "0",
            "namespaces_unchanged": "0",
            "namespaces_skipped_no_workspace": "1",
        }
        assert float(end["duration_s"]) < 10

    def test_again_writes_nothing(self, run, splunkd, log):
        run()
        splunkd.requests.clear()
        run()
        assert {
            method
            for method, path in splunkd.requests
            if not path.split("/data/")[-1].startswith((leases.LEASES, run_records.COLLECTION))
        } == {"GET"}
        again = log("run_end")[1]
        assert (again["written"], again["deleted"], again["unchanged"]) == ("0", "0", "12")

    def test_writes_what_changed_and_deletes_what_is_gone(self, run, fake, splunkd, log):
        run()
        fake.usersignups.put(signup("zoe", "9"))
        fake.usersignups.put(signup("amelia", "007"))
        fake.usersignups.delete("chid-860fd0ca", "toolchain-host-operator")
        run()
        assert log("run_end")[-1]["written"] == "2"
        assert log("run_end")[-1]["deleted"] == "1"
        assert users(splunkd)["amelia"] == "007"
        assert "zoe" in users(splunkd)
        assert "chidi" not in users(splunkd)

    def test_records_its_result(self, run, splunkd):
        run()
        (kept,) = splunkd.records(run_records.COLLECTION)
        assert (kept["component"], kept["cluster"], kept["status"], kept["users"], kept["problems"]) == (
            "usersignups",
            "host",
            "ok",
            12,
            "[]",
        )
        assert time.time() - 60 < kept["time"] <= time.time()

    def test_records_why_it_failed(self, run, splunkd):
        splunkd.passwords.clear()
        assert run()[0] == 1
        (kept,) = splunkd.records(run_records.COLLECTION)
        (problem,) = json.loads(kept["problems"])
        assert (kept["status"], kept.get("users"), problem["event"]) == ("failed", None, "error")
        assert "bearer token" in problem["error"]

    def test_does_not_touch_the_records_of_other_clusters(self, run, fake, splunkd):
        splunkd.passwords["usersignups:other"] = TOKEN
        run("other")
        fake.usersignups.put(signup("amelia", "007"))
        fake.usersignups.delete("chid-860fd0ca", "toolchain-host-operator")
        run("host")
        assert users(splunkd, "other")["amelia"] == "51203344"
        assert users(splunkd, "other")["chidi"] == "12345678901234567890"
        assert users(splunkd, "host")["amelia"] == "007"

    def test_corrects_what_others_wrote_into_the_collection(self, run, splunkd, log):
        assert run()[0] == 0
        right = splunkd.records("usersignups")
        odd = [
            {"_key": "", "cluster": "host"},
            {"_key": "0", "cluster": "host", "username": None},
            {"_key": "host/amelia", "cluster": "host", "sso_user_id": 7},
            {"_key": "host/zz", "cluster": "host"},
            *({"_key": "host/zz%d" % number, "cluster": "host", "username": ["a"]} for number in range(300)),
        ]
        splunkd.collections["usersignups"].update({each["_key"]: each for each in odd})
        assert run() == (0, "", "")
        assert log("run_end")[-1]["skipped_malformed_record"] == "303"

        def timeless(records):
            return [{**record, "updated": 0} for record in records]

        assert timeless(splunkd.records("usersignups")) == timeless(right)

    def test_without_tenant_namespaces_requests_none(self, run, fake, splunkd):
        fake.installed.discard(fake.namespaces)
        assert run(tenant_namespaces="0")[0] == 0
        assert splunkd.records("tenant_namespaces") == []

    def test_without_usersignups_requests_none_and_keeps_existing_records(self, run, fake, splunkd, log):
        assert run()[0] == 0
        before = splunkd.records("usersignups")
        fake.installed.discard(fake.usersignups)
        fake.namespaces.delete("chidi-tenant")
        assert run(usersignups="0")[0] == 0
        assert splunkd.records("usersignups") == before
        end = log("run_end")[-1]
        assert "listed" not in end
        assert (end["namespaces_listed"], end["namespaces_deleted"]) == ("19", "1")

    def test_for_a_host_and_a_member_share_the_collections(self, run, splunkd):
        splunkd.passwords["usersignups:member"] = TOKEN
        assert run(tenant_namespaces="0")[0] == run("member", usersignups="0")[0] == 0
        assert {each["cluster"] for each in splunkd.records("usersignups")} == {"host"}
        assert {each["cluster"] for each in splunkd.records("tenant_namespaces")} == {"member"}

    def test_finds_tenant_namespaces_by_other_labels(self, run, fake, splunkd):
        fake.namespaces.replace(
            [
                {"metadata": {"name": "a", "labels": {"example.com/kind": "team", "example.com/owner": "ivo"}}},
                {"metadata": {"name": "b", "labels": {"example.com/kind": "system", "example.com/owner": "root"}}},
            ]
        )
        run(tenant_type_label="example.com/kind", tenant_type="team", tenant_workspace_label="example.com/owner")
        (found,) = splunkd.records("tenant_namespaces")
        assert (found["namespace"], found["workspace"]) == ("a", "ivo")

    def test_reads_a_token_stored_in_pieces(self, run, fake, splunkd):
        token = "x" * 1_000
        fake.tokens[token] = fake.tokens[TOKEN]
        del splunkd.passwords["usersignups:host"]
        splunkd.passwords.update(passwords.pieces("usersignups:host", token))
        assert run()[0] == 0

    def test_uses_a_proxy_with_its_credentials(self, run, splunkd):
        splunkd.passwords["usersignups:host:proxy"] = "splunk:hunter2"
        with FakeProxy(user="splunk", password="hunter2") as proxy:
            assert run(proxy_url=proxy.url)[0] == 0
            assert proxy.targets


class TestSuddenShrinkage:
    @pytest.fixture(autouse=True)
    def many(self, run, fake):
        fake.usersignups.replace([signup("user-%03d" % number, str(number)) for number in range(300)])
        run(page_size="500")

    def test_is_an_error_that_writes_but_does_not_delete(self, run, fake, splunkd, log):
        fake.usersignups.replace([signup("user-%03d" % number, "new") for number in range(100)])
        status, _, err = run()
        assert status == 1
        assert "collection usersignups: the list of cluster host lacks 200 of its 300 records" in err
        assert "allow_shrink_until" in err
        assert len(users(splunkd)) == 300
        assert users(splunkd)["user-001"] == "new"
        assert (log("run_end")[-1]["written"], log("run_end")[-1]["deleted"]) == ("100", "0")

    def test_includes_an_empty_list(self, run, splunkd, fake):
        fake.usersignups.replace([])
        assert run(max_shrink_percent="100")[0] == 1
        assert len(users(splunkd)) == 300

    def test_of_one_kind_is_not_offset_by_the_other(self, run, fake, splunkd, log):
        """Each collection is protected by itself, including that of a member cluster, which has no users."""
        fake.namespaces.replace([])
        status, _, err = run(usersignups="0")
        assert status == 1
        assert "collection tenant_namespaces: the list of cluster host lacks 19 of its 19 records" in err
        assert len(splunkd.records("tenant_namespaces")) == 19

    def test_may_be_larger_if_a_setting_says_so(self, run, splunkd, fake):
        fake.usersignups.replace([signup("user-001", "1")])
        assert run(max_shrink_percent="100")[0] == 0
        assert users(splunkd) == {"user-001": "1"}

    def test_may_be_of_any_size_until_a_time(self, run, splunkd, fake):
        fake.usersignups.replace([])
        assert run(allow_shrink_until="2020-01-01T00:00:00Z")[0] == 1
        assert run(allow_shrink_until="2999-01-01T00:00:00Z")[0] == 0
        assert users(splunkd) == {}


class TestStopping:
    @pytest.fixture
    def stop_soon(self):
        """Sends SIGTERM in a moment, as splunkd does. It does not affect a run that is over by then."""

        def start():
            timers.append(threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGTERM)))
            timers[-1].start()

        timers = []
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        yield start
        for timer in timers:
            timer.join()
        signal.signal(signal.SIGTERM, before)

    def test_ends_the_run_at_once_and_leaves_the_collection_as_it_was(self, run, fake, splunkd, log, stop_soon):
        def hang(request):
            stop_soon()
            stopped.append(time.monotonic())
            return faults.hang()

        stopped = []
        fake.faults = faults.at({2: hang})
        assert run()[0] == 128 + signal.SIGTERM
        assert time.monotonic() - stopped[0] < 1
        assert log("run_end")[0]["status"] == "stopped"
        assert not any(splunkd.all_but_runs().values())  # including the lease

    def test_while_waiting_for_another_run(self, run, splunkd, stop_soon):
        def stop_once(method, path):
            if method == "POST" and splunkd.requests[method, path] == 1:
                stop_soon()

        splunkd.before = stop_once
        splunkd.collections[leases.LEASES]["host"] = {"_key": "host", "holder": "sh2", "expires": time.time() + 60}
        assert run()[0] == 128 + signal.SIGTERM
        assert splunkd.records(leases.LEASES)[0]["holder"] == "sh2"


class TestRunsAtOnce:
    """As on several search head cluster members. Leaves out signals, which only one thread can handle."""

    @pytest.fixture
    def member(self, monkeypatch, fake, splunkd, log):
        """Starts a run on a member with this name."""

        def start(name):
            thread = threading.Thread(
                target=users_run.run,
                args=("host", settings, Splunk(splunkd.service(), name, EventWriter(io.StringIO(), io.StringIO()))),
            )
            thread.start()
            return thread

        monkeypatch.setattr(users_run, "_deadline", lambda *_: nullcontext())
        settings = {"server": fake.url, "ca_file": str(fake.ca_file), "page_size": "3"}
        return start

    def test_all_succeed(self, member, fake, splunkd, log):
        members = []
        for number in range(4):
            fake.usersignups.put(signup("user-%d" % number, str(number)))
            members.append(member("sh%d" % number))
        for each in members:
            each.join()
        assert {line["status"] for line in log("run_end")} == {"ok"}
        assert len(users(splunkd)) == 12 + 4
        assert splunkd.records(leases.LEASES) == []

    def test_do_not_undo_each_others_work(self, member, fake, splunkd, log):
        """A run that began to list before a change must not write after one that has seen it."""

        def pause(request):
            listing.set()
            resume.wait(10)

        listing, resume = threading.Event(), threading.Event()
        fake.faults = faults.at({2: pause})
        early = member("sh1")
        assert listing.wait(10)
        fake.usersignups.put(signup("amelia", "007"))
        late = member("sh2")
        late.join(0.5)
        resume.set()
        early.join()
        late.join()
        assert [line["status"] for line in log("run_end")] == ["ok", "ok"]
        assert users(splunkd)["amelia"] == "007"


def test_nothing_personal_and_no_secret_is_stored_or_logged(run, fake, splunkd, log, tmp_path):
    personal = set()
    for item in fake.usersignups.at(10**9).objects.values():
        personal |= set(re.findall(r'[\w.-]+@example\.com|"\d{8}"|[0-9a-f]{32}', item.decode()))
    run()
    fake.faults = faults.always(fake.truncated(0.5))
    err = run()[2]
    kept = repr(splunkd.collections) + (tmp_path / "var/log/splunk/segment_bridge.log").read_text() + err
    known = {'"%s"' % sso_user_id for sso_user_id in users(splunkd).values()}
    leaked = [each for each in personal - known if each.strip('"') in kept]
    assert leaked == []
    assert len(personal) > 40
    assert TOKEN not in kept
