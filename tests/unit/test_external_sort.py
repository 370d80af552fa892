"""Entries come back in order, however many there are."""

import os
import random

import pytest

from segment_bridge.users import external_sort
from segment_bridge.users.external_sort import ExternalSort
from segment_bridge.users.objects import Entry


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1_000])
def test_entries_come_back_in_order(monkeypatch, count):
    monkeypatch.setattr(external_sort, "PIECE_ENTRIES", 100)
    entries = [
        Entry("user-%d" % random.Random(number).randrange(500), "1", "ü\n%d\ud800" % number) for number in range(count)
    ]
    with ExternalSort() as spooled:
        spooled.add(entries[: count // 3])
        spooled.add(entries[count // 3 :])
        assert list(spooled) == sorted(entries)


def test_its_files_have_no_name_and_vanish(monkeypatch, tmp_path):
    monkeypatch.setattr(external_sort, "PIECE_ENTRIES", 1)
    monkeypatch.setattr(external_sort.tempfile, "tempdir", str(tmp_path))
    with ExternalSort() as spooled:
        spooled.add([Entry("amelia", "1", "51203344")])
        assert os.listdir(tmp_path) == []
        (run,) = spooled._pieces
        assert os.fstat(run.fileno()).st_nlink == 0
    assert run.closed
