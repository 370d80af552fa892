"""Settings and options: what is accepted, and how the rest is refused."""

import pytest

from segment_bridge.delivery.options import Destination, Options
from segment_bridge.delivery.receivers import RECEIVERS
from segment_bridge.errors import SettingsError


def destination(overrides=None, **stanza):
    return Destination.parse("segment", {"region": "us", **stanza}, overrides or {})


def refusal(**stanza):
    with pytest.raises(SettingsError) as error:
        destination(**stanza)
    return str(error.value)


def test_the_region_decides_the_address():
    assert destination(region="us").endpoint == "https://api.segment.io/v1/batch"
    assert destination(region="eu").endpoint == "https://events.eu1.segmentapis.com/v1/batch"
    assert (
        destination(url="https://hosted.rudderlabs.com/v1/batch").endpoint == "https://hosted.rudderlabs.com/v1/batch"
    )


def test_empty_settings_have_their_defaults_and_splunkds_own_are_ignored():
    found = destination(**{"timeout": "", "gzip": None, "eai:acl": None, "eai:appName": "x", "disabled": "0"})
    assert (found.timeout, found.gzip, found.max_attempts, found.concurrency) == (30.0, True, 3, 16)
    assert (found.max_batch_bytes, found.max_batch_events, found.max_event_bytes) == (480_000, 2_000, 32_768)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:8443/v1/batch",
        "http://127.0.0.1/v1/batch",
        "http://localhost:1/b",
        "http://[::1]:80/v1/batch",
    ],
)
def test_an_address_is_https_or_on_this_machine(url):
    assert destination(url=url).endpoint == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.segment.io/v1/batch", "must be a URL that begins with https://"),
        ("http://127.0.0.1.example.com/v1/batch", "must be a URL that begins with https://"),
        ("http://localhost@example.com/v1/batch", "must be a URL that begins with https://"),
        ("ftp://api.segment.io/v1/batch", "must be a URL"),
        ("api.segment.io/v1/batch", "must be a URL"),
        ("https:///v1/batch", "must be a URL"),
        ("https://a b/v1/batch", "must be a URL"),
        ("https://[::1/v1/batch", "must be a URL"),
        ("https://example.com:99999/v1/batch", "must be a URL"),
        ("https://example.com", "must end with the path"),
        ("https://key:@example.com/v1/batch", "must not hold credentials"),
    ],
)
def test_an_invalid_address_is_refused(url, said):
    assert refusal(url=url).startswith("segment_bridge.conf [segment] url " + said)


def test_a_refusal_shows_no_credentials():
    assert "secret" not in refusal(url="https://secret:secret@example.com/v1/batch")
    assert "secret" not in refusal(proxy_url="http://secret:secret@example.com")


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("region", "US"),
        ("gzip", "maybe"),
        ("max_batch_bytes", "4000001"),
        ("receiver", "mixpanel"),
        ("headers", "X-Strict-Mode: 1"),
        ("headers", '{"X": 1}'),
        ("headers", '{"Authorization": "Basic x"}'),
        ("headers", '{"X-Api-Key": "x"}'),
        ("headers", '{"Content-Length": "1"}'),
        ("headers", '{"a b": "x"}'),
        ("headers", '{"X": "a\\nb"}'),
        ("context", "[]"),
        ("context", "{"),
        ("context", '{"consent": {"categoryPreferences": {"A": "true"}}}'),
        ("context", '{"protocols": {"event_version": "2"}}'),
        ("integrations", '{"All": "false"}'),
        ("source_id", "a/b"),
        ("oauth_app_id", "a b"),
        ("max_batch_bytes", "32999"),
        ("max_batch_bytes", "1e5"),
        ("max_batch_events", "2501"),
        ("max_batch_events", "0"),
        ("max_event_bytes", "4000001"),
        ("max_attempts", "0"),
        ("timeout", "nan"),
        ("timeout", "1_0"),
        ("max_attempts", "１"),
        ("timeout", "601"),
        ("deadline", "0"),
        ("concurrency", "17"),
        ("concurrency", "2.0"),
        ("max_eps", "-1"),
        ("proxy_url", "proxy:3128"),
        ("ca_file", "ca.pem"),
        ("dead_letters", "2"),
    ],
)
def test_a_bad_value_is_reported_with_its_name_and_what_it_must_be(name, bad):
    text = refusal(**{name: bad})
    assert text.startswith("segment_bridge.conf [segment] %s must be " % name)
    assert text.endswith('got "%s"' % bad) or (name == "headers" and bad not in text)


def test_an_unknown_setting_is_refused_rather_than_ignored():
    assert 'has "max_batch_byte", which is not a setting' in refusal(max_batch_byte="1")


def test_a_destination_needs_an_address_and_can_be_disabled():
    assert "region must be set to us or eu" in refusal(region="")
    assert "is disabled" in refusal(disabled="1")
    assert "is disabled" in refusal(disabled=True), "splunkd's JSON has a boolean"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_batch_bytes": "500001"}, "max_batch_bytes must be at most 500,000 for Segment"),
        ({"max_event_bytes": "32769"}, "max_event_bytes must be at most 32,768 for Segment"),
        ({"receiver": "rudderstack"}, "url must be set, to the address where your RudderStack takes batches"),
        (
            {"receiver": "customerio", "region": ""},
            "region must be set to us or eu",
        ),
        ({"oauth_app_id": "a"}, "oauth_key_id must be set as well"),
        ({"oauth_key_id": "a"}, "oauth_app_id must be set as well"),
        ({"oauth_app_id": "a", "oauth_key_id": "b", "receiver": "customerio"}, "oauth_app_id is for Segment"),
        ({"source_id": "a", "region": "", "url": "https://example.com/v1/batch"}, "source_id is for Segment"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(settings, said):
    assert refusal(**settings).startswith("segment_bridge.conf [segment] " + said)


def test_a_receiver_overrides_what_differs_there():
    url = "https://data.example.com/v1/batch"
    known = {name: destination({}, receiver=name, url=url) for name in RECEIVERS}
    assert {name: found.ledger for name, found in known.items()} == {
        "segment": False, "rudderstack": True, "jitsu": True, "customerio": True,
    }  # fmt: skip
    assert known["rudderstack"].max_event_bytes == 3_900_000 and known["jitsu"].max_event_bytes == 32_768
    assert destination({}, receiver="rudderstack", url=url, ledger="0", max_event_bytes="5000").ledger is False
    assert destination({}, receiver="rudderstack", url=url, max_event_bytes="5000").max_event_bytes == 5_000
    assert destination({}, receiver="customerio", region="eu").endpoint == "https://cdp-eu.customer.io/v1/batch"


def test_options_override_settings():
    options = Options.parse(["timeout=7", "dead_letters=t", "dryrun=1"])
    found = destination(options.overrides, timeout="9", concurrency="2")
    assert (found.timeout, found.concurrency, found.dead_letters, options.dryrun) == (7.0, 2, True, True)
    assert Options.parse([]) == Options()


OPTIONS = [
    "destination",
    "dryrun",
    "onfail",
    "payload",
    "max_batch_bytes",
    "max_batch_events",
    "max_attempts",
    "timeout",
    "deadline",
    "concurrency",
    "max_eps",
    "dead_letters",
    "context",
    "integrations",
]


def test_these_are_the_options():
    assert Options.names() == OPTIONS


@pytest.mark.parametrize(
    "name",
    [
        "url",
        "region",
        "proxy_url",
        "ca_file",
        "ledger",
        "overrides",
        "OVERRIDES",
        "name",
        "",
        "dry_run",
        "DRYRUN",
        "dryrun ",
        "max-eps",
    ],
)
def test_there_is_no_other_option(name):
    """Only those who may change segment_bridge.conf decide, among other things, where events are sent."""
    with pytest.raises(SettingsError) as error:
        Options.parse(["dryrun=true", name + "=x"])
    assert str(error.value) == 'segmentsend has no option "%s"; it has %s' % (name, ", ".join(OPTIONS))


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_has_a_value_and_comes_once(name):
    value = {
        "onfail": "warn",
        "dryrun": "true",
        "payload": "true",
        "dead_letters": "true",
        "context": "{}",
        "integrations": "{}",
    }.get(name, "33000"[: 5 if "bytes" in name else 1])
    for empty in ("", " ", "\t", "\u00a0"):
        with pytest.raises(SettingsError, match="^segmentsend option %s is empty: give it a value" % name):
            Options.parse([name + "=" + empty])
    Options.parse([name + "=" + value])
    with pytest.raises(SettingsError, match="^segmentsend option %s is given twice" % name):
        Options.parse([name + "=" + value] * 2)


@pytest.mark.parametrize("argument", ["dryrun", "=", "dryrun true", ""])
def test_text_that_is_not_an_option_is_refused(argument):
    with pytest.raises(SettingsError, match=r"takes options such as dryrun=true|has no option"):
        Options.parse([argument])


@pytest.mark.parametrize(
    ("name", "bad"),
    [("destination", "../x"), ("destination", "a b"), ("onfail", "ignore"), ("dryrun", "x"), ("timeout", "soon")],
)
def test_a_bad_option_is_named(name, bad):
    with pytest.raises(SettingsError, match='^segmentsend option %s must be .*, got "%s"$' % (name, bad)) as caught:
        Options.parse(["%s=%s" % (name, bad)])
    assert caught.value.setting == name
