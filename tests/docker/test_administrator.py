"""What a real Splunk, unlike the stand-in, requires of an administrator."""

import pytest

from tests.standin.process import StandinProcess
from tests.support import administrator
from tests.support.administrator import APP, Administrator


@pytest.fixture(scope="module")
def admin(tmp_path_factory):
    with StandinProcess(tmp_path_factory.mktemp("splunk")) as splunk:
        admin = Administrator(splunk.management, splunk.web, splunk.hec, splunk.password)
        admin.service.post("/services/apps/local", name=APP)
        yield admin


def stored(admin):
    return {entry.username: entry.clear_password for entry in admin.service.storage_passwords.list()}


def test_a_long_secret_is_kept_in_pieces_as_the_readme_says(admin):
    token = "".join(chr(ord("a") + number % 26) for number in range(973))
    admin.set_secret("usersignups:prod", "fake-of-another")
    admin.set_secret("usersignups:prod", token)
    pieces = stored(admin)
    names = ["usersignups:prod", "usersignups:prod#2", "usersignups:prod#3", "usersignups:prod#4"]
    assert sorted(pieces) == names
    assert "".join(pieces[name] for name in names) == token
    admin.set_secret("usersignups:prod", "fake-short")
    assert stored(admin) == {"usersignups:prod": "fake-short"}


def test_it_waits_for_kv_store_after_a_restart_that_splunk_asks_for(admin, monkeypatch):
    restarts, ready = [], iter([False, False, True])
    admin.service.messages.create("restart_required", value="Splunk must be restarted.", severity="warn")
    monkeypatch.setattr(admin.service, "restart", lambda timeout: restarts.append(timeout))
    monkeypatch.setattr(administrator, "splunk_is_ready", lambda *_: next(ready))
    admin._restart_if_asked()
    assert len(restarts) == 1
    assert list(ready) == []


def test_a_splunk_whose_kv_store_or_web_does_not_answer_is_not_ready(admin, monkeypatch):
    address = admin.management, admin.web, admin.user, admin._password
    assert administrator.splunk_is_ready(*address)
    assert not administrator.splunk_is_ready(admin.management, "http://127.0.0.1:1", *address[2:])
    assert not administrator.splunk_is_ready(*address[:3], "fake-other-password")
