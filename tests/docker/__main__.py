"""`make test-splunk`, `make up`, `make down`: the app in a real Splunk, in containers.

Exit status: 69 if no container engine runs here; else that of the tests, or 0.
"""
import os
import subprocess
import sys

from tests.docker.engine import ROOT, SHARED, Engine, NoEngine
from tests.docker.kubernetes import URL, Kubernetes
from tests.docker.splunk import SplunkContainer
from tests.fakes.segment import WRITE_KEY

NO_ENGINE = 69  # EX_UNAVAILABLE of sysexits.h
TESTS = ("tests/e2e", "tests/setup", "tests/package/test_installed.py", "tests/docker")


def main(arguments: list) -> int:
    try:
        engine = Engine()
    except NoEngine as error:
        print(error, file=sys.stderr)
        return NO_ENGINE
    action, *rest = arguments
    return {"test": test, "up": up, "down": down}[action](engine, *rest)


def test(engine: Engine, *arguments: str) -> int:
    """The end-to-end tests, each of whose environments is a Splunk of its own."""
    environment = {**os.environ, "SPLUNK": "container", "SPLUNK_PASSWORD": engine.password, "TMPDIR": str(SHARED)}
    command = [sys.executable, "-m", "pytest", "--timeout=3600", *(arguments or TESTS)]
    try:
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    finally:
        engine.compose("down", "--volumes")


def up(engine: Engine, package: str) -> int:
    """All three, to be set up by hand."""
    splunk = SplunkContainer(engine)
    splunk.__enter__()
    engine.compose("up", "--detach", "segment")
    cluster = Kubernetes(engine)
    cluster.up()
    (SHARED / "token.txt").write_text(cluster.token, encoding="utf-8")
    print("Splunk Web       %s  admin / %s\n"
          "Package          %s\n"
          "Segment          http://127.0.0.1:8090/v1/batch  write key %s\n"
          "API server       %s  token in %s, CA file %s\n"
          "make down        ends it all" % (
              splunk.web, splunk.password, package, WRITE_KEY, URL, SHARED / "token.txt", cluster.ca_file))
    return 0


def down(engine: Engine) -> int:
    engine.compose("down", "--volumes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
