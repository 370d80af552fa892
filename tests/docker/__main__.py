"""`make test-splunk`, `make up`, `make down`: the app in a real Splunk, in containers.

Exit status: 69 if no container engine runs here; 1 if something does not start; 128 plus its number after a signal;
otherwise that of the tests, or 0.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from typing import Callable, Iterator

from tests.docker.elsewhere import SplunkElsewhere
from tests.docker.engine import BY_HAND, ROOT, TEST, Engine, NoEngine, NotStarted
from tests.docker.kubernetes import URL, Kubernetes
from tests.docker.splunk import SplunkContainer
from tests.support.fakes.segment import WRITE_KEY

NO_ENGINE = 69  # EX_UNAVAILABLE of sysexits.h
TESTS = ("tests/system/end_to_end", "tests/system/browser", "tests/package/test_installed.py", "tests/docker")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_UNWIND_S = 60


class Signalled(BaseException):
    """One of SIGNALS."""

    def __init__(self, number: int):
        super().__init__(number)
        self.status = 128 + number


def main(arguments: list) -> int:
    action, *rest = arguments
    try:
        with signals_raised():
            return {"test": test, "up": up, "down": down}[action](*rest)
    except NoEngine as error:
        print(error, file=sys.stderr)
        return NO_ENGINE
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    except Signalled as signalled:
        return signalled.status


@contextlib.contextmanager
def signals_raised() -> Iterator[None]:
    """Raises a signal as an exception, so that everything is cleaned up on the way out. Later ones are ignored."""

    def raise_it(number, _frame):
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Signalled(number)

    before = {number: signal.signal(number, raise_it) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Allows one run at a time."""
    lock = ROOT / "build" / (TEST + ".lock")
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NotStarted("another make test-splunk is running: wait until it ends") from None
        yield


def test(*arguments: str) -> int:
    """Runs the end-to-end tests, each environment with its own Splunk container, or in a Splunk that runs elsewhere."""
    if "SPLUNK_URL" in os.environ:
        return test_elsewhere(arguments)
    engine = Engine(TEST)
    with alone():
        engine.end()
        try:
            engine.check("splunk", "kubernetes")
            return run_tests(arguments, {"SPLUNK": "container", "SPLUNK_PASSWORD": engine.password})
        finally:
            finish(engine.end)


def test_elsewhere(arguments: tuple) -> int:
    """Tests in a Splunk that holds nothing of ours before or afterwards. The only container may be the cluster's."""
    splunk = SplunkElsewhere()
    with alone():
        splunk.check()
        try:
            return run_tests(arguments, {"SPLUNK": "elsewhere"})
        finally:
            finish(splunk.clean)
            with contextlib.suppress(NoEngine):
                Engine(TEST).end()


def finish(action: Callable[[], None]) -> None:
    """Finishes the action whatever signal arrives in between."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    action()


def run_tests(arguments: tuple, variables: dict) -> int:
    """pytest's exit status. Passes a signal on, so that pytest leaves nothing behind."""
    named = [each for each in arguments if (ROOT / each.partition("::")[0]).exists()]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--timeout=3600",
        "-p",
        "tests.docker.report",
        *arguments,
        *(() if named else TESTS),
    ]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, start_new_session=True)
    try:
        return process.wait()
    except Signalled:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_UNWIND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def up(package: str) -> int:
    """Starts all three, to be set up by hand. Leaves what is up already, and keeps Splunk if the cluster fails."""
    engine = Engine(BY_HAND)
    fresh = not engine.state("splunk")
    splunk, cluster = SplunkContainer(engine), Kubernetes(engine)
    try:
        engine.check("splunk", "kubernetes", "segment")
        splunk.start()
        print("Splunk Web       %s  %s / %s\nPackage          %s" % (splunk.web, splunk.user, splunk.password, package))
    except BaseException:
        if fresh:
            finish(engine.end)
        raise
    try:
        engine.start("segment")
        print("Segment          http://127.0.0.1:8090/v1/batch  write key %s" % WRITE_KEY)
        cluster.up()
    except NotStarted as error:
        raise NotStarted("%s\nThe others stay up: make up tries again, make down ends them" % error) from None
    except BaseException:
        if fresh:
            finish(engine.end)
        raise
    token = engine.shared / "token.txt"
    token.touch(0o600)
    token.write_text(cluster.token, encoding="utf-8")
    print(
        "API server       %s  token in %s, CA file %s\nmake down        ends everything" % (URL, token, cluster.ca_file)
    )
    return 0


def down() -> int:
    Engine(BY_HAND).end()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
