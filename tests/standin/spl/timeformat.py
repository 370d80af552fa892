"""Times as texts: the format variables of strftime and strptime.

Relies on: Search Reference, "Date and time format variables", "Date and Time functions".
"""

import math
import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Callable, Dict, Optional, Tuple

from ..values import SplError

_VARIABLE = re.compile(r"%(?P<name>[369]?[NQ]|Ez|:{0,3}z|.)", re.S)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _offset(moment: datetime) -> Tuple[str, int, int, int]:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    sign = "-" if seconds < 0 else "+"
    return sign, abs(seconds) // 3600, abs(seconds) // 60 % 60, abs(seconds) % 60


def _zone(style: str) -> Callable[[datetime], str]:
    return lambda moment: style % _offset(moment)[: style.count("%")]


WRITABLE: Dict[str, Callable[[datetime], str]] = {
    **{name: (lambda moment, code="%" + name: moment.strftime(code)) for name in "YmdHMSIpjyUVGwu"},
    "a": lambda moment: _DAYS[moment.weekday()][:3],
    "A": lambda moment: _DAYS[moment.weekday()],
    "b": lambda moment: _MONTHS[moment.month - 1][:3],
    "B": lambda moment: _MONTHS[moment.month - 1],
    "e": lambda moment: "%2d" % moment.day,
    "k": lambda moment: "%2d" % moment.hour,
    "F": lambda moment: moment.strftime("%Y-%m-%d"),
    "T": lambda moment: moment.strftime("%H:%M:%S"),
    "x": lambda moment: moment.strftime("%m/%d/%Y"),
    "X": lambda moment: moment.strftime("%H:%M:%S"),
    "c": lambda moment: (
        "%s %s %2d %s"
        % (_DAYS[moment.weekday()][:3], _MONTHS[moment.month - 1][:3], moment.day, moment.strftime("%H:%M:%S %Y"))
    ),
    "+": lambda moment: (
        "%s %s %2d %s"
        % (_DAYS[moment.weekday()][:3], _MONTHS[moment.month - 1][:3], moment.day, moment.strftime("%H:%M:%S %Z %Y"))
    ),
    "C": lambda moment: "%02d" % (moment.year // 100),
    "g": lambda moment: moment.strftime("%G")[2:],
    "s": lambda moment: str(math.floor(moment.timestamp())),
    "Z": lambda moment: moment.strftime("%Z"),
    "z": _zone("%s%02d%02d"),
    ":z": _zone("%s%02d:%02d"),
    "::z": _zone("%s%02d:%02d:%02d"),
    ":::z": _zone("%s%02d"),
    "Ez": lambda moment: "%+d" % ((moment.utcoffset() or timedelta()).total_seconds() / 60),
    "f": lambda moment: "%06d" % moment.microsecond,
    "%": lambda moment: "%",
    "N": lambda moment: "%06d000" % moment.microsecond,
    "Q": lambda moment: "%03d" % (moment.microsecond // 1000),
    **{
        digits + name: (lambda moment, count=int(digits): ("%06d000" % moment.microsecond)[:count])
        for digits in "369"
        for name in "NQ"
    },
}


def written(seconds: float, style: str, zone: tzinfo) -> Optional[str]:
    """Epoch seconds as a text; None if there is no such time."""
    try:
        moment = datetime.fromtimestamp(round(seconds * 1_000_000) / 1_000_000, zone)
    except (ValueError, OverflowError, OSError):
        return None

    def filled(match: "re.Match[str]") -> str:
        name = match.group("name")
        if name not in WRITABLE:
            raise SplError("The time format variable '%s' is not known here." % match.group())
        return WRITABLE[name](moment)

    return _VARIABLE.sub(filled, style)


READABLE = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "e": r"\s?(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "k": r"\s?(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "p": r"(?P<p>[AaPp][Mm])",
    "j": r"(?P<j>\d{1,3})",
    "s": r"(?P<s>\d+)",
    "a": r"(?P<a>[A-Za-z]+)",
    "A": r"(?P<a>[A-Za-z]+)",
    "b": r"(?P<b>[A-Za-z]+)",
    "B": r"(?P<b>[A-Za-z]+)",
    "F": r"(?P<Y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
    "T": r"(?P<H>\d{1,2}):(?P<M>\d{1,2}):(?P<S>\d{1,2})",
    "Z": r"(?P<Z>[A-Z]{1,5})",
    **dict.fromkeys(("z", ":z"), r"(?P<z>Z|[-+]\d{2}:?\d{2})"),
    "%": "%",
    **dict.fromkeys(("N", "Q", "f", *(digits + name for digits in "369" for name in "NQ")), r"(?P<N>\d+)"),
}


@lru_cache(maxsize=200)
def _pattern(style: str) -> "re.Pattern[str]":
    parts, at = [], 0
    for match in _VARIABLE.finditer(style):
        if match.group("name") not in READABLE:
            raise SplError("The time format variable '%s' is not known here." % match.group())
        # The text may lack a fraction, and then its point, too.
        literal = re.escape(style[at : match.start()])
        if match.group("name")[-1] in "NQf":
            parts.append(r"(?:%s%s)?" % (literal, READABLE[match.group("name")]))
        else:
            parts += [literal, READABLE[match.group("name")]]
        at = match.end()
    return re.compile("".join(parts) + re.escape(style[at:]))


def read(source: str, style: str, zone: tzinfo, now: float) -> Optional[float]:
    """The epoch seconds that a text denotes, or None if it does not match the format. Without a date it means today."""
    found = _pattern(style).match(source)
    if not found:
        return None
    parts = found.groupdict()
    fraction = float("0." + (parts.get("N") or "0"))
    if parts.get("s"):
        return int(parts["s"]) + fraction
    today = datetime.fromtimestamp(now, zone)
    has_date = any(parts.get(name) for name in "Yymdjb")
    if has_date and not parts.get("d") and not parts.get("j"):
        return None
    try:
        month = _month(parts["b"]) if parts.get("b") else int(parts.get("m") or (1 if has_date else today.month))
        day = int(parts.get("d") or (1 if has_date else today.day))
        moment = datetime(
            _year(parts, today),
            month,
            day,
            _hour(parts),
            int(parts.get("M") or 0),
            int(parts.get("S") or 0),
            tzinfo=_zone_of(parts, zone),
        )
        if parts.get("j"):
            moment = moment.replace(month=1, day=1) + timedelta(days=int(parts["j"]) - 1)
    except ValueError:
        return None
    return moment.timestamp() + fraction


def _year(parts: Dict[str, str], today: datetime) -> int:
    if parts.get("y"):
        short = int(parts["y"])
        return short + (1900 if short >= 69 else 2000)
    return int(parts.get("Y") or today.year)


def _month(name: str) -> int:
    for index, month in enumerate(_MONTHS):
        if name.lower() in (month.lower(), month[:3].lower()):
            return index + 1
    raise ValueError(name)


def _hour(parts: Dict[str, str]) -> int:
    if not parts.get("I"):
        return int(parts.get("H") or 0)
    if not 1 <= int(parts["I"]) <= 12:
        raise ValueError(parts["I"])
    return int(parts["I"]) % 12 + (12 if (parts.get("p") or "").lower() == "pm" else 0)


def _zone_of(parts: Dict[str, str], zone: tzinfo) -> tzinfo:
    if parts.get("Z"):
        if parts["Z"] not in ("UTC", "GMT", "Z"):
            raise SplError("The time zone '%s' is not known here: use %%z." % parts["Z"])
        return timezone.utc
    offset = parts.get("z")
    if not offset:
        return zone
    if offset == "Z":
        return timezone.utc
    minutes = int(offset[1:3]) * 60 + int(offset[-2:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
