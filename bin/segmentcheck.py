"""The search command `segmentcheck`, which splunkd starts. See segment_bridge.splunk.asking."""

from segment_bridge.errors import hide_tracebacks
from segment_bridge.splunk.asking import SegmentCheck

if __name__ == "__main__":
    hide_tracebacks()
    SegmentCheck().process()
