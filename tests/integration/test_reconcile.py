"""Whatever happens to the cluster, the network, KV store and other runs: the collection ends up like the cluster.

Random histories of a small cluster, run after run. In each run anything may fail, the cluster may change, and the run
may be told to stop. A reader looks at the collection before every request. A seed always gives the same random numbers,
but with several members at once not for the same requests.
"""

import io
import random
import threading
import time
from contextlib import nullcontext
from functools import partial

import pytest
from splunklib.modularinput import EventWriter

from segment_bridge.retry import Retry
from segment_bridge.splunk import kvstore, run_records
from segment_bridge.splunk.modular_input import Splunk
from segment_bridge.users import external_sort
from segment_bridge.users import lease as leases
from segment_bridge.users import run as users_run
from tests.support.fakes import faults
from tests.support.fakes.kubernetes import TOKEN, FakeKubernetes
from tests.support.fakes.kubernetes_objects import HOST_NAMESPACE, signup
from tests.support.splunkd import SplunkdDouble

# This concerns the client and its urllib3, not us.
pytestmark = pytest.mark.filterwarnings("ignore:HTTPResponse.getheaders:DeprecationWarning")

USERNAMES = ["", "ann", "bob", "cy", "Dee", "dee", "ünï"]
OBJECTS = ["object-%d" % number for number in range(8)]
BROKEN_ANSWERS = [
    faults.status(500),
    faults.status(429),
    faults.reset(),
    faults.close(),
    faults.half_answer(2_000),
    faults.html(),
    "gone",
    "truncated",
    "denied",
    "change",
    "change",
]
BROKEN_REQUESTS = [503, 500, 429, 403, 404, 400, "cut", "lost", "lost", "stop"]


class Dice(random.Random):
    """Decides at random what happens next."""

    def change(self):
        """An object to put: (name, username, SSO user ID, state, day of creation); or the name of one to delete."""
        name = self.choice(OBJECTS)
        if self.random() < 0.3:
            return name
        return (
            name,
            self.choice(USERNAMES),
            self.choice(["", "1", "007", "x", "9007199254740993"]),
            self.choice(["approved", "deactivated"]),
            self.randint(1, 4),
        )

    def changes(self):
        return [self.change() for _ in range(self.randrange(6))]


class Cluster:
    """A fake and, beside it, its content: (username, SSO user ID, state, day of creation) by object.

    `states` lists which user has which SSO user ID: now, and after every change since it was last read.
    """

    def __init__(self, fake):
        self.fake = fake
        self.content = {}
        self.states = [{}]
        self._lock = threading.Lock()
        fake.usersignups.replace([])

    def change(self, changes):
        with self._lock:
            for change in changes:
                if isinstance(change, str):
                    if self.content.pop(change, None):
                        self.fake.usersignups.delete(change, HOST_NAMESPACE)
                else:
                    self._put(*change)
                self.states.append(self.users())

    def _put(self, name, username, sso_user_id, state, day):
        item = signup(username or "nobody", sso_user_id, name=name)
        item["metadata"]["creationTimestamp"] = "2026-11-%02dT10:00:00Z" % day
        item["metadata"]["labels"]["toolchain.dev.openshift.com/state"] = state
        item["status"]["compliantUsername"] = username
        self.fake.usersignups.put(item)
        self.content[name] = (username, sso_user_id, state, day)

    def users(self):
        """Which user has which SSO user ID, computed differently than in the app."""
        winners = {}
        for name, (username, sso_user_id, state, day) in self.content.items():
            best = max(winners.get(username, ((False, 0, ""), "")), ((state == "approved", day, name), sso_user_id))
            winners[username] = best
        return {username: sso_user_id for username, (_, sso_user_id) in winners.items() if username and sso_user_id}


def held(splunkd):
    return {
        document["username"]: document["sso_user_id"]
        for document in splunkd.records("usersignups")
        if document["cluster"] == "host"
    }


def run(fake, splunkd, members):
    """Runs at once on this many search head cluster members."""
    parameters = {
        "server": fake.url,
        "ca_file": str(fake.ca_file),
        "page_size": "2",
        "tenant_namespaces": "0",
        "max_attempts": "3",
        "allow_shrink_until": "2999-01-01T00:00:00Z",
    }

    def member(name):
        try:
            users_run.run(
                "host", parameters, Splunk(splunkd.service(), name, EventWriter(io.StringIO(), io.StringIO()))
            )
        except SystemExit:
            pass
        for lease in splunkd.records(leases.LEASES):
            if lease["holder"] == name:  # it could not be given back: let time pass until it expires
                lease["expires"] = 0

    threads = [threading.Thread(target=member, args=("sh%d" % number,)) for number in range(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The API server. Nothing waits, and everything comes in small portions."""
    home = tmp_path_factory.mktemp("splunk")
    (home / "var/log/splunk").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch, FakeKubernetes() as fake:
        patch.setenv("SPLUNK_HOME", str(home))
        hasty = partial(Retry, sleep=lambda seconds: time.sleep(min(seconds, 0.001)))
        for module in (users_run, leases, run_records):
            patch.setattr(module, "Retry", hasty)
        patch.setattr(users_run, "_deadline", lambda *_: nullcontext())  # a signal, which only one thread can handle
        patch.setattr(kvstore, "READ_ROWS", 2)
        patch.setattr(external_sort, "PIECE_ENTRIES", 3)
        yield fake


@pytest.mark.parametrize("seed", range(100))
def test_the_collection_ends_up_like_the_cluster(environment, seed):
    dice = Dice(seed)
    splunkd = SplunkdDouble()
    splunkd.passwords["usersignups:host"] = TOKEN
    other = {"_key": "other/ann", "username": "ann", "sso_user_id": "9", "cluster": "other", "updated": 1}
    splunkd.collections["usersignups"][other["_key"]] = dict(other)
    cluster = Cluster(environment)
    named = {"gone": environment.gone, "truncated": environment.truncated(0.5), "denied": environment.denied}

    def weather(request):
        fault = dice.choice(BROKEN_ANSWERS) if dice.random() < risk else None
        if fault == "change":
            return cluster.change(dice.changes())
        return named.get(fault, fault) if isinstance(fault, str) else fault

    def trouble(method, path):
        fault = dice.choice(BROKEN_REQUESTS) if dice.random() < risk else None
        if fault == "stop":
            raise SystemExit(143)
        return fault

    for _ in range(8):
        risk = dice.choice([0, 0.05, 0.15])
        cluster.change(dice.changes())
        before, cluster.states, seen = held(splunkd), [cluster.users()], []
        splunkd.before = lambda method, path, seen=seen: seen.append(held(splunkd))
        environment.faults, splunkd.fault = weather, trouble
        run(environment, splunkd, members=dice.randint(1, 3))
        environment.faults, splunkd.fault, splunkd.before = None, lambda *_: None, lambda *_: None
        seen.append(held(splunkd))
        states = [before, *cluster.states]
        safe = set.intersection(*map(set, states))
        for users in seen:
            assert safe <= set(users)  # never with fewer users than both the old map and the new one
            assert all(any(state.get(name) == users[name] for state in states) for name in users)  # and never wrong
        assert splunkd.collections["usersignups"][other["_key"]] == other
    run(environment, splunkd, members=2)
    assert held(splunkd) == cluster.users()
    assert {document["_key"] for document in splunkd.records("usersignups")} == {
        other["_key"],
        *("host/" + username for username in cluster.users()),
    }
    assert splunkd.records(leases.LEASES) == []
