"""What the contexts offer, found by walking `functions/`: routes of each `api`, `webhook` and `documents`, rounds of
each `schedule`, tasks and machines of each `workflow`, what each `stream` takes, and each `changes` of the table's."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import ModuleType

import functions


@dataclass(frozen=True, order=True)
class Route:
    method: str  # GET, POST, …
    path: str  # /orders/{order_id}, as API Gateway writes it
    open: bool = False  # asked without a token


@dataclass(frozen=True)
class Context:
    name: str
    routes: Mapping[str, tuple[Route, ...]] = field(
        default_factory=dict
    )  # of its HTTP functions: `api`, `webhook`, `documents`
    every_minutes: Mapping[str, int] = field(default_factory=dict)  # functions of `schedule`, by how often they run
    topics: Mapping[str, str] = field(default_factory=dict)  # functions of `stream`, by the Kafka topic that each takes
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # functions of `changes`: what each takes
    workflow: ModuleType | None = None  # with `Tasks`, whose fields are the functions of `tasks`, and `machines`

    @property
    def tasks(self) -> tuple[str, ...]:
        return () if self.workflow is None else tuple(task.name for task in fields(self.workflow.Tasks))


@cache
def contexts() -> tuple[Context, ...]:
    """By name. Importing an api or a schedule needs no environment. One that offers nothing yet is left out: it would
    be a stack without a resource."""
    found = (_context(module.name) for module in pkgutil.iter_modules(functions.__path__) if module.ispkg)
    return tuple(each for each in found if each.routes or each.every_minutes or each.workflow)


def _context(name: str) -> Context:
    package = f"functions.{name}"
    routes = {
        door: _routes(importlib.import_module(f"{package}.{door}"))
        for door in ("api", "webhook", "documents")
        if importlib.util.find_spec(f"{package}.{door}")
    }
    every_minutes: Mapping[str, int] = {}
    if importlib.util.find_spec(f"{package}.schedule"):
        every_minutes = importlib.import_module(f"{package}.schedule").EVERY_MINUTES
    topics: Mapping[str, str] = {}
    if importlib.util.find_spec(f"{package}.stream"):
        topics = importlib.import_module(f"{package}.stream").TOPICS
    entities: Mapping[str, tuple[str, ...]] = {}
    if importlib.util.find_spec(f"{package}.changes"):
        entities = importlib.import_module(f"{package}.changes").ENTITIES
    has_machines = importlib.util.find_spec(f"{package}.workflow") is not None
    workflow = importlib.import_module(f"{package}.workflow") if has_machines else None
    return Context(name, routes, every_minutes, topics, entities, workflow)


def _routes(door: ModuleType) -> tuple[Route, ...]:
    open_routes: set[str] = getattr(door, "OPEN_ROUTES", set())
    # The OpenAPI document is the public list of a resolver's routes, and writes paths as API Gateway does.
    paths = door.app.get_openapi_schema().paths
    return tuple(
        sorted(
            Route(method.upper(), path, open=f"{method.upper()} {path}" in open_routes)
            for path, item in paths.items()
            for method in item.model_dump(exclude_none=True, include=_METHODS)
        )
    )


_METHODS = {"get", "put", "post", "delete", "patch"}
