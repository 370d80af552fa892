"""Converts times to the form that messages use: ISO-8601 with a zone, as JSON; pure.

Source: RFC 3339; Segment's "Spec: Common fields".
"""

import datetime
import re
from json.encoder import encode_basestring as quote

_ISO_8601 = re.compile(
    r"(?!0000)(\d{4})-(0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8]|(29|3[01]))T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3])(?::|())[0-5]\d)",
    re.ASCII,
)
_EPOCH = datetime.datetime(1970, 1, 1)


def iso_8601(text: str) -> str:
    """Returns an ISO-8601 time with a zone unchanged, but adds the colon in the zone, which Splunk's %z leaves out.

    Raises:
        ValueError: it is not such a time.
    """
    text = text.strip()
    match = _ISO_8601.fullmatch(text)
    if match and match.lastindex == 2:  # the usual case
        return '"%s"' % text
    try:
        if match and match[3]:
            datetime.date(*map(int, match.group(1, 2, 3)))
    except ValueError:
        match = None
    if not match:
        raise ValueError(
            "it must be an ISO-8601 time with a zone, such as 2026-11-24T09:30:00.000Z, or empty (to send "
            "_time), got %s" % quote(text[:40])
        )
    return '"%s"' % text if match[4] is None else '"%s:%s"' % (text[:-2], text[-2:])


def from_epoch(text: str) -> str:
    """Returns _time, in seconds since 1970, as ISO-8601.

    Raises:
        ValueError: it is not a number, or too large.
    """
    try:
        moment = _EPOCH + datetime.timedelta(milliseconds=round(float(text) * 1000))
    except OverflowError as error:
        raise ValueError(error) from None
    return '"%sZ"' % moment.isoformat(timespec="milliseconds")
