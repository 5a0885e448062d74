"""The list of features names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
FEATURES = TESTS.parent / "docs" / "features.md"
ASKED = {27, 28, *range(29, 71), 72, 73, 74, 75, 77, 87, 89, 98, 99, 101, *range(103, 124)}
ASKED |= {144, 150, 152, 156, *range(160, 165)}


def test_every_feature_has_tests_that_are_there() -> None:
    written = FEATURES.read_text()
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", written):
        known = [
            each.name for each in ast.walk(ast.parse((TESTS / file).read_text())) if isinstance(each, ast.FunctionDef)
        ]
        assert name in known, f"{file} has no {name}"
    rows = [line for line in written.splitlines() if re.match(r"\| \d+ ", line)]
    assert {int(row.split("|")[1]) for row in rows} == ASKED
    assert all("::test_" in row for row in rows)
