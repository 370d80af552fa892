"""Cryptographic functions.

Relies on: Search Reference, "Cryptographic functions".
"""

import hashlib

from ...values import text
from .registry import function


def _digest(name):
    @function(name, 1, each=True, takes="text")
    def digest(value):
        return hashlib.new(name, text(value).encode()).hexdigest()


for _name in ("md5", "sha1", "sha256", "sha512"):
    _digest(_name)
