"""Runs a program of the app by its site's clock: moved_time.py <file with the seconds that it is ahead> <script> ...

Options of Python's own before the script are passed over.
"""

import os
import runpy
import sys
import time


def main() -> None:
    with open(sys.argv[1]) as file:
        ahead_s = float(file.read())
    real_time, real_time_ns = time.time, time.time_ns
    time.time = lambda: real_time() + ahead_s
    time.time_ns = lambda: real_time_ns() + int(ahead_s * 1e9)
    script = next(at for at in range(2, len(sys.argv)) if not sys.argv[at].startswith("-"))
    sys.argv = sys.argv[script:]
    sys.path[0] = os.path.dirname(sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")


main()
