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


Message = Tuple[str, bytes]
"""Its id; and the whole of it, a JSON object as it is sent."""


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
_TIMESTAMP = '"timestamp":'
_USER = ('"userId":', '"anonymousId":')
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
    prefix: str  # the field's name, as JSON before its value
    to_json: Callable[[str], str]  # raises ValueError
    reason: str  # for what cannot become JSON, or several values where one is due
    missing: str  # the reason where there is none; empty if there need not be one
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
        self.type = self._step("type", quote, "invalid_type")
        self.message_id = self._step("messageId", quote, "message_id_not_string")
        self.time = self._position.get("_time")
        self.address = [self._position[name] for name in ("_bkt", "_cd") if name in self._position]

    def steps(self, kind: str) -> List[_Step]:
        """What a message of this type is made from, as far as this chunk has it: ids of users first, the time last."""
        if kind not in self._steps:
            required = TYPES[kind].required
            steps = [self._field(name, required.get(name, "")) for name in (*_EVERY_TYPE, *TYPES[kind].fields)]
            steps.append(self._step("timestamp", _iso_8601, "timestamp_invalid"))
            self._steps[kind] = [step for step in steps if step.position is not None or step.dotted or step.missing]
        return self._steps[kind]

    def _field(self, name: str, missing: str) -> _Step:
        if name in OBJECTS:
            return self._step(name, jsontext.checked, name + "_not_object", missing)
        if name.endswith("Id"):
            return self._step(name, _id, "id_not_string", missing)
        return self._step(name, quote, name + "_not_string", missing)

    def _step(self, name: str, to_json: Callable[[str], str], reason: str, missing: str = "") -> _Step:
        return _Step(name, '"%s":' % name, to_json, reason, missing, *self._columns(name), self._dotted.get(name, []))

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
        members = ['"type":"%s"' % kind]
        for step in layout.steps(kind):
            _, prefix, to_json, reason, missing, position, twin, dotted = step
            if position is None or (twin is not None and cells[twin]):
                text = _single(step, cells)
            else:
                text = cells[position]
            if text:
                try:
                    text = to_json(text)
                except ValueError as error:
                    raise Withheld(reason, "%s: %s" % (step.name, error)) from None
            if dotted:
                text = _with_columns(step, text, cells)
            if text:
                members.append(prefix + text)
            elif missing:
                raise Withheld(missing, "%s is empty" % step.name)
        if len(members) == 1 or not members[1].startswith(_USER):
            raise Withheld("no_user_anon_id", "userId and anonymousId are both empty")
        if layout.time is not None and cells[layout.time] and not members[-1].startswith(_TIMESTAMP):
            members.append('%s"%s"' % (_TIMESTAMP, _moment(cells[layout.time])))
        return self._message(_single(layout.message_id, cells).strip(), layout, cells, ",".join(members))

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
        return message_id, payload

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


def _id(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("nothing but white space")
    return quote(text)


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


def _iso_8601(text: str) -> str:
    """An ISO-8601 time with a zone as it is given, but for the colon in its zone, which Splunk's %z leaves out."""
    text = text.strip()
    match = _ISO_8601.fullmatch(text)
    try:
        if match and match[3] > "28":
            datetime.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        match = None
    if not match:
        raise ValueError("it must be ISO-8601 with a zone, such as 2026-11-24T09:30:00.000Z, or empty (then _time is "
                         "sent), got %s" % quote(text[:40]))
    return '"%s:%s"' % (text[:-2], text[-2:]) if text[-5] in "+-" else '"%s"' % text


def _moment(text: str) -> str:
    """_time, seconds since 1970, as ISO-8601."""
    try:
        moment = _EPOCH + datetime.timedelta(milliseconds=round(float(text) * 1000))
    except (ValueError, OverflowError):
        raise Withheld("timestamp_invalid", "_time is not a time: %s" % quote(text[:40])) from None
    return moment.isoformat(timespec="milliseconds") + "Z"
