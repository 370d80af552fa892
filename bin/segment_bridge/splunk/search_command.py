"""What the app's search commands have in common: splunklib's command without its options and its way with errors.

The options that splunklib brings itself evaluate a file of the searcher's choice (logging_configuration), or write
session keys to disk (record), as soon as they are set. These commands have none of them.

Source: splunklib.searchcommands.
"""

import io
import sys
from typing import Any, List

from splunklib.searchcommands import StreamingCommand

from segment_bridge.errors import unforeseen
from segment_bridge.splunk import chunked


class SearchCommand(StreamingCommand):
    """A command that gives rows for rows, and gets its arguments as they are written, in `fieldnames`.

    Whoever derives from it sets `option_definitions` to [] afterwards: splunklib's decorator fills it anew.
    """

    def _protocol_v2_option_parser(self, arg: str) -> List[str]:
        """For splunklib, each argument is a field's name, and none the name of something to be set."""
        return [arg]

    def write_error(self, message: str, *args: Any) -> None:
        """What is wrong with the search as it is written is the reply to getinfo, and the last one.

        (splunklib puts it among the messages of an ordinary reply, which nobody sees, and formats texts with braces.)
        """
        text = message.format(*args) if args else message
        stdout = self._record_writer.ofile
        metadata = {"inspector": {"messages": [["ERROR", text]]}, "error": text, "finished": True}
        chunked.write_head(stdout, metadata, 0)
        stdout.flush()
        self._record_writer.ofile = io.BytesIO()  # for what splunklib still has to say
        sys.exit(1)

    def _report_unexpected_error(self) -> None:
        """As splunklib's, without the exception's text and traceback."""
        self.write_error(unforeseen(sys.exc_info()[1] or Exception()).coded)
