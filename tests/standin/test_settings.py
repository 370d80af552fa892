"""No setting is accepted and ignored: each one that Splunk knows is honoured, has nothing to act on, or is refused."""

import re
from fnmatch import fnmatchcase

import pytest

from tests.standin.actions import may_get_mail
from tests.standin.clients import connect, package, refusal
from tests.standin.limits import SHIPPED
from tests.standin.refusal import Refusal
from tests.standin.settings import HONOURED, IDLE, check, keys_of, splunks_files

FILES = sorted({*HONOURED, *IDLE})
UNKNOWN = sorted(conf for conf in splunks_files() if conf not in {*FILES, "limits"})
OF_NO_SPECIFICATION = {
    ("authorize", "[a-z]*_*"),
    ("authorize", "rtsearch"),
    ("authorize", "search"),
    *(
        ("savedsearches", "action.%s" % name)
        for name in ("email.message.alert", "email.priority", "webhook", "webhook.param.url")
    ),
}
"""Capabilities, and the settings of alert_actions.conf that a saved search overrides."""


def one_of(key):
    """A setting that matches a key of a specification."""
    return re.sub("<[^>]*>", "1", key)


def refused(conf, key, value="1"):
    try:
        check(conf, "s", {key: value})
    except Refusal as error:
        return error.text
    return None


@pytest.mark.parametrize("conf", FILES)
def test_each_setting_is_honoured_idle_or_refused(conf):
    keys = {one_of(key) for key in keys_of(conf)}
    known = {pattern for table in (HONOURED, IDLE) for pattern in table.get(conf, ())}
    for key in keys:
        if any(fnmatchcase(key, pattern) for pattern in known):
            continue
        assert refused(conf, key) == "%s.conf [s]: %s is not known here." % (conf, key)


@pytest.mark.parametrize("conf", [conf for conf in FILES if keys_of(conf)])
def test_only_specified_settings_are_honoured(conf):
    keys = {one_of(key) for key in keys_of(conf)} | {"disabled"}
    for table in (HONOURED, IDLE):
        for pattern in table.get(conf, ()):
            assert (conf, pattern) in OF_NO_SPECIFICATION or any(fnmatchcase(key, pattern) for key in keys), pattern


@pytest.mark.parametrize("conf", FILES)
def test_no_setting_is_both_honoured_and_idle(conf):
    assert not set(HONOURED.get(conf, ())) & set(IDLE.get(conf, ()))


def test_limits_are_the_ones_that_searches_use():
    for key in keys_of("limits"):
        for stanza in {stanza for stanza, _ in SHIPPED} | {"search"}:
            try:
                check("limits", stanza, {key: "1"})
            except Refusal as error:
                assert error.text == "limits.conf: %s in [%s] is not known here." % (key, stanza)
            else:
                assert (stanza, key) in SHIPPED


@pytest.mark.parametrize("conf", UNKNOWN)
def test_a_splunk_file_that_is_not_read_here_is_refused(conf):
    assert refused(conf, "a") == "%s.conf is not known here." % conf


@pytest.mark.parametrize(
    "conf, key, value",
    [
        ("savedsearches", "alert.digest_mode", "sometimes"),
        ("alert_actions", "payload_format", "xml"),
        ("alert_actions", "passSystemAuth", "1"),
        ("savedsearches", "relation", "drops by"),
        ("props", "SHOULD_LINEMERGE", "true"),
        ("props", "KV_MODE", "xml"),
        ("props", "EXTRACT-a", "(?<a>b)"),
        ("props", "SEDCMD-a", "s/a/b/"),
        ("props", "LOOKUP-a", "b c"),
        ("transforms", "match_type", "WILDCARD(a)"),
        ("transforms", "external_type", "geo"),
        ("restmap", "scripttype", "python"),
        ("commands", "chunked", "false"),
        ("collections", "replicate", "true"),
        ("authorize", "srchFilter", "a=1"),
        ("web", "skipCSRFProtection", "1"),
        ("server", "pass4SymmKey", "x"),
        ("limits", "max_mem_usage_mb", "1"),
    ],
)
def test_it_can_be_neither_installed_nor_written_by_a_request(splunkd, tmp_path, conf, key, value):
    files = {"default/%s.conf" % conf: "[mvexpand]\n%s = %s\n" % (key, value)}
    with pytest.raises(Refusal, match=r"%s.*is not known here" % re.escape(key)):
        splunkd.install(package(tmp_path, "one", files), False)
    assert "one" not in splunkd.confs.apps()
    service = connect(splunkd, app="search", owner="nobody")
    status, text = refusal(service.post, "configs/conf-" + conf, name="mvexpand", **{key: value})
    assert (status, key in text) == (400, True)
    assert "mvexpand" not in splunkd.confs.stanzas(conf)


def test_settings_that_an_app_declares_are_allowed(splunkd, tmp_path):
    splunkd.install(package(tmp_path, "one", {"default/mine.conf": "[a]\nb = c\n"}), False)
    service = connect(splunkd, app="one", owner="nobody")
    service.post("configs/conf-mine/a", b="d")
    assert splunkd.confs.stanza("mine", "one", "a").settings == {"b": "d"}


@pytest.mark.parametrize(
    "domains, allowed",
    [
        ("", True),
        ("allow_all", True),
        ("deny_all", False),
        ("b.org, a.example", True),
        ("b.org", False),
        ("example", False),
    ],
)
def test_mail_goes_only_to_allowed_domains(domains, allowed):
    assert may_get_mail("me@A.example", domains) is allowed


def test_unknown_metadata_are_refused(splunkd, tmp_path):
    with pytest.raises(Refusal, match="colour is not known here"):
        splunkd.install(package(tmp_path, "one", {"metadata/default.meta": "[]\ncolour = red\n"}), False)
