"""The page of defects that we do not have names the tests that hold them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.offramp.test_test_cases import NAME, ROOT, defined_in

PAGE = (ROOT / Path("docs", "defects-we-do-not-have.md")).read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (?!what happens)\S", line)]


def test_each_defect_names_a_test_that_exists() -> None:
    named = [NAME.findall(row) for row in ROWS]
    assert all(len(of_row) == 1 for of_row in named)
    assert [name for ((file, name),) in named if name not in defined_in(file)] == []
