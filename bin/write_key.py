"""The REST endpoint segment_bridge/write_key, as splunkd starts it. See segment_bridge.splunk.lending."""
import json

from splunk.persistconn.application import PersistentServerConnectionApplication

from segment_bridge.splunk.lending import lend


class WriteKey(PersistentServerConnectionApplication):
    """splunkd makes one, and hands it each request as JSON."""

    def __init__(self, command_line: str, command_arg: str):
        super().__init__()

    def handle(self, in_string: str) -> dict:
        return lend(json.loads(in_string))
