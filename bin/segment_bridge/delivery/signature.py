"""Signs OAuth client assertions with RSA and SHA-256 (RS256); pure.

Python's standard library has no RSA, and the pure Python libraries for it are no longer maintained; signing needs only
padding and a power. Each signature is verified before it is returned, because one corrupted by a hardware fault would
reveal the key's factors. `pow` does not run in constant time, but anyone who can measure that on the search head can
read the password store as well.

Sources: RFC 8017, 8.2.1 (RSASSA-PKCS1-v1_5), 9.2, A.1.2; RFC 5208 (PKCS #8); RFC 7468 (PEM); ITU-T X.690 (DER).
"""

import base64
import hashlib
import re
from typing import List, NamedTuple, Tuple

from segment_bridge.errors import SecretError

MIN_BITS = 2_048
_SEQUENCE, _INTEGER, _OCTETS, _OBJECT = 0x30, 0x02, 0x04, 0x06
_RSA = bytes.fromhex("2a864886f70d010101")  # 1.2.840.113549.1.1.1
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2, note 1
_ARMOUR = re.compile(r"-----(BEGIN|END) ([A-Z ]+)-----")
_MAKE = 'make one with "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"'


class Key(NamedTuple):
    """A private key in the second representation of RFC 8017, 3.2."""

    n: int
    e: int
    p: int
    q: int
    d_p: int
    d_q: int
    q_inverse: int

    def sign(self, message: bytes) -> bytes:
        """Signs a message.

        Raises:
            SecretError: the key's numbers do not belong together.
        """
        size = (self.n.bit_length() + 7) // 8
        digest = _SHA256_INFO + hashlib.sha256(message).digest()
        block = int.from_bytes(b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest, "big")
        first, second = pow(block, self.d_p, self.p), pow(block, self.d_q, self.q)
        signature = second + self.q * ((first - second) * self.q_inverse % self.p)
        if pow(signature, self.e, self.n) != block:
            raise SecretError("its numbers do not belong together. Save it again")
        return signature.to_bytes(size, "big")


def key(text: str) -> Key:
    """Parses an unencrypted private key, PKCS #8 or PKCS #1, as PEM or only the base64 inside it.

    Raises:
        SecretError: the text is not such a key. The error continues a sentence that begins with the key's place, and
            quotes nothing of the text.
    """
    titles = {title for _, title in _ARMOUR.findall(text)}
    if any("PUBLIC" in title or "CERTIFICATE" in title for title in titles):
        raise SecretError("it is a public key or a certificate, not the private key. Segment has the public one")
    if any("ENCRYPTED" in title for title in titles) or "Proc-Type" in text:
        raise SecretError('it is encrypted: decrypt it with "openssl pkey -in <file>", and save what that prints')
    try:
        der = base64.b64decode("".join(_ARMOUR.sub("", text).split()), validate=True)
        numbers = _numbers(der)
    except (ValueError, IndexError):
        raise SecretError("it is not an RSA private key in PEM: " + _MAKE) from None
    found = Key(*numbers[1:3], *numbers[4:9])
    if found.n.bit_length() < MIN_BITS:
        raise SecretError("it has %d bits, which is not safe: %s" % (found.n.bit_length(), _MAKE))
    return found


def _numbers(der: bytes) -> List[int]:
    """Version, n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p."""
    outer = _members(_only(der, _SEQUENCE))
    if len(outer) >= 3 and outer[1][0] == _SEQUENCE:  # PKCS #8: the key is inside an octet string
        if _members(outer[1][1])[0] != (_OBJECT, _RSA):
            raise ValueError("a key of another kind")
        outer = _members(_only(_content(outer[2], _OCTETS), _SEQUENCE))
    numbers = [int.from_bytes(_content(each, _INTEGER), "big") for each in outer[:9]]
    if len(numbers) < 9 or numbers[0] or not all(numbers[1:]):
        raise ValueError("not the numbers of a key of two primes")
    return numbers


def _content(element: Tuple[int, bytes], tag: int) -> bytes:
    if element[0] != tag:
        raise ValueError("another element is due")
    return element[1]


def _only(der: bytes, tag: int) -> bytes:
    (element,) = _members(der)
    return _content(element, tag)


def _members(der: bytes) -> List[Tuple[int, bytes]]:
    """Splits DER into its elements, each a tag and its content."""
    found = []
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            digits = length & 0x7F
            length, at = int.from_bytes(der[at : at + digits], "big"), at + digits
        if at + length > len(der):
            raise ValueError("an element is longer than what holds it")
        found.append((tag, der[at : at + length]))
        at += length
    return found
