"""All documents that are drawn from the code: `python -m docgen` writes them, `--check` says whether they are stale.

| document          | drawn from                                                                            |
|-------------------|---------------------------------------------------------------------------------------|
| docs/openapi.json | every `functions.*.api`, as one API; and `docgen.told`, which their types do not tell |
| docs/states.md    | TRANSITIONS and OPERATORS_ONLY of every `functions.*.model`, and of what several use  |
| docs/machines.md  | the definitions of the state machines, between the words of the page                  |
| docs/table.md     | `common.keys`                                                                         |
| README.md         | its two pictures, of a machine and of a portfolio: `docgen.pictures`                  |
"""

from __future__ import annotations

import json
from typing import Any

from common import keys
from docgen import machines, pictures
from docgen.openapi import openapi
from docgen.states import states
from infra.bundle import ROOT

DRAWN = "<!-- drawn by `make docs`: do not edit -->\n\n"


def documents() -> dict[str, str]:
    """By path below the root."""
    return {
        "docs/openapi.json": json.dumps(_tidy(openapi()), indent=2, sort_keys=True, ensure_ascii=False) + "\n",
        "docs/states.md": DRAWN + states(),
        "docs/table.md": f"{DRAWN}# The table\n\n{keys.as_markdown()}\n",
        machines.PAGE: machines.drawn((ROOT / machines.PAGE).read_text(), machines.definitions()),
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
    """The documents that are not as the code has them."""
    return [
        path for path, text in documents().items() if not (ROOT / path).exists() or (ROOT / path).read_text() != text
    ]
