"""Checks the ids that rows bring, and makes messageIds for rows without one; pure.

Segment keeps what it learns about an id for good, and drops a message whose messageId it has seen before, in whichever
source. So a word for "none" is not an id: strangers would become one person. And an id made here is the same each time
the search runs, whatever the order of columns and the spelling of JSON; but if nothing in a row tells one occurrence
from another (a daily count, say), the next occasion gets another id.
"""

import hashlib
import re
import unicodedata
from json.encoder import encode_basestring as quote
from typing import Callable, Dict, Sequence

from segment_bridge.delivery import jsontext
from segment_bridge.delivery.deduplication import Seen

MAX_CHARS = 100
MAX_REMEMBERED_REPEATS = 10_000

# As languages, logs and Splunk write it where there is nothing; [object ...] is JavaScript's.
_NONE = {"null", "undefined", "none", "nan", "nil", "n/a", "object object", "object undefined", "object null"}
_LONGEST = max(map(len, _NONE))
_AROUND = " -()[]<>{}\"'"
_UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Mn")
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols to Unicode, blanks to the eye


def given(text: str) -> str:
    """An id as it is sent, without white space around it.

    Raises:
        ValueError: it is a word for "none".
    """
    text = text.strip()
    if text[:1].isalnum() and text.isascii() and (len(text) > _LONGEST or text.lower() not in _NONE):  # nearly always
        return text
    seen = "".join(each for each in text if unicodedata.category(each) not in _UNSEEN and each not in _FILLERS)
    bare = " ".join(seen.split()).strip(_AROUND).lower()
    if not bare or bare in _NONE:
        raise ValueError(
            "%s is not an id, everybody who had it would be one person: empty the cell, or leave out the "
            "row" % quote(text[:40])
        )
    return text


def given_message_id(text: str) -> str:
    """As `given`; one that is too long for Segment becomes its SHA-256."""
    text = given(text)
    return text if len(text) <= MAX_CHARS else _sha256(text)


def fitting(pattern: str) -> Callable[[str], str]:
    """`given_message_id` for a receiver that changes others than these: so does what is not one become its SHA-256."""
    fits = re.compile(pattern).fullmatch

    def fitting_id(text: str) -> str:
        text = given(text)
        return text if fits(text) else _sha256(text)

    return fitting_id


class MessageIds:
    """The messageIds of a run: remembers which it had, and makes them for rows without one.

    Args:
        source: stands for the source in Segment.
        occasion: of the search; goes into the ids of rows that say nothing of when or where.

    Attributes:
        undated: how many such rows there were.
    """

    def __init__(self, source: str, occasion: str):
        self._source, self._occasion = source, occasion
        self._seen = Seen()
        self._repeats: Dict[str, int] = {}
        self.undated = 0

    def is_new(self, message_id: str) -> bool:
        return self._seen.add(message_id)

    def forget(self, message_id: str) -> None:
        """Forgets a given id whose message did not get there, so that the next row with it may be sent."""
        self._seen.discard(message_id)

    def made(self, message: str, address: Sequence[str], is_dated: bool) -> str:
        """Makes an id for a message, a JSON text. Equal rows are numbered, so that each gets an id of its own.

        Args:
            address: where Splunk has the event, if the row says so.
            is_dated: the row tells this occurrence from another.
        """
        content = "\0".join([self._source, *address, jsontext.canonical(message)])
        if not is_dated:
            self.undated += 1
            content = "%s\0%s" % (content, self._occasion)
        first = message_id = _sha256(content)
        while not self._seen.add(message_id):
            if len(self._repeats) == MAX_REMEMBERED_REPEATS:
                self._repeats.clear()
            self._repeats[first] = self._repeats.get(first, 0) + 1
            message_id = _sha256("%s\0%d" % (content, self._repeats[first]))
        return message_id


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
