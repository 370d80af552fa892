"""splunkd's REST API, a module a group of endpoints; importing this package registers them all."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module("." + _module.name, __name__)
