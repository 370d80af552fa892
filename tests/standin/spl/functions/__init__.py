"""The eval functions, with a module for each group in the manual. Importing this package registers them all.

Relies on: Search Reference, "Evaluation functions".
"""

import importlib
import pkgutil

from .registry import FUNCTIONS, call, is_steady

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module("." + _module.name, __name__)

__all__ = ["FUNCTIONS", "call", "is_steady"]
