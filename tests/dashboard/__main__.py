"""`make dashboard`: the overview as Splunk Web shows it, light and dark, with what its searches return on the stand-in.

Splunk's own schema checks its definition, and the README shows the picture. Needs Node with npm, and Chromium. Source:
the documentation of the packages @splunk/dashboard-*.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Dict

from tests.dashboard import days
from tests.standin.values import Results, as_list, text
from tests.system.operations import overview

HERE = Path(__file__).parent
OPTIONS = HERE / "options.json"
WIDTH, HEIGHT = 1280, 2010
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

PAGE = """<!doctype html><meta charset="utf-8"><style>body { margin: 0 }</style>
<div id="root"></div><script type="application/json" id="findings"></script>
<script>
// What Splunk Web's pages tell these components; without a time zone they wait for one.
window.$C = {LOCALE: "en-US", SPLUNKD_PATH: "/en-US/splunkd/__raw",
             SERVER_ZONEINFO: "### SERIALIZED TIMEZONE FORMAT 1.0;Y0 NW 55 54 43;@0 0"};
window.THEME = "%s";
window.DEFINITION = %s;
window.SHOWN = %s;
</script><script src="page.js"></script>
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make dashboard", description=__doc__)
    parser.add_argument("package", type=Path, help="dist/segment_bridge-<version>.tar.gz")
    parser.add_argument("bundle", type=Path, help="page.jsx, bundled")
    parser.add_argument("picture", type=Path, help="the PNG file to write")
    given = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("make dashboard needs Chromium: none of %s is on the PATH" % ", ".join(BROWSERS))
        return 1
    with tempfile.TemporaryDirectory() as folder:
        tables = days.shown(Path(folder), given.package)
    page = given.bundle.with_name("index.html")
    definition = overview.definition()
    for theme, picture in (("dark", given.picture.with_stem(given.picture.stem + "_dark")), ("light", given.picture)):
        page.write_text(PAGE % (theme, script(definition), script(with_rows(definition, tables))))
        browse(browser, page, "--screenshot=%s" % picture.resolve())
        print("%s: %d kB" % (picture, picture.stat().st_size // 1000))
    findings = json.loads(browse(browser, page, "--dump-dom"))
    OPTIONS.write_text(json.dumps(findings["options"], indent=1) + "\n")
    for problem in findings["problems"]:
        print("Splunk's schema: %s" % json.dumps(problem))
    return 1 if findings["problems"] else 0


def with_rows(definition: dict, tables: Dict[str, Results]) -> dict:
    """The definition with each search's results in place of the search."""
    shown = {**definition, "defaults": {}, "dataSources": {}}
    for name, table in tables.items():
        columns = [[value(field, row.get(field)) for row in table.rows] for field in table.fields]
        fields = [{"name": field} for field in table.fields]
        shown["dataSources"][name] = {"type": "ds.test", "options": {"data": {"fields": fields, "columns": columns}}}
    return shown


def value(field: str, cell):
    """The value as Splunk's REST API writes it."""
    if cell is None:
        return None
    if field == "_time":
        return datetime.fromtimestamp(float(cell), timezone.utc).isoformat(timespec="milliseconds")
    return text(as_list(cell)[0])


def script(content: dict) -> str:
    """JSON that is safe inside a script element."""
    return json.dumps(content).replace("</", "<\\/")


def browse(browser: str, page: Path, what: str) -> str:
    """Opens the page. Returns the findings in it, if the DOM is asked for."""
    done = subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--virtual-time-budget=20000",
            "--window-size=%d,%d" % (WIDTH, HEIGHT),
            what,
            page.resolve().as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r'id="findings">(.*?)</script>', done.stdout, re.S)
    return html.unescape(found.group(1)) if found else ""


if __name__ == "__main__":
    sys.exit(main())
