"""The alert action `segment_bridge_send`, which splunkd starts. See segment_bridge.splunk.alert_action."""

import sys

from segment_bridge.errors import hide_tracebacks
from segment_bridge.splunk.alert_action import main

if __name__ == "__main__":
    hide_tracebacks()
    sys.exit(main(sys.argv[1:], sys.stdin.buffer))
