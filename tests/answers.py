"""`python -m tests.answers`: what each route answers to its good request, for the examples of the API's document.

Each is asked in a world as it was made. Of a list only the first two are kept, of a text the first three lines.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import Any

from docgen.answers import PAGE
from infra.bundle import ROOT
from infra.contexts import Route
from tests import openapi
from tests.calls import World, called, entitled, every_route
from tests.doors import opened
from tests.harness.apart import apart
from tests.settled import ENVIRONMENT

ITEMS_MAX, LINES_MAX = 2, 3


def answers() -> dict[str, Any]:
    """By the name of the operation. A document that is no text has none."""
    world = World.made()
    return {
        openapi.operation(route)["operationId"]: answer
        for route in every_route()
        for answer in apart(partial(_answered, route, world))
    }


def _answered(route: Route, world: World) -> list[Any]:
    with opened(world.desk) as doors:
        answer = called(doors, world, route, entitled(doors, route).token)
    assert answer.status < 300, f"{route} answered {answer.status}: {answer.text}"
    if answer.content_type.startswith("application/json"):
        return [_short(answer.json)]
    if answer.content_type.startswith("text/"):
        return ["".join(answer.text.splitlines(keepends=True)[:LINES_MAX])]
    return []


def _short(told: Any) -> Any:
    match told:
        case dict():
            return {name: _short(value) for name, value in told.items()}
        case list():
            return [_short(value) for value in told[:ITEMS_MAX]]
        case _:
            return told


if __name__ == "__main__":
    os.environ |= ENVIRONMENT
    (ROOT / PAGE).write_text(json.dumps(answers(), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
