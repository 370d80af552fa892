"""The driver speaks the protocol as splunklib understands it, and refuses what splunkd refuses. So does the app."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.integration.chunked import Command, decode, encode, run
from tests.support import pythons
from tests.support.chunked import Malformed

LIBRARIES = Path(__file__).parents[2] / "build/lib"

ECHO = """
import sys
sys.path.insert(0, {libraries!r})
from splunklib.searchcommands import Configuration, Option, StreamingCommand, dispatch, validators

@Configuration(distributed=False)
class Echo(StreamingCommand):
    mark = Option(default="none")

    def stream(self, rows):
        for row in rows:
            if row["n"] == "error":
                self.write_error("stopped at {{}}", row["n"])
                sys.exit(1)
            row["mark"] = self.mark
            yield row

dispatch(Echo, sys.argv, sys.stdin, sys.stdout, __name__)
"""
SEARCHINFO = {"sid": "1", "dispatch_dir": "/nowhere", "splunkd_uri": "https://127.0.0.1:8089", "session_key": "key"}


@pytest.fixture
def command(tmp_path):
    def command(program, *arguments):
        script = tmp_path / "command.py"
        script.write_text(program.format(libraries=str(LIBRARIES)))
        return Command([sys.executable, str(script)], arguments, SEARCHINFO, {})

    return command


@pytest.mark.parametrize("chunk_rows", [1, 7, 2500])
def test_rows_go_through_a_command(command, package, chunk_rows):
    rows = [
        {"_time": "1764000000.000", "n": str(n), "text": 'a,"b"\nc\u2028é', "many": ["$x", "y;$"]} for n in range(20)
    ]
    with command(ECHO, 'mark="two words"') as process:
        result = run(process, rows, chunk_rows=chunk_rows)
    assert result.rows == [{**row, "mark": "two words"} for row in rows]
    assert (result.exit_code, result.messages, result.stderr) == (0, [], "")


def test_an_error_ends_the_search(command, package):
    with command(ECHO) as process:
        result = run(process, [{"n": "1"}, {"n": "error"}, {"n": "3"}], chunk_rows=1)
    assert [row["n"] for row in result.rows] == ["1"]
    assert result.texts("ERROR") == ["stopped at error"]
    assert result.exit_code == 1


def test_a_bad_option_is_an_error_at_once(command, package):
    with command(ECHO, "bad=1") as process:
        result = run(process, [{"n": "1"}])
    assert "Unrecognized option: bad=1" in result.texts("ERROR")[0]
    assert not result.rows


def test_a_command_that_just_ends_is_an_error(command):
    with command("import sys; sys.exit(3)") as process:
        result = run(process, [{"n": "1"}])
    assert result.texts("ERROR") == ["External search command exited unexpectedly."]
    assert result.exit_code == 3


@pytest.mark.parametrize(
    "reply", ["hello\\n", "chunked 1.0,2,0\\n{{", "chunked 1.0,2,4\\n{{}}a,a\\n", "chunked 1.0,2,4\\n{{}}a\\n1,2\\n"]
)
def test_what_splunkd_refuses_is_malformed(command, reply):
    with (
        command(f"import sys; sys.stdin.readline(); sys.stdout.write('{reply}')") as process,
        pytest.raises(Malformed),
    ):
        process.getinfo()
        process.finish()


def test_a_second_reply_is_refused(command):
    script = "import sys; sys.stdin.readline(); sys.stdout.write('chunked 1.0,2,0\\n{{}}' * 2)"
    with command(script) as process:
        assert process.getinfo().metadata == {}
        with pytest.raises(Malformed, match="more than was asked for"):
            process.finish()


def test_splunkds_csv_puts_the_multivalue_columns_last():
    body = encode([{"_time": "1", "a": ["x", "$"]}, {"b": "line\nline"}])
    assert body.decode().splitlines()[0] == '"_time",a,b,"__mv__time","__mv_a","__mv_b"'
    assert decode(body) == [{"_time": "1", "a": ["x", "$"]}, {"b": "line\nline"}]


@pytest.mark.parametrize("version", pythons.SPLUNKS)
def test_splunks_pythons_agree_with_splunklib_on_random_bodies(package, version):
    python = pythons.find(version)
    if python is None:
        pytest.skip("Python %s is not installed" % version)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "bin"), str(ROOT / "build/lib")])}
    run = subprocess.run(
        [python, "-m", "tests.unit.chunked_oracle", "1500"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
