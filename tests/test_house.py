"""House rules that a machine can see (docs/house-style.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("common", "functions", "infra", "sandbox", "local", "console", "docgen", "tests", "bench")
NAME_LENGTH, CLASS_LENGTH = 70, 300
A_KEY_PREFIX = re.compile(r'"[A-Z]+#')
A_DEFINITION = re.compile(r"^ *(?:async )?(?:def|class) (\w+)", re.MULTILINE)
NO_NAME = re.compile(r"Manager|Helper|Util|^Base|Base$|Impl$", re.IGNORECASE)


def sources(*rooms: str) -> Iterator[tuple[str, str]]:
    """Every Python file of these rooms: where it is, and its text."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def defined(*rooms: str) -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Every function, method and class, with where it is, and without its body."""
    for room in rooms:
        yield from _defined(room)


@cache
def _defined(room: str) -> list[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    found = [
        (at, node)
        for at, text in sources(room)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    for _, node in found:
        node.body = []  # a whole room would take hundreds of megabytes
    return found


def names(room: str) -> Iterator[tuple[str, str]]:
    """Of every function, method and class of a room: where it is, and what it is called. To parse the tests takes
    seconds."""
    for at, text in sources(room):
        for name in A_DEFINITION.findall(text):
            yield at, name


def test_the_name_of_a_test_is_a_sentence_of_at_most_70_characters() -> None:
    """What is longer says more than one thing, or what its docstring should say."""
    tests = [(at, name.removeprefix("test_")) for at, name in names("tests") if name.startswith("test_")]
    assert len(tests) > 1_000
    assert [test for test in tests if len(test[1]) > NAME_LENGTH] == []


def test_nothing_but_the_key_schema_spells_the_prefix_of_a_key() -> None:
    assert [at for at, text in sources("common", "functions") if A_KEY_PREFIX.search(text)] == ["common/keys.py"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_name_says_what_something_is_and_not_that_it_helps(room: str) -> None:
    assert [(at, name) for at, name in names(room) if NO_NAME.search(name)] == []
    assert [at for at, _ in sources(room) if NO_NAME.search(Path(at).stem)] == []


def test_who_shares_a_world_leaves_it_as_it_was() -> None:
    """In a process of its own, or because it only reads: it is the next file's world, too."""
    sharing = {at: text for at, text in sources("tests") if "World.kept()" in text and at != "tests/test_house.py"}
    assert len(sharing) > 5
    assert [at for at, text in sharing.items() if not re.search(r"\b(APART|HERE)\b", text)] == []


def test_no_class_of_what_ships_has_more_than_300_lines() -> None:
    """A longer one tells more than one story: it is split by subject."""
    classes = [(at, node) for at, node in defined("common", "functions") if isinstance(node, ast.ClassDef)]
    assert len(classes) > 300
    lengths = [(at, node.name, (node.end_lineno or 0) - node.lineno + 1) for at, node in classes]
    assert [found for found in lengths if found[2] > CLASS_LENGTH] == []


def test_whether_an_act_is_a_dry_run_is_always_said() -> None:
    """A default would carry out, or leave undone, what its caller forgot to say."""
    services = [found for found in defined("functions") if "/service" in found[0]]
    functions = [(at, node) for at, node in services if isinstance(node, ast.FunctionDef)]
    acts = [(at, node) for at, node in functions if "dry_run" in ast.unparse(node.args)]
    assert len(acts) > 10
    assert [(at, node.name) for at, node in acts if not _is_required(node.args, "dry_run")] == []


def _is_required(given: ast.arguments, name: str) -> bool:
    """Is it a keyword without a default?"""
    return (name, None) in zip((arg.arg for arg in given.kwonlyargs), given.kw_defaults, strict=True)


def test_each_decision_has_a_number_of_its_own_and_bears_it_in_its_title() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = [page.name[:4] for page in pages]
    assert numbers == [f"{n:04}" for n in range(1, len(pages) + 1)]
    assert [page.read_text()[:6] for page in pages] == [f"# {number}" for number in numbers]


def test_ci_and_whoever_contributes_use_verbs_that_there_are() -> None:
    verbs = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    ci = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    in_ci = set(re.findall(r"verb: (\w+)", ci))
    said = {verb for page in ("CONTRIBUTING.md", "SECURITY.md") for verb in _verbs((ROOT / page).read_text())}
    assert {"check", "test", "prove"} <= in_ci
    assert (in_ci | said) - verbs == set()


def _verbs(page: str) -> list[str]:
    return re.findall(r"(?:`|^)make ([a-z]+)", page, re.MULTILINE)
