"""Speed, memory and duration: `python -m tests.bench` runs all benchmarks, `python -m tests.bench NAME ...` one.

A benchmark is a module of this folder with a `main()`, which reads its options from the command line. README.md has the
figures, good or bad, and the commands that produced them.
"""

import pkgutil
import runpy
import sys
from pathlib import Path

NAMES = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "__main__"]
NAMES = [name for name in NAMES if not (Path(__file__).parent / name).is_dir()]

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] not in NAMES:
        sys.exit("python -m tests.bench [%s]" % " | ".join(NAMES))
    for name in sys.argv[1:2] or NAMES:
        sys.argv = [name, *sys.argv[2:]]
        print("# %s\n" % name, flush=True)
        runpy.run_module("tests.bench." + name, run_name="__main__")
