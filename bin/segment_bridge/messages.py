"""A search result row becomes a Segment message: checked, and serialised once; pure.

Segment answers 200 to a batch that holds a bad message and throws the message away without a word, so whatever it
discards is found here, under its own reasons ("Delivery Overview", "Failed on Ingest").

| columns | become |
|---|---|
| `type` | the type: track (without it), identify, page, screen, group, alias |
| `userId`, `anonymousId`, `groupId`, `previousId` | ids, always text, without white space around them |
| `event`, `name` | the event of a track; the name of a page or screen |
| `properties`, `traits`, `context`, `integrations` | objects: a JSON text, which goes out as it is given |
| `properties.plan`, `traits.address.city`, ... | the same objects, a column a value, which is text |
| `messageId` | itself; the SHA-256 of one over 100 characters; one made of the row where there is none |
| `timestamp` | itself, if it is ISO-8601 with a zone; where there is none, `_time` |

A dotted column that has several values, or whose name ends in `{}`, becomes an array.

A type has the columns that Segment gives it; others of these are left out. So are empty cells: null would delete a
trait. Where an object comes both ways, a column stands in place of what the JSON text says at the same path; a path
that leads through a value which is no object is an error.

Sources: Segment's "HTTP API", "Spec: Common fields", "Duplicate data"; RFC 3339; RFC 8259.
"""
import datetime
import hashlib
import re
from json.encoder import encode_basestring as quote
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from segment_bridge import jsontext
from segment_bridge.seen import Seen

MAX_ID_CHARS = 100
MAX_REMEMBERED_REPEATS = 10_000

Cells = Sequence[str]


class Outcome(NamedTuple):
    """What became of a message; the messages of a batch that share their fate share it."""

    status: str  # accepted, rejected, failed, unsent, duplicate, dryrun
    reason: str = ""
    http: Optional[int] = None  # status of the last answer
    error: str = ""
    batch: Optional[int] = None  # 1, 2, ... in a run
    attempts: int = 0


class Message(NamedTuple):
    id: str
    payload: bytes  # a JSON object, as it is sent


class Withheld(Exception):
    """A row gives no message that could be sent; `outcome` says why."""

    def __init__(self, reason: str, error: str, status: str = "rejected", message_id: str = "", size: int = 0):
        super().__init__(error)
        self.outcome = Outcome(status, reason, error=error)
        self.message_id = message_id
        self.size = size  # in bytes, where it got as far as being serialised


# --- What a type takes from a row -----------------------------------------------------------------------------------


class _Type(NamedTuple):
    fields: Tuple[str, ...]
    required: Dict[str, str] = {}  # field: Segment's reason where it is missing


_EVERY_TYPE = ("userId", "anonymousId", "context", "integrations")
TYPES = {
    "track": _Type(("event", "properties"), {"event": "event_not_defined"}),
    "identify": _Type(("traits",)),
    "page": _Type(("name", "properties")),
    "screen": _Type(("name", "properties")),
    "group": _Type(("groupId", "traits"), {"groupId": "id_required"}),
    "alias": _Type(("previousId",), {"previousId": "id_required", "userId": "id_required"}),
}
OBJECTS = ("properties", "traits", "context", "integrations")
_COLUMNS = {"type", "messageId", "timestamp", "_time", *_EVERY_TYPE, *sum((kind.fields for kind in TYPES.values()), ())}


class _Dotted(NamedTuple):
    """A column such as traits.address.city."""

    path: List[str]
    array: bool
    position: int
    twin: Optional[int]


class _Step(NamedTuple):
    """One field of a message: how its text becomes JSON, and the columns that it comes from."""

    name: str
    to_json: Callable[[str, str], str]
    reason: str  # for several values where one is due
    position: Optional[int]
    twin: Optional[int]
    dotted: List[_Dotted]


class Layout:
    """Where a chunk's columns are: their positions in a row.

    The twin of a column x, __mv_x, holds its values where there are several.
    """

    def __init__(self, header: Sequence[str]):
        self._position = {name: position for position, name in enumerate(header)}
        self._dotted: Dict[str, List[_Dotted]] = {}
        for name in header:
            root, _, rest = name.partition(".")
            if root in OBJECTS and rest.strip("."):
                array = rest.endswith("{}")
                path = (rest[:-2] if array else rest).split(".", jsontext.MAX_DEPTH)
                self._dotted.setdefault(root, []).append(_Dotted(path, array, *self._columns(name)))
        self.columns = [(name, *self._columns(name)) for name in header
                        if name in _COLUMNS or name.partition(".")[0] in self._dotted]
        self._steps: Dict[str, List[_Step]] = {}
        self.type = self._step("type", _as_text, "invalid_type")
        self.message_id = self._step("messageId", _as_text, "message_id_not_string")
        self.timestamp = self._step("timestamp", _as_text, "timestamp_invalid")
        self.time = self._position.get("_time")
        self.address = [self._position[name] for name in ("_bkt", "_cd") if name in self._position]

    def steps(self, kind: str) -> List[_Step]:
        """What a message of this type is made from, as far as this chunk has it."""
        if kind not in self._steps:
            steps = [self._field(name) for name in (*TYPES[kind].fields, *_EVERY_TYPE)]
            self._steps[kind] = [step for step in steps if step.position is not None or step.dotted]
        return self._steps[kind]

    def _field(self, name: str) -> _Step:
        if name in OBJECTS:
            return self._step(name, _as_object, name + "_not_object")
        if name.endswith("Id"):
            return self._step(name, _as_id, "id_not_string")
        return self._step(name, _as_text, name + "_not_string")

    def _step(self, name: str, to_json: Callable[[str, str], str], reason: str) -> _Step:
        return _Step(name, to_json, reason, *self._columns(name), self._dotted.get(name, []))

    def _columns(self, name: str) -> Tuple[Any, Optional[int]]:
        return self._position.get(name), self._position.get("__mv_" + name)


# --- From a row to a message ----------------------------------------------------------------------------------------


class MessageBuilder:
    """Makes the messages of one run.

    Args:
        source: stands for the source in Segment. It goes into the ids that are made here, because Segment drops what
            has an id that it has seen before, in whichever source.
        max_event_bytes: above it, Segment drops a message silently.
    """

    def __init__(self, source: str, max_event_bytes: int):
        self._source = source
        self._max_event_bytes = max_event_bytes
        self._seen = Seen()
        self._repeats: Dict[str, int] = {}

    def build(self, layout: Layout, cells: Cells) -> Message:
        """
        Raises:
            Withheld: the row gives no message that Segment would take, or one that this run has had before.
        """
        kind = _single(layout.type, cells) or "track"
        if kind not in TYPES:
            raise Withheld("invalid_type", "type must be one of %s, got %s" % (", ".join(TYPES), quote(kind[:40])))
        members = {"type": '"type":"%s"' % kind}
        for step in layout.steps(kind):
            text = _single(step, cells)
            if text:
                text = step.to_json(step.name, text)
            if step.dotted:
                text = _with_columns(step, text, cells)
            if text:
                members[step.name] = '"%s":%s' % (step.name, text)
        if "userId" not in members and "anonymousId" not in members:
            raise Withheld("no_user_anon_id", "userId and anonymousId are both empty")
        for name, reason in TYPES[kind].required.items():
            if name not in members:
                raise Withheld(reason, "%s is empty" % name)
        timestamp = _timestamp(layout, cells)
        if timestamp:
            members["timestamp"] = '"timestamp":"%s"' % timestamp
        return self._message(_single(layout.message_id, cells).strip(), layout, cells, ",".join(members.values()))

    def _message(self, given_id: str, layout: Layout, cells: Cells, members: str) -> Message:
        if not given_id:
            message_id = self._made_id(layout, cells, members)
        elif len(given_id) > MAX_ID_CHARS:
            message_id = _sha256(given_id)
        else:
            message_id = given_id
        payload = ('{%s,"messageId":%s}' % (members, quote(message_id))).encode()
        if len(payload) > self._max_event_bytes:
            raise Withheld("too_large", "%s bytes as JSON, the most is %s" % (
                format(len(payload), ","), format(self._max_event_bytes, ",")), "rejected", message_id, len(payload))
        if given_id and not self._seen.add(message_id):
            raise Withheld("duplicate", "an earlier row has this messageId", "duplicate", message_id, len(payload))
        return Message(message_id, payload)

    def _made_id(self, layout: Layout, cells: Cells, members: str) -> str:
        """The same each time the search runs, and another for each of several equal rows: they are told by number."""
        content = "\0".join([self._source, *[cells[position] for position in layout.address], members])
        first = message_id = _sha256(content)
        while not self._seen.add(message_id):
            if len(self._repeats) == MAX_REMEMBERED_REPEATS:
                self._repeats.clear()
            self._repeats[first] = self._repeats.get(first, 0) + 1
            message_id = _sha256("%s\0%d" % (content, self._repeats[first]))
        return message_id


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def draft(layout: Layout, cells: Cells) -> str:
    """What a row that gives no message has for one: its columns of the table above, as a JSON object of texts."""
    members = ["%s:%s" % (quote(name), _as_draft(cells[position], cells[twin] if twin is not None else ""))
               for name, position, twin in layout.columns if cells[position]]
    return "{%s}" % ",".join(members)


def _as_draft(text: str, twin: str) -> str:
    return "[%s]" % ",".join(map(quote, _values(twin))) if twin else quote(text)


_VALUE = re.compile(r"\$((?:\$\$|[^$])*)\$(?:;|$)")


def _values(twin: str) -> List[str]:
    """The values of a multivalue column: $a$;$b$, where a $ inside a value is doubled."""
    return [value.replace("$$", "$") for value in _VALUE.findall(twin)]


def _single(step: _Step, cells: Cells) -> str:
    """The text of a column that may have one value; empty where there is none."""
    if step.twin is not None and cells[step.twin]:
        values = _values(cells[step.twin])
        if len(values) > 1:
            raise Withheld(step.reason, "%s has %d values" % (step.name, len(values)))
        return values[0] if values else ""
    return cells[step.position] if step.position is not None else ""


# --- Texts that become JSON -----------------------------------------------------------------------------------------


def _as_text(name: str, text: str) -> str:
    return quote(text)


def _as_id(name: str, text: str) -> str:
    text = text.strip()
    if not text:
        raise Withheld("id_not_string", "%s is white space" % name)
    return quote(text)


def _as_object(name: str, text: str) -> str:
    try:
        return jsontext.checked(text)
    except ValueError as error:
        raise Withheld(name + "_not_object", "%s: %s" % (name, error)) from None


def _with_columns(step: _Step, text: str, cells: Cells) -> str:
    """The JSON text of an object, with the values of its dotted columns put in."""
    found: List[Tuple[Sequence[str], Any]] = []
    for column in step.dotted:
        twin = cells[column.twin] if column.twin is not None else ""
        values = _values(twin) if twin else [cells[column.position]]
        if values != [""]:
            found.append((column.path, values if column.array or len(values) > 1 else values[0]))
    try:
        return jsontext.with_values(text, found) if found else text
    except ValueError as error:
        raise Withheld(step.name + "_conflict", "%s.%s" % (step.name, error)) from None


# --- Times ----------------------------------------------------------------------------------------------------------

_ISO_8601 = re.compile(
    r"(?!0000)(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
    r"(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)", re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1)


def _timestamp(layout: Layout, cells: Cells) -> str:
    """When it happened. Empty where the row does not say: Segment then takes the time of receipt."""
    text = _single(layout.timestamp, cells).strip()
    if text:
        return _as_given(text)
    text = cells[layout.time] if layout.time is not None else ""
    if not text:
        return ""
    try:
        moment = _EPOCH + datetime.timedelta(milliseconds=round(float(text) * 1000))
    except (ValueError, OverflowError):
        raise Withheld("timestamp_invalid", "_time is not a time: %s" % quote(text[:40])) from None
    return moment.isoformat(timespec="milliseconds") + "Z"


def _as_given(text: str) -> str:
    """An ISO-8601 time with a zone, but for the colon in its zone, which Splunk's %z leaves out."""
    match = _ISO_8601.fullmatch(text)
    try:
        if not match:
            raise ValueError
        if match[3] > "28":
            datetime.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise Withheld("timestamp_invalid", "timestamp must be ISO-8601 with a zone, such as 2026-11-24T09:30:00.000Z, "
                       "or empty (then _time is sent), got %s" % quote(text[:40])) from None
    return "%s:%s" % (text[:-2], text[-2:]) if text[-5] in "+-" else text
