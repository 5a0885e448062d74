"""What all documents read of the code: the modules of the contexts, and what docstrings say."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from types import ModuleType

import functions


def modules(name: str) -> dict[str, ModuleType]:
    """`functions.*.{name}`, by context."""
    contexts = [found.name for found in pkgutil.iter_modules(functions.__path__) if found.ispkg]
    return {
        context: importlib.import_module(f"functions.{context}.{name}")
        for context in contexts
        if importlib.util.find_spec(f"functions.{context}.{name}")
    }


def says(told: object) -> str:
    """A docstring in one line."""
    return " ".join((inspect.getdoc(told) or "").split())


def says_first(told: object) -> str:
    """A docstring's first paragraph, in one line: what comes after it is for our own code."""
    return " ".join((inspect.getdoc(told) or "").partition("\n\n")[0].split())
