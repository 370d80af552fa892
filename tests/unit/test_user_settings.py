"""The settings of inputs.conf: defaults, checks, and what errors say."""

import re
from dataclasses import fields
from datetime import datetime, timezone
from pathlib import Path

import pytest

from segment_bridge.errors import SettingsError
from segment_bridge.users.settings import Cluster

SPEC = Path(__file__, "../../../app/README/inputs.conf.spec").resolve().read_text(encoding="utf-8")


def test_a_missing_setting_has_its_default():
    cluster = Cluster.parse("prod", {"server": "https://api:6443", "page_size": " ", "interval": "900", "index": "x"})
    assert (cluster.name, cluster.server, cluster.page_size) == ("prod", "https://api:6443", 500)


@pytest.mark.parametrize("setting", [field for field in fields(Cluster) if field.name != "name"], ids=lambda s: s.name)
def test_the_spec_lists_each_setting_and_its_default(setting):
    stanza = re.search(r"^%s = .*?(?=\n\n|\Z)" % setting.name, SPEC, re.DOTALL | re.MULTILINE)
    assert stanza
    said = re.search(r"^\* Default: (\S+)$", stanza.group(), re.MULTILINE)
    assert (Cluster.parse("prod", {setting.name: said.group(1)}) if said else Cluster("prod")) == Cluster("prod")


def test_the_spec_lists_nothing_else():
    said = re.findall(r"^(\w+) = ", SPEC, re.MULTILINE)
    assert sorted(said) == sorted(["interval", *(field.name for field in fields(Cluster) if field.name != "name")])


def test_values_are_read():
    cluster = Cluster.parse(
        "prod",
        {
            "kubeconfig": "/etc/kubeconfig",
            "context": "sync",
            "tenant_namespaces": "0",
            "timeout": "7.5",
            "allow_shrink_until": "2026-11-24T09:30:00Z",
        },
    )
    assert cluster.tenant_namespaces is False
    assert cluster.timeout == 7.5
    assert cluster.allow_shrink_until == datetime(2026, 11, 24, 9, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("setting", "text", "must"),
    [
        ("server", "http://api:6443", "must be a URL that begins with https://"),
        ("server", "api:6443", "must be a URL that begins with https://"),
        ("ca_file", "ca.pem", "must be an absolute path"),
        ("proxy_url", "socks5://proxy", "must be a URL that begins with http:// or https://"),
        ("namespace", "Host_Operator", "must be the name of a namespace"),
        ("tenant_namespaces", "maybe", "must be true or false"),
        ("tenant_type_label", "a=b", "must be the name of a label"),
        ("tenant_type", "a,b=c", "must be the value of a label"),
        ("page_size", "0", "must be a whole number from 1 to 10,000"),
        ("timeout", "soon", "must be a number from 0.1 to 600"),
        ("max_shrink_percent", "101", "must be a number from 0 to 100"),
        ("allow_shrink_until", "2026-11-24 09:30", "must be a time with its zone"),
        ("allow_shrink_until", "tomorrow", "must be a time with its zone"),
    ],
)
def test_an_error_names_stanza_setting_remedy_and_value(setting, text, must):
    with pytest.raises(SettingsError) as caught:
        Cluster.parse("prod", {setting: text})
    assert str(caught.value).startswith("inputs.conf [usersignups://prod] %s %s" % (setting, must))
    assert str(caught.value).endswith('got "%s"' % text)


def test_credentials_in_a_url_are_refused_and_not_shown():
    for setting in ("server", "proxy_url"):
        with pytest.raises(SettingsError) as caught:
            Cluster.parse("prod", {setting: "https://user:hunter2@example.com"})
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"server": "https://api", "kubeconfig": "/k"}, "both server and kubeconfig"),
        ({"context": "sync"}, "context is a kubeconfig's"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(parameters, says):
    with pytest.raises(SettingsError, match=says):
        Cluster.parse("prod", parameters)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "#a", "prod:eu"])
def test_a_name_that_would_be_ambiguous_in_a_key_is_refused(name):
    with pytest.raises(SettingsError, match="must have a name"):
        Cluster.parse(name, {})
