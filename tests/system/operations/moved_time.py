"""Runs a program of the app by its site's clock: moved_time.py <file with the seconds that it is ahead> <script> ..."""

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
    sys.argv = sys.argv[2:]
    sys.path[0] = os.path.dirname(sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")


main()
