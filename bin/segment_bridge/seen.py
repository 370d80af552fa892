"""Which ids there were before in a run, in memory of one size however many there are; pure."""
from array import array


class Seen:
    """A set of texts that remembers their 64-bit hashes: 8 MB, whatever is added.

    It is an open-addressed table, because a Python set of a million ids takes 100 MB. When three quarters of it are
    taken, after 786,432 different texts, it begins anew: an id that repeats over a longer distance is then sent again,
    and Segment drops it. Two of a million different texts have the same hash in one run of 37 million.
    """

    SLOTS = 1 << 20

    def __init__(self, slots: int = SLOTS):
        """`slots` is a power of two."""
        self._mask = slots - 1
        self._begin()

    def _begin(self) -> None:
        self._table = array("q")  # lets go of the old one first
        self._table = array("q", [0]) * (self._mask + 1)  # 0 is an empty slot
        self._room = 3 * (self._mask + 1) // 4

    def add(self, text: str) -> bool:
        """Whether it is new."""
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
            del table
            self._begin()
        return True
