"""Runs splunk-sdk-python's own integration tests against the stand-in: python -m tests.standin.sdk <a checkout of it>.

They run on a real Splunk for every change to the SDK, so whatever they find wrong is wrong here. The checkout stays
unchanged. Tests of what the stand-in does not cover are left out, and listed below.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tests.standin.process import StandinProcess
from tests.support.administrator import Administrator

MODULES = (
    "collection",
    "conf",
    "job",
    "kvstore_batch",
    "kvstore_conf",
    "kvstore_data",
    "macro",
    "message",
    "results",
    "saved_search",
    "storage_passwords",
)
LEFT_OUT = {
    "the content of Splunk's own app search: confs, saved searches, indexes, kinds of inputs": (
        "TestRead",
        "test_collection_inputs_getitem",
        "test_getitem_with_namespace_sample_in_changelog",
    ),
    "collections that are not known here, such as event types, and templates of new entities": (
        "test_iteration",
        "test_list",
        "test_paging",
        "test_metadata",
    ),
    "the message that Splunk must be restarted after deleting an app": ("TestConfs",),
    "a field type that KV store does not know, which splunkd silently accepts": ("test_create_fields",),
    "the SDK's own test apps, which its repository does not contain": (
        "test_enable_preview",
        "test_setpriority",
        "test_read_normal_results",
        "test_read_from_empty_result_set",
        "test_read_raw_field",
        "test_results_reader",
    ),
    "jobs that pause, are searched again, or have fields that only Splunk's have": (
        "pause",
        "test_v1_job_fallback",
        "test_read_jobs",
    ),
    "scheduled private searches, and the time left of a suppression": (
        "test_scheduled_times",
        "test_suppress",
        "TestSavedSearch and (test_create or test_name_collision)",
    ),
}
"""The reasons for leaving tests out, each with parts of the tests' names."""
_DOTENV = """def dotenv_values(path):
    with open(path) as file:
        return dict(line.strip().split("=", 1) for line in file)
"""


def main(source: Path) -> int:
    if not (source / "tests" / "integration").is_dir():
        sys.exit("%s is not a checkout of splunk-sdk-python: it has no tests/integration" % source)
    with tempfile.TemporaryDirectory(prefix="sdk-") as folder, StandinProcess(Path(folder) / "splunk") as splunk:
        copy = Path(folder) / "sdk"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".git", "docs"))
        address = urlsplit(splunk.management)
        (copy / ".env").write_text(
            "host=%s\nport=%d\nusername=admin\npassword=%s\nscheme=https\nversion=9.0\n"
            % (address.hostname, address.port, splunk.password),
            encoding="utf-8",
        )
        (copy / "dotenv.py").write_text(_DOTENV, encoding="utf-8")
        _log_something(splunk)
        without = " or ".join(name for names in LEFT_OUT.values() for name in names)
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "-W",
                "ignore",
                "-k",
                "not (%s)" % without,
                *("tests/integration/test_%s.py" % module for module in MODULES),
            ],
            cwd=copy,
            check=False,
        ).returncode


def _log_something(splunk: StandinProcess) -> None:
    """The tests search _internal, which is never empty in a real Splunk."""
    service = Administrator(splunk.management, splunk.web, splunk.hec, splunk.password).service
    for number in range(20):
        service.post(
            "/services/receivers/simple",
            index="_internal",
            sourcetype="splunkd",
            headers=[("Content-Type", "text/plain")],
            body="event %d" % number,
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
