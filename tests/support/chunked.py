"""The chunks of the search command protocol, version 2: their frame, metadata and CSV.

A chunk is `chunked 1.0,<bytes of metadata>,<bytes of body>`, LF, JSON, CSV. This module rejects what splunkd could not
read. Sources: Splunk's "Create custom search commands for apps"; exchanges recorded with 8.2.
"""

import csv
import io
import json
import re
from typing import Any, BinaryIO, Dict, List, Mapping, NamedTuple, Optional, Sequence

from tests.standin.values import Results, Row, Value, as_list, from_list, text

_HEADER = re.compile(rb"chunked\s+1\.0\s*,\s*(\d+)\s*,\s*(\d+)\s*\n")
_MAX_HEADER_BYTES = 64
_TWIN = "__mv_"
_MULTIVALUE = re.compile(r"\$((?:[^$]|\$\$)*)\$(?:;(?=\$)|\Z)")

csv.field_size_limit(2**31 - 1)


class Malformed(Exception):
    """A chunk that splunkd could not read. The text says why."""


class Reply(NamedTuple):
    metadata: Dict[str, Any]
    body: bytes

    @property
    def finished(self) -> bool:
        return self.metadata.get("finished", False)

    @property
    def messages(self) -> List[List[str]]:
        """The [level, text] pairs of each message."""
        return self.metadata.get("inspector", {}).get("messages", [])


def encode(metadata: Mapping[str, Any], body: bytes = b"", claimed_bytes: Optional[int] = None) -> bytes:
    """Encodes a chunk. With `claimed_bytes`, its header claims another body length than the real one."""
    head = json.dumps(metadata).encode()
    return b"chunked 1.0,%d,%d\n%s%s" % (len(head), len(body) if claimed_bytes is None else claimed_bytes, head, body)


def read(stream: BinaryIO, max_bytes: int = 0) -> Optional[Reply]:
    """The next chunk, or None at the end of the stream. `max_bytes` limits metadata and body together; 0 is no limit.

    Raises:
        Malformed
    """
    header = stream.readline(_MAX_HEADER_BYTES)
    if not header:
        return None
    lengths = _HEADER.fullmatch(header)
    if not lengths:
        raise Malformed("Failed to parse transport header: %r" % header)
    sizes = [int(length) for length in lengths.groups()]
    if max_bytes and sum(sizes) > max_bytes:
        raise Malformed("A chunk of %d bytes, maxchunksize is %d." % (sum(sizes), max_bytes))
    head, body = (_exactly(stream, size) for size in sizes)
    try:
        metadata = json.loads(head)
    except ValueError as error:
        raise Malformed("Failed to parse metadata as JSON: %s" % error) from None
    _check(metadata)
    return Reply(metadata, body)


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise Malformed("EOF while attempting to read a chunk: %d bytes of %d" % (len(data), length))
    return data


def _check(metadata: Any) -> None:
    """Checks the shapes of the keys that splunkd looks at. splunkd ignores keys that it does not know."""
    if not isinstance(metadata, dict):
        raise Malformed("The metadata is not a JSON object.")
    inspector = metadata.get("inspector", {})
    shapes = {
        "finished": isinstance(metadata.get("finished", False), bool),
        "error": isinstance(metadata.get("error", ""), str),
        "type": isinstance(metadata.get("type", ""), str),
        "generating": isinstance(metadata.get("generating", False), bool),
        "required_fields": _are_texts(metadata.get("required_fields") or []),
        "inspector": isinstance(inspector, dict),
        "inspector.messages": not isinstance(inspector, dict) or _are_messages(inspector.get("messages", [])),
    }
    for key, is_right in shapes.items():
        if not is_right:
            raise Malformed("The metadata's '%s' has the wrong type." % key)


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and all(_are_texts(each) and len(each) == 2 for each in value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def encode_rows(fields: Sequence[str], rows: Sequence[Row]) -> bytes:
    """CSV as splunkd writes it: each field, followed by its twin, which holds the values of a multivalue field."""
    if not fields:
        return b""
    out = io.StringIO()
    names = [*fields, *(_TWIN + field for field in fields)]
    out.write(",".join(_quoted(name) for name in names) + "\n")
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        values = [row.get(field) for field in fields]
        cells = ["\n".join(map(text, as_list(value))) for value in values] + [_twin(value) for value in values]
        if any("\r" in cell for cell in cells):
            # csv.writer does not quote a carriage return where lines end in LF.
            out.write(",".join('"%s"' % cell.replace('"', '""') for cell in cells) + "\n")
        else:
            writer.writerow(cells)
    return out.getvalue().encode()


def _quoted(name: str) -> str:
    return '"%s"' % name.replace('"', '""') if name.startswith("_") or re.search(r'[",\s]', name) else name


def _twin(value: Optional[Value]) -> str:
    return ";".join("$%s$" % text(each).replace("$", "$$") for each in value) if isinstance(value, list) else ""


def decode_rows(body: bytes, keeps_empty: bool = False) -> Results:
    """The rows of a reply's CSV. An empty cell is null, or an empty text with `keeps_empty`.

    Raises:
        Malformed: a row has more or fewer cells than there are columns, a column occurs twice, a quote is not closed, a
            twin has no field or is not a list of values, or the text is not UTF-8.
    """
    try:
        lines = list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise Malformed("Failed to parse the body as CSV: %s" % error) from None
    names = lines[0] if lines else []
    if len(set(names)) < len(names):
        raise Malformed("The body has duplicate columns: %s" % ",".join(names))
    places = {name: place for place, name in enumerate(names)}
    fields = [name for name in names if not name.startswith(_TWIN)]
    orphans = [name for name in names if name.startswith(_TWIN) and name[len(_TWIN) :] not in places]
    if orphans:
        raise Malformed("The body has the column '%s' without the field that it belongs to." % orphans[0])
    columns = [(field, places[field], places.get(_TWIN + field)) for field in fields]
    rows: List[Row] = []
    for cells in lines[1:]:
        if len(cells) != len(names):
            raise Malformed("Row %d of the body has %d cells for %d columns." % (len(rows) + 1, len(cells), len(names)))
        row: Row = {}
        for field, place, twin in columns:
            value = _values(cells[twin]) if twin is not None and cells[twin] else cells[place]
            if value or keeps_empty:
                row[field] = value
        rows.append(row)
    return Results(fields, rows)


def _values(cell: str) -> Optional[Value]:
    values, at = [], 0
    while at < len(cell):
        match = _MULTIVALUE.match(cell, at)
        if not match:
            raise Malformed("The body has a multivalue cell that is not a list of $values$: %s" % cell[:200])
        values.append(match.group(1).replace("$$", "$"))
        at = match.end()
    return from_list(values)
