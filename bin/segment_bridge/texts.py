"""Cleans text from outside the app, such as a server's message, a name or an exception's words; pure.

Wherever such text goes (a row, the run log, splunkd.log, a validation's XML or a page), it is first reduced to one line
of printable characters of limited length, without the secrets that the other side was sent.
"""

import re
from typing import Iterable

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
"""Control sequences (ECMA-48, 5.4), and xterm's commands."""


def printable(text: str, most: int, secrets: Iterable[str] = ()) -> str:
    """Returns one line of at most `most` characters.

    U+FFFD replaces unprintable characters, as removing them would join what they separate. Secrets are masked before
    the line is cut.
    """
    text = " ".join(_TERMINAL.sub("", text).split())
    if not text.isprintable():
        text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text[:most]
