"""Signatures with RSA and SHA-256, made and accepted by OpenSSL, with keys as OpenSSL writes them."""

import subprocess

import pytest

from segment_bridge.delivery import signature
from segment_bridge.errors import SecretError

MESSAGE = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhcHAifQ"


def openssl(*arguments, given=b""):
    return subprocess.run(["openssl", *arguments], input=given, check=True, capture_output=True).stdout


@pytest.fixture(scope="module", params=[2048, 3072])
def pem(request):
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:%d" % request.param).decode()


def test_a_signature_equals_openssls(pem, tmp_path):
    """RSASSA-PKCS1-v1_5 is deterministic: RFC 8017, 8.2.1."""
    file = tmp_path / "key.pem"
    file.write_text(pem)
    signed = signature.key(pem).sign(MESSAGE)
    assert signed == openssl("dgst", "-sha256", "-sign", str(file), given=MESSAGE)
    (tmp_path / "signature").write_bytes(signed)
    public = tmp_path / "public.pem"
    public.write_bytes(openssl("pkey", "-in", str(file), "-pubout"))
    said = openssl("dgst", "-sha256", "-verify", str(public), "-signature", str(tmp_path / "signature"), given=MESSAGE)
    assert said == b"Verified OK\n"


@pytest.fixture(scope="module")
def small():
    """The forms of one key."""
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").decode()


def test_a_key_in_every_valid_form(small):
    known = signature.key(small)
    traditional = openssl("rsa", "-traditional", given=small.encode()).decode()
    assert "BEGIN RSA PRIVATE KEY" in traditional and "BEGIN PRIVATE KEY" in small
    base64 = "".join(line for line in small.splitlines() if "-----" not in line)
    forms = [traditional, base64, small.replace("\n", " "), "\n\n" + small, small.replace("\n", "\r\n")]
    assert [signature.key(form) for form in forms] == [known] * len(forms)


def test_invalid_keys(small):
    ec = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256").decode()
    encrypted = openssl("pkcs8", "-topk8", "-passout", "pass:secret", given=small.encode()).decode()
    short = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024").decode()
    public = openssl("pkey", "-pubout", given=small.encode()).decode()
    base64 = "".join(line for line in small.splitlines() if "-----" not in line)
    for text, words in [
        (ec, "not an RSA private key"),
        (encrypted, "it is encrypted"),
        (short, "1024 bits"),
        (public, "public key"),
        ("", "not an RSA private key"),
        ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "not an RSA private key"),
        (base64[: len(base64) // 8 * 4], "not an RSA private key"),
        (base64[:-4] + "====", "not an RSA private key"),
        ("hunter2", "not an RSA private key"),
        ("MAA=", "not an RSA private key"),
        ("MIQ=", "not an RSA private key"),
    ]:
        with pytest.raises(SecretError) as refused:
            signature.key(text)
        assert words in str(refused.value)
        assert len(text) < 90 or text[30:60] not in str(refused.value)


def test_a_key_with_inconsistent_numbers_signs_nothing(small):
    known = signature.key(small)
    for name in ("d_p", "d_q", "q_inverse"):
        with pytest.raises(SecretError):
            known._replace(**{name: getattr(known, name) + 2}).sign(MESSAGE)
