"""The REST handler that checks a destination for the app's pages, between such a page and splunkd.

Source: Splunk REST API reference, "search/v2/jobs": with exec_mode=oneshot, the answer is 200 with `results`, and
`messages` that also hold the errors of the search; or another status with `messages`.
"""

from urllib.parse import parse_qs

import pytest

from tests.support import handlers
from tests.support.fakes import faults
from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer
from tests.support.fakes.tls import Authority

SECRET = "fake0session0key"
CHECK = {"check": "key", "status": "ok", "code": "", "text": "Segment knows it"}


class Splunkd(FakeServer):
    """splunkd, as far as the handler uses it. `searched` is the last search; `says` what splunkd answers to it."""

    def answer(self, request):
        assert request.headers["Authorization"] == "Splunk " + SECRET
        assert (request.method, request.path) == ("POST", "/servicesNS/a%2Fb/segment_bridge/search/v2/jobs")
        form = {name: value for name, (value,) in parse_qs(request.body.decode(), strict_parsing=True).items()}
        assert (form["exec_mode"], form["output_mode"]) == ("oneshot", "json")
        self.searched = form["search"]
        return self.says


def answer(status=200, rows=(), **messages):
    """splunkd's answer, with these messages by type."""
    said = [{"type": kind, "text": text} for kind, text in messages.items()]
    return Reply.json(status, {"results": list(rows), "messages": said})


@pytest.fixture(scope="module", params=["https", "http"])
def splunkd(request):
    """With and without TLS (server.conf.spec, [sslConfig] enableSplunkdSSL)."""
    with Splunkd(tls=Authority().server() if request.param == "https" else None) as server:
        yield server


@pytest.fixture(scope="module")
def handler():
    return handlers.Handler("check_endpoint")


@pytest.fixture
def check(splunkd, handler, monkeypatch):
    """Status and payload of the answer to a request in the form that splunkd passes."""
    monkeypatch.setattr(handler.module, "_TIMEOUT_S", 0.3)
    splunkd.says, splunkd.faults, splunkd.searched = answer(rows=[CHECK]), None, None

    def ask(destination="segment", **changes):
        request = {
            "output_mode": "json",
            "method": "POST",
            "rest_path": "/segment_bridge/check",
            "query": [],
            "form": [["destination", destination]],
            "server": {"rest_uri": splunkd.url},
            "session": {"user": "a/b", "authtoken": SECRET},
        }
        return handler({**request, **changes})

    return ask


def refused(answered):
    status, payload = answered
    return status, handlers.text(payload)


def test_the_rows_of_segmentcheck_are_the_checks(check, splunkd):
    splunkd.says = answer(rows=[{**CHECK, "_time": "1", "destination": "segment"}, {"check": "clock"}], INFO="x")
    status, payload = check()
    assert status == 200
    clock = {"check": "clock", "status": "", "code": "", "text": ""}  # splunkd leaves empty fields out
    assert payload == {"destination": "segment", "checks": [CHECK, clock]}
    assert splunkd.searched == '| makeresults | eval destination="segment" | segmentcheck'


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods(check, splunkd, method):
    assert refused(check(method=method)) == (405, "use POST: the checks send requests to other servers")
    assert splunkd.searched is None


@pytest.mark.parametrize("form", [[], [["destination", 'a" | delete']], [["destination", "segment\n"]], [["x", "y"]]])
def test_a_bad_name(check, splunkd, form):
    assert refused(check(form=form)) == (400, "destination must be the name of a stanza of segment_bridge.conf")
    assert splunkd.searched is None


@pytest.mark.parametrize(
    ("says", "status", "said"),
    [
        (answer(400, FATAL="Unknown search command 'segmentcheck'."), 400, "Unknown search command 'segmentcheck'."),
        (answer(401, WARN="call not properly authenticated"), 401, "call not properly authenticated"),
        (answer(403, ERROR="no"), 403, "no"),
        (answer(503, FATAL="The maximum number of searches is reached.", WARN="x"), 503, "searches is reached. x"),
        (answer(500, ERROR="In handler 'jobs'"), 503, "In handler 'jobs'"),
        (Reply.text(503, "<html>Service Unavailable</html>"), 503, "it answered 503"),
        (Reply.json(503, ["messages"]), 503, "it answered 503"),
        (answer(502), 503, "it answered 502"),
    ],
)
def test_splunkd_does_not_run_the_search(check, splunkd, says, status, said):
    splunkd.says = says
    answered, text = refused(check())
    assert answered == status
    assert text.startswith("splunkd did not run the checks: ") and text.endswith(said)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ({"ERROR": "splunkd answered 503", "INFO": "x"}, "the checks have failed: splunkd answered 503"),
        ({"FATAL": "a", "ERROR": "b"}, "the checks have failed: a b"),
        ({"INFO": "x"}, "the checks have failed: the search has no results"),
    ],
)
def test_the_search_fails_or_finds_nothing(check, splunkd, messages, said):
    splunkd.says = answer(**messages)
    assert refused(check()) == (503, said)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.close(), "RemoteDisconnected"),
        (faults.half_answer(150), "IncompleteRead"),
    ],
)
def test_splunkd_is_away(check, splunkd, fault, kind):
    splunkd.faults = faults.always(fault)
    said = "the endpoint segment_bridge/check cannot reach splunkd (%s): try again in a minute" % kind
    assert refused(check()) == (503, said)


def test_splunkd_cannot_be_reached(check):
    assert "(ConnectionRefusedError)" in refused(check(server={"rest_uri": "https://127.0.0.1:1"}))[1]


def test_checks_that_take_too_long(check, splunkd):
    splunkd.faults = faults.always(faults.hang())
    status, text = refused(check())
    assert status == 504
    assert text.endswith(": run them as a search, with | makeresults | segmentcheck")


@pytest.mark.parametrize(
    ("changes", "says", "kind"),
    [
        ({"session": {}}, answer(), "KeyError"),
        ({"session": {"user": "u", "authtoken": SECRET + "\n"}}, answer(), "ValueError"),  # its text quotes the header
        ({}, Reply.text(200, SECRET), "JSONDecodeError"),
        ({}, Reply.json(200, {"results": SECRET}), "AttributeError"),
    ],
)
def test_what_is_unforeseen_is_reported_without_its_text(check, splunkd, changes, says, kind):
    splunkd.says = says
    said = "internal error in segment_bridge/check: %s. This is a fault of the app: please report it" % kind
    assert refused(check(**changes)) == (500, said)
