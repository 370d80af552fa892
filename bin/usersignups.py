"""The modular input `usersignups`, which keeps the user map up to date. See segment_bridge.splunk.modular_input."""

import sys

from segment_bridge.errors import hide_tracebacks
from segment_bridge.splunk.modular_input import UserSignups

if __name__ == "__main__":
    hide_tracebacks()
    sys.exit(UserSignups().run(sys.argv))
