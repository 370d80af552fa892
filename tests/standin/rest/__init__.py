"""splunkd's REST API, with a module for each group of endpoints. Importing this package registers them all."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module("." + _module.name, __name__)
