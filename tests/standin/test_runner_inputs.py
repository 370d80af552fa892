"""Modular inputs: small ones that behave well or badly, in an app of their own."""

import json
import os
import re
import textwrap
import time
from xml.etree import ElementTree

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from tests.standin.refusal import Refusal
from tests.standin.runner import kinds, program
from tests.standin.runner.python import Pythons
from tests.standin.splunkd import Splunkd
from tests.standin.stores.events import HOST
from tests.support import pythons

SCHEME = """
<scheme>
  <title>Probes</title><description>What probes say.</description>
  <use_external_validation>true</use_external_validation><use_single_instance>false</use_single_instance>
  <streaming_mode>xml</streaming_mode>
  <endpoint><args>
    <arg name="server"><title>Server</title><description>Where.</description><data_type>string</data_type>
      <required_on_create>true</required_on_create><required_on_edit>true</required_on_edit></arg>
    <arg name="page_size"><data_type>number</data_type><required_on_create>false</required_on_create></arg>
    <arg name="name2"></arg>
  </args></endpoint>
</scheme>
"""
PRELUDE = (
    '''
import json, os, signal, sys, time

SCHEME = """%s"""
HERE = os.path.dirname(os.path.abspath(__file__))

def note(name, text):
    with open(os.path.join(HERE, name), "a") as file:
        file.write(json.dumps(text) + "\\n")

def validate(xml):
    pass

def run(xml):
    note("runs", [os.getpid(), time.time(), xml])

def main():
    if sys.argv[1:] == ["--scheme"]:
        print(SCHEME)
    elif sys.argv[1:] == ["--validate-arguments"]:
        validate(sys.stdin.read())
    elif not sys.argv[1:]:
        run(sys.stdin.read())
    else:
        sys.exit(99)
'''
    % SCHEME
)
MAIN = '\nif __name__ == "__main__":\n    main()\n'
SPEC = """
# Of probes.
[probe://<name>]
server = <url>
* Where.
page_size = <integer>
name2 = <string>

[other]
unrelated = <string>
"""
SCHEME_STANZA = "[probe]\npython.version = python3\npython.required = 3.9,3.13\ninterval = 3600\npage_size = 7\n"


def until(is_so, timeout_s=10):
    ends = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)


class App:
    """An app `probes` with an input `probe`."""

    def __init__(self, splunkd):
        self.splunkd = splunkd
        self.folder = splunkd.etc / "apps" / "probes"
        for name in ("README", "bin", "default", "local"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "README" / "inputs.conf.spec").write_text(SPEC)
        (self.folder / "default" / "inputs.conf").write_text(SCHEME_STANZA)

    def write(self, script=""):
        (self.folder / "bin" / "probe.py").write_text(PRELUDE + textwrap.dedent(script) + MAIN)

    def configure(self, text):
        (self.folder / "local" / "inputs.conf").write_text(text)
        self.splunkd.inputs.refresh()

    def notes(self, name="runs"):
        path = self.folder / "bin" / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def log(self, component="ExecProcessor"):
        path = self.splunkd.logs.folder / "splunkd.log"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [" ".join(line.split()[3:]) for line in lines if component in line]

    def events(self, index="main"):
        return [
            (row["_raw"], row["_time"], row["host"], row["source"], row["sourcetype"])
            for row in self.splunkd.events.scan([index], None, None)
        ]


@pytest.fixture(scope="module")
def interpreters():
    return Pythons()


@pytest.fixture
def splunkd(tmp_path, clock, interpreters):
    """splunkd's stores and inputs. No test here needs its servers."""
    splunkd = Splunkd(tmp_path / "splunk", clock=clock, pythons=interpreters)
    splunkd.management_url = "https://127.0.0.1:8089"
    splunkd.inputs.start()
    assert splunkd.inputs.kinds() == {}
    yield splunkd
    splunkd.inputs.stop()
    splunkd.kvstore.close()
    splunkd.events.close()


@pytest.fixture
def app(splunkd):
    return App(splunkd)


ONE = "[probe://one]\nserver = https://one\n"


class TestKinds:
    def test_an_app_installed_before_splunkd_starts_is_found(self, app, clock, interpreters):
        app.write("time.sleep(.3)")
        again = Splunkd(app.splunkd.home, clock=clock, pythons=interpreters)
        began = time.monotonic()
        again.inputs.start()
        assert time.monotonic() - began < 0.3
        assert list(again.inputs.kinds()) == ["probe"]
        again.inputs.stop()
        again.kvstore.close()
        again.events.close()

    def test_an_input_describes_itself(self, app, splunkd):
        app.write()
        splunkd.inputs.refresh()
        kind = splunkd.inputs.kinds()["probe"]
        assert (kind.app, kind.scheme.title, kind.scheme.description) == ("probes", "Probes", "What probes say.")
        assert (kind.scheme.use_external_validation, kind.scheme.use_single_instance) == (True, False)
        assert kind.parameters == {"server", "page_size", "name2"}
        arguments = {each.name: each for each in kind.scheme.args}
        assert [(each.data_type, each.required_on_create, each.required_on_edit) for each in kind.scheme.args] == [
            ("string", True, True),
            ("number", False, False),
            ("string", True, False),
        ]
        assert (arguments["server"].title, arguments["name2"].title) == ("Server", "name2")

    def test_it_is_asked_once_and_again_when_its_script_has_changed(self, app, splunkd):
        asked = "SCHEME = note('asked', 1) or SCHEME\n"
        app.write(asked)
        for _ in range(3):
            splunkd.inputs.refresh()
        assert len(app.notes("asked")) == 1
        app.write(asked + "SCHEME = SCHEME.replace('Probes', 'Sondes')")
        splunkd.inputs.refresh()
        assert splunkd.inputs.kinds()["probe"].scheme.title == "Sondes"

    def test_a_part_of_the_path_is_not_the_environment(self, app, splunkd, monkeypatch):
        monkeypatch.setenv("PYTHONPATH", "/nowhere")
        app.write("note('environment', sorted(os.environ))")
        splunkd.inputs.refresh()
        names = set(app.notes("environment")[0]) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
        assert names == {
            "SPLUNK_HOME",
            "SPLUNK_DB",
            "SPLUNK_SERVER_NAME",
            "PATH",
            "LANG",
            "PYTHONHTTPSVERIFY",
            "PYTHONUTF8",
            "TZ",
        }

    @pytest.mark.parametrize(
        "script, reason",
        [
            ("sys.exit(3)", "Introspecting scheme=probe: script running failed (exited with code 3)."),
            ("os.kill(os.getpid(), signal.SIGKILL)", "script running failed (killed by signal 9: Killed)."),
            ("SCHEME = '<scheme>'", "the scheme is not XML"),
            ("SCHEME = '<schema/>'", "the scheme lacks <scheme> or its <title>"),
            ("SCHEME = SCHEME.replace('>xml<', '>simple<')", "<streaming_mode> other than xml is not known here"),
            ("SCHEME = SCHEME.replace('instance>false', 'instance>true')", "<use_single_instance> is not known here"),
            ("SCHEME = SCHEME.replace('>number<', '>integer<')", "'page_size' has an unknown type: integer"),
            ("SCHEME = SCHEME.replace('<data_type>', '<validation>is_port</validation><data_type>')", "<validation>"),
        ],
    )
    def test_an_input_without_a_valid_scheme_is_ignored_and_the_log_says_why(self, app, splunkd, script, reason):
        app.write(script)
        app.configure(ONE)
        assert splunkd.inputs.kinds() == {}
        (error,) = [line for line in app.log("ModularInputs") if "Unable to initialize" in line]
        assert error.startswith(
            'ERROR ModularInputs - Unable to initialize modular input "probe" defined in the app "probes": '
        )
        assert reason in error

    def test_stderr_during_introspection_is_in_the_log(self, app, splunkd):
        app.write("sys.stderr.write('oh\\nno')")
        splunkd.inputs.refresh()
        assert app.log("ModularInputs") == [
            "ERROR ModularInputs - <stderr> Introspecting scheme=probe: %s" % text for text in ("oh", "no")
        ]

    def test_an_input_that_hangs_is_killed(self, app, splunkd, monkeypatch):
        monkeypatch.setattr(kinds, "ANSWER_TIMEOUT_S", 0.5)
        app.write("time.sleep(60)")
        splunkd.inputs.refresh()
        assert "(killed by signal 9: Killed)" in app.log("ModularInputs")[0]

    def test_there_is_no_input_without_a_script(self, app, splunkd):
        splunkd.inputs.refresh()
        assert "Unable to locate suitable script for introspection" in app.log("ModularInputs")[0]

    @pytest.mark.parametrize(
        "stanza, reason",
        [
            ("", "inputs.conf has no [probe] with python.version"),
            ("[probe]\ninterval = 5\n", "inputs.conf has no [probe] with python.version"),
            ("[probe]\npython.version = python3\npython.required = 3.10\n", "there is no Python '3.10' in Splunk"),
        ],
    )
    def test_its_stanza_names_its_python(self, app, splunkd, stanza, reason):
        app.write()
        (app.folder / "default" / "inputs.conf").write_text(stanza)
        splunkd.inputs.refresh()
        assert splunkd.inputs.kinds() == {}
        assert reason in app.log("ModularInputs")[0]

    @pytest.mark.parametrize("version", pythons.SPLUNKS)
    def test_it_runs_under_the_python_of_its_stanza(self, app, version):
        if pythons.find(version) is None:
            pytest.skip("Python %s is not installed" % version)
        app.write("def run(xml): note('runs', '%d.%d' % sys.version_info[:2])")
        (app.folder / "default" / "inputs.conf").write_text(SCHEME_STANZA.replace("3.9,3.13", version))
        app.configure(ONE)
        until(app.notes)
        assert app.notes() == [version]


class TestWhatARunIsTold:
    def test_its_stanza_with_declared_and_common_parameters(self, app, splunkd):
        app.write()
        app.configure(ONE + "name2 = <&>\nunrelated = 1\n")
        until(app.notes)
        root = ElementTree.fromstring(app.notes()[0][2])
        assert root.tag == "input"
        assert [child.tag for child in root] == [
            "server_host",
            "server_uri",
            "session_key",
            "checkpoint_dir",
            "configuration",
        ]
        assert root.findtext("server_uri") == splunkd.management_url
        stanza = root.find("configuration/stanza")
        assert stanza.attrib == {"name": "probe://one", "app": "probes"}
        assert {each.get("name"): each.text for each in stanza} == {
            "server": "https://one",
            "page_size": "7",
            "name2": "<&>",
            "interval": "3600",
            "disabled": "0",
            "index": "default",
            "host": root.findtext("server_host"),
        }

    def test_a_session_of_splunks_own_for_as_long_as_it_runs(self, app, splunkd):
        app.write('def run(xml): note("runs", xml.split("<session_key>")[1].split("<")[0]); time.sleep(60)')
        app.configure(ONE)
        until(app.notes)
        headers = {"Authorization": "Splunk " + app.notes()[0]}
        request = Request(EnvironBuilder("/", headers=headers).get_environ())
        assert splunkd.sessions.of(request).user == "splunk-system-user"
        splunkd.inputs.stop()
        with pytest.raises(Refusal, match="not properly authenticated"):
            splunkd.sessions.of(request)

    def test_an_existing_folder_for_its_checkpoints(self, app, splunkd):
        app.write('def run(xml): note("runs", os.listdir(xml.split("<checkpoint_dir>")[1].split("<")[0]))')
        app.configure(ONE)
        until(app.notes)
        assert app.notes() == [[]]
        assert (splunkd.home / "var/lib/splunk/modinputs/probe").is_dir()


class TestWhenItRuns:
    def test_at_once_when_it_is_enabled_and_again_after_its_interval(self, app, clock):
        app.write()
        app.configure(ONE + "interval = 60\n")
        until(app.notes)
        time.sleep(0.5)
        assert len(app.notes()) == 1
        clock.ahead_s += 61
        until(lambda: len(app.notes()) == 2)

    def test_a_cron_schedule_does_not_run_at_once(self, app, clock):
        app.write()
        clock.move_to(1_700_000_130)  # 22:15:30
        app.configure(ONE + "interval = 17 * * * *\n")
        time.sleep(0.5)
        assert app.notes() == []
        clock.move_to(1_700_000_220)
        until(app.notes)
        time.sleep(0.3)
        assert len(app.notes()) == 1
        clock.ahead_s += 3600
        until(lambda: len(app.notes()) == 2)

    def test_once_only(self, app, clock):
        app.write()
        app.configure(ONE + "interval = -1\n")
        until(app.notes)
        clock.ahead_s += 10**9
        time.sleep(0.5)
        assert len(app.notes()) == 1

    def test_again_as_soon_as_it_has_ended(self, app):
        app.write()
        app.configure(ONE + "interval = 0\n")
        until(lambda: len(app.notes()) >= 3)

    def test_a_run_longer_than_the_interval_does_not_overlap_the_next(self, app):
        app.write('def run(xml): note("runs", "begin"); time.sleep(.4); note("runs", "end")')
        app.configure(ONE + "interval = 0.1\n")
        until(lambda: len(app.notes()) >= 6)
        app.configure("")
        assert app.notes()[:6] == ["begin", "end"] * 3

    def test_each_stanza_has_a_process_of_its_own(self, app):
        app.write('def run(xml): note("runs", xml.split("probe://")[1].split(chr(34))[0]); time.sleep(60)')
        app.configure(ONE + "[probe://two]\n[probe://three]\ndisabled = 1\n[probe://four]\ndisabled = false\n")
        until(lambda: len(app.notes()) == 3)
        assert sorted(app.notes()) == ["four", "one", "two"]

    def test_an_invalid_interval_is_an_error_in_the_log(self, app):
        app.write()
        app.configure(ONE + "interval = often\n")
        until(lambda: any("often" in line for line in app.log()))
        assert app.log()[-1].startswith("ERROR ExecProcessor - probe://one: interval = often is neither")
        assert app.notes() == []


HANGS = 'def run(xml): note("runs", os.getpid()); time.sleep(60)\n'
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + HANGS


class TestWhenItEnds:
    @pytest.mark.parametrize("script, how", [(HANGS, "15: Terminated"), (DEAF, "9: Killed")])
    def test_a_disabled_input_is_terminated_or_else_killed(self, app, monkeypatch, script, how):
        monkeypatch.setattr(program, "GRACE_S", 0.5)
        app.write(script)
        app.configure(ONE)
        until(app.notes)
        app.configure(ONE + "disabled = 1\n")
        until(lambda: is_gone(app.notes()[0]))
        until(lambda: any("killed by signal " + how in line for line in app.log()))

    def test_a_removed_input_ends_and_others_continue(self, app):
        app.write('def run(xml): note(xml.split("probe://")[1].split(chr(34))[0], os.getpid()); time.sleep(60)')
        app.configure(ONE + "[probe://two]\n")
        until(lambda: app.notes("one") and app.notes("two"))
        app.configure(ONE)
        until(lambda: is_gone(app.notes("two")[0]))
        assert not is_gone(app.notes("one")[0])
        assert len(app.notes("one")) == 1

    def test_a_changed_input_restarts_after_its_end(self, app, monkeypatch):
        monkeypatch.setattr(program, "GRACE_S", 0.5)
        app.write(DEAF)
        app.configure(ONE)
        until(app.notes)
        app.configure(ONE.replace("https://one", "https://other"))
        until(lambda: len(app.notes()) == 2)
        first, second = app.notes()
        assert is_gone(first)
        assert not is_gone(second)
        app.splunkd.inputs.stop()

    def test_a_removed_app_has_no_processes(self, app, splunkd):
        app.write(HANGS)
        app.configure(ONE)
        until(app.notes)
        pid = app.notes()[0]
        app.folder.rename(splunkd.home / "gone")
        splunkd.inputs.refresh()
        until(lambda: is_gone(pid))

    def test_no_process_outlives_splunkd(self, app, splunkd):
        app.write(HANGS)
        app.configure(ONE)
        until(app.notes)
        splunkd.inputs.stop()
        assert is_gone(app.notes()[0])

    @pytest.mark.parametrize(
        "end, how",
        [
            ("sys.exit(5)", "exited with code 5"),
            ("raise KeyError('x')", "exited with code 1"),
            ("os.kill(os.getpid(), 9)", "killed by signal 9: Killed"),
        ],
    )
    def test_a_failed_run_is_an_error_in_the_log_and_the_next_runs_as_usual(self, app, end, how):
        app.write("def run(xml):\n    note('runs', 1)\n    " + end)
        app.configure(ONE + "interval = 0.2\n")
        until(lambda: len(app.notes()) >= 2)
        line = next(line for line in app.log() if "Ran script" in line)
        assert re.fullmatch(
            r"ERROR ExecProcessor - Ran script: \S+ \S+probe.py, took \d+\.\d{3} seconds to run, "
            r"0 bytes read, " + re.escape(how),
            line,
        )

    def test_an_input_that_does_not_read_its_stdin_does_no_harm(self, app):
        app.write("def main():\n    note('runs', 1) if not sys.argv[1:] else print(SCHEME)")
        app.configure(ONE + "name2 = %s\n" % ("x" * 200_000))
        until(lambda: any("exited with code 0" in line for line in app.log()))


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


class TestLog:
    def test_a_level_at_the_start_of_a_line_is_the_lines_level(self, app):
        app.write("""
            def run(xml):
                for text in ("INFO a", "WARN b c", "DEBUG  d", "FATAL e", "ERROR f", "g", "INFORMED h", "WARNING i"):
                    sys.stderr.write(text + chr(10))
        """)
        app.configure(ONE)
        until(lambda: any("Ran script" in line for line in app.log()))
        lines = [re.sub('"[^"]+probe.py"', "<cmd>", line) for line in app.log() if "message from" in line]
        assert lines == [
            "%s ExecProcessor - message from <cmd> %s" % pair
            for pair in (
                ("INFO", "a"),
                ("WARN", "b c"),
                ("DEBUG", "d"),
                ("FATAL", "e"),
                ("ERROR", "f"),
                ("ERROR", "g"),
                ("ERROR", "INFORMED h"),
                ("ERROR", "WARNING i"),
            )
        ]

    def test_a_new_process_is_logged(self, app):
        app.write()
        app.configure(ONE)
        until(app.notes)
        assert app.log()[0].startswith("INFO ExecProcessor - New scheduled exec process: ")


class TestEvents:
    def write(self, app, *parts):
        app.write(
            "def run(xml):\n    for part in %r:\n        sys.stdout.write(part)\n        sys.stdout.flush()\n"
            "        time.sleep(.05)" % (parts,)
        )
        app.configure(ONE)
        until(lambda: any("Ran script" in line for line in app.log()))

    def test_they_are_indexed_with_their_own_metadata(self, app):
        self.write(
            app,
            '<stream><event unbroken="1"><time>1700000000.5</time><data>a &lt;b&gt;\nc</data><host>h</host>'
            "<source>s</source><sourcetype>st</sourcetype><index>main</index><done/></event></stream>",
        )
        assert app.events() == [("a <b>\nc", "1700000000.500", "h", "s", "st")]

    def test_missing_metadata_come_from_the_stanza(self, app):
        event = "<event unbroken='1'><time>1</time><data>x</data><done/></event>"
        app.write('def run(xml): print("<stream>%s</stream>")' % event)
        app.configure(ONE + "[probe://two]\nhost = h2\nsourcetype = st2\nsource = s2\nindex = main\n")
        until(lambda: len(app.events()) == 2)
        assert sorted(app.events()) == [("x", "1.000", "h2", "s2", "st2"), ("x", "1.000", HOST, "probe://one", "probe")]

    def test_text_that_is_not_whole_is_broken_into_lines(self, app):
        self.write(app, "<stream><event><time>1</time><data>a\nb\n</data></event></stream>")
        assert sorted(event[0] for event in app.events()) == ["a", "b"]

    def test_they_are_indexed_as_soon_as_they_are_written(self, app):
        app.write("""
            def run(xml):
                print('<stream><event unbroken="1"><data>now</data><done/></event>', flush=True)
                time.sleep(60)
        """)
        app.configure(ONE)
        until(app.events)

    def test_tags_may_come_in_pieces(self, app):
        self.write(app, "<stream><ev", 'ent unbroken="1"><time>1</time><da', "ta>x</data><done/></event></str", "eam>")
        assert [event[0] for event in app.events()] == ["x"]

    @pytest.mark.parametrize(
        "tail, reason",
        [
            ("<event><data>y</event>", "Failed to parse the output as <stream>"),
            ("", "Failed to parse the output as <stream>"),
            ("<evt/>", "<evt> in <stream> is not known here"),
            ('<event unbroken="1"><data>y</data></event>', "without <done/>"),
            ("<event><time>noon</time><data>y</data></event>", "<time> is not a number of seconds: noon"),
        ],
    )
    def test_invalid_output_is_an_error_in_the_log_and_earlier_events_are_indexed(self, app, tail, reason):
        self.write(app, '<stream><event unbroken="1"><data>x</data><done/></event>' + tail)
        assert reason in app.log("ModularInputs")[-1]
        assert app.log("ModularInputs")[-1].startswith("ERROR ModularInputs - probe://one: ")
        assert [event[0] for event in app.events()] == ["x"]

    def test_an_event_for_an_unknown_index_is_dropped_and_logged(self, app):
        event = '<event unbroken="1"><data>%s</data><index>%s</index><done/></event>'
        self.write(app, "<stream>", event % ("x", "nowhere"), event % ("y", "main"), "</stream>")
        assert [event[0] for event in app.events()] == ["y"]
        (line,) = app.log("IndexerService")
        assert "WARN IndexerService - Received event for unconfigured/disabled/deleted index=nowhere" in line

    def test_output_that_is_not_xml_is_one_error_and_does_not_stop_the_run(self, app):
        self.write(app, *["hello " * 20_000] * 3)
        assert len(app.log("ModularInputs")) == 1
        assert "360000 bytes read, exited with code 0" in app.log()[-1]

    def test_missing_output_is_not_an_error(self, app):
        self.write(app)
        assert app.log("ModularInputs") == []


class TestValidation:
    def validated(self, app, script, **parameters):
        app.write(script)
        app.splunkd.inputs.refresh()
        app.splunkd.inputs.validate("probe", "new", {"server": "https://new", **parameters})

    def test_the_script_receives_name_and_parameters(self, app, splunkd):
        self.validated(app, "def validate(xml): note('asked', xml)", page_size="9", unrelated="1")
        root = ElementTree.fromstring(app.notes("asked")[0])
        assert [child.tag for child in root] == ["server_host", "server_uri", "session_key", "checkpoint_dir", "item"]
        item = root.find("item")
        assert item.attrib == {"name": "new"}
        assert {each.get("name"): each.text for each in item} == {
            "server": "https://new",
            "page_size": "9",
            "disabled": "0",
            "index": "default",
            "interval": "60",
            "host": root.findtext("server_host"),
        }

    @pytest.mark.parametrize(
        "script, words",
        [
            ('print("<error><message>no &amp; no</message></error>"); sys.exit(1)', "no & no"),
            ("sys.exit(2)", "script running failed (exited with code 2)."),
            ('print("not XML"); sys.exit(1)', "script running failed (exited with code 1)."),
            ("os.kill(os.getpid(), 9)", "script running failed (killed by signal 9: Killed)."),
        ],
    )
    def test_its_refusal_is_passed_on_in_its_words(self, app, script, words):
        with pytest.raises(Refusal) as raised:
            self.validated(app, "def validate(xml): " + script)
        assert raised.value.status == 400
        assert raised.value.text == (
            "Encountered the following error while trying to save: Argument validation for scheme=probe: " + words
        )

    def test_an_error_with_exit_status_0_is_ignored(self, app):
        self.validated(app, 'def validate(xml): print("<error><message>no</message></error>")')

    def test_a_validation_that_takes_too_long_is_refused(self, app, monkeypatch):
        app.write("def validate(xml): time.sleep(60)")
        app.splunkd.inputs.refresh()
        monkeypatch.setattr(kinds, "ANSWER_TIMEOUT_S", 0.5)
        with pytest.raises(Refusal, match="killed by signal 9: Killed"):
            app.splunkd.inputs.validate("probe", "new", {"server": "https://new"})

    def test_an_input_without_validation_of_its_own_is_not_asked(self, app):
        self.validated(
            app, "SCHEME = SCHEME.replace('validation>true', 'validation>false')\ndef validate(xml): sys.exit(1)"
        )

    @pytest.mark.parametrize("interval", ["often", "-2", "1 2 3", "61 * * * *", ""])
    def test_an_invalid_interval_is_refused(self, app, interval):
        with pytest.raises(Refusal, match="interval = "):
            self.validated(app, "", interval=interval)

    @pytest.mark.parametrize("interval", ["0", "-1", "900", "0.5", "*/5 * * * *"])
    def test_seconds_and_schedules_are_intervals(self, app, interval):
        self.validated(app, "", interval=interval)
