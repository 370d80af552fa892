"""Texts of others, such as a server's message, a name or an exception's words, before they go anywhere; pure.

Wherever they go, into a row, the run log, splunkd.log, a validation's XML or a page, they are one line of printable
characters, bounded, and without the secrets that the other side was told.
"""

import re
from typing import Iterable

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
"""ECMA-48, 5.4: control sequences; and xterm's commands."""


def printable(text: str, most: int, secrets: Iterable[str] = ()) -> str:
    """One line of at most so many characters.

    What is not printable becomes a sign that says so, as leaving it out would join what it kept apart. Secrets are
    looked for before the line is cut.
    """
    text = " ".join(_TERMINAL.sub("", text).split())
    if not text.isprintable():
        text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text[:most]
