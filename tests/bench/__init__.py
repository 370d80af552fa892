"""Benchmarks. They find the app and its libraries through pytest's `pythonpath` in pyproject.toml."""

import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
sys.path[1:1] = [str(_ROOT / folder) for folder in ("bin", "build/lib")]
