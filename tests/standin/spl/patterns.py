"""PCRE regular expressions, as far as Python's engine can run them.

Relies on: Search Manual, "SPL and regular expressions"; pcre2pattern(3).
"""

import re
from functools import lru_cache

from ..values import SplError

# Syntax that PCRE writes differently than Python, or that Python lacks. Escaped characters are skipped.
_DIFFERENT = re.compile(
    r"\\(?P<escape>.)|\(\?<(?P<name>[A-Za-z_]\w*)>|\(\?'(?P<quoted>[A-Za-z_]\w*)'|"
    r"\[:(?P<class>\^?[a-z]+):\]|(?P<unknown>\(\?(?:R\)|\||[+-]?\d+\)|&))",
    re.S,
)
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "space": r"\s",
    "xdigit": "0-9A-Fa-f",
    "word": r"\w",
    "punct": r"!-/:-@\[-`{-~",
}
_ESCAPES = {"z": r"\Z", "Z": r"(?=\n?\Z)", "h": r"[ \t]", "R": r"(?:\r\n|[\n\r\f\v])", "A": r"\A", "e": r"\x1b"}


@lru_cache(maxsize=1000)
def compiled(source: str, flags: int = 0) -> "re.Pattern[str]":
    """The expression compiled for Python.

    Raises:
        SplError: the expression is wrong, or uses what Python's engine lacks.
    """

    def translated(match: "re.Match[str]") -> str:
        if match.group("escape"):
            return _ESCAPES.get(match.group("escape"), match.group())
        if match.group("class"):
            if match.group("class") not in _CLASSES:
                raise SplError("The regex '%s' is invalid: unknown POSIX class name %s." % (source, match.group()))
            return _CLASSES[match.group("class")]
        if match.group("unknown"):
            raise SplError("The regex '%s' uses %s, which is not known here." % (source, match.group()))
        return "(?P<%s>" % (match.group("name") or match.group("quoted"))

    try:
        # In PCRE, \d, \w and \s mean ASCII characters by default.
        return re.compile(_DIFFERENT.sub(translated, source), flags | re.ASCII)
    except re.error as error:
        raise SplError("The regex '%s' is invalid: %s." % (source, error)) from None


def replacement(source: str) -> str:
    r"""A replacement text with \1 for groups, in the form of re.sub."""
    return re.sub(r"\\(\d)|\\", lambda match: r"\g<%s>" % match.group(1) if match.group(1) else r"\\", source)
