"""Runs the REST handlers of apps, one request after another: a line of JSON in, a line of JSON out.

It replaces Splunk's own splunk/persistconn/appserver.py (public copies), which uses one process for the handlers of all
apps: it loads each script once, by its path, under a name made of its own and its folder's, takes the one class that
derives from PersistentServerConnectionApplication, creates an object of it for each request, and calls handle(). None
of the app's folders is on its path. The apps' Python runs it, and it imports nothing from the stand-in.
"""

import importlib.util
import json
import os
import sys
import traceback
from types import ModuleType


class PersistentServerConnectionApplication:
    """The class that handlers derive from."""

    def handle(self, in_string):
        raise NotImplementedError("handle")


def loaded(path):
    folder, file = os.path.split(path)
    name = "pschand__%s__in__%s" % (os.path.splitext(file)[0], os.path.basename(folder))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handlers = [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and each is not PersistentServerConnectionApplication
        and issubclass(each, PersistentServerConnectionApplication)
    ]
    if len(handlers) != 1:
        raise TypeError("%s has %d handlers, it must have one" % (path, len(handlers)))
    return handlers[0]


def main():
    for name in ("splunk", "splunk.persistconn", "splunk.persistconn.application"):
        sys.modules[name] = ModuleType(name)
    sys.modules[name].PersistentServerConnectionApplication = PersistentServerConnectionApplication
    handlers = {}
    for line in sys.stdin:
        path, request = json.loads(line)
        try:
            if path not in handlers:
                handlers[path] = loaded(path)
            answer = handlers[path]([], "").handle(request)
            said = {"answer": answer if isinstance(answer, dict) else json.loads(answer)}
        except Exception as error:
            traceback.print_exc()
            said = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps(said), flush=True)


main()
