"""The search command `segmentreceipts`, which splunkd starts. See segment_bridge.splunk.receipts."""

from segment_bridge.errors import hide_tracebacks
from segment_bridge.splunk.receipts import SegmentReceipts

if __name__ == "__main__":
    hide_tracebacks()
    SegmentReceipts().process()
