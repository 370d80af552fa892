"""Runs a search command of the app in this process, with one chunk of rows, as splunkd runs its program."""

import io
from typing import List, NamedTuple

from tests.support import chunked


class Searched(NamedTuple):
    """What the search gets. `error` fails it."""

    rows: List[dict]
    messages: List[List[str]]
    error: str


def search(command, rows, *arguments, preview=False) -> Searched:
    """
    Args:
        command: its class.
        rows: those of the search; a list of fields by name.
        preview: whether they are a preview, which may lack rows.
    """
    searchinfo = {
        "args": list(arguments),
        "raw_args": list(arguments),
        "app": "search",
        "owner": "admin",
        "username": "admin",
        "dispatch_dir": "/",
        "sid": "1764000000.1",
        "splunkd_uri": "https://127.0.0.1:8089",
        "session_key": "key",
        "splunk_version": "9.3.0",
        "search": "%7C%20makeresults",
        "maxresultrows": 50_000,
        "earliest_time": "0",
        "latest_time": "0",
    }
    body = chunked.encode_rows(list(dict.fromkeys(name for row in rows for name in row)), rows)
    stdin = io.BytesIO(
        chunked.encode({"action": "getinfo", "preview": preview, "searchinfo": searchinfo})
        + chunked.encode({"action": "execute", "finished": True, "preview": preview}, body)
    )
    stdout = io.BytesIO()
    status = 0
    try:
        command().process([command.__name__], stdin, stdout)
    except SystemExit as exit:
        status = exit.code
    stdout.seek(0)
    replies = list(iter(lambda: chunked.read(stdout), None))
    error = replies[-1].metadata.get("error", "")
    assert status == (1 if error else 0)
    return Searched(list(chunked.decode_rows(replies[-1].body).rows), replies[-1].messages, error)
