"""Parses texts from a .conf file or from a command's options into frozen dataclasses; pure.

A settings class is a dataclass whose fields are made with `setting`: a default, and a check that converts the text.
`parse` fills it in. Its SettingsError names the stanza, the setting, what it must be, and what it is.
"""

import re
from dataclasses import field, fields
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Type, TypeVar
from urllib.parse import urlsplit

from segment_bridge.errors import SettingsError

T = TypeVar("T")
Check = Callable[[str], Any]

NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")
TRUE, FALSE = ("1", "true", "t", "yes", "y", "on", "enabled"), ("0", "false", "f", "no", "n", "off", "disabled")
_CREDENTIALS = re.compile(r"//[^/]*@")


def setting(default: Any, check: Check, is_shown: bool = True) -> Any:
    """Declares a field of a settings class.

    Args:
        check: converts the text; raises ValueError("must be ...") if it is not valid.
        is_shown: whether errors may quote the text.
    """
    return field(default=default, metadata={"check": check, "is_shown": is_shown})


def parse(kind: Type[T], where: str, texts: Mapping[str, Optional[str]], **known: Any) -> T:
    """Makes an instance of a settings class. Empty texts count as not set.

    Args:
        where: begins the text of errors, such as "inputs.conf [usersignups://prod]".
        known: values for fields without a check.

    Raises:
        SettingsError: a text is not valid.
    """
    return kind(**known, **checked(kind, where, texts))


def checked(kind: Type[Any], where: str, texts: Mapping[str, Optional[str]]) -> Dict[str, Any]:
    """Converts the texts that are not empty. Returns the values by field name.

    Raises:
        SettingsError: see `parse`.
    """
    values = {}
    for each in fields(kind):
        text = (texts.get(each.name) or "").strip()
        if text and "check" in each.metadata:
            try:
                values[each.name] = each.metadata["check"](text)
            except ValueError as error:
                shown = ', got "%s"' % _CREDENTIALS.sub("//...@", text) if each.metadata["is_shown"] else ""
                text = "%s %s %s%s" % (where, each.name, error, shown)
                raise SettingsError(text, setting=each.name) from None
    return values


def boolean(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise ValueError("must be true or false")
    return text.lower() in TRUE


def number(low: float, high: float, kind: Type[float] = int) -> Check:
    def check(text: str) -> Any:
        try:
            value = kind(text) if text.isascii() and "_" not in text else None
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise ValueError(
                "must be a%s number from %s to %s"
                % (" whole" if kind is int else "", format(low, ","), format(high, ","))
            )
        return value

    return check


def one_of(*choices: str) -> Check:
    def check(text: str) -> str:
        if text not in choices:
            raise ValueError("must be " + " or ".join(choices))
        return text

    return check


def path(text: str) -> str:
    if not text.startswith(("/", "$")) and ":" not in text:
        raise ValueError("must be an absolute path")
    return text


def https_url(text: str) -> str:
    """Checks an https URL, and returns it unchanged."""
    url = url_parts(text, "https")
    if url is None:
        raise ValueError("must be a URL that begins with https://")
    if "@" in url.netloc:
        raise ValueError("must not hold credentials: they belong in the password store")
    return text


def proxy_url(text: str) -> str:
    if url_parts(text, "http", "https") is None:
        raise ValueError("must be a URL that begins with http:// or https://")
    if "@" in text:
        raise ValueError("must not hold credentials, which a .conf file would show to everyone")
    return text


def url_parts(text: str, *schemes: str) -> Any:
    """The URL's parts; None if the text is not a URL with one of these schemes."""
    try:
        url = urlsplit(text)
        valid = url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:  # unbalanced brackets, or a port that is not a number
        return None
    return url if valid and not re.search(r"\s", text) else None


class Way(NamedTuple):
    """How to reach a service. Time-outs are in seconds; an empty text means none."""

    connect_timeout: float
    timeout: float
    proxy_url: str = ""
    ca_file: str = ""
