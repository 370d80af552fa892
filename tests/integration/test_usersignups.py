"""`usersignups` as a process, under both of Splunk's Pythons, between splunkd, which runs it, and a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from xml.sax.saxutils import quoteattr

import pytest

from tests.support import pythons, recorded
from tests.support.fakes import faults
from tests.support.fakes.kubernetes import TOKEN, Account, FakeKubernetes
from tests.support.fakes.kubernetes_objects import made_up_signups
from tests.support.splunkd import SplunkdDouble, SplunkdServer

STOPPED = 128 + signal.SIGTERM
ISOLATED = ["-E", "-s", "-S"]  # only the standard library and the app on the path


@pytest.fixture(scope="module", params=pythons.SPLUNKS)
def interpreter(request):
    found = pythons.find(request.param)
    if found is None:
        pytest.skip(f"Python {request.param} is not installed, so the input was not tested with it")
    return found


@pytest.fixture
def cluster():
    with FakeKubernetes(usersignups=recorded.usersignups(), namespaces=recorded.namespaces()) as fake:
        yield fake


@pytest.fixture
def double():
    double = SplunkdDouble()
    double.passwords["usersignups:host"] = TOKEN
    return double


@pytest.fixture
def splunkd(double):
    with SplunkdServer(double) as server:
        yield server


@pytest.fixture
def start(splunk_home, interpreter, splunkd, cluster, tmp_path):
    """Starts the script as splunkd does. Returns a process that has received its configuration."""
    (tmp_path / "var/log/splunk").mkdir(parents=True)
    processes = []

    def begin(*arguments, host="sh1", **settings):
        head = (
            f"<server_host>{host}</server_host><server_uri>{splunkd.url}</server_uri>"
            f"<session_key>{splunkd.session_key}</session_key><checkpoint_dir>/nowhere</checkpoint_dir>"
        )
        settings = {"server": cluster.url, "ca_file": str(cluster.ca_file), "page_size": "5", **settings}
        parameters = "".join(f"<param name={quoteattr(name)}>{value}</param>" for name, value in settings.items())
        definition = (
            f'<items>{head}<item name="host">{parameters}</item></items>'
            if "--validate-arguments" in arguments
            else f'<input>{head}<configuration><stanza name="usersignups://host" app="segment_bridge">'
            f"{parameters}</stanza></configuration></input>"
        )
        process = subprocess.Popen(
            [interpreter, *ISOLATED, splunk_home / "etc/apps/segment_bridge/bin/usersignups.py", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "SPLUNK_HOME": str(tmp_path), **pythons.measured()},
            text=True,
        )
        processes.append(process)
        process.stdin.write(definition)
        process.stdin.close()
        process.stdin = None
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def end(process, timeout=30):
    """(exit status, stdout, stderr)"""
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def wait_for(condition, what):
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain for {what}"
        time.sleep(0.01)


def stop(process):
    """Returns how long the process takes to end after SIGTERM, and its status."""
    process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    status, _, _ = end(process)
    return time.monotonic() - told, status


def users(double):
    return {document["username"]: document["sso_user_id"] for document in double.records("usersignups")}


def test_a_run_fills_the_collections_and_the_next_one_writes_nothing(start, double):
    def records():
        return {name: double.records(name) for name in ("usersignups", "tenant_namespaces", "usersignups_leases")}

    assert end(start()) == (0, "", "")
    filled = records()
    assert [len(documents) for documents in filled.values()] == [12, 19, 0]
    assert users(double)["ivo"] == "0000000000000000000042"
    assert end(start()) == (0, "", "")
    assert records() == filled


def test_an_error_is_a_line_in_splunkd_log_and_status_1(start, cluster, double):
    cluster.tokens[TOKEN] = Account("system:serviceaccount:a:b")
    status, out, err = end(start())
    assert (status, out, double.records("usersignups")) == (1, "", [])
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["ERROR usersignups://host"] * 2
    assert "Traceback" not in err


def test_a_validation_names_the_rule_to_add(start, cluster):
    cluster.tokens[TOKEN] = Account("system:serviceaccount:a:b")
    status, out, _ = end(start("--validate-arguments"))
    assert status == 1
    assert out.startswith("<error><message>usersignups: https://")
    assert 'resources: ["usersignups"], verbs: ["list"]' in out


def test_a_kubeconfigs_client_certificate_works(start, cluster, double, tmp_path):
    path = cluster.kubeconfig(tmp_path / "config", cluster.certificate_credentials("sync"))
    assert end(start(server="", ca_file="", kubeconfig=str(path))) == (0, "", "")
    assert len(users(double)) == 12


def test_simultaneous_runs_end_up_like_the_cluster(start, double):
    processes = [start(page_size="2", host=host) for host in ("sh1", "sh2", "sh3")]
    assert [end(process) for process in processes] == [(0, "", "")] * 3
    assert len(users(double)) == 12
    assert double.records("usersignups_leases") == []


def test_the_deadline_ends_a_run_whose_answers_trickle_in(start, cluster, double):
    cluster.faults = faults.slow_body(0.01)
    started = time.monotonic()
    status, _, err = end(start(deadline="1"))
    assert (status, double.records("usersignups")) == (1, [])
    assert "longer than its deadline of 1 s" in err
    assert time.monotonic() - started < 5


class TestSIGTERM:
    """SIGTERM ends a run within a second, and leaves nothing in the next one's way.

    On a busy machine it takes at most as long as an undisturbed run: a stopped one has less to do.
    """

    @pytest.fixture
    def next_run(self, start, cluster, splunkd, double):
        """The users known after another, undisturbed run."""

        def run():
            assert double.records("usersignups_leases") == []
            cluster.faults = splunkd.faults = None
            began = time.monotonic()
            assert end(start(page_size="500", max_shrink_percent="100")) == (0, "", "")
            run.took_s = time.monotonic() - began
            return users(double)

        return run

    def test_between_two_pages(self, start, cluster, double, next_run):
        assert end(start())[0] == 0
        before = double.records("usersignups")
        cluster.usersignups.fill(made_up_signups(500))
        cluster.faults = faults.always(faults.slow(0.1))
        cluster.requests.clear()
        process = start(page_size="1")
        wait_for(lambda: len(cluster.requests) > 3, "some pages")
        took_s, status = stop(process)
        assert status == STOPPED
        assert double.records("usersignups") == before
        assert next_run() == made_up(500)
        assert took_s < max(1, next_run.took_s)

    def test_while_waiting_for_an_answer(self, start, cluster, double, next_run):
        cluster.faults = faults.at({2: faults.hang()})
        process = start()
        wait_for(lambda: len(cluster.requests) == 2, "the second page")
        took_s, status = stop(process)
        assert status == STOPPED
        assert double.records("usersignups") == []
        assert len(next_run()) == 12
        assert took_s < max(1, next_run.took_s)

    def test_while_writing(self, start, cluster, splunkd, double, next_run):
        """What has been written is right already; nothing is deleted."""
        assert end(start())[0] == 0
        before = users(double)
        cluster.usersignups.fill(made_up_signups(3_000))
        second = faults.at({2: faults.hang()})
        splunkd.faults = faults.when(lambda request: request.path.endswith("/batch_save"), second)
        process = start(page_size="500", max_shrink_percent="100")
        wait_for(lambda: splunkd.requests[-1].fault, "the second batch")
        took_s, status = stop(process)
        assert status == STOPPED
        assert users(double) == {**before, **made_up(1_000)}
        assert next_run() == made_up(3_000)
        assert took_s < max(1, next_run.took_s)


def made_up(count):
    """The users of the first this many made-up signups."""
    return {f"user-{number:07}": f"5{number:07}" for number in range(count)}
