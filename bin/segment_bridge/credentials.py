"""Checks that an HTTP header can carry a credential; pure.

If it cannot, http.client raises an exception that quotes the credential, which would end up in a log. So every
credential, whatever its source, is checked here before anything else uses it.

Source: RFC 9110, 5.5 ("Field Values"); http.client, which sends Latin-1.
"""

import re

from segment_bridge.errors import SecretError

_VALUE = re.compile(r"[ -~\xa0-\xff]*")


def checked(secret: str, place: str) -> str:
    """Returns the secret without surrounding white space, such as a file's final newline; may be empty.

    Args:
        place: what the secret is and where it is kept, for errors, such as "bearer token in /etc/token".

    Raises:
        SecretError: a header cannot carry it. The error names the place and the kind of fault, never any of the secret.
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
