"""What each operation has answered once, to the tests' own customer: the example of the API's document.

`python -m tests.answers` asks for them anew.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from infra.bundle import ROOT

PAGE = "docs/api/answers.json"


def answered(operation_id: str) -> dict[str, Any]:
    """As the member `example`; nothing where it was never asked, which a test tells."""
    known = _recorded()
    return {"example": known[operation_id]} if operation_id in known else {}


@cache
def _recorded() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((ROOT / PAGE).read_text())
    return recorded
