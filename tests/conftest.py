"""What tests of several folders share."""

import fcntl
import subprocess
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# That the machine is busy is nobody's fault.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
# For make check, which asks for it by --hypothesis-profile.
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("patient"), max_examples=10)
hypothesis.settings.load_profile("patient")


def thorough(examples: int) -> int:
    """How many examples a test has that asks for a number of its own: fewer in the quick profile, as all."""
    usual = hypothesis.settings.get_profile("patient").max_examples
    return examples * hypothesis.settings.default.max_examples // usual


LONGEST = ("test_year.py", "test_alerts.py", "test_setup_page.py", "test_fault_matrix.py")
"""Files whose tests take minutes, the longest first: with several processes, none must be left for the end."""


def pytest_collection_modifyitems(items) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def pytest_make_parametrize_id(val):
    """A long text as its beginning: an answer of a megabyte is no name for a test."""
    if isinstance(val, (str, bytes)) and len(val) > 80:
        return "%s..." % ascii(val[:80])[1:-1]
    return None


@pytest.fixture(scope="session")
def package() -> Path:
    """The app's package, built from the sources as they are now."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build/package.lock", "w") as lock:  # several processes may run tests
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _built()


def _built() -> Path:
    built = subprocess.run([ROOT / "package.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return ROOT / built.stdout.splitlines()[-1]
