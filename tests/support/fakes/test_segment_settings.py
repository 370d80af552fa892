"""The fake of Segment's settings endpoint answers as Segment's does.

Sources: action-destinations, destinations/segment and segment-profiles (testAuthentication: GET
cdn.segment.com/v1/projects/<key>/settings); analytics-next and Segment's worker for Cloudflare, whose tests contain the
text of the 404; analytics-next, `apiHost` of integrations["Segment.io"].
"""

import pytest

from tests.support.fakes.segment_settings import FakeSettings

KEY = "k" * 32


@pytest.fixture
def ask(client):
    with FakeSettings(sources={KEY: "", "e" * 32: "events.eu1.segmentapis.com/v1"}) as fake:
        yield lambda key, method="GET", path="/v1/projects/%s/settings": client.request(method, fake.url + path % key)


def test_a_key_that_no_source_has(ask):
    """Segment's worker: "404 from Segment CDN is returned without any modifications" """
    answer = ask("x" * 32)
    assert (answer.status_code, answer.text) == (404, "Cannot GET - Invalid path or write key provided.")


def test_another_path_is_answered_alike(ask):
    assert ask(KEY, path="/v1/projects/%s").status_code == 404


def test_a_key_that_a_source_has(ask):
    """analytics-next: integrations["Segment.io"].apiKey"""
    answer = ask(KEY)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    assert answer.json()["integrations"]["Segment.io"]["apiKey"] == KEY
    assert "apiHost" not in answer.json()["integrations"]["Segment.io"]


def test_the_region_of_a_source(ask):
    """analytics-next: `apiHost` has no scheme, and its path contains the version"""
    assert ask("e" * 32).json()["integrations"]["Segment.io"]["apiHost"] == "events.eu1.segmentapis.com/v1"


def test_it_is_read_only(ask):
    assert ask(KEY, "POST").status_code == 404
