"""The obvious sender with splunklib and requests: no checks, no retries, one batch after the other.

The environment names its endpoint: SEGMENT_URL, SEGMENT_WRITE_KEY.
"""

import json
import os
import sys

import requests
from splunklib.searchcommands import Configuration, StreamingCommand, dispatch

MAX_BYTES = 480_000


@Configuration(distributed=False)
class Plain(StreamingCommand):
    session = None

    def stream(self, records):
        if self.session is None:
            self.session = requests.Session()
            self.session.auth = (os.environ["SEGMENT_WRITE_KEY"], "")
        batch, size = [], 0
        for record in records:
            event = {name: record[name] for name in ("messageId", "timestamp", "type", "userId", "event")}
            event["properties"] = json.loads(record["properties"])
            event["context"] = json.loads(record["context"])
            text = json.dumps(event)
            if size + len(text) > MAX_BYTES:
                yield from self.send(batch)
                batch, size = [], 0
            batch.append((record, text))
            size += len(text) + 1
        if batch:
            yield from self.send(batch)

    def send(self, batch):
        body = '{"batch":[%s]}' % ",".join(text for _, text in batch)
        answer = self.session.post(
            os.environ["SEGMENT_URL"], data=body.encode(), headers={"Content-Type": "application/json"}, timeout=30
        )
        for record, _ in batch:
            record["segment_status"] = "accepted" if answer.ok else "failed"
            record["segment_reason"] = ""
            record["segment_http"] = answer.status_code
            yield record


dispatch(Plain, sys.argv, sys.stdin, sys.stdout, __name__)
