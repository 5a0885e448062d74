"""What the contexts offer, found by walking `functions/`: routes of each `api`, rounds of each `schedule`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field

import functions


@dataclass(frozen=True, order=True)
class Route:
    method: str  # GET, POST, …
    path: str  # /orders/{order_id}, as API Gateway writes it


@dataclass(frozen=True)
class Context:
    name: str
    routes: tuple[Route, ...] = ()
    every_minutes: Mapping[str, int] = field(default_factory=dict)  # functions of `schedule`, by how often they run


def contexts() -> list[Context]:
    """By name. Importing an api or a schedule needs no environment."""
    return [_context(module.name) for module in pkgutil.iter_modules(functions.__path__) if module.ispkg]


def _context(name: str) -> Context:
    package = f"functions.{name}"
    routes: tuple[Route, ...] = ()
    if importlib.util.find_spec(f"{package}.api"):
        # The OpenAPI document is the public list of a resolver's routes, and writes paths as API Gateway does.
        paths = importlib.import_module(f"{package}.api").app.get_openapi_schema().paths
        routes = tuple(
            sorted(
                Route(method.upper(), path)
                for path, item in paths.items()
                for method in item.model_dump(exclude_none=True, include=_METHODS)
            )
        )
    every_minutes: Mapping[str, int] = {}
    if importlib.util.find_spec(f"{package}.schedule"):
        every_minutes = importlib.import_module(f"{package}.schedule").EVERY_MINUTES
    return Context(name, routes, every_minutes)


_METHODS = {"get", "put", "post", "delete", "patch"}
