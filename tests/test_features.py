"""The list of features names tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
FEATURES = TESTS.parent / "docs" / "features.md"
ASKED = {27, 28, *range(29, 71), 72, 73, 74, 75, 77, 87, 89, 97, 98, 99, 101, *range(103, 124)}
ASKED |= {144, 150, 152, 156, *range(160, 165)}


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}


def test_every_feature_has_tests_that_are_there() -> None:
    written = FEATURES.read_text()
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", written):
        assert name in functions_of(file), f"{file} has no {name}"
    rows = [line for line in written.splitlines() if re.match(r"\| \d+ ", line)]
    assert {int(row.split("|")[1]) for row in rows} == ASKED
    assert all("::test_" in row for row in rows)
