"""Runs take turns on a cluster: only one of several that ask for a lease has it, and none has it for ever."""

import io
import threading
import time

import pytest
from splunklib.modularinput import EventWriter

from segment_bridge.errors import DeadlineExceeded
from segment_bridge.splunk.modular_input import Splunk
from segment_bridge.users import lease as leases
from segment_bridge.users.lease import LEASES, lease
from tests.support.splunkd import SplunkdDouble


@pytest.fixture
def splunkd():
    return SplunkdDouble()


def splunk(splunkd, host):
    """A search head with this name."""
    return Splunk(splunkd.service(), host, EventWriter(io.StringIO(), io.StringIO()))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(leases, "POLL_S", 0.01)


def test_is_given_back(splunkd):
    with lease(splunk(splunkd, "sh1"), "host", 60):
        (held,) = splunkd.records(LEASES)
        assert held["_key"] == "host"
        assert held["holder"] == "sh1"
    assert splunkd.records(LEASES) == []


def test_is_given_back_when_the_run_fails(splunkd):
    with pytest.raises(KeyError), lease(splunk(splunkd, "sh1"), "host", 60):
        raise KeyError
    assert splunkd.records(LEASES) == []


def test_one_at_a_time(splunkd):
    held = []

    def run(name):
        with lease(splunk(splunkd, name), "host", 60):
            held.append(name)
            time.sleep(0.02)
            held.append(name)

    runs = [threading.Thread(target=run, args=("sh%d" % number,)) for number in range(4)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert [held[first] == held[first + 1] for first in range(0, 8, 2)] == [True] * 4
    assert len(set(held)) == 4


def test_of_another_cluster_does_not_matter(splunkd):
    with lease(splunk(splunkd, "sh1"), "host", 60), lease(splunk(splunkd, "sh1"), "other", 60):
        assert len(splunkd.records(LEASES)) == 2


def test_of_a_run_that_was_killed_ends(splunkd):
    splunkd.collections[LEASES]["host"] = {"_key": "host", "holder": "dead", "expires": time.time() - 1}
    with lease(splunk(splunkd, "sh1"), "host", 60):
        assert len(splunkd.records(LEASES)) == 1


def test_of_a_run_that_was_killed_does_not_keep_its_own_search_head_out(splunkd):
    with lease(splunk(splunkd, "sh1"), "host", 60):
        (left,) = splunkd.records(LEASES)
    splunkd.collections[LEASES]["host"] = left
    with lease(splunk(splunkd, "sh1"), "host", 0.05):
        assert splunkd.records(LEASES)[0]["lease"] != left["lease"]


@pytest.mark.parametrize(
    "expires",
    [{}, {"expires": None}, {"expires": "never"}, {"expires": 4_102_444_800}],
    ids=["none", "null", "text", "the year 2100"],
)
def test_that_no_run_wrote_does_not_matter(splunkd, expires):
    splunkd.collections[LEASES]["host"] = {"_key": "host", "_user": "nobody", "holder": "sh2", **expires}
    with lease(splunk(splunkd, "sh1"), "host", 60):
        assert splunkd.records(LEASES)[0]["holder"] == "sh1"
    assert splunkd.records(LEASES) == []


def test_is_given_back_only_by_its_holder(splunkd):
    with lease(splunk(splunkd, "sh1"), "host", 60):
        splunkd.collections[LEASES]["host"].update(holder="sh2", lease="another")  # ours took too long
    assert splunkd.records(LEASES)[0]["lease"] == "another"


def test_that_others_never_give_back_is_an_error(splunkd):
    splunkd.collections[LEASES]["host"] = {"_key": "host", "holder": "sh2", "expires": time.time() + 60}
    with (
        pytest.raises(DeadlineExceeded, match="another run is at work on host"),
        lease(splunk(splunkd, "sh1"), "host", 0.05),
    ):
        raise AssertionError("it was given the lease")
    assert splunkd.records(LEASES)[0]["holder"] == "sh2"


def test_whose_grant_was_not_answered_is_ours(splunkd):
    remaining = ["lost"]
    splunkd.fault = lambda method, path: remaining.pop() if remaining else None
    with lease(splunk(splunkd, "sh1"), "host", 60):
        assert len(splunkd.records(LEASES)) == 1


def test_that_cannot_be_given_back_does_not_fail_the_run(splunkd):
    with lease(splunk(splunkd, "sh1"), "host", 60):
        splunkd.fault = lambda method, path: 503 if method == "DELETE" else None
    assert len(splunkd.records(LEASES)) == 1
