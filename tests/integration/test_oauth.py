"""Access tokens: obtained with an assertion that the token server verifies, and renewed in time or when refused."""

import json
import threading
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from segment_bridge import exchange
from segment_bridge.delivery import signature
from segment_bridge.delivery.oauth import TokenRefused, Tokens
from segment_bridge.errors import SegmentBridgeError, Unavailable
from segment_bridge.settings import Way
from tests.support.fakes import faults
from tests.support.fakes.reply import Reply
from tests.support.fakes.token_server import FakeTokenServer

KEY = rsa.generate_private_key(65_537, 2_048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
OURS = signature.key(PEM)


@pytest.fixture
def server():
    with FakeTokenServer(app_id="app", key_id="kid", public_key=KEY.public_key(), expires_in=1000) as server:
        yield server


class Ticks:
    now = 0.0

    def __call__(self):
        return self.now


def tokens(server, **options):
    asker = exchange.Asker(Way(1, 1), "the token server")
    known = {"app_id": "app", "key_id": "kid", **options}
    return Tokens(
        server.url,
        known.pop("app_id"),
        known.pop("key_id"),
        OURS,
        lambda url, headers, body: asker.ask("POST", url, headers, body),
        **known,
    )


def test_a_token_that_the_receiver_takes(server):
    assert server.takes(tokens(server).get())
    (exchange_,) = server.requests
    assert exchange_.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_one_token_serves_for_half_of_its_lifetime(server):
    ticks = Ticks()
    ours = tokens(server, ticks=ticks)
    first = ours.get()
    ticks.now = 499
    assert ours.get() == first
    ticks.now = 501
    assert ours.get() != first and len(server.requests) == 2


def test_the_old_token_serves_while_no_new_one_is_available(server):
    ticks = Ticks()
    ours = tokens(server, ticks=ticks)
    first = ours.get()
    server.faults = faults.status(503)
    ticks.now = 600
    assert ours.get() == first
    ticks.now = 610
    assert ours.get() == first and len(server.requests) == 2  # the server is not asked again at once
    ticks.now = 980
    with pytest.raises(Unavailable):
        ours.get()


def test_a_refused_token_is_renewed_once(server):
    ours = tokens(server)
    first = ours.get()
    ours.drop(first)
    second = ours.get()
    assert second != first
    ours.drop(first)  # by a thread that comes late
    assert ours.get() == second and len(server.requests) == 2


def test_threads_share_one_token(server):
    server.latency_s = 0.05
    ours, got = tokens(server), []
    threads = [threading.Thread(target=lambda: got.append(ours.get())) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(got)) == len(server.requests) == 1


@pytest.mark.parametrize("skew_s", [3_600, -3_600])
def test_a_wrong_clock_is_compensated(server, skew_s):
    """oauth_manager.py: corrects it by the answer's Date, at once"""
    server.skew_s = skew_s
    ours = tokens(server)
    token = ours.get()
    assert server.takes(token) and len(server.requests) == 2
    ours.drop(token)
    ours.get()
    assert len(server.requests) == 3


class Said(NamedTuple):
    status: int
    text: str = ""
    headers: dict = {}


def asked(*answers):
    left = list(answers)

    def post(url, headers, body):
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Tokens("https://oauth2.segment.io", "app", "kid", OURS, post)


def test_a_wrong_clock_that_no_date_corrects():
    untimely = Said(400, json.dumps({"error": "invalid_request", "error_description": "Token is expired"}))
    with pytest.raises(TokenRefused) as refused:
        asked(untimely, untimely).get()
    assert "clock" in str(refused.value) and refused.value.reason == "oauth"


@pytest.mark.parametrize(
    "headers, wait_s", [({"Retry-After": "7"}, 7), ({"X-RateLimit-Reset": "9"}, 9), ({}, 5), ({"Retry-After": "x"}, 5)]
)
def test_a_busy_server(headers, wait_s):
    """oauth_manager.py: X-RateLimit-Reset in seconds, else 5; "OAuth 2.0": Retry-After"""
    with pytest.raises(Unavailable) as busy:
        asked(Said(429, "", headers)).get()
    assert (busy.value.retry_after_s, busy.value.reason) == (wait_s, "oauth")


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_a_server_may_fail_for_a_moment(status):
    with pytest.raises(Unavailable):
        asked(Said(status)).get()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415, 302])
def test_a_refusal_is_final(status):
    with pytest.raises(TokenRefused) as refused:
        asked(Said(status, '{"error": "invalid_client", "error_description": "no such key"}')).get()
    assert (refused.value.status, refused.value.reason) == (status, "oauth")
    assert "no such key" in str(refused.value) and "oauth_key_id" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "[]", "{}", '{"access_token": ""}', '{"access_token": 7}', '{"access_token": "a\\nb"}', "[" * 9999],
)
def test_an_answer_without_a_token(text):
    with pytest.raises(TokenRefused):
        asked(Said(200, text)).get()


@pytest.mark.parametrize(
    "life", ["", ', "expires_in": null', ', "expires_in": "soon"', ', "expires_in": -1', ', "expires_in": true']
)
def test_a_missing_lifetime_counts_as_short(life):
    ticks = Ticks()
    ours = asked(Said(200, '{"access_token": "a"%s}' % life), Said(200, '{"access_token": "b"}'))
    ours._ticks = ticks
    assert ours.get() == "a"
    ticks.now = 29
    assert ours.get() == "a"
    ticks.now = 31
    assert ours.get() == "b"


def test_no_answer():
    for error in (Unavailable("no", reason="network"), SegmentBridgeError("no", reason="tls")):
        with pytest.raises(type(error)) as told:
            asked(error).get()
        assert told.value is error


def test_no_secret_is_shown(server):
    server.faults = faults.first(1, faults.status(401, json.dumps({"error": "x" * 9999})))
    with pytest.raises(TokenRefused) as refused:
        tokens(server).get()
    assert PEM[30:60] not in str(refused.value) and len(str(refused.value)) < 700


def test_the_servers_own_date(server):
    server.faults = faults.first(1, faults.Fault(reply=Reply.json(200, {"access_token": "a"}, Date="nonsense")))
    assert tokens(server).get() == "a"
