"""The manual test cases name their automatic ones."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = (ROOT / "docs" / "test-cases" / "offramp.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([A-Z]\d+)(?: ○)? \| .* \| ([^|]*) \|$", CASES, re.MULTILINE)
NAME = re.compile(r"`(tests/[\w/]+\.py)::((?:Test\w+::)?test_\w+)`")


@cache
def defined_in(file: str) -> frozenset[str]:
    parsed = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    classes = [(node.body, f"{node.name}::") for node in parsed.body if isinstance(node, ast.ClassDef)]
    return frozenset(
        f"{where}{node.name}"
        for body, where in [(parsed.body, ""), *classes]
        for node in body
        if isinstance(node, ast.FunctionDef)
    )


@pytest.mark.parametrize(("case", "tests"), ROWS, ids=[case for case, _ in ROWS])
def test_each_manual_case_names_automatic_ones_that_exist(case: str, tests: str) -> None:
    named = NAME.findall(tests)
    assert named, f"{case} names no test"
    assert ", ".join(f"`{file}::{name}`" for file, name in named) == tests
    assert [name for file, name in named if name not in defined_in(file)] == []


def test_the_cases_of_a_flow_are_numbered_without_gaps_and_no_row_is_overlooked() -> None:
    written = [line for line in CASES.splitlines() if line.startswith("| ") and not line.startswith("| # ")]
    assert len(written) == len(ROWS) > 70
    for flow in {case[0] for case, _ in ROWS}:
        numbers = [int(case[1:]) for case, _ in ROWS if case[0] == flow]
        assert numbers == list(range(1, len(numbers) + 1))
