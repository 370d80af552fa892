"""python -m tests.standin: runs the stand-in for Splunk on loopback until it is stopped.

It prints a line of JSON with its addresses once it is ready.
"""

import argparse
import json
import signal
import sys
import tempfile
import threading
from datetime import timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .clock import Clock
from .refusal import Refusal
from .releases import DEFAULT, RELEASES
from .spl.choices import CHOICES
from .splunkd import Ports, Splunkd


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    parser.add_argument("--package", type=Path, action="append", default=[], help="an app to install at start")
    parser.add_argument("--port", type=int, default=8089, help="port of splunkd's REST API; 0 means any free one")
    parser.add_argument("--web-port", type=int, default=8000)
    parser.add_argument("--hec-port", type=int, default=8088)
    parser.add_argument("--password", default="changeme", help="password of the user admin")
    parser.add_argument("--home", type=Path, help="$SPLUNK_HOME, which is kept; by default a temporary folder")
    parser.add_argument("--chunk-rows", type=int, help="the largest number of rows in a chunk for custom commands")
    parser.add_argument("--previews", action="store_true", help="show previews to commands that run in them")
    parser.add_argument(
        "--other-answers",
        action="store_true",
        help="reverse the choices made where no source says what Splunk does: tests.standin.spl.choices",
    )
    parser.add_argument(
        "--splunk-version", choices=RELEASES, default=DEFAULT.version, help="the version of Splunk to play"
    )
    parser.add_argument("--timezone", type=_zone, default=timezone.utc, help="the server's, such as Europe/Berlin")
    options = parser.parse_args()

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="splunk-") as fresh:
        home = (options.home or Path(fresh)).absolute()
        ports = Ports(options.port, options.web_port, options.hec_port)
        with Splunkd(
            home, options.password, ports, clock=Clock(zone=options.timezone), release=RELEASES[options.splunk_version]
        ) as splunkd:
            splunkd.jobs.previews = options.previews
            splunkd.jobs.others = frozenset(CHOICES if options.other_answers else ())
            splunkd.jobs.chunk_rows = options.chunk_rows or splunkd.jobs.chunk_rows
            for package in options.package:
                try:
                    splunkd.install(package, update=True)
                except Refusal as refusal:
                    parser.error("%s: %s" % (package, refusal.text))
            print(
                json.dumps(
                    {
                        "management": splunkd.management_url,
                        "web": splunkd.web_url,
                        "hec": splunkd.hec_url,
                        "password": options.password,
                    }
                ),
                flush=True,
            )
            ended.wait()
    return 0


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError):
        raise argparse.ArgumentTypeError("there is no time zone '%s' on this machine" % name) from None


if __name__ == "__main__":
    sys.exit(main())
