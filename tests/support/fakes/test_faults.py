"""Each fault looks to a client like the thing it is named after, and plans hit the requests they should."""

from __future__ import annotations

import base64
import socket
import struct
import threading
import time
from email.utils import parsedate_to_datetime

import pytest
import requests

from tests.support.fakes import faults
from tests.support.fakes.faults import Fault, always, at, either, first, in_turn, mix, status, when
from tests.support.fakes.segment import WRITE_KEY, FakeSegment
from tests.support.fakes.tls import Authority

HEAD = (
    b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Basic %s\r\n"
    b"Content-Length: %%d\r\n\r\n%%s"
) % base64.b64encode(f"{WRITE_KEY}:".encode())


@pytest.fixture
def fake():
    with FakeSegment() as server:
        yield server


@pytest.fixture
def post(client, fake):
    def post(message_id="m", timeout=5):
        event = {"type": "track", "event": "e", "userId": "u", "messageId": message_id}
        url = f"{fake.url}/v1/batch"
        return client.post(url, json={"batch": [event]}, auth=(WRITE_KEY, ""), timeout=timeout, allow_redirects=False)

    return post


def raw_exchange(fake, body=b'{"batch":[]}'):
    """Everything that comes back on a new connection until it ends, and how it ends: `closed` or `reset`."""
    with socket.create_connection(("127.0.0.1", fake.port), timeout=5) as connection:
        received = b""
        try:
            connection.sendall(HEAD % (len(body), body))
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            return received, "reset"
    return received, "closed"


# Faults


def test_a_status_comes_with_its_headers_and_nothing_is_taken(fake, post):
    fake.faults = in_turn(
        status(429, "slow down", retry_after=7), status(500), status(307, Location="/elsewhere"), status(529)
    )
    throttled, failed, moved, odd = [post() for _ in range(4)]
    assert (throttled.status_code, throttled.text, throttled.headers["Retry-After"]) == (429, "slow down", "7")
    assert failed.status_code == 500
    assert (moved.status_code, moved.headers["Location"]) == (307, "/elsewhere")
    assert odd.status_code == 529
    assert not fake.accepted
    assert [exchange.status for exchange in fake.requests] == [429, 500, 307, 529]


def test_header_names_are_written_with_underscores(fake, post):
    fake.faults = always(status(429, X_RateLimit_Reset="3"))
    assert post().headers["X-RateLimit-Reset"] == "3"


def test_retry_after_may_be_a_date(fake, post):
    fake.faults = always(status(503, retry_after=faults.http_date(60)))
    until = parsedate_to_datetime(post().headers["Retry-After"]).timestamp()
    assert 50 < until - time.time() <= 60


def test_a_portals_page_has_status_200(fake, post):
    fake.faults = always(faults.html())
    answer = post()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<html>" in answer.text
    assert not fake.accepted


@pytest.mark.parametrize("read", [True, False])
def test_a_reset_is_a_tcp_reset(fake, read):
    fake.faults = always(faults.reset(read=read))
    assert raw_exchange(fake) == (b"", "reset")
    assert fake.requests[0].wire_bytes == (12 if read else 0)
    assert fake.requests[0].status is None


def test_a_close_is_no_reset(fake):
    fake.faults = always(faults.close())
    assert raw_exchange(fake) == (b"", "closed")


def test_a_lost_answer_has_taken_the_events(fake, post):
    fake.faults = in_turn(faults.lost_answer())
    with pytest.raises(requests.ConnectionError):
        post("a")
    assert list(fake.accepted) == ["a"]
    assert post("a").status_code == 200
    assert len(fake.duplicates) == 1


@pytest.mark.parametrize("end", [faults.CLOSE, faults.RESET])
def test_half_an_answer_ends_where_it_should(fake, end):
    fake.faults = always(faults.half_answer(20, end))
    assert raw_exchange(fake) == (b"HTTP/1.1 200 OK\r\nCon", "reset" if end == faults.RESET else "closed")


def test_a_hanging_server_keeps_the_connection_open(fake, post):
    fake.faults = in_turn(faults.hang())
    with pytest.raises(requests.ReadTimeout):
        post(timeout=0.3)
    assert not fake.accepted
    assert post().status_code == 200


def test_a_slow_answer_is_late_and_whole(fake, post):
    fake.faults = in_turn(faults.slow(0.3))
    started = time.monotonic()
    assert post().json() == {"success": True}
    assert time.monotonic() - started >= 0.3


def test_dripping_keeps_a_read_timeout_from_striking(fake, post):
    fake.faults = in_turn(faults.slow_head(0.01), faults.slow_body(0.05))
    for _ in range(2):
        started = time.monotonic()
        assert post(timeout=0.2).json() == {"success": True}
        assert time.monotonic() - started > 0.4


def test_a_stale_connection_is_closed_after_its_answer(fake):
    fake.faults = always(faults.stale())
    received, end = raw_exchange(fake)
    assert received.startswith(b"HTTP/1.1 ")
    assert b"connection: close" not in received.lower()
    assert end == "closed"


def test_a_fault_can_be_put_together(fake, post):
    """Handled, yet answered with an error, and late."""
    fake.faults = in_turn(Fault(reply=status(500).reply, delay_s=0.1))
    assert post("a").status_code == 500
    assert list(fake.accepted) == ["a"]


# Plans


def asked(plan, count, request=None):
    return [plan(request) for _ in range(count)]


def test_faults_go_by_number_or_turn():
    five, one = status(500), faults.close()
    assert asked(at({2: five, 4: one}), 5) == [None, five, None, one, None]
    assert asked(in_turn(five, None, one), 4) == [five, None, one, None]
    assert asked(first(2, five), 3) == [five, five, None]
    assert asked(always(five), 2) == [five, five]


def test_plans_combine():
    five, one = status(500), faults.close()
    odd = when(lambda number: number % 2, in_turn(five, one))
    assert [odd(number) for number in range(1, 7)] == [five, None, one, None, None, None]
    assert asked(either(at({1: five}), None, in_turn(one)), 3) == [five, one, None]


def test_a_mix_is_settled_by_its_seed_and_keeps_its_shares():
    five, one = status(500), faults.close()
    drawn = asked(mix(7, (0.1, five), (0.2, one)), 2_000)
    assert drawn == asked(mix(7, (0.1, five), (0.2, one)), 2_000)
    assert drawn != asked(mix(8, (0.1, five), (0.2, one)), 2_000)
    assert 140 < drawn.count(five) < 260
    assert 320 < drawn.count(one) < 480


def test_poison_in_a_batch_is_found_in_its_body(fake, post):
    fake.faults = when(lambda request: b"poison" in request.body, status(400, "Bad Request"))
    assert post("poison").status_code == 400
    assert post("good").status_code == 200
    assert list(fake.accepted) == ["good"]


def test_an_old_proxy_refuses_gzip(fake, post):
    fake.faults = when(lambda request: "Content-Encoding" in request.headers, status(415))
    assert post().status_code == 200


def test_a_plan_that_fails_fails_the_test(client):
    fake = FakeSegment()
    fake.faults = lambda request: 1 / 0
    fake.up()
    with pytest.raises(requests.ConnectionError):
        client.get(fake.url, timeout=5)
    with pytest.raises(ZeroDivisionError):
        fake.stop()


# The server


def test_down_refuses_and_breaks_connections_and_up_is_the_same_address(fake, post):
    assert post("a").status_code == 200
    url = fake.url
    with socket.create_connection(("127.0.0.1", fake.port)) as open_connection:
        time.sleep(0.05)
        fake.down()
        assert open_connection.recv(1) == b""
    for _ in range(2):
        with pytest.raises(requests.ConnectionError, match="refused"):
            post("b")
    fake.up()
    assert fake.url == url
    assert post("b").status_code == 200
    assert list(fake.accepted) == ["a", "b"]


def test_a_server_that_hangs_can_be_stopped(client):
    with FakeSegment() as fake:
        fake.faults = always(faults.hang())
        failures = []

        def ask():
            try:
                client.get(fake.url, timeout=30)
            except requests.ConnectionError as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while not fake.requests:
            time.sleep(0.01)
    asking.join(5)
    assert len(failures) == 1


def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_error(fake, post):
    with socket.create_connection(("127.0.0.1", fake.port)) as connection:
        connection.sendall(HEAD % (1000, b"{"))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert post().status_code == 200
    assert not fake.errors


def test_a_certificate_can_be_for_another_name(client):
    authority = Authority()
    refused = pytest.raises(requests.exceptions.SSLError, match="match")
    with FakeSegment(tls=authority.server("segment.example.com")) as fake, refused:
        client.get(fake.url, verify=str(authority.ca_file))


def test_a_certificate_can_be_expired(client):
    authority = Authority()
    refused = pytest.raises(requests.exceptions.SSLError, match="expired")
    with FakeSegment(tls=authority.server(expired=True)) as fake, refused:
        client.get(fake.url, verify=str(authority.ca_file))


def test_a_good_certificate_is_trusted_by_its_authority_alone(client):
    authority, stranger = Authority(), Authority()
    with FakeSegment(tls=authority.server()) as fake:
        assert client.get(fake.url, verify=str(authority.ca_file)).status_code == 200
        with pytest.raises(requests.exceptions.SSLError, match="verify failed"):
            client.get(fake.url, verify=str(stranger.ca_file))
