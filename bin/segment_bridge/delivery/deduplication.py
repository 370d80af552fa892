"""Remembers the ids of a run in a fixed amount of memory, however many there are; pure."""

from array import array

_GONE = -1  # a value that no hash has


class Seen:
    """A set of texts that remembers their 64-bit hashes: 8 MB, whatever is added.

    It is an open-addressed table, because a Python set of a million ids takes 100 MB. After 786,432 different texts,
    when three quarters of it are full, it starts over: an id that repeats over a longer distance is then sent again,
    and Segment drops it. In one of 37 million runs, two of a million different texts have the same hash.
    """

    SLOTS = 1 << 20

    def __init__(self, slots: int = SLOTS):
        """`slots` is a power of two."""
        self._mask = slots - 1
        self._table = array("q", [0]) * slots  # 0 is an empty slot
        self._room = self._most = 3 * slots // 4

    def _begin_anew(self) -> None:
        """Empties the table in place: a second table would exceed everything else that a run keeps in memory."""
        empty = array("q", [0]) * 1024
        for start in range(0, len(self._table), 1024):
            self._table[start : start + 1024] = empty[: len(self._table) - start]
        self._room = self._most

    def discard(self, text: str) -> None:
        """Forgets a text."""
        value = hash(text) or 1
        slot = value & self._mask
        while self._table[slot]:
            if self._table[slot] == value:
                self._table[slot] = _GONE
                return
            slot = (slot + 1) & self._mask

    def add(self, text: str) -> bool:
        """Adds a text, and returns whether it is new."""
        value = hash(text) or 1
        table, mask = self._table, self._mask
        slot = value & mask
        there = table[slot]
        while there:
            if there == value:
                return False
            slot = (slot + 1) & mask
            there = table[slot]
        table[slot] = value
        self._room -= 1
        if not self._room:
            self._begin_anew()
        return True
