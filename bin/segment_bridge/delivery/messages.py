"""Turns search result rows into Segment messages: checks them, and serialises each once. Pure.

Segment answers 200 to a batch that holds a bad message and silently throws the message away, so this module finds
whatever Segment would discard, and uses Segment's own reasons ("Delivery Overview", "Failed on Ingest").

| columns | become |
|---|---|
| `type` | the type: track (without it), identify, page, screen, group, alias |
| `userId`, `anonymousId`, `groupId`, `previousId` | ids, always text, without white space around them |
| `event`, `name`, `category` | the event of a track; the name and category of a page or screen |
| `properties`, `traits`, `context`, `integrations` | objects: a JSON text, which goes out as it is given |
| `properties.plan`, `traits.address.city`, ... | the same objects, a column a value: segment_bridge.delivery.columns |
| `messageId` | itself; the SHA-256 of one over 100 characters; one made of the row where there is none |
| `timestamp` | itself, if it is ISO-8601 with a zone; where there is none, `_time` |

A type takes the columns that Segment defines for it; others of these are left out. So are empty cells: null would
delete a trait. If an object comes in both forms, a column replaces what the JSON text has at the same path; a path that
leads through a value which is not an object is an error.

Rows come in blocks, as columns: processing a whole column costs much less than visiting each cell of each row.

Sources: Segment's "HTTP API", "Spec: Common fields", "Duplicate data"; RFC 3339; RFC 8259.
"""

import json
import re
from itertools import repeat
from json.encoder import encode_basestring as quote
from types import MappingProxyType
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from segment_bridge.delivery import ids, ingest, jsontext
from segment_bridge.delivery.columns import Columns, Objects, ToJson, converted, plain, values_of
from segment_bridge.delivery.defaults import Add
from segment_bridge.delivery.ids import MessageIds
from segment_bridge.delivery.outcomes import DUPLICATE, Outcome
from segment_bridge.delivery.times import from_epoch, iso_8601
from segment_bridge.texts import printable

MAX_ERROR_CHARS = 500


class Messages(NamedTuple):
    """What a block's rows become, row by row; empty for rows that give no message."""

    ids: List[str]
    payloads: List[bytes]  # the whole of a message, a JSON object as it is sent
    withheld: Dict[int, Outcome]
    """Why rows give no message that could be sent, by their position."""
    made: Set[int]
    """The rows, by their position, whose ids are made here."""


# --- What a type takes from a row -----------------------------------------------------------------------------------


class _Type(NamedTuple):
    fields: Tuple[str, ...]
    required: Dict[str, str] = {}  # field: Segment's reason where it is missing


_EVERY_TYPE = ("userId", "anonymousId", "context", "integrations")
TYPES = {
    "track": _Type(("event", "properties"), {"event": "event_not_defined"}),
    "identify": _Type(("traits",)),
    "page": _Type(("name", "category", "properties")),
    "screen": _Type(("name", "category", "properties")),
    "group": _Type(("groupId", "traits"), {"groupId": "id_required"}),
    "alias": _Type(("previousId",), {"previousId": "id_required", "userId": "id_required"}),
}
OBJECTS = ("properties", "traits", "context", "integrations")
_COLUMNS = {"type", "messageId", "timestamp", "_time", *_EVERY_TYPE, *sum((kind.fields for kind in TYPES.values()), ())}


_CONSENT_EVENT = quote(ingest.CONSENT_EVENT)


class _Step(NamedTuple):
    """One field of a message: how its text becomes JSON, and the columns that it comes from."""

    name: str
    to_json: ToJson
    reason: str  # for what cannot become JSON
    several: str  # the reason for several values where one is due
    missing: str  # the reason where there is none; empty if there need not be one
    position: Optional[int]
    twin: Optional[int]
    dotted: Optional[Objects]
    plain_id_to_json: Optional[ToJson] = None  # in its place for ids.are_plain


class Manner(NamedTuple):
    """How a destination changes the messages that rows give."""

    additions: Mapping[str, Add] = MappingProxyType({})
    """To `context` and `integrations`."""
    message_id: ToJson = ids.given_message_id


class Layout:
    """Where a chunk's columns are: their positions in a row.

    The twin of a column x, __mv_x, holds its values where there are several.
    """

    def __init__(self, header: Sequence[str], manner: Optional[Manner] = None):
        manner = manner or Manner()
        self.additions = manner.additions
        self._position = {name: position for position, name in enumerate(header)}
        self.dotted: Dict[str, Objects] = {}
        for name in header:
            root, _, rest = name.partition(".")
            if root in OBJECTS and rest.strip("."):
                self.dotted.setdefault(root, Objects(root)).add(name, *self._columns(name))
        self.columns = [
            (name, *self._columns(name)) for name in header if name in _COLUMNS or name.partition(".")[0] in self.dotted
        ]
        self._steps: Dict[str, List[_Step]] = {}
        self.type = self._step("type", quote, "invalid_type")
        self.message_id = self._step("messageId", manner.message_id, "id_is_none", several="message_id_not_string")
        if manner.message_id is ids.given_message_id:
            self.message_id = self.message_id._replace(plain_id_to_json=str)
        self.time = self._position.get("_time")
        self._address, self._dates = (
            [self._position[name] for name in names if name in self._position]
            for names in (("_bkt", "_cd"), ("timestamp", "_time"))
        )

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self._position

    def cells(self, name: str, columns: Columns, rows: int) -> Sequence[str]:
        """A column, as it is; empty if there is none."""
        position = self._position.get(name)
        return [""] * rows if position is None else columns[position]

    def occurrence(self, columns: Columns, row: int) -> Tuple[List[str], bool]:
        """Where Splunk has the event; whether this, or a time, tells it from another that says the same."""
        address = [columns[position][row] for position in self._address]
        return address, any(address) or any(columns[position][row] for position in self._dates)

    def steps(self, kind: str) -> List[_Step]:
        """What a message of this type is made from, as far as this chunk has it: ids of users first, the time last."""
        if kind not in self._steps:
            required = TYPES[kind].required
            steps = [self._field(name, required.get(name, "")) for name in (*_EVERY_TYPE, *TYPES[kind].fields)]
            steps.append(self._step("timestamp", iso_8601, "timestamp_invalid"))
            self._steps[kind] = [
                step
                for step in steps
                if step.position is not None or step.dotted or step.missing or step.name in self.additions
            ]
        return self._steps[kind]

    def _field(self, name: str, missing: str) -> _Step:
        if name in OBJECTS:
            return self._step(name, jsontext.checked, name + "_not_object", missing)
        if name.endswith("Id"):
            step = self._step(name, lambda text: quote(ids.given(text)), "id_is_none", missing, "id_not_string")
            return step._replace(plain_id_to_json=quote)
        return self._step(name, plain, name + "_not_string", missing)

    def _step(self, name: str, to_json: ToJson, reason: str, missing: str = "", several: str = "") -> _Step:
        return _Step(name, to_json, reason, several or reason, missing, *self._columns(name), self.dotted.get(name))

    def _columns(self, name: str) -> Tuple[Any, Optional[int]]:
        return self._position.get(name), self._position.get("__mv_" + name)


_ALIKE = {
    "userid": "userId",
    "anonymousid": "anonymousId",
    "groupid": "groupId",
    "previousid": "previousId",
    "messageid": "messageId",
    "event": "event",
    "eventname": "event",
    "timestamp": "timestamp",
    "properties": "properties",
    "property": "properties",
    "props": "properties",
    "traits": "traits",
    "trait": "traits",
    "context": "context",
    "integrations": "integrations",
    "integration": "integrations",
}


def mistaken(header: Sequence[str]) -> Dict[str, str]:
    """The columns that are not sent and look like mistakes, and what was probably meant.

    Those are columns whose name is nearly one of Segment's that no other column has. If no column makes an object, they
    are all columns that are not sent, unless the rows are events as Splunk finds them, with fields nobody asked for.
    """
    there = {*header}
    if "_time" in there:
        there.add("timestamp")
    if "type" not in there:
        there.update(["groupId", "previousId"])
    found, others = {}, {}
    for name in header:
        root, dot, rest = name.partition(".")
        if name in _COLUMNS or name.startswith(("_", "segment_")) or (root in OBJECTS and rest.strip(".")):
            continue
        like = _ALIKE.get(re.sub("[^a-z]", "", root.partition(":")[0].lower()), "")
        meant = like + dot + rest if like in OBJECTS or not dot else ""
        if meant and meant not in there:
            found[name] = meant
        elif not like:
            others[name] = "properties." + name
    if "_raw" in there or any(name.partition(".")[0] in OBJECTS for name in there):
        return found
    return {**found, **others}


# --- From rows to messages --------------------------------------------------------------------------------------------


class MessageBuilder:
    """Makes the messages of one run.

    Args:
        message_ids: the run's.
        max_event_bytes: above it, Segment drops a message silently.
    """

    def __init__(self, message_ids: MessageIds, max_event_bytes: int):
        self._ids = message_ids
        self._max_event_bytes = max_event_bytes

    def build(self, layout: Layout, columns: Columns, count: int) -> Messages:
        """The messages of this many rows; withholds those that Segment would not take, or that this run had before."""
        block = _Rows(layout, columns, range(count), {})
        given_ids = block.converted(layout.message_id)
        texts = _texts(block, given_ids)
        withheld, longest = block.withheld, self._max_event_bytes
        message_ids, payloads, made = [*given_ids], [*map(str.encode, texts)], set()
        for row in withheld:
            payloads[row] = b""
        if not all(given_ids):
            for row, text in enumerate(texts):
                if not given_ids[row] and row not in withheld:
                    made.add(row)
                    message_ids[row] = self._ids.made(text, *layout.occurrence(columns, row))
                    payloads[row] = ('%s,"messageId":%s}' % (text[:-1], quote(message_ids[row]))).encode()
        for row, size in enumerate(map(len, payloads)):
            if size > longest:
                error = "%s bytes as JSON, the most is %s" % (format(size, ","), format(longest, ","))
                block.reject(row, "too_large", error)
        for row, given_id in enumerate(given_ids):
            if given_id and row not in withheld and not self._ids.is_new(given_id):
                withheld[row] = DUPLICATE
        return Messages(message_ids, payloads, withheld, made)


def _texts(block: "_Rows", message_ids: Sequence[str]) -> Sequence[str]:
    """The messages of a block's rows, whatever their types, with these ids; something else where a row is withheld."""
    kinds = [kind or "track" for kind in block.texts(block.layout.type)]
    if len({*kinds}) == 1 and kinds[0] in TYPES:  # the usual case
        return [*block.messages(kinds[0], message_ids)]
    texts = [""] * len(kinds)
    by_kind: Dict[str, List[int]] = {}
    for row, kind in enumerate(kinds):
        by_kind.setdefault(kind, []).append(row)
    for kind, rows in by_kind.items():
        if kind in TYPES:
            for row, text in zip(rows, block.only(rows).messages(kind, [message_ids[row] for row in rows])):
                texts[row] = text
            continue
        for row in rows:
            block.reject(row, "invalid_type", "type must be one of %s, got %s" % (", ".join(TYPES), quote(kind[:40])))
    return texts


class _Rows:
    """Rows on their way to messages: a block's, or those of one type among them.

    Attributes:
        numbers: of the rows in the block.
        withheld: by these numbers, shared by all rows of a block; the first reason stands.
    """

    def __init__(self, layout: Layout, columns: Columns, numbers: Sequence[int], withheld: Dict[int, Outcome]):
        self.layout, self.columns = layout, columns
        self.numbers = numbers
        self.withheld = withheld

    def only(self, rows: Sequence[int]) -> "_Rows":
        if len(rows) == len(self.numbers):
            return self
        return _Rows(self.layout, [[column[row] for row in rows] for column in self.columns], rows, self.withheld)

    def reject(self, row: int, reason: str, error: str) -> None:
        self.withheld.setdefault(
            self.numbers[row], Outcome("rejected", reason, error=printable(error, MAX_ERROR_CHARS))
        )

    def messages(self, kind: str, message_ids: Sequence[str]) -> Iterable[str]:
        """JSON objects of this type, with these ids, where there are any; something else where a row is withheld."""
        empty = [""] * len(self.numbers)
        made = {step.name: self._json(step) for step in self.layout.steps(kind)}
        if not all(made.get("userId", empty)):
            for row, user in enumerate(zip(made.get("userId", empty), made.get("anonymousId", empty))):
                if not any(user):
                    self.reject(row, "no_user_anon_id", "userId and anonymousId are both empty")
        if _CONSENT_EVENT in made.get("event", ()):
            for row, (event, context) in enumerate(zip(made["event"], made.get("context", empty))):
                if event == _CONSENT_EVENT and '"consent"' not in context:
                    self.reject(row, *ingest.NO_CATEGORIES)
        made["timestamp"] = self._times(made.pop("timestamp", empty))
        made["messageId"] = [text and quote(text) for text in message_ids]
        parts: List[Iterable[str]] = [repeat('{"type":"%s"' % kind)]
        for name, values in made.items():
            prefix = ',"%s":' % name
            parts += [repeat(prefix) if all(values) else [value and prefix for value in values], values]
        return map("".join, zip(*parts, repeat("}")))

    def _json(self, step: _Step) -> Sequence[str]:
        """A field's values; empty where there are none."""
        made: Sequence[str] = self.converted(step)
        if step.dotted:
            made = step.dotted.texts(
                self.columns, made, lambda row, code, error: self.reject(row, "%s_%s" % (step.name, code), error)
            )
        if step.name == "integrations":
            made = converted(
                made,
                _switches,
                lambda row, text, error: self.reject(row, "integrations_wrong_type", "integrations.%s" % error),
            )
        if step.name in self.layout.additions:
            made = [*map(self.layout.additions[step.name], made)]
        if step.name == "context":
            self._check_context(made)
        if step.missing and not all(made):
            for row, text in enumerate(made):
                if not text:
                    self.reject(row, step.missing, "%s is empty" % step.name)
        return made

    def _check_context(self, texts: Sequence[str]) -> None:
        problems = {text: ingest.context_problem(text) for text in {*texts}}
        if any(problems.values()):
            for row, text in enumerate(texts):
                problem = problems[text]
                if problem:
                    self.reject(row, *problem)

    def converted(self, step: _Step) -> List[str]:
        """A column's values, as its step has them."""
        texts, to_json = self.texts(step), step.to_json
        if step.plain_id_to_json and ids.are_plain(texts):
            to_json = step.plain_id_to_json
        return converted(
            texts,
            to_json,
            lambda row, text, error: self.reject(row, step.reason, "%s: %s" % (step.name, error)),
        )

    def texts(self, step: _Step) -> Sequence[str]:
        """The cells of a column that may have one value each."""
        texts = [""] * len(self.numbers) if step.position is None else self.columns[step.position]
        if step.twin is not None and any(self.columns[step.twin]):
            texts = [*texts]
            for row, twin in enumerate(self.columns[step.twin]):
                if twin:
                    values = values_of(twin)
                    texts[row] = values[0] if len(values) == 1 else ""
                    if len(values) > 1:
                        self.reject(row, step.several, "%s has %d values" % (step.name, len(values)))
        return texts

    def _times(self, given: Sequence[str]) -> Sequence[str]:
        """With _time where no timestamp is given."""
        position = self.layout.time
        if position is None or all(given):
            return given
        times = []
        for row, (time, moment) in enumerate(zip(given, self.columns[position])):
            if not time and moment:
                try:
                    time = from_epoch(moment)
                except ValueError:
                    self.reject(row, "timestamp_invalid", "_time is not a time: %s" % quote(moment[:40]))
            times.append(time)
        return times


# --- Texts that become JSON -----------------------------------------------------------------------------------------


def _switches(text: str) -> str:
    """integrations: of each destination whether it gets the event, or an object of settings (Spec: Common fields).

    Raises:
        ValueError: it says neither; Segment takes "false" for true.
    """
    for name, value in json.loads(text, parse_int=str, parse_float=str).items():
        if not isinstance(value, (bool, dict)):
            raise ValueError("%s must be true, false or an object" % name)
    return text
