"""The ledger knows what earlier runs got accepted, whatever the collection contains."""

import pytest

from segment_bridge.delivery.ledger import KEPT_S, Ledger
from segment_bridge.splunk import destinations
from tests.support.splunkd import SplunkdDouble

NOW = 1_764_000_000.0


@pytest.fixture
def splunkd():
    return SplunkdDouble()


@pytest.fixture
def ledger(splunkd):
    return lambda: destinations.kept_ledger(splunkd.service(), "segment", "key", clock=lambda: NOW)


def accept(ledger, *ids):
    assert not ledger.known(ids, range(len(ids)), 0)
    ledger.accepted(range(len(ids)))
    ledger.write()


def test_rows_of_later_blocks_are_named_by_their_number_in_the_piece(ledger):
    first = ledger()
    assert first.known(["a", "b"], [0, 1], 0) == set()
    assert first.known(["c", "d"], [1], 2) == set()
    first.accepted([1, 3])
    first.write()
    later = ledger()
    assert later.known(["a", "b", "c", "d"], range(4), 0) == {1, 3}
    later.begin()
    assert later.known(["d", "e"], [0, 1], 0) == {0}


def test_a_run_without_a_ledger_knows_nothing():
    ledger = Ledger()
    accept(ledger, "m")
    assert ledger.known(["m"], [0], 0) == set()


@pytest.mark.parametrize(
    "poison", [None, 7, "", "not base64!", "AAAA", ["AAAA"], {"a": 1}, "é", "A" * 4_000_000], ids=range(9)
)
def test_a_malformed_record_is_skipped(splunkd, ledger, poison):
    accept(ledger(), "m")
    records = splunkd.collections["segment_ledger"]
    records["segment/poison"] = {"_key": "segment/poison", "destination": "segment", "time": NOW, "digests": poison}
    records["segment/worse"] = {"_key": "segment/worse", "destination": "segment", "time": NOW}
    assert ledger().known(["m", "n"], [0, 1], 0) == {0}


def test_a_record_from_the_future_is_neither_believed_nor_kept(splunkd, ledger):
    accept(ledger(), "m")
    (record,) = splunkd.collections["segment_ledger"].values()
    record["time"] = NOW + KEPT_S + 1
    accept(ledger(), "m")
    assert record not in splunkd.collections["segment_ledger"].values()
