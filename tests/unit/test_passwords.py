"""Secrets from the password store: who gets which, and what the others are told.

Source: Splunk REST API reference, "storage/passwords": a user without list_storage_passwords gets 403 for the list.
"""

import pytest

from segment_bridge.errors import SecretError, SplunkdError
from segment_bridge.splunk import passwords
from tests.support.splunkd import PASSWORDS, WRITE_KEY, SplunkdDouble

KEY = "fake0segment0write0key0000000001"


@pytest.fixture
def splunkd():
    double = SplunkdDouble()
    double.conf["segment_bridge"]["segment"] = {"region": "us"}
    double.passwords = {"segment": KEY, "segment:api": "token\n", "usersignups:host": "bearer"}
    return double


@pytest.fixture
def locked(splunkd):
    """As a user sees it who may not list passwords."""
    splunkd.is_locked = True
    return splunkd


def read(splunkd, name="segment", what="write key of [segment]"):
    return passwords.read(splunkd.service(), name, what)


def own(splunkd, name="segment:api"):
    return passwords.own(splunkd.service(), name, "token of [segment]")


def salt(splunkd, destination="segment"):
    return passwords.salt(splunkd.service(), destination)


READS = [read, own, salt]


def failing(path, fault):
    return lambda method, asked: fault if asked == path else None


def test_an_administrator_reads_them_all(splunkd):
    splunkd.passwords.update(passwords.pieces("long", "k" * 600), _salt="of digests")
    assert (read(splunkd), own(splunkd), salt(splunkd)) == (KEY, "token", "of digests")
    assert read(splunkd, "long") == "k" * 600
    assert read(splunkd, "usersignups:host") == "bearer"
    assert ("GET", WRITE_KEY) not in splunkd.requests


def test_others_are_lent_the_write_key_and_the_salt(locked):
    assert read(locked) == KEY
    assert salt(locked) == salt(locked) == locked.passwords["_salt"]


def test_the_first_to_need_a_salt_has_one_made(splunkd):
    assert salt(splunkd) == splunkd.passwords["_salt"]


@pytest.mark.parametrize(
    ("reading", "name"), [(own, "segment:api"), (read, "usersignups:host"), (read, "usersignups:host:ca")]
)
def test_other_secrets_are_for_administrators(locked, reading, name):
    with pytest.raises(SecretError, match="cannot be read by this user: it is for administrators") as refused:
        reading(locked, name)
    assert "role segment_bridge_sender" not in str(refused.value)
    assert ("GET", WRITE_KEY) not in locked.requests


@pytest.mark.parametrize(("reading", "cure"), [(read, "on the app's setup page, or as realm"), (own, "as realm")])
def test_a_secret_that_is_not_there(splunkd, reading, cure):
    with pytest.raises(SecretError, match='%s "segment_bridge", username "other"' % cure):
        reading(splunkd, "other")


def test_a_write_key_that_is_not_there_to_be_lent(locked):
    """Another role would not help."""
    del locked.passwords["segment"]
    with pytest.raises(SecretError, match=r"cannot be lent: .* no write key of \[segment\] .* save it") as refused:
        read(locked)
    assert "role" not in str(refused.value)


def test_a_user_who_may_not_be_lent_it(locked):
    locked.fault = failing(WRITE_KEY, (403, "this needs the capability segment_bridge_send"))
    for reading in (read, salt):
        with pytest.raises(SecretError) as refused:
            reading(locked)
        assert (
            "this needs the capability segment_bridge_send. Give the user the role segment_bridge_sender, or run "
            in (str(refused.value))
        )


@pytest.mark.parametrize("status", [500, 503])
def test_an_endpoint_that_fails(locked, status):
    locked.fault = failing(WRITE_KEY, (status, "no handler"))
    for reading in (read, salt):
        with pytest.raises(
            SplunkdError, match=r"cannot be lent: .* no handler. If it does not start, splunkd.log"
        ) as told:
            reading(locked)
        assert told.value.status == status


@pytest.mark.parametrize("path", [PASSWORDS, WRITE_KEY])
@pytest.mark.parametrize("reading", [read, salt])
def test_splunkd_is_away(locked, path, reading):
    locked.fault = failing(path, "cut")
    with pytest.raises(SplunkdError, match="splunkd cannot be reached") as told:
        reading(locked)
    assert told.value.status is None


@pytest.mark.parametrize("reading", READS)
@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_list_that_splunkd_does_not_give(splunkd, reading, status):
    splunkd.fault = failing(PASSWORDS, (status, "no"))
    with pytest.raises(SplunkdError, match="splunkd answered %d to storage/passwords: no" % status):
        reading(splunkd)
    assert ("GET", WRITE_KEY) not in splunkd.requests


def test_a_salt_that_cannot_be_sent_is_not_quoted(splunkd):
    splunkd.passwords["_salt"] = "of\ndigests"
    with pytest.raises(SecretError, match="the salt of digests cannot be sent: it holds a line break") as refused:
        salt(splunkd)
    assert "of\\ndigests" not in repr(refused.value)
