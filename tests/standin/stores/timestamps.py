"""Finds the time in an event's text.

props.conf.spec, TIME_PREFIX, TIME_FORMAT, MAX_TIMESTAMP_LOOKAHEAD; Getting Data In, "Configure timestamp recognition".
"""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Dict, Match, Optional

from ..refusal import Refusal

DEFAULT_LOOKAHEAD = 128
_PARTS = {
    "%Y": r"(?P<Y>\d{4})",
    "%m": r"(?P<m>\d{1,2})",
    "%d": r"(?P<d>\d{1,2})",
    "%H": r"(?P<H>\d{1,2})",
    "%M": r"(?P<M>\d{2})",
    "%S": r"(?P<S>\d{2})",
    "%z": r"(?P<z>Z|[-+]\d{2}:?\d{2})",
    "%s": r"(?P<s>\d{10})",
    "%3N": r"(?P<N>\d{3})",
    "%6N": r"(?P<N>\d{6})",
    "%9N": r"(?P<N>\d{9})",
    "%N": r"(?P<N>\d+)",
    "%%": "%",
}
_FORMATS = ("%Y-%m-%d %H:%M:%S.%N %z", "%m-%d-%Y %H:%M:%S.%N %z", "%Y-%m-%dT%H:%M:%S.%N%z", "%Y-%m-%dT%H:%M:%S%z")
"""Formats recognised without TIME_FORMAT: those of splunkd's own logs, and ISO 8601."""


def extracted_time(raw: str, props: Dict[str, str], otherwise: float, zone: tzinfo) -> float:
    """Seconds since 1970, or `otherwise` if the text contains no time, as splunkd does with a new source. `zone` is the
    server's, and applies to times without a zone of their own.
    """
    if props.get("DATETIME_CONFIG", "").upper() in ("CURRENT", "NONE"):
        return otherwise
    prefix = re.search(props.get("TIME_PREFIX", ""), raw)
    if prefix is None:
        return otherwise
    lookahead = int(props.get("MAX_TIMESTAMP_LOOKAHEAD", DEFAULT_LOOKAHEAD))
    text = raw[prefix.end() :][: lookahead if lookahead > 0 else None]
    known = "TIME_FORMAT" in props
    for each in [props["TIME_FORMAT"]] if known else _FORMATS:
        pattern = _pattern(each)
        found = pattern.match(text.lstrip()) if known else pattern.search(text)
        seconds = found and _seconds(found, zone)
        if seconds is not None:
            return seconds
    return otherwise


@lru_cache(maxsize=100)
def _pattern(time_format: str) -> "re.Pattern[str]":
    """The regular expression for a time format.

    Raises:
        Refusal: a part of the format is not known here.
    """
    pieces = re.split(r"(%\d?[A-Za-z%])", time_format)
    unknown = [piece for piece in pieces[1::2] if piece not in _PARTS]
    if unknown:
        raise Refusal(400, "TIME_FORMAT = %s: %s is not known here." % (time_format, unknown[0]))
    return re.compile("".join(_PARTS[piece] if number % 2 else re.escape(piece) for number, piece in enumerate(pieces)))


def _seconds(found: Match, zone: tzinfo) -> Optional[float]:
    parts = found.groupdict()
    fraction = float("0." + parts.get("N", "0"))
    if "s" in parts:
        return int(parts["s"]) + fraction
    zone = _zone(parts["z"]) if "z" in parts else zone
    try:
        moment = datetime(*(int(parts.get(name, "0")) for name in "YmdHMS"), tzinfo=zone)
    except ValueError:
        return None
    return moment.timestamp() + fraction


def _zone(text: str) -> timezone:
    if text == "Z":
        return timezone.utc
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
