"""Modules that most programs never come to need: loaded at their first use, not at the start.

    if TYPE_CHECKING:
        import inspect
    else:
        inspect = later("inspect")

For those of the standard library that take milliseconds, which is a tenth of what the command line
takes to start; what every program needs is imported as ever.
"""

from __future__ import annotations

import importlib
from typing import Any


class _Later:
    """Stands for a module until it is there, and passes its attributes on from then."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


def later(name: str) -> Any:
    """Return what can be used as the module of this name."""
    return _Later(name)
