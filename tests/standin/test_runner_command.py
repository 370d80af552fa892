"""Custom search commands: small ones that behave well or badly, in an app of their own."""

import json
import os
import signal
import sys
import textwrap
import threading
import time

import pytest

from tests.standin.runner import command
from tests.standin.runner.command import Command, SearchInfo
from tests.standin.runner.python import environment
from tests.standin.spl.choices import EMPTY_CELL
from tests.standin.values import Results, SplError
from tests.support import pythons

PRELUDE = '''
import csv, io, json, os, re, signal, sys, time

def read():
    header = sys.stdin.buffer.readline()
    if not header:
        return None
    head, body = map(int, re.match(rb"chunked 1\\.0,(\\d+),(\\d+)\\n", header).groups())
    return json.loads(sys.stdin.buffer.read(head)), sys.stdin.buffer.read(body)

def take():
    return read() or sys.exit()

def write(metadata, body=b""):
    head = json.dumps(metadata).encode()
    send(b"chunked 1.0,%d,%d\\n" % (len(head), len(body)) + head + body)

def send(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()

def introduce(**more):
    getinfo, _ = read()
    write({"type": "stateful", **more})
    return getinfo["searchinfo"]

def is_first(info):
    """The first process is that of the search that is only read."""
    mark = os.path.join(info["dispatch_dir"], "mark")
    if os.path.exists(mark):
        return False
    open(mark, "w").close()
    return True

def note(folder, name, text):
    with open(os.path.join(folder, name), "a") as file:
        file.write(text + "\\n")
'''
ECHO = """
introduce()
for metadata, body in iter(read, None):
    write({"finished": metadata["finished"]}, body)
"""
RECORDER = """
getinfo, _ = read()
folder = getinfo["searchinfo"]["dispatch_dir"]
def record(metadata, body):
    note(folder, "seen", json.dumps([os.getpid(), metadata, body.decode()]))
record(getinfo, b"")
write({"type": "stateful"})
for metadata, body in iter(read, None):
    record(metadata, body)
    write({"finished": metadata["finished"]}, body)
record({"action": "EOF"}, b"")
"""
INVALID = "Invalid message received from external search command during search, see search.log."
EXITED = "External search command exited unexpectedly."


class Job:
    """What a command reports to. It can be cancelled like a search job."""

    def __init__(self, folder):
        self.dispatch_dir = folder
        self.is_cancelled = self.is_finalized = self.previews = False
        self.chunk_rows, self.others = 50_000, frozenset()
        self.messages, self.lines, self.processes, self.pids = [], [], [], []

    def message(self, level, text):
        self.messages.append((level, text))

    def log(self, level, component, text):
        self.lines.append("%s %s - %s" % (level, component, text))

    def started(self, process):
        self.processes.append(process)
        self.pids.append(process.pid)

    def ended(self, process):
        self.processes.remove(process)

    def cancel(self, grace_s=0.5):
        self.is_cancelled = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in list(self.processes):
                process.send_signal(number)
            ends = time.monotonic() + grace_s
            while self.processes and time.monotonic() < ends:
                time.sleep(0.01)

    def log_text(self):
        return "\n".join(self.lines)


class App:
    """An app with one command, `probe`."""

    def __init__(self, folder, job, python):
        self.folder, self.job, self.python = folder, job, python
        self.settings = {"chunked": "true", "python.version": "python3"}
        (folder / "bin").mkdir(parents=True)

    def write(self, script):
        (self.folder / "bin" / "probe.py").write_text(PRELUDE + textwrap.dedent(script))

    def command(self):
        info = SearchInfo(
            "1700000000.1",
            'search index="a b" | probe x=1',
            "search",
            "admin",
            "key",
            "https://127.0.0.1:8089",
            "10.2.0",
            self.job.dispatch_dir,
            1699999999.5,
            None,
        )
        env = environment(self.folder / "home")
        return Command("probe", self.settings, self.folder, self.python, env, info, self.job)

    def run(self, script, *chunks, arguments=()):
        self.write(script)
        return list(self.command().run(list(arguments), iter(chunks)))

    def rows(self, script, *chunks, **more):
        return [row for chunk in self.run(script, *chunks, **more) for row in chunk.rows]

    def error(self, script, *chunks, **more):
        """The error of a failing search, without the part that begins all errors of a command."""
        with pytest.raises(SplError) as raised:
            self.run(script, *chunks, **more)
        prefix = "Error in 'probe' command: "
        assert str(raised.value).startswith(prefix)
        return str(raised.value)[len(prefix) :]

    def seen(self):
        """What RECORDER was sent: for each process a list of (metadata, body)."""
        processes = {}
        for line in (self.job.dispatch_dir / "seen").read_text().splitlines():
            pid, metadata, body = json.loads(line)
            processes.setdefault(pid, []).append((metadata, body))
        return list(processes.values())


def interpreters():
    found = [(version, pythons.find(version)) for version in pythons.SPLUNKS]
    return [pytest.param(str(path), id=version) for version, path in found if path] or [sys.executable]


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "dispatch"
    folder.mkdir()
    job = Job(folder)
    yield job
    assert not job.processes
    for pid in job.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.fixture
def app(tmp_path, job):
    return App(tmp_path / "app", job, sys.executable)


def numbered(count, start=0):
    return Results(["n"], [{"n": str(number)} for number in range(start, start + count)])


class TestWhatACommandIsTold:
    def test_getinfo_contains_everything_that_splunkd_sends(self, app):
        app.run(RECORDER, numbered(1), arguments=["x=1", '"take my"', r'y="a \"b\""'])
        _, (real, *_) = app.seen()
        assert real[0] == {
            "action": "getinfo",
            "preview": False,
            "streaming_command_will_restart": False,
            "searchinfo": {
                "args": ["x=1", "take my", 'y=a "b"'],
                "raw_args": ["x=1", '"take my"', r'y="a \"b\""'],
                "dispatch_dir": str(app.job.dispatch_dir),
                "sid": "1700000000.1",
                "app": "search",
                "owner": "admin",
                "username": "admin",
                "session_key": "key",
                "splunkd_uri": "https://127.0.0.1:8089",
                "splunk_version": "10.2.0",
                "search": "search%20index%3D%22a%20b%22%20%7C%20probe%20x%3D1",
                "command": "probe",
                "maxresultrows": 50000,
                "earliest_time": "1699999999.5",
                "latest_time": "0",
            },
        }

    def test_parsing_a_search_asks_the_command_once_and_ends_its_input(self, app):
        app.write(RECORDER)
        app.command().run([], iter([numbered(1)]))
        (process,) = app.seen()
        assert [metadata["action"] for metadata, _ in process] == ["getinfo", "EOF"]

    def test_running_the_search_starts_the_command_again(self, app):
        app.run(RECORDER, numbered(1))
        first, second = app.seen()
        assert [metadata["action"] for metadata, _ in first] == ["getinfo", "EOF"]
        assert [metadata["action"] for metadata, _ in second] == ["getinfo", "execute", "execute", "execute", "EOF"]

    def test_its_environment_is_only_what_splunkd_gives(self, app, monkeypatch):
        for name in ("PYTHONPATH", "https_proxy", "HTTPS_PROXY", "VIRTUAL_ENV", "HOME"):
            monkeypatch.setenv(name, "/nowhere")
        app.run(
            """
            info = introduce()
            note(info["dispatch_dir"], "environment", json.dumps([sorted(os.environ), os.getcwd(), sys.argv[1:]]))
            for metadata, body in iter(read, None):
                write({"finished": metadata["finished"]}, body)
        """,
            numbered(1),
        )
        names, cwd, arguments = json.loads((app.job.dispatch_dir / "environment").read_text().splitlines()[-1])
        names = set(names) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}  # Python's and macOS's own
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
        assert (cwd, arguments) == ("/", [])


class TestChunks:
    def test_the_csv_is_as_splunkd_writes_it(self, app):
        rows = [{"_raw": 'say "hi"', "_time": "1.5", "user": ["a$b", "c"], "n": 3}, {"_raw": "", "user": "ü,x"}]
        app.run(RECORDER, Results(["_raw", "_time", "user", "n"], rows))
        header = '"_raw","_time",user,n,"__mv__raw","__mv__time","__mv_user","__mv_n"\n'
        _, (_, *chunks, _) = app.seen()
        assert [body for _, body in chunks] == [
            header,
            header + '"say ""hi""",1.5,"a$b\nc",3,,,$a$$b$;$c$,\n,,"ü,x",,,,,\n',
            header,
        ]

    def test_the_first_and_the_last_chunk_have_fields_but_no_rows(self, app):
        app.run(RECORDER, numbered(2), numbered(2))
        _, (_, *chunks, _) = app.seen()
        header = 'n,"__mv_n"\n'
        assert [(metadata["finished"], body == header) for metadata, body in chunks] == [
            (False, True),
            (False, False),
            (False, False),
            (True, True),
        ]

    def test_a_search_without_any_rows_has_a_last_chunk(self, app):
        assert app.rows(RECORDER) == []
        _, (_, *chunks, _) = app.seen()
        assert chunks == [({"action": "execute", "finished": True}, "")]

    @pytest.mark.parametrize("chunk_rows, sizes", [(1, [1] * 8), (7, [5, 3]), (3, [3, 2, 3]), (50_000, [5, 3])])
    def test_no_chunk_has_more_rows_than_it_may(self, app, chunk_rows, sizes):
        app.job.chunk_rows = chunk_rows
        results = app.run(RECORDER, numbered(5), numbered(3, 5))
        assert [row["n"] for chunk in results for row in chunk.rows] == [str(number) for number in range(8)]
        _, (_, _, *chunks, _, _) = app.seen()
        assert [body.count("\n") - 1 for _, body in chunks] == sizes

    def test_chunks_that_lost_all_their_rows_still_come(self, app):
        app.run(RECORDER, numbered(1), Results(["n"], []), numbered(1))
        _, (_, *chunks, _) = app.seen()
        assert [body.count("\n") - 1 for _, body in chunks] == [0, 1, 0, 1, 0]

    @pytest.mark.parametrize("python", interpreters())
    def test_values_come_back_as_they_went(self, app, python):
        app.python = python
        rows = [{"a": ["1", "", "$", "x;y", "$;$"], "b": "line\nline", "c": '\r\n,"'}, {"a": "ü€😀"}, {"b": " "}]
        given = [dict(row) for row in rows]
        assert app.rows(ECHO, Results(["a", "b", "c"], rows)) == given

    def test_null_and_empty_are_both_an_empty_cell_and_come_back_as_null(self, app):
        assert app.rows(ECHO, Results(["a", "b"], [{"a": "", "b": "1"}, {"b": "2"}])) == [{"b": "1"}, {"b": "2"}]

    def test_by_the_other_choice_they_come_back_as_an_empty_text(self, app):
        app.job.others = {EMPTY_CELL}
        assert app.rows(ECHO, Results(["a", "b"], [{"a": "", "b": "1"}, {"b": "2"}])) == [
            {"a": "", "b": "1"},
            {"a": "", "b": "2"},
        ]

    def test_numbers_are_texts_to_a_command(self, app):
        assert app.rows(ECHO, Results(["a", "b"], [{"a": 1.5, "b": 3.0}])) == [{"a": "1.5", "b": "3"}]

    def test_megabytes_in_both_directions_do_not_deadlock(self, app):
        long = "x" * 1_000_000
        rows = app.rows(
            """
            introduce()
            sys.stdin.buffer.readline() or sys.exit()
            big = ("y" * 1_000_000).encode()
            head = b'{"finished": true}'
            body = b"a\\n" + b"\\n".join([big] * 8) + b"\\n"
            send(b"chunked 1.0,%d,%d\\n" % (len(head), len(body)) + head + body)
            sys.stdin.buffer.read()
        """,
            Results(["a"], [{"a": long} for _ in range(8)]),
        )
        assert [len(row["a"]) for row in rows] == [1_000_000] * 8


class TestReplies:
    def test_fields_are_in_the_order_of_the_reply(self, app):
        results = app.run(
            """
            introduce()
            for metadata, body in iter(read, None):
                write({"finished": metadata["finished"]}, b"z,n,a\\r\\n1,2,\\r\\n" if b"\\n0" in body else b"")
        """,
            numbered(1),
        )
        (chunk,) = [chunk for chunk in results if chunk.rows]
        assert (chunk.fields, chunk.rows) == (["z", "n", "a"], [{"z": "1", "n": "2"}])

    def test_columns_and_their_twins_may_alternate(self, app):
        assert app.rows(
            """
            introduce()
            take()
            write({"finished": True}, b"x,__mv_x,y,__mv_y\\r\\n1\\n2,$1$;$2$,3,\\r\\n".replace(b"1\\n2", b'"1\\n2"'))
        """,
            numbered(1),
        ) == [{"x": ["1", "2"], "y": "3"}]

    def test_a_command_that_has_finished_is_sent_nothing_more(self, app):
        assert app.rows(
            """
            introduce()
            for index in range(2):
                take()
                write({"finished": index == 1}, b"n\\n%d\\n" % index)
            sys.exit(0 if read() is None else 3)
        """,
            numbered(1),
            numbered(1),
            numbered(1),
        ) == [{"n": "0"}, {"n": "1"}]

    def test_a_command_that_has_not_finished_is_asked_again(self, app):
        assert app.rows(
            """
            introduce()
            last = 0
            while last < 3:
                metadata, body = take()
                last += metadata["finished"]
                write({"finished": last == 3}, b"n\\n%d\\n" % last)
        """,
            numbered(1),
        ) == [{"n": "0"}, {"n": "0"}, {"n": "1"}, {"n": "2"}, {"n": "3"}]

    @pytest.mark.parametrize(
        "reply, reason",
        [
            ('send(b"hello\\n")', "Failed to parse transport header"),
            ('send(b"chunked 2.0,2,0\\n{}")', "Failed to parse transport header"),
            ('send(b"chunked 1.0,18\\n{}")', "Failed to parse transport header"),
            ('send(b"chunked 1.0,9,0\\n{not json")', "Failed to parse metadata as JSON"),
            ('send(b"chunked 1.0,2,0\\n[]")', "The metadata is not a JSON object."),
            ('write({"finished": "true"})', "The metadata's 'finished'"),
            ('write({"finished": False, "error": 1})', "The metadata's 'error'"),
            ('write({"finished": False, "inspector": []})', "The metadata's 'inspector'"),
            (
                'write({"finished": False, "inspector": {"messages": [["ERROR"]]}})',
                "The metadata's 'inspector.messages'",
            ),
            ('send(b"chunked 1.0,2,50\\n{}n\\n1\\n"); sys.exit(0)', "EOF while attempting to read a chunk"),
            ('write({"finished": False}, b"n,m\\n1\\n")', "Row 1 of the body has 1 cells for 2 columns."),
            ('write({"finished": False}, b"n\\n1,2\\n")', "Row 1 of the body has 2 cells for 1 columns."),
            ('write({"finished": False}, b"n,n\\n1,2\\n")', "duplicate columns: n,n"),
            ('write({"finished": False}, b"n\\n\\"1\\n")', "Failed to parse the body as CSV"),
            ('write({"finished": False}, b"n\\n\\xff\\n")', "Failed to parse the body as CSV"),
            ('write({"finished": False}, b"__mv_n\\n$1$;$2$\\n")', "'__mv_n' without the field"),
            ('write({"finished": False}, b"n,__mv_n\\n1,1;2\\n")', "not a list of $values$"),
            ('write({"finished": False}, b"n,__mv_n\\n1,$1$;\\n")', "not a list of $values$"),
            ('write({"finished": False}, b"n,__mv_n\\n1,$a$b$\\n")', "not a list of $values$"),
            ('write({"finished": False}); write({"finished": False})', "A reply to no chunk"),
        ],
    )
    def test_a_reply_that_splunkd_cannot_read_fails_the_search(self, app, reply, reason):
        script = "introduce()\ntake()\n%s\nwhile read(): write({'finished': True})" % reply
        assert app.error(script, numbered(1)) == INVALID
        assert reason in app.job.log_text()

    def test_a_reply_after_the_last_one_fails_the_search(self, app):
        error = app.error(
            """
            introduce()
            take()
            write({"finished": True})
            write({"finished": True})
        """,
            numbered(1),
        )
        assert error == INVALID
        assert "A reply to no chunk" in app.job.log_text()

    @pytest.mark.parametrize(
        "reply",
        [
            'send(b"what?\\n")',
            'write({"type": 1})',
            'write({"type": "stateful"}, b"n\\n")',
            'write({"required_fields": "n"})',
            'write({"generating": "false"})',
        ],
    )
    def test_an_unreadable_reply_to_getinfo_is_a_setup_error(self, app, reply):
        assert app.error("take()\n" + reply, numbered(1)) == INVALID.replace("during search", "during setup")

    def test_a_chunk_may_be_as_large_as_maxchunksize(self, app):
        app.settings["maxchunksize"] = "100"
        script = 'introduce()\ntake()\nwrite({"finished": True}, b"n\\n%s\\n" % (b"1" * SIZE))\ntake()'
        assert len(app.rows(script.replace("SIZE", "50"), numbered(1))) == 1
        assert app.error(script.replace("SIZE", "90"), numbered(1)) == INVALID
        assert "maxchunksize is 100" in app.job.log_text()


class TestMessagesAndErrors:
    def test_messages_in_replies_become_the_jobs(self, app):
        app.rows(
            """
            introduce()
            for metadata, body in iter(read, None):
                messages = [["WARN", "a {b}"], ["ERROR", "c"]]
                write({"finished": metadata["finished"], "inspector": {"messages": messages}})
        """,
            numbered(1),
        )
        assert app.job.messages[:2] == [("WARN", "a {b}"), ("ERROR", "c")]

    def test_an_error_message_alone_does_not_fail_a_search(self, app):
        assert app.rows(
            """
            introduce()
            take()
            write({"finished": True, "inspector": {"messages": [["ERROR", "bad"]]}}, b"n\\n1\\n")
        """,
            numbered(1),
        ) == [{"n": "1"}]

    def test_the_exit_status_does_not_count_after_the_last_reply(self, app):
        assert (
            app.rows(
                """
            introduce()
            take()
            write({"finished": True, "inspector": {"messages": [["ERROR", "bad"]]}})
            sys.exit(1)
        """,
                numbered(1),
            )
            == []
        )
        assert app.job.messages == [("ERROR", "bad")]

    def test_an_exit_before_the_last_reply_fails_the_search_and_keeps_the_message(self, app):
        error = app.error(
            """
            introduce()
            take()
            write({"finished": False, "inspector": {"messages": [["ERROR", "bad"]]}})
            sys.exit(4)
        """,
            numbered(1),
        )
        assert error == "External search command exited unexpectedly with non-zero error code 4."
        assert app.job.messages == [("ERROR", "bad")]
        assert "EOF while attempting to read transport header read_size=0" in app.job.log_text() or (
            "Failure writing result chunk" in app.job.log_text()
        )

    def test_the_error_of_a_reply_fails_the_search(self, app):
        script = 'introduce()\ntake()\nwrite({"finished": True, "error": "no key"})'
        assert app.error(script, numbered(1)) == "no key"
        assert app.error('take()\nwrite({"error": "no such option"})') == "no such option"

    @pytest.mark.parametrize(
        "end", ["sys.exit(0)", "os.kill(os.getpid(), signal.SIGKILL)", "os.close(1); time.sleep(.2)"]
    )
    def test_an_end_without_a_reply_or_a_status(self, app, end):
        assert app.error("introduce()\ntake()\n" + end, numbered(1)) == EXITED

    def test_an_end_while_it_is_being_sent_rows(self, app):
        row = {"a": "x" * 500_000}
        error = app.error("introduce()\nsys.stdin.buffer.read(10) and sys.exit(7)", Results(["a"], [row]))
        assert error == "External search command exited unexpectedly with non-zero error code 7."

    def test_a_command_that_does_not_read(self, app, monkeypatch):
        monkeypatch.setattr(command, "GRACE_S", 0.5)
        error = app.error(
            """
            getinfo, _ = read()
            if not is_first(getinfo["searchinfo"]):
                os.close(0)
                write({"type": "stateful"})
                time.sleep(60)
            write({"type": "stateful"})
        """,
            Results(["a"], [{"a": "x" * 500_000}]),
        )
        assert error == "Failed to send message to external search command, see search.log."

    def test_a_script_that_does_not_start_is_reported_when_the_search_is_parsed(self, app):
        app.write("import nothing_of_that_name")
        with pytest.raises(SplError, match="exited unexpectedly with non-zero error code 1"):
            app.command().run([], iter([]))
        assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in app.job.log_text()

    def test_an_option_that_it_rejects_is_reported_when_the_search_is_parsed_without_the_reason(self, app):
        app.write("""
            take()
            write({"type": "stateful", "inspector": {"messages": [["ERROR", "Unrecognized option: bad=1"]]}})
            sys.exit(1)
        """)
        with pytest.raises(SplError, match="exited unexpectedly with non-zero error code 1"):
            app.command().run(["bad=1"], iter([]))
        assert app.job.messages == []
        assert "Error adding inspector message" in app.job.log_text()

    def test_stderr_is_in_search_log_line_by_line_whatever_its_level(self, app):
        app.rows('sys.stderr.write("INFO one\\ntwo \\xe9")\n' + ECHO, numbered(1))
        lines = [line for line in app.job.lines if " - stderr: " in line]
        pid = app.job.pids[0]
        assert lines[:2] == [
            "ERROR ChunkedExternProcessor [%d ChunkedExternProcessorStderrLogger] - stderr: %s" % (pid, text)
            for text in ("INFO one", "two é")
        ]

    def test_megabytes_of_stderr_do_not_stop_it(self, app):
        assert len(app.rows('for _ in range(20000): sys.stderr.write("y" * 99 + "\\n")\n' + ECHO, numbered(3))) == 3
        assert app.job.log_text().count("y" * 99) == 2 * 20000


class TestWhatIsNotKnownHere:
    @pytest.mark.parametrize(
        "info, named",
        [
            ({"type": "reporting"}, "'reporting'"),
            ({"type": "events"}, "'events'"),
            ({"type": "nonsense"}, "'nonsense'"),
            ({"generating": True}, "generate"),
            ({"required_fields": ["a*"]}, "required_fields"),
        ],
    )
    def test_kinds_of_commands(self, app, info, named):
        error = app.error("introduce(**json.loads('%s'))\ntake()" % json.dumps(info))
        assert named in error
        assert "not known here" in error

    @pytest.mark.parametrize(
        "settings, named",
        [
            ({"chunked": "false"}, "chunked = true"),
            ({"command.arg.1": "x"}, "command.arg"),
            ({"filename": "a.sh"}, "a.sh"),
            ({"filename": "../probe.py"}, "../probe.py"),
        ],
    )
    def test_kinds_of_stanzas(self, app, settings, named):
        app.settings.update(settings)
        error = app.error(ECHO)
        assert named in error
        assert "not known here" in error

    @pytest.mark.parametrize("arguments", [["a", ",", "b"], ["[search x]"]])
    def test_kinds_of_arguments(self, app, arguments):
        assert "not known here" in app.error(ECHO, arguments=arguments)

    def test_a_missing_file(self, app):
        app.settings["filename"] = "other.py"
        assert app.error(ECHO) == "Could not find file: 'other.py'."

    def test_an_invalid_limit_means_none_and_gives_a_warning(self, app):
        app.settings["maxwait"] = "-1"
        assert len(app.rows(ECHO, numbered(1))) == 1
        assert app.job.messages == [("WARN", "Invalid maxwait value in commands.conf: must be a non-negative integer.")]


SELECTIVE = """
info = introduce(required_fields=["b", "_time", "missing"])
for metadata, body in iter(read, None):
    note(info["dispatch_dir"], "bodies", json.dumps(body.decode()))
    write({"finished": metadata["finished"]}, b"".join(%s))
"""


class TestSelectedFields:
    GIVEN = Results(
        ["_time", "a", "b"],
        [{"_time": "1", "a": ["x", "y"], "b": "1"}, {"_time": "2", "a": "z"}, {"_time": "3", "b": "3"}],
    )

    def test_only_selected_fields_and_the_rows_number_are_sent(self, app):
        app.rows(SELECTIVE % "[]", self.GIVEN)
        bodies = [json.loads(line) for line in (app.job.dispatch_dir / "bodies").read_text().splitlines()]
        header = '"_time",b,"_chunked_idx","__mv__time","__mv_b","__mv__chunked_idx"\n'
        assert bodies == [header, header + "1,1,0,,,\n2,,1,,,\n3,3,2,,,\n", header]

    def test_the_others_are_put_back(self, app):
        reply = '[b"new,b,_time,_chunked_idx\\n", *[b"n,B,1,0\\n", b"m,,3,2\\n"] * (body.count(b"\\n") > 1)]'
        assert app.rows(SELECTIVE % reply, self.GIVEN) == [
            {"new": "n", "b": "B", "_time": "1", "a": ["x", "y"]},
            {"new": "m", "_time": "3"},
        ]

    def test_fields_keep_their_order_and_new_ones_come_last(self, app):
        results = app.run(SELECTIVE % '[b"new,b,_time,_chunked_idx\\n"]', self.GIVEN)
        assert results[0].fields == ["_time", "a", "b", "new"]

    @pytest.mark.parametrize("numbers", [["1", "0"], ["0", "0"], ["3"], ["-1"], [""], ["x"]])
    def test_rows_that_were_not_sent_or_are_in_another_order(self, app, numbers):
        lines = "".join("b,%s\\n" % number for number in numbers)
        reply = '[b"b,_chunked_idx\\n", *[b"%s"] * (body.count(b"\\n") > 1)]' % lines
        assert app.error(SELECTIVE % reply, self.GIVEN) == (
            "Invalid '_chunked_idx' from external search process: out of range or out of order."
        )

    def test_rows_without_their_numbers(self, app):
        reply = '[b"b\\n", *[b"1\\n"] * (body.count(b"\\n") > 1)]'
        assert "_chunked_idx" in app.error(SELECTIVE % reply, self.GIVEN)

    def test_an_asterisk_is_all_fields(self, app):
        assert app.rows(ECHO.replace("introduce()", 'introduce(required_fields=["*"])'), self.GIVEN) == self.GIVEN.rows


class TestPreviews:
    def test_a_command_that_runs_in_previews_has_a_process_for_each(self, app):
        app.job.previews, app.settings["run_in_preview"] = True, "true"
        assert len(app.rows(RECORDER, numbered(2), numbered(2))) == 4
        _, preview, real = app.seen()
        assert [process[0][0]["preview"] for process in (preview, real)] == [True, False]
        assert [body.count("\n") - 1 for _, body in preview[1:-1]] == [0, 2, 0]
        assert [body.count("\n") - 1 for _, body in real[1:-1]] == [0, 2, 2, 0]

    @pytest.mark.parametrize("settings", [{}, {"run_in_preview": "false"}])
    def test_others_have_none(self, app, settings):
        app.job.previews = True
        app.settings.update(settings)
        app.rows(RECORDER, numbered(2))
        assert [process[0][0]["preview"] for process in app.seen()] == [False, False]


class TestTheEndOfASearch:
    def test_a_finalised_search_ends_the_input_without_a_last_chunk(self, app):
        def chunks():
            yield numbered(1)
            app.job.is_finalized = True

        app.write(RECORDER)
        assert len(list(app.command().run([], chunks()))) == 2
        _, (_, *seen) = app.seen()
        assert [metadata.get("finished") for metadata, _ in seen] == [False, False, None]
        assert seen[-1][0] == {"action": "EOF"}

    def test_a_later_command_that_needs_no_more_rows_ends_the_input(self, app):
        app.write(RECORDER)
        results = app.command().run([], iter([numbered(1), numbered(1)]))
        next(results)
        results.close()
        assert app.seen()[1][-1][0] == {"action": "EOF"}

    @pytest.mark.parametrize(
        "stop", ["signal.pause()", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"]
    )
    def test_a_hung_command_ends_with_its_search(self, app, stop):
        script = "info = introduce()\ntake()\nnote(info['dispatch_dir'], 'hangs', '')\n" + stop
        self.cancelled(app, script, lambda: (app.job.dispatch_dir / "hangs").exists())

    def test_a_command_that_does_not_read_ends_with_its_search(self, app):
        rows = Results(["a"], [{"a": "x" * 2_000_000}])
        self.cancelled(app, "if not is_first(introduce()): signal.pause()", lambda: len(app.job.pids) == 2, rows)

    def test_processes_that_it_has_started_end_with_its_search(self, app):
        script = """
            info = introduce()
            take()
            if not os.fork():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                note(info["dispatch_dir"], "child", str(os.getpid()))
                time.sleep(60)
            signal.pause()
        """
        path = app.job.dispatch_dir / "child"
        self.cancelled(app, script, lambda: path.exists() and path.read_text().endswith("\n"))
        assert state_of(int(path.read_text())) in ("gone", "Z")

    def test_a_command_can_end_gracefully_on_sigterm(self, app):
        self.cancelled(
            app,
            """
            info = introduce()
            folder = info["dispatch_dir"]
            signal.signal(signal.SIGTERM, lambda *_: (note(folder, "tidied", ""), sys.exit(1)))
            take()
            note(folder, "hangs", "")
            signal.pause()
        """,
            lambda: (app.job.dispatch_dir / "hangs").exists(),
        )
        assert (app.job.dispatch_dir / "tidied").exists()

    def cancelled(self, app, script, is_time, rows=None):
        """Cancels a search at a certain moment. It must end without an error, and soon."""
        app.write(script)
        results = app.command().run([], iter([rows or numbered(1)]))
        gathered = []
        search = threading.Thread(target=lambda: gathered.extend(results), daemon=True)
        search.start()
        until(is_time)
        app.job.cancel()
        search.join(10)
        assert not search.is_alive()
        assert gathered == []

    def test_a_command_that_takes_longer_than_maxwait_is_terminated_at_once(self, app, monkeypatch):
        monkeypatch.setattr(command, "GRACE_S", 60)
        app.settings["maxwait"] = "1"
        hangs = """
            info = introduce()
            take()
            folder = info["dispatch_dir"]
            signal.signal(signal.SIGTERM, lambda *_: (note(folder, "told", str(time.time())), sys.exit(1)))
            note(folder, "hangs", str(time.time()))
            time.sleep(60)
        """
        assert "exited unexpectedly" in app.error(hangs, numbered(1))
        began, told = (float((app.job.dispatch_dir / name).read_text()) for name in ("hangs", "told"))
        assert told - began < 30
        assert "maxwait=1" in app.job.log_text()

    def test_maxwait_applies_to_each_answer(self, app):
        app.settings["maxwait"] = "2"
        script = ECHO.replace("    write", "    time.sleep(.8)\n    write")
        assert len(app.rows(script, numbered(1), numbered(1))) == 2


def until(is_time):
    ends = time.monotonic() + 20
    while not is_time():
        assert time.monotonic() < ends
        time.sleep(0.01)


def state_of(pid):
    """The state of a process that need not be our child."""
    ends = time.monotonic() + 2
    while time.monotonic() < ends:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return "gone"
        time.sleep(0.05)
    return "there"
