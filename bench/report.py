"""What sections of the report have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Say = Callable[[str], None]  # what is being measured now


@dataclass(frozen=True)
class Section:
    """`measured` takes its time, and answers what `told` writes down as Markdown and `--json` prints."""

    title: str
    measured: Callable[[Say], Any]
    told: Callable[[Any], str]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
