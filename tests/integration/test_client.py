"""Requests that Segment understands, and the meaning of its answers and of those from whatever replaces it."""

import base64
import contextlib
import email.utils
import gzip
import json
import socket
import time

import pytest

from segment_bridge import __version__
from segment_bridge.delivery.batching import body
from segment_bridge.delivery.client import Client, Kind, fingerprint, kind_of
from segment_bridge.delivery.options import Destination
from segment_bridge.errors import SecretError, SettingsError
from tests.support.fakes import faults
from tests.support.fakes.faults import status
from tests.support.fakes.proxy import FakeProxy
from tests.support.fakes.reply import Reply
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.fakes.tls import Authority

EVENT = b'{"type":"track","event":"x","userId":"1","messageId":"m"}'
SUCCESS = '{"success":true}'


@pytest.fixture
def fake():
    with FakeSegment() as server:
        yield server


def client(fake, write_key=WRITE_KEY, **options):
    known = {"url": fake.url + "/v1/batch", "timeout": 0.4, "connect_timeout": 0.4}
    return Client(Destination("segment", **{**known, **options}), write_key)


def send(sender, data=None, retries=0):
    return sender.send(sender.prepare(data or body([EVENT])), retries)


def post(fake, fault=None, **options):
    fake.faults = faults.first(1, fault)
    return send(client(fake, **options))


# --- Requests ---


def test_a_request_follows_segments_documentation(fake):
    sender = client(fake)
    send(sender)
    send(sender, retries=3)
    first, second = fake.requests
    assert first.headers["Authorization"] == "Basic " + base64.b64encode(WRITE_KEY.encode() + b":").decode()
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Content-Encoding"] == "gzip"
    assert first.headers["Accept-Encoding"] == "identity"
    assert first.headers["User-Agent"] == "segment-bridge/" + __version__
    assert "X-Retry-Count" not in first.headers and second.headers["X-Retry-Count"] == "3"
    assert first.connection == second.connection
    assert first.facts["envelope"] == {"context": {"library": {"name": "segment-bridge", "version": __version__}}}
    assert json.loads(fake.accepted["m"].raw) == json.loads(EVENT)


def test_requests_and_bytes_are_counted(fake):
    sender = client(fake)
    data = body([EVENT] * 100)
    send(sender, data)
    sender.gzip = False
    send(sender, data)
    assert (sender.requests, sender.body_bytes) == (2, 2 * len(data))
    assert sender.wire_bytes == sum(exchange.wire_bytes for exchange in fake.requests) < 2 * len(data)
    assert [exchange.headers.get("Content-Encoding") for exchange in fake.requests] == ["gzip", None]


def test_the_environment_is_ignored(fake, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    assert post(fake).kind is Kind.ACCEPTED
    assert list(fake.accepted) == ["m"]


@pytest.mark.parametrize("write_key", ["", "a b", "a:b", "schlüssel", "k\ney", "“key”"])
def test_a_write_key_that_no_header_can_carry_is_refused(fake, write_key):
    with pytest.raises(SecretError, match=r"write key of \[segment\]"):
        client(fake, write_key)


def test_a_fingerprint_distinguishes_keys_without_revealing_them():
    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
    assert WRITE_KEY not in fingerprint(WRITE_KEY)


# --- Answers ---


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ([400, 402, 406, 409, 418, 422, 431], Kind.REFUSED),
        ([401, 403, 404, 405, 407, 301, 302, 303, 304, 307, 308, 501, 505, 511], Kind.DENIED),
        ([408, 410, 421, 425, 460, 500, 502, 503, 504, 520, 529, 599], Kind.TRANSIENT),
        ([429], Kind.THROTTLED),
        ([413], Kind.TOO_LARGE),
        ([415], Kind.ENCODED),
    ],
)
def test_what_each_status_means(fake, codes, kind):
    assert {kind_of(code) for code in codes} == {kind}
    answer = post(fake, status(codes[0], "because"))
    assert (answer.kind, answer.http) == (kind, codes[0])


@pytest.mark.parametrize(
    ("text", "content_type", "kind", "reason"),
    [
        (SUCCESS, "application/json", Kind.ACCEPTED, ""),
        ("", "text/plain", Kind.ACCEPTED, ""),
        ("OK", "text/plain", Kind.ACCEPTED, ""),
        ("null", "application/json", Kind.ACCEPTED, ""),
        ('{"success":false,"message":"nope"}', "application/json", Kind.DENIED, "success_false"),
        ('{"ok":false}', "application/json", Kind.DENIED, "success_false"),
        ('{"ok":"false"}', "application/json", Kind.DENIED, "success_false"),
        ('{"error":"no such source"}', "application/json", Kind.DENIED, "success_false"),
        ('{"error":{"code":7}}', "application/json", Kind.DENIED, "success_false"),
        ('{"success":true,"errors":["Message ID: m: too old"]}', "application/json", Kind.DENIED, "success_false"),
        ('{"status":"error"}', "application/json", Kind.DENIED, "success_false"),
        ("false", "application/json", Kind.DENIED, "success_false"),
        ('{"success":true,"error":null,"errors":[],"status":"ok"}', "application/json", Kind.ACCEPTED, ""),
        ('"ok"', "application/json", Kind.ACCEPTED, ""),
        ("true", "application/json", Kind.ACCEPTED, ""),
        ("[]", "application/json", Kind.TRANSIENT, "unexpected_body"),
        ("0", "application/json", Kind.TRANSIENT, "unexpected_body"),
        ('"error"', "application/json", Kind.TRANSIENT, "unexpected_body"),
        ("<html>Sign in</html>", "text/html", Kind.TRANSIENT, "unexpected_body"),
        ('{"success":tr', "application/json", Kind.TRANSIENT, "unexpected_body"),
        ("[" * 30_000, "application/json", Kind.TRANSIENT, "unexpected_body"),
    ],
)
def test_the_body_of_a_200_is_checked(fake, text, content_type, kind, reason):
    answer = post(fake, status(200, text, content_type=content_type))
    assert (answer.kind, answer.reason, answer.http) == (kind, reason, 200)
    assert text[:20] in answer.error or kind is Kind.ACCEPTED


def test_an_answer_may_exclude_some_events(fake):
    """Jitsu's: https://github.com/jitsucom/bulker, ingest."""
    said = {"ok": True, "receivedEvents": 3, "okEvents": 2, "errors": ["Message ID: m-1: it is too\nold " + WRITE_KEY]}
    answer = post(fake, status(200, json.dumps(said), content_type="application/json"))
    assert answer.kind is Kind.ACCEPTED
    assert [answer.exception(b'{"messageId":"%s"}' % each) for each in (b"m", b"m-1", b"m-11", b"-1", b"id")] == [
        "", "Message ID: m-1: it is too old ***", "", "", ""]  # fmt: skip
    said = json.dumps({"ok": True, "okEvents": 0, "errors": ["Message ID: m: no"]})
    assert post(fake, status(200, said, content_type="application/json")).kind is Kind.DENIED


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(fake, code):
    answer = post(fake, status(code, Location="http://127.0.0.1:1/elsewhere"))
    assert (answer.kind, answer.reason) == (Kind.DENIED, "redirect")
    assert "http://127.0.0.1:1/elsewhere" in answer.error
    assert len(fake.requests) == 1


def test_the_wait_that_an_answer_requests_is_reported(fake):
    assert post(fake, status(429, retry_after=7)).retry_after_s == 7
    assert 6 < post(fake, status(503, retry_after=faults.http_date(9))).retry_after_s <= 9
    assert post(fake, status(503)).retry_after_s is None
    hour_ago = email.utils.formatdate(time.time() - 3_600, usegmt=True)
    behind = status(503, retry_after=faults.http_date(9 - 3_600), Date=hour_ago)
    assert post(fake, behind).retry_after_s == pytest.approx(9, abs=1)
    twice = Reply(429, b"", {"Retry-After": "3", "retry-after": "5"})
    assert post(fake, faults.Fault(twice, handled=False)).retry_after_s == 5


def test_an_answers_text_is_shortened_and_contains_no_key(fake):
    echo = "bad key %s, %s " % (WRITE_KEY, base64.b64encode(WRITE_KEY.encode() + b":").decode())
    answer = post(fake, status(400, echo + "x" * 100_000))
    assert answer.error.startswith("HTTP 400: bad key ***, *** x")
    assert len(answer.error) < 250


def test_an_endless_answer_is_not_read_to_its_end(fake):
    sent = []

    def pieces():
        while len(sent) < 10_000:
            sent.append(10_000)
            yield b"x" * sent[-1]

    answer = post(fake, faults.Fault(Reply(500, pieces()), handled=False), timeout=20)
    assert answer.kind is Kind.TRANSIENT
    assert len(sent) < 5_000  # the capacity of the sockets' buffers


def test_an_encoded_answer_is_read_up_to_a_limit_or_not_at_all(fake):
    """See test_connections. The status counts, whatever the body is."""
    packed = gzip.compress(SUCCESS.encode())

    def answer(code, body, encoding):
        return post(fake, faults.Fault(Reply(code, body, {"Content-Encoding": encoding}), handled=False))

    assert answer(200, packed, "gzip").kind is Kind.ACCEPTED
    twice = answer(200, gzip.compress(packed), "gzip, gzip")
    assert (twice.kind, twice.reason) == (Kind.TRANSIENT, "unexpected_body")
    assert "encoded by gzip, gzip" in twice.error
    assert answer(400, b"x", "gzip").kind is Kind.REFUSED


def test_an_interim_answer_is_skipped(fake):
    assert post(fake, faults.early_hints()).kind is Kind.ACCEPTED
    assert list(fake.accepted) == ["m"]


# --- No answer ---


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (faults.reset(), "reset"),
        (faults.reset(read=False), ""),
        (faults.close(), ""),
        (faults.half_answer(20), ""),
        (faults.half_answer(75), "broke off"),
        (faults.half_answer(75, faults.RESET), ""),
        (faults.hang(), "timed out"),
        (faults.slow(1.0), "timed out"),
        (faults.slow_head(0.05), "timed out"),
        (faults.slow_body(0.05), "timed out"),
    ],
)
def test_a_timeout_is_transient(fake, fault, said):
    began = time.monotonic()
    answer = post(fake, fault)
    assert (answer.kind, answer.reason, answer.http) == (Kind.TRANSIENT, "network", None)
    assert said in answer.error and answer.error
    assert time.monotonic() - began < 1.5


def test_a_refused_connection_and_an_unknown_name_are_reported_by_their_errors(fake):
    assert "refused" in post(fake, url="http://127.0.0.1:1/v1/batch").error
    answer = post(fake, url="https://no-such-host.invalid/v1/batch")
    assert (answer.kind, answer.reason) == (Kind.TRANSIENT, "network")
    assert "not known" in answer.error or "resolution" in answer.error


def test_an_answer_that_is_not_http_is_transient():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        destination = Destination(
            "segment", url="http://127.0.0.1:%d/v1/batch" % listener.getsockname()[1], timeout=0.3, connect_timeout=0.2
        )
        sender = Client(destination, WRITE_KEY)
        answer = send(sender, b"{}")  # accepted by the backlog, never answered
    assert (answer.kind, answer.reason) == (Kind.TRANSIENT, "network")


def test_a_stale_connection_is_not_a_failure(fake):
    sender = client(fake)
    fake.faults = faults.first(1, faults.stale())
    assert send(sender).kind is Kind.ACCEPTED
    time.sleep(0.05)
    assert send(sender).kind is Kind.ACCEPTED
    assert [exchange.connection for exchange in fake.requests] == [1, 2]


def test_a_new_connection_that_breaks_is_a_failure(fake):
    assert post(fake, faults.close()).kind is Kind.TRANSIENT
    assert len(fake.requests) == 1


def test_after_a_server_error_the_name_is_resolved_again(fake):
    sender = client(fake)
    fake.faults = faults.first(1, status(503))
    send(sender)
    send(sender)
    assert [exchange.connection for exchange in fake.requests] == [1, 2]


# --- TLS and proxies ---


@pytest.mark.parametrize(
    ("identities", "expired", "trusted", "said"),
    [
        ((), False, True, None),
        ((), False, False, "self"),  # signed certificate in certificate chain
        ((), True, True, "expired"),
        (("example.com",), False, True, "match"),
    ],
)
def test_certificates_are_verified(identities, expired, trusted, said):
    authority = Authority()
    with FakeSegment(tls=authority.server(*identities, expired=expired)) as fake:
        answer = post(fake, ca_file=str(authority.ca_file) if trusted else "")
    if said is None:
        assert answer.kind is Kind.ACCEPTED
        return
    assert (answer.kind, answer.reason) == (Kind.MISCONFIGURED, "tls")
    assert said in answer.error


def test_an_invalid_ca_file_is_a_setting_to_correct(fake, tmp_path):
    for path in (tmp_path / "missing.pem", tmp_path):
        with pytest.raises(SettingsError, match=r"\[segment\] ca_file .* cannot be used"):
            client(fake, ca_file=str(path))
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(SettingsError, match="must hold CA certificates"):
        client(fake, ca_file=str(tmp_path / "empty.pem"))


@contextlib.contextmanager
def segment_behind(proxy):
    authority = Authority()
    with proxy, FakeSegment(tls=authority.server("api.segment.io")) as fake:
        proxy.routes["api.segment.io:443"] = fake.port
        destination = Destination(
            "segment", region="us", proxy_url=proxy.url, ca_file=str(authority.ca_file), timeout=2.0
        )
        yield fake, destination


def test_a_configured_proxy_is_used():
    with segment_behind(FakeProxy()) as (fake, destination):
        assert send(Client(destination, WRITE_KEY)).kind is Kind.ACCEPTED
        assert list(fake.accepted) == ["m"]


def test_a_proxy_that_demands_credentials_is_a_setting_to_correct():
    with segment_behind(FakeProxy(user="a", password="b")) as (fake, destination):
        answer = send(Client(destination, WRITE_KEY))
        assert (answer.kind, answer.reason, answer.http) == (Kind.MISCONFIGURED, "auth", 407)
        assert not fake.requests


def test_a_proxy_that_cannot_reach_segment_is_transient():
    with segment_behind(FakeProxy()) as (fake, destination):
        fake.down()
        assert send(Client(destination, WRITE_KEY)).kind is Kind.TRANSIENT
