"""Replaces the texts in columns of type digest by salted digests, from which nobody can find out the text; pure.

| column | what is sent |
|---|---|
| `userId:digest`, and other ids | a digest of the id |
| `properties.owner:digest` | a digest of the property's text |
| `properties:digest` | a JSON object: a digest of each member; null members are left out |

A digest is the HMAC-SHA-256 of the UTF-8 text in hexadecimal, with the app's salt as the key. The same text has the
same digest in every event, but another one in another installation. Digests are made before anything else happens to
the rows, so messages, dead letters and the run log never contain the text. The rows of the search keep their columns.

Source: RFC 2104.
"""

import hmac
import json
import re
from functools import lru_cache
from json.encoder import encode_basestring as quote
from typing import Callable, List, Sequence

from segment_bridge.delivery import ids
from segment_bridge.delivery.columns import Columns, values_of

_TWIN = "__mv_"
_COLUMN = re.compile(
    r"(?:__mv_)?((userId|anonymousId|groupId|previousId)|(properties|traits|context)|(?:properties|traits|context)\..+)"
    r":digest"
)
_UNUSED = "segment_digest"  # not sent, like all names that begin with segment_
_KEPT = 10_000  # digests to remember: a search has many rows of few users


def has_digests(header: Sequence[str]) -> bool:
    return any(_COLUMN.fullmatch(name) for name in header)


class Digests:
    """Makes the digests of a chunk with this header. Columns of type digest replace the plain ones.

    Attributes:
        header: the plain names, one for each column of the chunk.
    """

    def __init__(self, header: Sequence[str], salt: str):
        self.header = [*header]
        self._steps: List[Callable[[List[Sequence[str]]], None]] = []
        self.digest = lru_cache(_KEPT)(lambda text: _digest(salt, text))
        for position, name in enumerate(header):
            match = _COLUMN.fullmatch(name)
            if not match:
                continue
            plain = name[: -len(":digest")]
            if match[2] or match[3]:
                make: Callable[[str], str] = self._id if match[2] else self._members
                if name.startswith(_TWIN):  # ids and the texts of objects have a single value
                    self.header[position] = plain if plain not in header else _UNUSED
                else:
                    self._add_into(header, position, plain, make, _one if match[2] else _both)
            else:
                self.header[position] = plain + ":string"
                make = self._values if name.startswith(_TWIN) else self._text
                self._steps.append(_replacing(position, make))

    def columns(self, columns: Columns) -> Columns:
        """Returns the columns of a block of the chunk's rows, with digests."""
        made: List[Sequence[str]] = [*columns]
        for step in self._steps:
            step(made)
        return made

    def _add_into(
        self,
        header: Sequence[str],
        position: int,
        plain: str,
        make: Callable[[str], str],
        joined: Callable[[str, str], str],
    ) -> None:
        """Merges the column at `position` into the one of the plain name, or makes it that column if there is none."""
        if plain not in header:
            self.header[position] = plain
            self._steps.append(_replacing(position, make))
            return
        self.header[position] = _UNUSED
        other = [*header].index(plain)

        def join(columns: List[Sequence[str]]) -> None:
            given = columns[position]
            if any(given):
                columns[other] = [joined(text, cell and make(cell)) for text, cell in zip(columns[other], given)]

        self._steps.append(join)

    def _text(self, text: str) -> str:
        return self.digest(text)

    def _values(self, twin: str) -> str:
        return ";".join("$%s$" % self.digest(value) for value in values_of(twin))

    def _id(self, text: str) -> str:
        """Leaves a word that means "none" unchanged, so that it is rejected as an id; its digest would not be."""
        try:
            return self.digest(ids.given(text))
        except ValueError:
            return text

    def _members(self, text: str) -> str:
        try:
            members = json.loads(text, parse_int=str, parse_float=str).items()
        except (ValueError, AttributeError, RecursionError):
            return "properties to be sent as digests are not a JSON object"  # rejected as such, without the text
        digests = [
            "%s:%s" % (quote(name), quote(self.digest(_plain(value)))) for name, value in members if value is not None
        ]
        return "{%s}" % ",".join(digests)


def _replacing(position: int, make: Callable[[str], str]) -> Callable[[List[Sequence[str]]], None]:
    def replace(columns: List[Sequence[str]]) -> None:
        columns[position] = [text and make(text) for text in columns[position]]

    return replace


def _one(text: str, digest: str) -> str:
    """If a row has both, the digest wins."""
    return digest or text


def _both(text: str, digests: str) -> str:
    """Joins two JSON objects. A text that is not an object stays unchanged, and is rejected later."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}") and digests.startswith("{")):
        return digests if digests and (not text or not digests.startswith("{")) else text
    inner = text[1:-1].strip()
    between = "," if inner and digests != "{}" else ""
    return "{%s%s%s" % (inner, between, digests[1:])


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _digest(salt: str, text: str) -> str:
    return hmac.new(salt.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()
