"""All modules compiled before the workers start, and the asserts of tests rewritten: each of them would do it again."""

from __future__ import annotations

import compileall
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from _pytest.assertion.rewrite import PYC_TAIL, _read_pyc, _rewrite_test, _write_pyc, assertstate_key, get_cache_dir

from tests.harness.apart import split

ROOT = Path(__file__).parent.parent
PROCESSES = 2


def compile_all(config: pytest.Config) -> None:
    """Those that have changed; a worker finds them where it would have written them."""
    if sys.dont_write_bytecode:
        return
    paths = [path for room in ROOT.iterdir() if (room / "__init__.py").exists() for path in sorted(room.rglob("*.py"))]
    _each(paths, lambda path: _compile(config, path))


def _compile(config: pytest.Config, path: Path) -> None:
    if not (path.is_relative_to(ROOT / "tests") and path.name.startswith(("test_", "conftest."))):
        compileall.compile_file(path, quiet=2)
        return
    cached = get_cache_dir(path) / f"{path.stem}{PYC_TAIL}"
    if _read_pyc(path, cached) is None:
        cached.parent.mkdir(exist_ok=True)
        told, code = _rewrite_test(path, config)
        _write_pyc(config.stash[assertstate_key], code, told, cached)


def _each(paths: Sequence[Path], act: Callable[[Path], None]) -> None:
    """In as many processes; what one of them can not compile, who imports it reports."""
    children = []
    for number in range(PROCESSES):
        child = split()
        if not child:
            try:
                for path in paths[number::PROCESSES]:
                    act(path)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
