"""The search command segmentcheck, between a double of splunkd and whatever answers at the receivers' addresses."""

import email.utils
import time

import pytest

from segment_bridge import exchange
from segment_bridge.errors import Unavailable
from segment_bridge.splunk.asking import SegmentCheck
from tests.support.commands import search
from tests.support.fakes.segment import WRITE_KEY
from tests.support.splunkd import CONFS, DATA

CHECKS = DATA + "segment_checks/batch_save"


@pytest.fixture
def splunkd(splunkd):
    splunkd.conf["segment_bridge"]["segment"] = {"region": "us"}
    splunkd.passwords["segment"] = WRITE_KEY
    return splunkd


@pytest.fixture
def answers(monkeypatch):
    """What answers at a host: a text, or an exception to raise."""
    known = {
        "api.segment.io": "",
        "jitsu.example.com": "",
        "cdn.segment.com": '{"integrations": {"Segment.io": {"apiKey": "%s"}}}' % WRITE_KEY,
    }

    class Asker:
        def __init__(self, way, service, secrets=(), most_bytes=0):
            pass

        def ask(self, method, url, headers):
            answer = known[url.split("/")[2]]
            if isinstance(answer, Exception):
                raise answer
            date = email.utils.formatdate(time.time(), usegmt=True)
            return exchange.Said(200, "OK", {"Date": date}, answer.encode())

    monkeypatch.setattr(exchange, "Asker", Asker)
    return known


@pytest.fixture
def check(splunkd, answers, tmp_path):
    """The checks of each destination that the rows name, as check: (status, code)."""

    def run(*names, **options):
        found = search(SegmentCheck, [{"destination": name} for name in names] or [{"x": "1"}], **options)
        assert (found.messages, found.error) == ([], "")
        run.rows = found.rows
        checks = {}
        for row in found.rows:
            told = (row["status"], row.get("code", ""))
            checks.setdefault(row["destination"], {})[row["check"]] = told
        return checks

    run.log = lambda: (tmp_path / "var/log/splunk/segment_bridge.log").read_text(encoding="utf-8")
    return run


FINE = dict.fromkeys(("receiver", "certificate", "clock", "key", "region"), ("ok", ""))


def text_of(check, name):
    (text,) = [row["text"] for row in check.rows if row["check"] == name]
    return text


def test_all_destinations_that_are_not_disabled_are_checked(check, splunkd):
    splunkd.conf["segment_bridge"].update(off={"disabled": True}, bare={"region": "us"})
    found = check()
    assert found["segment"] == FINE
    assert found["bare"]["key"] == ("warn", "secret") and found["bare"]["receiver"] == ("ok", "")
    assert found.keys() == {"segment", "bare"}
    assert {each["destination"] for each in splunkd.records("segment_checks")} == {"segment", "bare"}


@pytest.mark.parametrize("argument", ["destination=segment", "segment", "{x}"])
def test_it_takes_no_arguments(splunkd, argument):
    found = search(SegmentCheck, [{"destination": "segment"}], argument)
    assert found.error == "segmentcheck takes no arguments: the field destination says what to check"
    assert found.rows == [] and not splunkd.requests


def test_a_preview_checks_nothing(check, splunkd):
    """Splunk shows previews of a search that is still running (commands.conf.spec, run_in_preview)."""
    assert check("segment", preview=True) == {}
    assert not splunkd.requests


@pytest.mark.parametrize("fault", [500, 503, "cut"])
def test_splunkd_does_not_list_the_destinations(splunkd, fault):
    splunkd.fault = lambda method, path: fault if path == CONFS + "segment_bridge" else None
    found = search(SegmentCheck, [{"x": "1"}])
    assert (
        "splunkd cannot be reached" in found.error if fault == "cut" else "splunkd answered %d" % fault in found.error
    )
    assert found.error.endswith(" (reason=splunkd)") and "internal" not in found.error


def test_a_destination_whose_settings_are_wrong(check, splunkd):
    splunkd.conf["segment_bridge"].update(
        {
            "a": {"region": "uk"},
            "b": {"region": "us", "ca_file": "/nowhere/ca.pem"},
            "c": {"region": "us", "disabled": True},
        }
    )
    found = check("a", "b", "c", "d", "segment")
    for name in "abcd":
        assert found[name] == {"settings": ("warn", "settings")}
    assert found["segment"] == FINE
    texts = " ".join(row["text"] for row in check.rows if row["check"] == "settings")
    for said in (
        '[a] region must be us or eu, got "uk"',
        "/nowhere/ca.pem cannot be used",
        "[c] is disabled",
        "[d]; it has",
    ):
        assert said in texts
    assert check.log().count("reason=settings") == 4
    # An alert warns of what is kept: not of what somebody has misspelled or switched off.
    assert {each["destination"] for each in splunkd.records("segment_checks")} == {"a", "b", "segment"}


def test_an_unforeseen_error_leaves_the_other_destinations(check, splunkd):
    splunkd.conf["segment_bridge"]["a"] = {"region": ["secret"]}  # splunkd returns texts
    found = check("a", "segment")
    assert found == {"a": {"settings": ("unknown", "internal")}, "segment": FINE}
    assert text_of(check, "settings").startswith("internal error: AttributeError in segment_bridge.settings:")
    assert "secret" not in str(check.rows) + check.log()


def test_an_unforeseen_error_leaves_the_other_checks(check, answers):
    answers["cdn.segment.com"] = RuntimeError("secret")
    found = check("segment")["segment"]
    assert found.pop("settings") == ("unknown", "internal")
    assert found == {name: FINE[name] for name in ("receiver", "certificate", "clock")}
    assert "secret" not in str(check.rows) + check.log()


def test_a_receiver_that_cannot_be_reached(check, answers):
    answers["api.segment.io"] = Unavailable("the receiver cannot be reached: timed out", reason="network")
    assert check("segment")["segment"] == {
        "receiver": ("warn", "network"),
        "key": ("ok", ""),
        "region": ("ok", ""),
    }
    assert 'reason=network error="receiver: the receiver cannot be reached' in check.log()


@pytest.mark.parametrize(
    ("ledger", "told", "said"),
    [("true", ("ok", ""), "so the ledger is on"), ("false", ("warn", "no_ledger"), "Set ledger = true")],
)
def test_a_receiver_that_does_not_drop_repeats(check, splunkd, ledger, told, said):
    url = "https://jitsu.example.com/v1/batch"
    splunkd.conf["segment_bridge"]["jitsu"] = {"receiver": "jitsu", "url": url, "ledger": ledger}
    splunkd.passwords["jitsu"] = "key"
    found = check("jitsu")["jitsu"]
    assert found.pop("repeats") == told
    assert found == {name: FINE[name] for name in ("receiver", "certificate", "clock")}
    assert said in text_of(check, "repeats")


@pytest.mark.parametrize(("is_enabled", "told"), [("true", ("ok", "")), ("false", ("warn", "source_disabled"))])
def test_a_source(check, splunkd, answers, is_enabled, told):
    splunkd.conf["segment_bridge"]["segment"]["source_id"] = "src"
    splunkd.passwords["segment:api"] = "token"
    answers["api.segmentapis.com"] = '{"data": {"source": {"name": "Konflux", "enabled": %s}}}' % is_enabled
    assert check("segment")["segment"] == {**FINE, "token": ("ok", ""), "source": told}
    assert '"Konflux" is %s' % ("enabled" if is_enabled == "true" else "disabled") in text_of(check, "source")


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_token_that_is_missing_or_withheld(check, splunkd, is_locked):
    splunkd.conf["segment_bridge"]["segment"]["source_id"] = "src"
    splunkd.is_locked = is_locked
    found = check("segment")["segment"]
    assert found.pop("token") == ("warn", "secret")
    assert found == FINE  # the write key is lent
    said = "it is for administrators" if is_locked else 'save it as realm "segment_bridge", username "segment:api"'
    assert said in text_of(check, "token")


def test_users_who_may_not_keep_the_checks_still_get_them(check, splunkd):
    splunkd.fault = lambda method, path: (403, "no") if path == CHECKS else None
    assert check("segment") == {"segment": FINE}
