"""segment-analytics-python used as its documentation says, in a command made with splunklib."""

import json
import os
import sys

import segment.analytics as analytics
from splunklib.searchcommands import Configuration, StreamingCommand, dispatch

analytics.write_key = os.environ["SEGMENT_WRITE_KEY"]
analytics.host = os.environ["SEGMENT_URL"].rpartition("/v1/batch")[0]


@Configuration(distributed=False)
class Analytics(StreamingCommand):
    def stream(self, records):
        for record in records:
            analytics.track(
                record["userId"],
                record["event"],
                json.loads(record["properties"]),
                json.loads(record["context"]),
                message_id=record["messageId"],
            )
            record["segment_status"] = "accepted"
            yield record
        analytics.flush()


dispatch(Analytics, sys.argv, sys.stdin, sys.stdout, __name__)
