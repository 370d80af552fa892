"""The fake token server demands what Segment's demands.

Sources: Segment's "OAuth 2.0" (docs:connections/oauth.md): the request and its parameters, the JWT's header and claims,
`exp` within 60 seconds, a unique `jti`; segment-analytics-python, oauth_manager.py: `error` and `error_description` of
a 400, "Token is expired" and "Token used before issued", the Date of the answer.
"""

import base64
import email.utils
import json
import time
import uuid

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.fakes.token_server import FakeTokenServer

KEY = rsa.generate_private_key(65_537, 2_048)
OTHER = rsa.generate_private_key(65_537, 2_048)


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key, head, claims):
    text = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    return "%s.%s" % (text, encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())))


@pytest.fixture
def server():
    with FakeTokenServer(app_id="app", key_id="kid", public_key=KEY.public_key()) as server:
        yield server


@pytest.fixture
def ask(client, server):
    def ask(head=None, form=None, key=KEY, **claims):
        now = int(time.time())
        claims = {"iss": "app", "sub": "app", "aud": server.url, "iat": now - 5, "exp": now + 55, **claims}
        claims.setdefault("jti", str(uuid.uuid4()))
        assertion = signed(key, {"alg": "RS256", "typ": "JWT", "kid": "kid", **(head or {})}, claims)
        sent = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
            "scope": "tracking_api:write",
            **(form or {}),
        }
        return client.post(server.url + "/token", data=sent)

    return ask


def test_a_token_for_a_good_assertion(server, ask):
    answer = ask()
    assert answer.status_code == 200 and answer.json()["expires_in"] == 86_400
    assert server.takes(answer.json()["access_token"])
    assert abs(email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()) < 3
    server.revoke_all()
    assert not server.takes(answer.json()["access_token"]) and not server.takes("another")


@pytest.mark.parametrize("claims", [{"iss": "x"}, {"sub": "x"}, {"aud": "https://oauth2.segment.io/"}])
def test_another_application_or_audience(ask, claims):
    assert (ask(**claims).status_code, ask(**claims).json()["error"]) == (401, "invalid_client")


def test_another_key(ask):
    assert ask(key=OTHER).status_code == 401
    assert ask(head={"kid": "another"}).status_code == 401
    assert ask(head={"alg": "none"}).status_code == 401


@pytest.mark.parametrize(
    "iat, exp, told",
    [(-80, -1, "Token is expired"), (30, 80, "Token used before issued"), (-5, 56, "Token lives too long")],
)
def test_an_assertion_out_of_time(ask, iat, exp, told):
    now = int(time.time())
    answer = ask(iat=now + iat, exp=now + exp)
    assert (answer.status_code, answer.json()["error_description"]) == (400, told)


def test_an_assertion_is_good_once(ask):
    assert [ask(jti="same").status_code for _ in range(2)] == [200, 400]


@pytest.mark.parametrize(
    "form", [{"grant_type": "password"}, {"scope": ""}, {"client_assertion_type": "jwt"}, {"extra": "1"}]
)
def test_the_form_is_as_documented(ask, form):
    assert ask(form=form).status_code == 400


def test_another_path_method_or_type(client, server):
    assert client.get(server.url + "/token").status_code == 404
    assert client.post(server.url + "/oauth").status_code == 404
    assert client.post(server.url + "/token", json={}).status_code == 415
