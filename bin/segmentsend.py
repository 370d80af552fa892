"""The search command `segmentsend`, which splunkd starts. See segment_bridge.splunk.command."""

from segment_bridge.errors import hide_tracebacks
from segment_bridge.splunk.command import SegmentSend

if __name__ == "__main__":
    hide_tracebacks()
    SegmentSend().process()
