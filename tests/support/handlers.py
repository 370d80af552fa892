"""Runs the app's REST handlers in this process: loads them by their paths, as splunkd's process for handlers does."""

import importlib.util
import json
import sys
from types import ModuleType
from unittest import mock

from tests.conftest import ROOT


class PersistentServerConnectionApplication:
    """The base class of handlers, which splunkd's process has."""


class Handler:
    """The handler in bin/<name>.py. `module` is what it was loaded as."""

    def __init__(self, name):
        modules = {
            each: ModuleType(each) for each in ("splunk", "splunk.persistconn", "splunk.persistconn.application")
        }
        base = PersistentServerConnectionApplication
        modules["splunk.persistconn.application"].PersistentServerConnectionApplication = base
        spec = importlib.util.spec_from_file_location("pschand__%s__in__bin" % name, ROOT / ("bin/%s.py" % name))
        self.module = importlib.util.module_from_spec(spec)
        with mock.patch.dict(sys.modules, modules):
            spec.loader.exec_module(self.module)
        (self._kind,) = base.__subclasses__()[-1:]

    def __call__(self, request):
        """Status and payload of the answer to a request, which must be JSON."""
        answer = json.loads(json.dumps(self._kind("", "").handle(json.dumps(request))))
        return answer["status"], answer["payload"]


def text(payload):
    """The text of a refusal."""
    (message,) = payload["messages"]
    assert message["type"] == "ERROR"
    return message["text"]
