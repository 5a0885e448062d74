"""What pages have in blocks for their reader to type or to copy: each block is run by a test, or says here why not.

A row is for the blocks of some pages whose first line begins so. What a command prints, and what is only shown (TOML,
JSON, HTTP), is no block to type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from infra.bundle import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = {"json", "mermaid", "toml", "http", "yaml"}  # languages of what nobody types
TYPED = re.compile(r"\$ |\./desk |aws |make |curl |export |cd |[A-Z_]+=|output\(\)|node_modules/|\.venv/|python |git ")


@dataclass(frozen=True)
class Row:
    pages: str  # as the shell matches names
    begins: str  # with one of these, by `|`
    by: str = ""  # the test that runs them
    because: str = ""  # … or why none does


NO_ACCOUNT = (
    "there is no AWS account where tests run; names in it are looked at by tests/infra/test_commands_in_pages.py"
)
ROWS = [
    Row("docs/runbooks/*", "./desk", by="tests/runbooks/test_every_page.py"),
    Row("docs/runbooks/*", "aws |ROLE=", because=NO_ACCOUNT),
    Row("docs/deploy.md", "export AWS_PROFILE|make |TOKEN=|SUB=", because=NO_ACCOUNT),
    Row("docs/deploy.md", "aws |POOL=|output()", because=NO_ACCOUNT),
    Row("docs/deploy.md", "./desk catalogue set", by="tests/infra/test_commands_in_pages.py"),
    Row("docs/desk.md", "$ ./desk", by="tests/infra/test_commands_in_pages.py"),
    Row(
        "docs/desk.md",
        "$ export DESK_URL",
        because="it is the desk's on AWS; tests/console/test_login.py types the rest",
    ),
    Row("docs/webhooks.md", "import ", by="tests/docgen/test_webhooks.py"),
    Row("docs/webhooks.md", "curl ", because="it asks a desk that runs; tests/notifications asks the same route"),
    Row("README.md", "make up", because="these are the tests: tests/journeys has `make up`, and CI runs `make test`"),
    Row("README.md", "API=", because="its token is for an hour; tests/journeys/test_first_order.py asks the same"),
    Row("CONTRIBUTING.md", "make install", because="they are what CI runs: .ci/run"),
    Row("docs/test-cases/*", "cd ", because="it prepares what a person does by hand, on a desk that runs"),
]


def blocks(page: Path) -> Iterator[str]:
    """What is to be typed, by its first line on."""
    text = page.read_text()
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language not in SHOWN:
            yield body
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for body in re.findall(r"(?:(?<=\n\n))((?: {4,}\S.*\n)+)", rest):
        if TYPED.match(body.strip()):
            yield body.strip()


FOUND = [(str(page.relative_to(ROOT)), block) for page in PAGES for block in blocks(page)]


def _rows(page: str, block: str) -> list[Row]:
    return [row for row in ROWS if fnmatch(page, row.pages) and block.startswith(tuple(row.begins.split("|")))]


@pytest.mark.parametrize(("page", "block"), FOUND, ids=lambda told: told.partition("\n")[0][:40])
def test_each_block_is_run_by_a_test_or_says_why_not(page: str, block: str) -> None:
    assert len(_rows(page, block)) == 1, f"{page}: add a row for this block, or take it away:\n{block}"


def test_each_row_is_for_some_block_and_names_a_test_or_a_reason() -> None:
    for row in ROWS:
        assert any(row in _rows(page, block) for page, block in FOUND), row
        assert bool(row.by) != bool(row.because), row
        assert not row.by or (ROOT / row.by).is_file(), row
        for named in re.findall(r"tests/[\w/]+(?:\.py)?|\.ci/run", row.because):
            assert (ROOT / named).exists(), named
