"""segment-analytics-python at its best: no Splunk, rows as JSON lines on stdin, larger batches than by default."""

import json
import os
import sys

from segment.analytics.client import Client

client = Client(
    os.environ["SEGMENT_WRITE_KEY"],
    host=os.environ["SEGMENT_URL"].rpartition("/v1/batch")[0],
    max_queue_size=1_000_000,
    upload_size=2_000,
    upload_interval=0.1,
    thread=1,
)
for line in sys.stdin:
    row = json.loads(line)
    client.track(row["userId"], row["event"], row["properties"], row["context"], message_id=row["messageId"])
client.shutdown()
