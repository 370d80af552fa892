"""What tests of several folders share."""

import fcntl
import gc
import subprocess
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# A busy machine must not fail a test.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
# For make check, which asks for it by --hypothesis-profile.
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("patient"), max_examples=10)
hypothesis.settings.load_profile("patient")


def thorough(examples: int) -> int:
    """The number of examples for a test that sets its own: like all others, it has fewer in the quick profile."""
    usual = hypothesis.settings.get_profile("patient").max_examples
    return examples * hypothesis.settings.default.max_examples // usual


LONGEST = (
    "test_year.py",
    "test_setup_page.py",
    "test_main_job.py",
    "test_alerts.py",
    "test_operations.py",
    "test_fault_matrix.py",
    "test_slices.py",
    "test_messages.py",
    "test_operations_looks.py",
    "test_reconcile.py",
    "test_segmentsend_faults.py",
    "test_benchmarks.py",
    "test_appinspect.py",
)
"""Files whose tests take half a minute or longer, the longest first, so that none is left for the end with several
processes.
"""


def pytest_collection_modifyitems(items) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def pytest_collection_finish() -> None:
    """Has the garbage collector pass over the tests and all that they imported, and look less often: to visit a million
    objects again and again would take a tenth of the processor time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_make_parametrize_id(val):
    """Shortens a long text to its beginning: a megabyte would be no useful test name."""
    if isinstance(val, (str, bytes)) and len(val) > 80:
        return "%s..." % ascii(val[:80])[1:-1]
    return None


@pytest.fixture(scope="session")
def package() -> Path:
    """The app's package, built from the current sources."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build/package.lock", "w") as lock:  # several processes may run tests
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _built()


def _built() -> Path:
    built = subprocess.run([ROOT / "package.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return ROOT / built.stdout.splitlines()[-1]
