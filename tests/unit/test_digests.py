"""Columns of type digest. The digest itself is from RFC 4231: HMAC-SHA-256, test case 2 (key "Jefe")."""

import json

import pytest

from segment_bridge.delivery.digests import Digests, has_digests
from segment_bridge.delivery.messages import Layout
from tests.unit.test_messages import builder

TEXT = "what do ya want for nothing?"
DIGEST = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def made(*header, **cells):
    """The messages of one row, or its reasons."""
    row = [cells.get(name.replace(":", "_").replace(".", "_"), "") for name in header]
    digests = Digests(header, "Jefe")
    built = builder().build(Layout(digests.header), digests.columns([[cell] for cell in row]), 1)
    if built.withheld:
        return built.withheld[0]
    return json.loads(built.payloads[0])


def test_a_property_and_a_user_are_sent_as_digests():
    message = made(
        "event", "userId:digest", "properties.owner:digest", event="E", userId_digest=TEXT, properties_owner_digest=TEXT
    )
    assert message["userId"] == DIGEST
    assert message["properties"] == {"owner": DIGEST}


def test_members_of_objects_are_sent_as_digests_beside_others():
    given = json.dumps({"a": TEXT, "b": None, "c": 12})
    message = made(
        "event",
        "userId",
        "properties",
        "properties:digest",
        event="E",
        userId="u",
        properties='{"d": 1}',
        properties_digest=given,
    )
    assert message["properties"] == {"d": 1, "a": DIGEST, "c": Digests((), "Jefe").digest("12")}
    message = made("event", "userId", "properties:digest", event="E", userId="u", properties_digest=given)
    assert set(message["properties"]) == {"a", "c"}


def test_a_row_without_digests_is_unchanged():
    message = made("event", "userId", "userId:digest", "properties.a:digest", event="E", userId="u")
    assert (message["userId"], message.get("properties")) == ("u", None)


def test_several_values_are_several_digests():
    digests = Digests(["properties.a:digest", "__mv_properties.a:digest"], "Jefe")
    assert digests.header == ["properties.a:string", "__mv_properties.a:string"]
    assert digests.columns([["x"], ["$%s$;$a$$b$" % TEXT]])[1] == ["$%s$;$%s$" % (DIGEST, digests.digest("a$b"))]


@pytest.mark.parametrize("word", ["null", "None", " - "])
def test_a_word_for_none_is_not_a_user(word):
    assert made("event", "userId:digest", event="E", userId_digest=word).reason == "id_is_none"


def test_an_invalid_object_is_refused_without_showing_its_text():
    for given in ("secret", '["secret"]', '{"a": "secret"'):
        outcome = made("event", "userId", "properties:digest", event="E", userId="u", properties_digest=given)
        assert outcome.reason == "properties_not_object"
        assert "secret" not in outcome.error


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("userId:digest", True), ("properties.a.b:digest", True), ("traits:digest", True), ("event:digest", False),
     ("properties.a", False), ("a:digest", False)],
)  # fmt: skip
def test_which_columns_are_digests(name, is_one):
    assert has_digests([name]) == is_one


def test_another_salt_gives_another_digest():
    assert Digests((), "other").digest(TEXT) != DIGEST
