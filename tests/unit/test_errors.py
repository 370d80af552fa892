"""What people read of an error: one line, a code, and of an unforeseen one only its type and place."""

import json
import subprocess
import sys

import pytest

from segment_bridge import errors, reasons
from segment_bridge.errors import SegmentBridgeError, Unavailable, foreseen, unforeseen
from tests.conftest import ROOT

SECRET = "s3cret-token"


def kinds(kind=SegmentBridgeError):
    return [kind, *(each for child in kind.__subclasses__() for each in kinds(child))]


@pytest.mark.parametrize("kind", kinds())
def test_every_error_is_one_line_with_a_listed_reason(kind):
    error = kind("said: a\nb\0\x1b[31mc")
    assert str(error) == "said: a b\ufffdc"
    assert reasons.is_known(error.reason)
    assert kind("x", reason="auth").reason == "auth"
    assert error.told("segmentsend") == "segmentsend: said: a b\ufffdc (reason=%s)" % error.reason
    about = kind("x", reason="auth", setting="url")
    assert about.setting == "url" and about.told("segmentsend") == "segmentsend: x (reason=auth setting=url)"


def test_an_unforeseen_error_shows_only_its_type_and_place():
    def fail():
        try:
            raise RuntimeError(SECRET)
        except RuntimeError:
            return json.loads("{" + SECRET)

    with pytest.raises(SegmentBridgeError) as caught, foreseen():
        fail()
    text = str(caught.value)
    assert "JSONDecodeError in json.decoder:" in text
    assert SECRET not in text
    assert caught.value.reason == "internal"
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_it_also_shows_the_apps_own_line():
    try:
        errors.texts.printable(None, 1)
    except TypeError as error:
        assert "TypeError in segment_bridge.texts:" in str(unforeseen(error))
    assert "an unknown place" in str(unforeseen(KeyError(SECRET)))


def test_a_foreseen_error_passes_unchanged():
    expected = Unavailable("busy")
    with pytest.raises(Unavailable) as caught, foreseen():
        raise expected
    assert caught.value is expected


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raise SettingsError('x must be y')", "ERROR segment_bridge: x must be y\n"),
        ("raise SystemExit(0)", ""),
        ("class X:\n    def __del__(self): raise DeadlineExceeded('late')\nX()", ""),
    ],
)
def test_a_foreseen_error_keeps_its_own_words(fault, said):
    program = "import sys; sys.path.insert(0, 'bin')\nfrom segment_bridge.errors import *\nhide_tracebacks()\n" + fault
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == said


@pytest.mark.parametrize(
    "fault",
    [
        "raise ValueError(secret)",
        "import threading; t = threading.Thread(target=lambda: int(secret)); t.start(); t.join()",
        "class X:\n    def __del__(self): int(secret)\nX()",
    ],
)
def test_an_uncaught_error_shows_no_values(fault):
    program = "import sys; sys.path.insert(0, 'bin')\nfrom segment_bridge.errors import hide_tracebacks\n"
    program += "hide_tracebacks()\nsecret = sys.argv[1]\n" + fault
    done = subprocess.run(
        [sys.executable, "-c", program, SECRET], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert SECRET not in done.stderr and "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR segment_bridge: internal error: ValueError in __main__:")
