"""The modular input between a fake API server and a double of splunkd."""

import io
import re
import signal
import time
import xml.etree.ElementTree as ElementTree
from functools import partial
from xml.sax.saxutils import quoteattr

import pytest

from segment_bridge.retry import Retry
from segment_bridge.splunk import modular_input, rest, run_records
from segment_bridge.users import lease as leases
from segment_bridge.users import run as users_run
from tests.support import recorded
from tests.support.fakes.kubernetes import TOKEN, FakeKubernetes
from tests.support.splunkd import SplunkdDouble


@pytest.fixture(scope="package")
def api_server():
    with FakeKubernetes() as fake:
        yield fake


@pytest.fixture
def fake(api_server):
    """Sixteen signups, twelve of them records; twenty tenant namespaces, nineteen of them records."""
    api_server.usersignups.replace(recorded.usersignups()["items"])
    api_server.namespaces.replace(recorded.namespaces()["items"])
    tokens = dict(api_server.tokens)
    installed = set(api_server.installed)
    api_server.requests.clear()
    yield api_server
    api_server.faults = None
    api_server.tokens = tokens
    api_server.installed = installed


@pytest.fixture
def splunkd(monkeypatch):
    double = SplunkdDouble()
    double.passwords["usersignups:host"] = TOKEN
    monkeypatch.setattr(rest, "connect", lambda uri, key: double.service())
    return double


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    patient = partial(Retry, sleep=lambda seconds: time.sleep(min(seconds, 0.001)))
    for module in (users_run, leases, run_records):
        monkeypatch.setattr(module, "Retry", patient)


@pytest.fixture
def log(monkeypatch, tmp_path):
    """The run log's lines, as facts by name."""
    (tmp_path / "var/log/splunk").mkdir(parents=True)
    monkeypatch.setenv("SPLUNK_HOME", str(tmp_path))

    def lines(event=None):
        path = tmp_path / "var/log/splunk/segment_bridge.log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        facts = [{name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', line)} for line in lines]
        return [line for line in facts if event in (None, line["event"])]

    return lines


@pytest.fixture
def script(fake, splunkd, log):
    """Starts the script as splunkd does. Returns its status, stdout and stderr."""

    def start(*arguments, xml=""):
        handler = signal.getsignal(signal.SIGTERM)
        out, err = io.StringIO(), io.StringIO()
        try:
            status = modular_input.UserSignups().run_script(
                ["usersignups.py", *arguments], modular_input._Writer(_Binary(out), err), io.StringIO(xml)
            )
        except SystemExit as exit:
            status = exit.code
        finally:
            signal.signal(signal.SIGTERM, handler)
        return status, out.getvalue(), err.getvalue()

    return start


class _Binary:
    """What EventWriter takes for a text stream. Its bytes go to `buffer`."""

    def __init__(self, text):
        self.write, self.flush = text.write, text.flush
        self.buffer = self


def _parameters(settings):
    return "".join("<param name=%s>%s</param>" % (quoteattr(name), value) for name, value in settings.items())


@pytest.fixture
def run(script, fake):
    def start(name="host", **settings):
        settings = {
            "server": fake.url,
            "ca_file": str(fake.ca_file),
            "page_size": "5",
            "interval": "900",
            "max_attempts": "3",
            **settings,
        }
        return script(
            xml="<input><server_host>sh1</server_host><server_uri>https://127.0.0.1:8089</server_uri>"
            "<session_key>key</session_key><checkpoint_dir>/tmp</checkpoint_dir><configuration>"
            '<stanza name="usersignups://%s" app="segment_bridge">%s</stanza>'
            "</configuration></input>" % (name, _parameters(settings))
        )

    return start


@pytest.fixture
def validate(script, fake):
    """Asks for validation as splunkd does when an input is saved. Returns the status and the message's sentence."""

    def start(name="host", **settings):
        settings = {"server": fake.url, "ca_file": str(fake.ca_file), **settings}
        status, out, _ = script(
            "--validate-arguments",
            xml=(
                "<items><server_host>sh1</server_host><server_uri>https://127.0.0.1:8089</server_uri>"
                "<session_key>key</session_key><checkpoint_dir>/tmp</checkpoint_dir>"
                '<item name="%s">%s</item></items>' % (name, _parameters(settings))
            ),
        )
        message = ElementTree.fromstring(out).findtext("message") if out else ""
        start.code = re.sub(r"(?s).* \(reason=(\w+)(?: setting=\w+)?\)\Z", r"\1", message)
        return status, re.sub(r"(?s)\Ausersignups: (.*) \(reason=\w+(?: setting=\w+)?\)\Z", r"\1", message)

    return start
