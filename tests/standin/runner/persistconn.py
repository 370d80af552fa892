"""Runs one request of a REST handler that an app brings: persistconn.py BIN MODULE.CLASS, the request on stdin.

It takes the place of Splunk's own persistconn/appserver.py, which is no part of this project, and of the one class
that it has for handlers: restmap.conf.spec, [script:<uniqueName>]. It is run by the app's Python, and imports nothing
of the stand-in's.
"""
import json
import sys
from importlib import import_module
from types import ModuleType


class PersistentServerConnectionApplication:
    """What handlers derive from."""

    def handle(self, in_string):
        raise NotImplementedError("handle")


def main(folder, handler):
    for name in ("splunk", "splunk.persistconn", "splunk.persistconn.application"):
        sys.modules[name] = ModuleType(name)
    sys.modules[name].PersistentServerConnectionApplication = PersistentServerConnectionApplication
    sys.path[0] = folder
    module, _, kind = handler.rpartition(".")
    answer = getattr(import_module(module), kind)("", "").handle(sys.stdin.read())
    sys.stdout.write(answer if isinstance(answer, str) else json.dumps(answer))


main(*sys.argv[1:])
