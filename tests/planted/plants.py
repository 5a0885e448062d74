"""What a planted bug is: a change of some text in a function of ours, and whose money goes wrong by it.

The text is looked for within the function that is named, and has to be there exactly once: where it is no more, the
table says so, and is kept true.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


class Kind(StrEnum):
    CONDITION = "condition"
    ROUNDING = "rounding"
    ORDER_OF_WRITES = "order of writes"
    DEDUPE_KEY = "dedupe key"
    LIMIT = "limit"


class NotPlanted(Exception):
    """The table does not say what is in the sources any more."""


@dataclass(frozen=True)
class Change:
    """`at`: a file and, behind a colon, the function or class in it: `functions/orders/store.py:_decide`, or
    `…/service.py:Payouts.create`. Without a colon it is the whole file; a folder, with a slash behind it, is the one
    file in it that has this function with this text."""

    at: str
    old: str
    new: str

    @cached_property
    def file(self) -> str:
        """Raises NotPlanted."""
        place = self.at.partition(":")[0]
        if not place.endswith("/"):
            return place
        found = [path for path in sorted((ROOT / place).rglob("*.py")) if self._is_in(path.read_text())]
        if len(found) != 1:
            raise NotPlanted(f"{len(found)} files have {self.at} with {self.old!r}")
        return found[0].relative_to(ROOT).as_posix()

    def _is_in(self, source: str) -> bool:
        if self.old not in source:
            return False
        try:
            return bool(self.planted(source))
        except NotPlanted:
            return False

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def planted(self, source: str) -> str:
        """The source with it. Raises NotPlanted, which says what is there instead; SyntaxError."""
        within = self.at.partition(":")[2]
        first, last = _lines(source, within) if within else (1, source.count("\n") + 1)
        lines = source.splitlines(keepends=True)
        before, text, behind = ("".join(part) for part in (lines[: first - 1], lines[first - 1 : last], lines[last:]))
        times = text.count(self.old)
        if times != 1:
            raise NotPlanted(f"{self.at} has {self.old!r} {times} times")
        changed = text.replace(self.old, self.new)
        if ast.dump(_parsed(changed)) == ast.dump(_parsed(text)):
            raise NotPlanted(f"{self.new!r} in {self.at} changes nothing")
        return before + changed + behind


@lru_cache(maxsize=256)
def _parsed(text: str) -> ast.Module:
    """A part of a module, or all of it. Raises SyntaxError."""
    return ast.parse(f"if True:\n{text}" if text[0].isspace() else text)


def _lines(source: str, named: str) -> tuple[int, int]:
    """Of a function or class, from its first line to its last."""
    body: list[ast.stmt] = _parsed(source).body
    found: ast.FunctionDef | ast.ClassDef | None = None
    for name in named.split("."):
        nodes = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
        if len(nodes) != 1:
            raise NotPlanted(f"there are {len(nodes)} {named}")
        (found,) = nodes
        body = found.body
    assert found is not None
    return found.lineno, found.end_lineno or found.lineno


@dataclass(frozen=True)
class Plant:
    """`harm`: what would happen to whose money. `tests`: those that should see it. `explained`: why none can, of a
    change after which all is as before; it is tried all the same."""

    name: str
    kind: Kind
    changes: tuple[Change, ...]
    harm: str
    tests: tuple[str, ...]
    explained: str | None = None

    @property
    def room(self) -> str:
        """Where it is planted: `common/domain/payouts`, `functions/billing`."""
        parts = self.changes[0].at.partition(":")[0].split("/")
        return "/".join(parts[: 3 if parts[0] == "common" and len(parts) > 3 else 2]).removesuffix(".py")

    def planted(self) -> dict[str, str]:
        """The changed sources, by module. Raises NotPlanted, which names it."""
        found: dict[str, str] = {}
        for change in self.changes:
            try:
                source = found.get(change.module) or (ROOT / change.file).read_text()
                found[change.module] = change.planted(source)
            except (OSError, SyntaxError, NotPlanted) as wrong:
                raise NotPlanted(f"{self.name}: {wrong}") from wrong
        return found


def plant(
    name: str,
    kind: Kind,
    at: str,
    old: str,
    new: str,
    harm: str,
    *tests: str,
    also: tuple[Change, ...] = (),
    explained: str | None = None,
) -> Plant:
    return Plant(name, kind, (Change(at, old, new), *also), harm, tests, explained)
