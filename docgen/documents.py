"""All documents that are drawn from the code: `python -m docgen` writes them, `--check` says whether they are stale.

| document           | drawn from                                                                            |
|--------------------|---------------------------------------------------------------------------------------|
| docs/openapi.json  | every `functions.*.api`, as one API; and `docgen.told`, which their types do not tell |
| docs/asyncapi.json | the messages of notifications, and of the billing system: `docgen.asyncapi`           |
| docs/problems/     | the problems that the API's document knows, a page each                               |
| docs/states.md     | TRANSITIONS and OPERATORS_ONLY of every `functions.*.model`, and of what several use  |
| docs/machines.md   | the definitions of the state machines, between the words of the page                  |
| docs/table.md      | `common.keys`                                                                         |
| docs/webhooks.md   | its table of event types: `docgen.webhooks`                                           |
| README.md          | its picture of a machine: `docgen.pictures`                                           |
"""

from __future__ import annotations

import json
from typing import Any

from common import keys
from docgen import asyncapi, machines, pictures, problem_pages, webhooks
from docgen.openapi import openapi
from docgen.states import states
from infra.bundle import ROOT

DRAWN = "<!-- drawn by `make docs`: do not edit -->\n\n"


def documents() -> dict[str, str]:
    """By path below the root."""
    api = _tidy(openapi())
    return {
        "docs/openapi.json": json.dumps(api, indent=2, sort_keys=True, ensure_ascii=False) + "\n",
        asyncapi.PAGE: json.dumps(asyncapi.asyncapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n",
        **{path: DRAWN + page for path, page in problem_pages.pages(api).items()},
        "docs/states.md": DRAWN + states(),
        "docs/table.md": f"{DRAWN}# The table\n\n{keys.as_markdown()}\n",
        machines.PAGE: machines.drawn((ROOT / machines.PAGE).read_text(), machines.definitions()),
        webhooks.PAGE: webhooks.drawn((ROOT / webhooks.PAGE).read_text()),
        pictures.PAGE: pictures.drawn((ROOT / pictures.PAGE).read_text()),
    }


def _tidy(node: Any) -> Any:
    """Whole numbers written as such."""
    match node:
        case dict():
            return {name: _tidy(value) for name, value in node.items()}
        case list():
            return [_tidy(value) for value in node]
        case float() if node.is_integer():
            return int(node)
        case _:
            return node


def stale() -> list[str]:
    """The documents that are not as the code has them, or that it has no more."""
    drawn = documents()
    changed = [path for path, text in drawn.items() if not (ROOT / path).exists() or (ROOT / path).read_text() != text]
    return [*changed, *sorted(_pages() - drawn.keys())]


def write() -> None:
    """All of them; the page of a problem that there is no more goes."""
    drawn = documents()
    for path in _pages() - drawn.keys():
        (ROOT / path).unlink()
    for path, text in drawn.items():
        (ROOT / path).parent.mkdir(exist_ok=True)
        (ROOT / path).write_text(text)


def _pages() -> set[str]:
    return {str(page.relative_to(ROOT)) for page in (ROOT / problem_pages.FOLDER).glob("*.md")}
