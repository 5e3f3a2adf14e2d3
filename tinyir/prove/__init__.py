"""Obligations and the provers behind them: intervals, thresholds and z3.

The package can be called: the function `tinyir.prove(model, ...)` of the project's face shares its name with this folder.
"""

import sys
from importlib import import_module
from types import ModuleType


class _CallablePackage(ModuleType):
    def __call__(self, *arguments: object, **options: object) -> object:
        """`tinyir.driver.api.prove`: prove every obligation of a model, and return them with their verdicts."""
        return import_module("tinyir.driver.api").prove(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
