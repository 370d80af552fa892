"""A credential that no header can carry is refused, naming its place, before anything could show its value."""

import http.client

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_bridge.credentials import checked
from segment_bridge.errors import SecretError

PLACE = "bearer token in /etc/token"


@pytest.mark.parametrize(
    ("secret", "value"),
    [("token", "token"), ("token\n", "token"), (" token\r\n", "token"), ("a:b c\xe4", "a:b c\xe4"), (" \n", "")],
)
def test_a_valid_header_value_is_taken_without_surrounding_white_space(secret, value):
    assert checked(secret, PLACE) == value


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        ("s3c\nret", "a line break"),
        ("s3c\r\n ret", "a line break"),
        ("s3c\tret", "a control character"),
        ("s3c\0ret", "a control character"),
        ("s3c\x85ret", "a control character"),
        ("\u201cs3cret\u201d", "quotation mark"),
        ("\ufeffs3cret", "not Latin-1"),
        ("s3cret\ud800", "not Latin-1"),
    ],
)
def test_any_other_is_refused_by_naming_its_place(secret, fault):
    with pytest.raises(SecretError) as caught:
        checked(secret, PLACE)
    assert PLACE in str(caught.value) and fault in str(caught.value)
    assert "s3c" not in str(caught.value) and "ret" not in str(caught.value).replace("secret", "")
    assert caught.value.reason == "secret"


@given(st.text(max_size=20))
def test_it_accepts_exactly_what_http_client_accepts(secret):
    try:
        value = checked(secret, PLACE)
    except SecretError:
        return
    connection = http.client.HTTPConnection("localhost")
    connection.putrequest("GET", "/")
    connection.putheader("Authorization", "Bearer " + value)
