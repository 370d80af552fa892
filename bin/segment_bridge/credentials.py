"""What a credential must be to be sent at all: a value that an HTTP header can carry. Pure.

If it cannot, http.client and its like raise an exception with the value in it, which would end up in a log. So every
credential, whatever its source, passes through here before it goes anywhere else.

Source: RFC 9110, 5.5 ("Field Values"); http.client, which sends Latin-1.
"""

import re

from segment_bridge.errors import SecretError

_VALUE = re.compile(r"[ -~\xa0-\xff]*")


def checked(secret: str, place: str) -> str:
    """The secret without white space around it, such as a file's final newline; empty if there is no more to it.

    Args:
        place: what it is and where it is kept, for errors: "bearer token in /etc/token".

    Raises:
        SecretError: a header cannot carry it. The error names the place and the kind of fault, never a part of it.
    """
    secret = secret.strip()
    if _VALUE.fullmatch(secret):
        return secret
    if "\n" in secret or "\r" in secret:
        fault = "a line break"
    elif any(ord(character) < 160 and not character.isprintable() for character in secret):
        fault = "a control character"
    else:
        fault = "a character that is not Latin-1, such as a quotation mark from a word processor"
    raise SecretError("the %s cannot be sent: it holds %s. Copy it again, as plain text on one line" % (place, fault))
