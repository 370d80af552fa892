"""Makes a draft from a row without a valid message, for a person to correct and send again; pure.

A draft is a JSON object with the members of a message. It contains objects if the row's columns form valid ones; other
columns, and those with several values, keep their own names. It has an id, by which people find it, and the row's time.
A draft that is too large to be sent is cut.
"""

import json
from json.encoder import encode_basestring as quote
from typing import Dict, List, Sequence

from segment_bridge.delivery import jsontext
from segment_bridge.delivery.columns import values_of
from segment_bridge.delivery.messages import OBJECTS, Layout
from segment_bridge.delivery.options import MAX_EVENT_BYTES
from segment_bridge.delivery.times import from_epoch

_LONGEST_MEMBER = 1_000
_CUT = "... (cut)"


def draft(layout: Layout, cells: Sequence[str], message_id: str) -> str:
    """Makes a row's draft: JSON text of at most MAX_EVENT_BYTES, or a little more.

    Args:
        message_id: the row's, or a substitute.
    """
    members: Dict[str, str] = {}  # JSON texts
    for name, position, twin in layout.columns:
        values = cells[twin] if twin is not None else ""
        if values:
            members[name] = "[%s]" % ",".join(map(quote, values_of(values)))
        elif cells[position]:
            members[name] = quote(cells[position])
    for name in OBJECTS:
        _make_object(layout, cells, name, members)
    _date(members)
    members["messageId"] = quote(message_id)
    text = _joined(members)
    if len(text.encode()) > MAX_EVENT_BYTES:
        text = _joined(_cut(members))
    return text


def _make_object(layout: Layout, cells: Sequence[str], name: str, members: Dict[str, str]) -> None:
    """Replaces columns by the object that they form, if it is valid."""
    try:
        text = jsontext.checked(json.loads(members[name])) if name in members else ""
        if name in layout.dotted:
            text = layout.dotted[name].texts([[cell] for cell in cells], [text], _refuse)[0]
    except (ValueError, AttributeError):  # not JSON, or several values
        return
    for column in [column for column in members if column.partition(".")[0] == name]:
        del members[column]
    if text:
        members[name] = text


def _refuse(row: int, code: str, error: str) -> None:
    raise ValueError(error)


def _date(members: Dict[str, str]) -> None:
    """Puts the time into the draft, because there is no _time when it is sent again."""
    try:
        time = from_epoch(json.loads(members["_time"]))
    except (KeyError, ValueError, TypeError):
        return
    members.setdefault("timestamp", time)
    del members["_time"]


def _cut(members: Dict[str, str]) -> Dict[str, str]:
    """Cuts each member, and returns as many as there is room for."""
    cut: Dict[str, str] = {}
    room = MAX_EVENT_BYTES
    for name, text in {"messageId": members["messageId"], **members}.items():
        if len(text) > _LONGEST_MEMBER:
            text = quote(text[:_LONGEST_MEMBER] + _CUT)
        room -= len(quote(name[:_LONGEST_MEMBER]).encode()) + len(text.encode()) + 2
        if room > 0:
            cut[name[:_LONGEST_MEMBER]] = text
    return cut


def _joined(members: Dict[str, str]) -> str:
    parts: List[str] = ["%s:%s" % (quote(name), text) for name, text in members.items()]
    return "{%s}" % ",".join(parts)
