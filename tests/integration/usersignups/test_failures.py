"""Runs in which something goes wrong, and the whole content of the collections afterwards, not a sample."""

import socket
import time
from collections import Counter
from itertools import groupby

import pytest

from segment_bridge.retry import Retry
from segment_bridge.users import lease as leases
from segment_bridge.users import run as users_run
from tests.support.fakes import faults
from tests.support.fakes.kubernetes import ETCD_STALLED, TOKEN, TOO_MANY_REQUESTS, Account, FakeKubernetes
from tests.support.fakes.kubernetes_objects import HOST_NAMESPACE, signup
from tests.support.fakes.proxy import FakeProxy
from tests.support.splunkd import DATA

USERS = {
    "amelia": "51203344",
    "bjorn-k": "00073120",
    "chidi": "12345678901234567890",
    "dolores": "53311982",
    "eitan": "9007199254740993",
    "fatima-z": "61e4",
    "guillem": "f:8d1c2a:K7-x",
    "hana": "70000001",
    "ivo": "0000000000000000000042",
    "nobody-else": "80000093",
    "paola": "80000091",
    "systemctl-fan": "80000090",
}
CHANGED_USERS = {**{name: number for name, number in USERS.items() if name != "chidi"}, "amelia": "007", "zoe": "9"}


def records(users):
    return {
        "host/" + name: {
            "_key": "host/" + name,
            "_user": "nobody",
            "username": name,
            "sso_user_id": number,
            "cluster": "host",
        }
        for name, number in users.items()
    }


def content(splunkd, collection="usersignups"):
    """The records by key, with all their fields except the time."""
    return {
        key: {name: value for name, value in document.items() if name != "updated"}
        for key, document in splunkd.collections[collection].items()
    }


@pytest.fixture
def changed(run, fake, splunkd):
    """A cluster that has changed since the collections were filled: users have been added, changed and removed."""
    assert run()[0] == 0
    assert content(splunkd) == records(USERS)
    fake.usersignups.put(signup("zoe", "9"))
    fake.usersignups.put(signup("amelia", "007"))
    fake.usersignups.delete("chid-860fd0ca", HOST_NAMESPACE)
    fake.namespaces.delete("chidi-tenant")
    splunkd.requests.clear()
    return fake


@pytest.fixture
def up_to_date(changed, splunkd):
    """Whether the collections exactly match the changed cluster."""
    tenants = content(splunkd, "tenant_namespaces")
    del tenants["host/chidi-tenant"]
    return lambda: content(splunkd) == records(CHANGED_USERS) and content(splunkd, "tenant_namespaces") == tenants


@pytest.fixture
def failure(changed, run, splunkd, log):
    """A run that must fail and leave every record unchanged, including its time. Returns what splunkd.log receives."""
    before = splunkd.all_but_runs()

    def text(**settings):
        status, out, err = run(**settings)
        assert (status, out) == (1, "")
        assert splunkd.all_but_runs() == before
        assert log("run_end")[-1]["status"] == "failed"
        assert err.startswith("ERROR usersignups://host: ")
        assert TOKEN not in err
        return err

    return text


def on_second_pages(fault, times=10**9):
    """Hits each list's second page, this many times."""
    struck = Counter()

    def plan(request):
        struck[request.path] += "continue" in request.query
        return faults.ask(fault, request) if "continue" in request.query and struck[request.path] <= times else None

    return plan


PASSING = {
    "429": TOO_MANY_REQUESTS,
    "504 of a stalled etcd": ETCD_STALLED,
    "500": faults.status(500),
    "503": faults.status(503, retry_after=1),
    "502 of a proxy": faults.html(502),
    "reset": faults.reset(),
    "closed": faults.close(),
    "cut": faults.half_answer(3_000),
    "stalled": faults.hang(),
    "cut by a reset": faults.half_answer(3_000, faults.RESET),
}
"""Transient failures of real API servers, and of what is in front of them."""


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
class TestTransientFaults:
    def test_is_overcome(self, changed, run, up_to_date, fault):
        changed.faults = on_second_pages(fault, times=2)
        assert run(timeout="0.3") == (0, "", "")
        assert up_to_date()

    def test_is_an_error_in_the_end_that_changes_nothing(self, changed, failure, fault):
        changed.faults = on_second_pages(fault)
        assert changed.url in failure(timeout="0.3", max_attempts="2")


class TestAListThatExpires:
    def test_is_restarted_from_scratch(self, changed, run, up_to_date, log):
        """Nothing remains of what was listed before, not even in the counts."""
        changed.usersignups.put(signup("aaron", "1"))

        def gone(request):
            changed.usersignups.delete("aaron", HOST_NAMESPACE)
            return changed.gone

        changed.faults = faults.at({3: gone})
        assert run()[0] == 0
        assert up_to_date()
        assert log("run_end")[-1]["listed"] == "16"
        assert "skipped_duplicate_username" not in log("run_end")[-1]

    def test_is_an_error_the_second_time(self, changed, failure):
        changed.faults = on_second_pages(changed.gone)
        assert "answered 410" in failure()


class TestPermanentFaults:
    @pytest.mark.parametrize(
        ("fault", "says"),
        [
            (lambda fake: faults.html(), 'begins: "<!DOCTYPE html><html><body><h1>Sign in to the network</h1>'),
            (
                lambda fake: faults.status(200, '{"kind":"PodList","metadata":{},"items":[]}'),
                'begins: "{"kind":"PodList"',
            ),
            (lambda fake: fake.truncated(0.9), 'begins: "{"apiVersion":"'),
            (lambda fake: fake.denied, 'resources: ["usersignups"], verbs: ["list"]'),
            (lambda fake: faults.status(401), "answered 401"),
            (lambda fake: faults.status(404, "404 page not found\n"), "answered 404"),
            (lambda fake: faults.status(400, "bad"), "answered 400"),
            (lambda fake: faults.status(302, Location=fake.url + "/login"), "answered 302"),
        ],
        ids=["html", "another kind", "truncated", "403", "401", "404", "400", "a redirection"],
    )
    def test_in_the_middle_of_a_list(self, changed, failure, fault, says):
        changed.faults = on_second_pages(fault(changed))
        assert says in failure()

    def test_an_unknown_token(self, failure, splunkd):
        splunkd.passwords["usersignups:host"] = "expired"
        assert "answered 401" in failure()

    def test_no_token(self, failure, splunkd):
        splunkd.passwords.clear()
        assert "there is no bearer token in the password store" in failure()

    def test_no_permissions(self, changed, failure):
        changed.tokens[TOKEN] = Account("system:serviceaccount:a:b")
        text = failure()
        assert 'resources: ["usersignups"]' in text
        assert 'resources: ["namespaces"]' in text

    def test_no_such_resource(self, changed, failure):
        changed.installed.clear()
        assert "check that it is the right cluster" in failure()

    def test_an_empty_namespace(self, changed, failure):
        changed.tokens[TOKEN] = Account("all", frozenset({("usersignups.toolchain.dev.openshift.com", None)}))
        assert "the list of cluster host lacks 12 of its 12 records" in failure(namespace="nowhere")

    def test_a_wrong_setting(self, failure):
        assert "inputs.conf [usersignups://host] page_size must be a whole number" in failure(page_size="many")

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"server": "https://api.cluster.invalid"}, "DNS failed"),
            ({"server": "https://127.0.0.1:1"}, "TCP failed"),
            ({"ca_file": ""}, "TLS failed"),
            ({"proxy_url": "http://127.0.0.1:1"}, "through proxy http://127.0.0.1:1: the proxy failed"),
        ],
        ids=["DNS", "TCP", "TLS", "proxy"],
    )
    def test_no_route_to_the_server(self, failure, settings, says):
        assert says in failure(**settings)

    def test_another_host_name(self, changed, failure):
        with FakeKubernetes(authority=changed.authority) as other:
            other._tls = changed.authority.server("api.example.com")
            assert "TLS failed" in failure(server=other.url)

    def test_a_proxy_that_rejects_the_credentials(self, failure, splunkd):
        splunkd.passwords["usersignups:host:proxy"] = "splunk:wrong"
        with FakeProxy(user="splunk", password="hunter2") as proxy:
            text = failure(proxy_url=proxy.url)
        assert "407" in text
        assert "wrong" not in text

    def test_a_server_that_accepts_and_stays_silent(self, failure):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = "https://127.0.0.1:%d" % listener.getsockname()[1]
            assert "cannot be reached" in failure(
                server=address, timeout="0.2", connect_timeout="0.2", max_attempts="2"
            )

    def test_more_time_than_is_left(self, changed, failure):
        changed.faults = faults.slow_body(0.01)
        started = time.monotonic()
        assert "longer than its deadline of 1 s" in failure(deadline="1")
        assert time.monotonic() - started < 2


class TestEveryErrorIsReported:
    """The cause comes first: an error that only followed from lack of time needs no correction."""

    def test_that_was_met_before_the_deadline(self, changed, failure, log):
        def plan(request):
            return faults.ask(ETCD_STALLED, request) if request.path.endswith("/usersignups") else faults.hang()

        changed.faults = plan
        lines = failure(deadline="3", max_attempts="2").splitlines()
        assert len(lines) == 2
        assert "answered 504" in lines[0]
        assert lines[1].endswith("the run took longer than its deadline of 3 s, because of what went wrong before")
        assert [line["reason"] for line in log("error")] == ["unavailable", "deadline"]

    def test_of_the_attempts_at_one_page(self, changed, failure):
        changed.faults = faults.in_turn(ETCD_STALLED, faults.reset(), faults.status(401))
        lines = failure(tenant_namespaces="0").splitlines()
        assert len(lines) == 3
        assert "answered 504" in lines[0]
        assert "HTTP failed" in lines[1]
        assert "answered 401" in lines[2]

    def test_of_a_list_that_was_restarted(self, changed, failure):
        changed.faults = faults.in_turn(None, changed.gone, faults.status(401))
        lines = failure(tenant_namespaces="0").splitlines()
        assert len(lines) == 2
        assert "answered 410" in lines[0]
        assert "answered 401" in lines[1]

    def test_once(self, changed, failure):
        changed.faults = faults.always(faults.status(503))
        lines = failure(max_attempts="5").splitlines()
        assert len(lines) == 2
        assert len(set(lines)) == 2  # one for each of two lists

    def test_except_those_that_were_overcome(self, changed, run):
        """An error in one list is not reported for the other."""
        changed.faults = faults.in_turn(faults.status(503), *[None] * 4, faults.status(401))
        lines = run()[2].splitlines()
        assert len(lines) == 1
        assert "answered 401" in lines[0]


class TestAttempts:
    """Attempts are spread over a run's time, half of what is left for each failing list."""

    @pytest.fixture
    def slept(self, monkeypatch):
        """How long the run waited for each list, by a clock that only waits advance."""

        class Clock:
            def __init__(self):
                self.now = 0.0
                waits.append([])

            def sleep(self, seconds):
                self.now += seconds
                waits[-1].append(seconds)

        def patient(*args, **settings):
            clock = Clock()
            return Retry(*args, clock=lambda: clock.now, sleep=clock.sleep, chance=lambda: 1.0, **settings)

        waits = []
        monkeypatch.setattr(users_run, "Retry", patient)
        return waits

    @pytest.mark.parametrize(
        "fault", [faults.status(503), TOO_MANY_REQUESTS, faults.reset()], ids=["503", "429", "reset"]
    )
    def test_go_on_for_as_long_as_there_is_time(self, changed, failure, slept, fault):
        changed.faults = faults.always(fault)
        text = failure(max_attempts="", deadline="600", tenant_namespaces="0")
        assert "out of time after" in text
        waits = max(slept, key=len)
        assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
        assert max(waits) == 60
        assert 540 <= sum(waits) <= 600

    def test_for_one_list_leave_time_for_the_next(self, changed, run, splunkd, slept):
        changed.faults = faults.when(lambda request: request.path.endswith("/usersignups"), faults.status(503))
        assert run(max_attempts="", deadline="600")[0] == 1
        assert 240 <= sum(max(slept, key=len)) <= 300
        assert len(splunkd.records("tenant_namespaces")) == 18

    def test_are_limited_by_a_setting(self, changed, failure, slept):
        changed.faults = faults.always(faults.status(503))
        failure(max_attempts="4", tenant_namespaces="0")
        assert max(slept, key=len) == [1, 2, 4]


WRITE, READ, DELETE = (
    ("POST", DATA + "usersignups/batch_save"),
    ("GET", DATA + "usersignups"),
    ("DELETE", DATA + "usersignups"),
)
STEPS = pytest.mark.parametrize("step", [READ, WRITE, DELETE], ids=["reading", "writing", "deleting"])
STARTING = (503, "KV Store is initializing. Please try again later.")
READ_ONLY = (503, "KV Store is in read-only mode.")
OVER_QUOTA = (507, "The disk quota of KV Store is exceeded.")


def at_step(step, *answers):
    """Gives these answers, in turn, to the requests of this step. The last one repeats."""
    remaining = list(answers)

    def plan(*request):
        if request != step or not remaining:
            return None
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return plan


class TestKVStore:
    @STEPS
    @pytest.mark.parametrize(
        "fault",
        [STARTING, READ_ONLY, (500, ""), (429, ""), "cut", "lost"],
        ids=["starting", "read-only", "500", "429", "cut", "lost"],
    )
    def test_that_is_down_is_waited_for(self, changed, run, splunkd, up_to_date, step, fault):
        splunkd.fault = at_step(step, *[fault] * 20, None)
        assert run() == (0, "", "")
        assert splunkd.requests[step] > 20
        assert up_to_date()

    @STEPS
    @pytest.mark.parametrize("fault", [STARTING, READ_ONLY, OVER_QUOTA], ids=["starting", "read-only", "over quota"])
    def test_that_stays_down_is_an_error_at_the_deadline(self, changed, run, splunkd, step, fault):
        splunkd.fault = at_step(step, fault)
        status, _, err = run(deadline="1")
        assert status == 1
        assert "collection usersignups: splunkd answered %d: %s" % (fault[0], fault[1].rstrip(".")) in err
        assert content(splunkd) == records({**USERS, **CHANGED_USERS} if step == DELETE else USERS)

    @STEPS
    @pytest.mark.parametrize(
        ("fault", "says"),
        [
            ((404, "Collection not found."), "collections.conf is not loaded"),
            ((403, "no"), "Only administrators"),
            ((401, "no"), "session has expired"),
        ],
        ids=["missing", "403", "401"],
    )
    def test_that_refuses_is_an_error_at_once(self, changed, run, splunkd, step, fault, says):
        splunkd.fault = at_step(step, fault)
        status, _, err = run()
        assert (status, splunkd.requests[step]) == (1, 1)
        assert says in err
        assert content(splunkd) == records({**USERS, **CHANGED_USERS} if step == DELETE else USERS)
        splunkd.fault = lambda *_: None
        assert run()[0] == 0
        assert content(splunkd) == records(CHANGED_USERS)

    def test_with_smaller_limits_than_by_default(self, changed, run, splunkd):
        splunkd.max_documents_per_batch_save = 30
        splunkd.max_rows_per_query = 40
        changed.usersignups.replace([signup("user-%03d" % number, str(number)) for number in range(200)])
        assert run()[0] == 0
        assert content(splunkd) == records({"user-%03d" % number: str(number) for number in range(200)})

    def test_without_a_collection(self, run, splunkd):
        del splunkd.collections["usersignups"]
        status, _, err = run()
        assert status == 1
        assert "collection usersignups: splunkd answered 404" in err
        assert len(splunkd.records("tenant_namespaces")) == 19  # which is not affected


def test_namespaces_that_may_not_be_listed_do_not_block_users(run, fake, splunkd):
    signups = ("usersignups.toolchain.dev.openshift.com", HOST_NAMESPACE)
    fake.tokens[TOKEN] = Account("half", frozenset({signups}))
    assert run()[0] == 1
    assert content(splunkd) == records(USERS)
    assert splunkd.records("tenant_namespaces") == []


def test_the_map_is_complete_at_every_moment(changed, run, splunkd):
    """A reader sees the old map, both, and the new one, in this order."""
    seen = []
    splunkd.before = lambda method, path: seen.append(content(splunkd))
    assert run()[0] == 0
    seen.append(content(splunkd))
    stages = [records(USERS), records({**USERS, **CHANGED_USERS}), records(CHANGED_USERS)]
    assert [stage for stage, _ in groupby(seen)] == stages


def test_the_deadline_holds_while_waiting_for_another_run(changed, run, splunkd):
    splunkd.collections[leases.LEASES]["host"] = {"_key": "host", "holder": "sh2", "expires": time.time() + 60}
    started = time.monotonic()
    assert "another run is at work on host" in run(deadline="1")[2]
    assert time.monotonic() - started < 2
    assert content(splunkd) == records(USERS)
    assert splunkd.records(leases.LEASES)[0]["holder"] == "sh2"


def test_a_start_by_hand(script, splunkd):
    assert script(xml="secret") == (
        1,
        "",
        "ERROR usersignups: only splunkd starts this program, and passes XML on stdin: syntax error: line 1, column 0 "
        "(reason=splunkd)\n",
    )
    assert not splunkd.requests


def test_an_unforeseen_error_shows_only_its_type_and_place(run, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(users_run, "run", fail)
    status, out, err = run()
    assert (status, out) == (1, "")
    assert err.startswith("ERROR usersignups: internal error: RuntimeError in tests.") and "secret" not in err
    assert err.endswith(" (reason=internal)\n")
