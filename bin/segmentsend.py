"""The search command `segmentsend`, as splunkd starts it."""
from segment_bridge.splunk.command import SegmentSend

if __name__ == "__main__":
    SegmentSend().process()
