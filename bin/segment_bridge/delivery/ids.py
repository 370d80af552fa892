"""Checks the ids in rows, and makes messageIds for rows without one; pure.

Segment never forgets what it learns about an id, and drops a message whose messageId it has seen before, in any source.
So a word that means "none" is rejected as an id, because strangers would become one person. An id made here is the same
each time the search runs, whatever the order of columns and the spelling of JSON. But if nothing in a row tells one
occurrence from another (as in a daily count), the id also depends on the occasion: the search's window, or the day.
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

# How programming languages, logs and Splunk write a missing value; [object ...] is JavaScript's.
_NONE = {"null", "undefined", "none", "nan", "nil", "n/a", "object object", "object undefined", "object null"}
_LONGEST = max(map(len, _NONE))
_AROUND = " -()[]<>{}\"'"
_UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Mn")
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols in Unicode, but invisible


def given(text: str) -> str:
    """Returns an id without the white space around it.

    Raises:
        ValueError: it is a word that means "none".
    """
    text = text.strip()
    if text[:1].isalnum() and text.isascii() and (len(text) > _LONGEST or text.lower() not in _NONE):  # the usual case
        return text
    seen = "".join(each for each in text if unicodedata.category(each) not in _UNSEEN and each not in _FILLERS)
    bare = " ".join(seen.split()).strip(_AROUND).lower()
    if not bare or bare in _NONE:
        raise ValueError(
            "%s is not an id, because everybody with it would become one person: empty the cell, or leave out the "
            "row" % quote(text[:40])
        )
    return text


def are_plain(texts: Sequence[str]) -> bool:
    """Whether `given_message_id` and `given` return each of these texts unchanged, or it is empty.

    Asks all of them at once, in a third of the time; False if in doubt.
    """
    joined = "".join(texts)
    return (
        joined.isascii()
        and joined.split() == [joined]
        and "".join([text[:1] for text in texts]).isalnum()
        and max(map(len, texts)) <= MAX_CHARS
        and (min(map(len, texts)) > _LONGEST or _NONE.isdisjoint(map(str.lower, texts)))
    )


def given_message_id(text: str) -> str:
    """Like `given`, but replaces an id that is too long for Segment with its SHA-256."""
    text = given(text)
    return text if len(text) <= MAX_CHARS else _sha256(text)


def fitting(pattern: str) -> Callable[[str], str]:
    """Returns a `given_message_id` for a receiver that leaves only ids of this pattern unchanged.

    It replaces any other id with its SHA-256.
    """
    fits = re.compile(pattern).fullmatch

    def fitting_id(text: str) -> str:
        text = given(text)
        return text if fits(text) else _sha256(text)

    return fitting_id


class MessageIds:
    """The messageIds of a run: remembers those it has seen, and makes new ones for rows without one.

    Args:
        source: stands for the source in Segment.
        occasion: the occasion of the search, which becomes part of the ids of undated rows.

    Attributes:
        undated: the number of rows that have neither a time nor a place.
    """

    def __init__(self, source: str, occasion: str):
        self._source, self._occasion = source, occasion
        self._seen = Seen()
        self.is_new = self._seen.add
        self._repeats: Dict[str, int] = {}
        self.undated = 0

    def forget(self, message_id: str) -> None:
        """Forgets a given id whose message was not delivered, so that the next row with it can be sent."""
        self._seen.discard(message_id)

    def made(self, message: str, address: Sequence[str], is_dated: bool) -> str:
        """Makes an id for a message, which is JSON text. Numbers equal rows, so that each gets its own id.

        Args:
            address: where Splunk has the event, if the row says so.
            is_dated: whether the row tells this occurrence from another.
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
