"""Returns a chunk's rows to the search, each with the outcome of its event in columns segment_*."""

from typing import Optional, Sequence

from segment_bridge.delivery.messages import Messages
from segment_bridge.delivery.outcomes import Outcome
from segment_bridge.splunk.chunked import Block, Reply, encoded

COLUMNS = (
    "segment_message_id",
    "segment_bytes",
    "segment_status",
    "segment_reason",
    "segment_http",
    "segment_error",
    "segment_batch",
    "segment_attempts",
)
PAYLOAD_COLUMN = "segment_payload"


class OutcomeReply(Reply):
    """The reply to a chunk with this header. With `has_payload`, rows also get the JSON text of their message."""

    def __init__(self, header: Sequence[str], has_payload: bool):
        super().__init__(header, (PAYLOAD_COLUMN, *COLUMNS) if has_payload else COLUMNS)
        self._has_payload = has_payload

    def add(self, block: Block, messages: Messages) -> None:
        sizes = [str(len(payload) or "") for payload in messages.payloads]
        if self._has_payload:
            payloads = [payload.decode() for payload in messages.payloads]
            self.append(block, encoded(payloads, messages.ids, sizes))
        else:
            self.append(block, encoded(messages.ids, sizes))

    def settle(self, rows: Sequence[int], outcome: Outcome) -> None:
        cells = _cells(outcome)
        for row in rows:
            self.rest[row] = cells


def _cells(outcome: Outcome) -> bytes:
    status, reason, http, error, batch, attempts = outcome
    texts = (status, reason, _text(http), error, _text(batch), str(attempts))
    (cells,) = encoded(*([text] for text in texts))
    return cells


def _text(number: Optional[int]) -> str:
    return "" if number is None else str(number)
