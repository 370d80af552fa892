"""The base of the app's search commands: splunklib's command, without its options, and with errors that users see.

Setting splunklib's own options evaluates a file of the searcher's choice (logging_configuration) or writes session keys
to disk (record). So these commands have none of them.

Source: splunklib.searchcommands.
"""

import io
import sys
from typing import Any, List

from splunklib.searchcommands import StreamingCommand

from segment_bridge.errors import presentable
from segment_bridge.splunk import chunked


class SearchCommand(StreamingCommand):
    """A command that returns rows for rows, and finds its arguments unparsed in `fieldnames`.

    A subclass must set `option_definitions` to [] after its definition, because splunklib's decorator refills it.
    """

    def _protocol_v2_option_parser(self, arg: str) -> List[str]:
        """Makes splunklib treat each argument as a field name, and none as an option."""
        return [arg]

    def write_error(self, message: str, *args: Any) -> None:
        """Replies to getinfo with an error in the search, and exits.

        splunklib would put it among the messages of an ordinary reply, where nobody sees it, and would format braces in
        its text.
        """
        text = message.format(*args) if args else message
        stdout = self._record_writer.ofile
        metadata = {"inspector": {"messages": [["ERROR", text]]}, "error": text, "finished": True}
        chunked.write_head(stdout, metadata, 0)
        stdout.flush()
        self._record_writer.ofile = io.BytesIO()  # for what splunklib still has to say
        sys.exit(1)

    def _report_unexpected_error(self) -> None:
        """Like splunklib's, but without the exception's text and traceback, which may hold secrets."""
        self.write_error(presentable(sys.exc_info()[1]).coded)
