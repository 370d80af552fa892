"""How tests talk to a stand-in in their own process: as users, through splunklib's client. Also makes test packages."""

import io
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import pytest
import splunklib.client
from splunklib import binding

from tests.standin.splunkd import Splunkd

PASSWORD = "a long password"
_CONF = """[install]
is_configured = 1
[id]
name = {0}
version = {1}
[package]
id = {0}
[launcher]
version = {1}
"""


def connect(
    splunkd: Splunkd, user: str = "admin", app: Optional[str] = None, owner: Optional[str] = None
) -> splunklib.client.Service:
    """A session for a user. A user who does not exist yet is created with the role of the same name."""
    users = splunkd.sessions.users
    if user not in users:
        splunkd.sessions.add(user, PASSWORD, frozenset([user]))
    address = splunkd.management_url.partition("://")[2].partition(":")
    return splunklib.client.connect(
        host=address[0],
        port=int(address[2]),
        username=user,
        password=users[user][0],
        app=app,
        owner=owner,
        handler=_reading(binding.handler(verify=False)),
    )


def refusal(call: Callable, *arguments: Any, **named: Any) -> Tuple[int, str]:
    """The status and the text of splunkd's refusal. It must refuse."""
    with pytest.raises(binding.HTTPError) as refused:
        call(*arguments, **named)
    return refused.value.status, str(refused.value)


def _reading(handler):
    """Reads answers to their end: splunklib leaves connections open if nobody does."""

    def handle(url: str, message: Dict[str, Any], **kwargs: Any) -> Dict[str, Any]:
        answer = handler(url, message, **kwargs)
        answer["body"] = binding.ResponseReader(io.BytesIO(answer["body"].read()))
        return answer

    return handle


def package(folder: Path, app: str, files: Optional[Dict[str, str]] = None, version: str = "1.0.0") -> Path:
    """A package for an app, with app.conf and these files."""
    path = folder / ("%s-%s.tar.gz" % (app, version))
    contents = {"default/app.conf": _CONF.format(app, version), **(files or {})}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in contents.items():
            member = tarfile.TarInfo("%s/%s" % (app, name))
            data = text.encode()
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return path
