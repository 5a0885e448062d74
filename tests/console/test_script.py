"""The script `desk` at the root: which Python it takes, from where, and what it says when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "desk"
TOLD = '#!/bin/sh\necho "$0|$PWD|$*"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but the script, and a folder on PATH with a `python3` that says how it was called."""
    root = tmp_path / "a checkout"
    (root / "bin").mkdir(parents=True)
    shutil.copy(SCRIPT, root / "desk")
    _program(root / "bin" / "python3", TOLD)
    return root


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _ran(checkout: Path, *words: str, script: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = [str(script or checkout / "desk"), *words]
    return subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, check=False)


def test_it_takes_the_checkouts_own_python_from_anywhere(checkout: Path) -> None:
    _program(checkout / ".venv" / "bin" / "python", TOLD)
    ran = _ran(checkout, "work", "show", "two words")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f".venv/bin/python|{checkout}|-m console work show two words\n"
    link = checkout.parent / "linked"
    link.symlink_to(checkout / "desk")
    assert _ran(checkout, script=link).stdout == f".venv/bin/python|{checkout}|-m console\n"


def test_without_its_own_it_goes_on_with_another_and_says_so(checkout: Path) -> None:
    ran = _ran(checkout, "audit")
    assert ran.stdout.endswith(f"|{checkout}|-m console audit\n")
    assert "make install" in ran.stderr


def test_where_the_other_lacks_packages_it_says_what_to_do(checkout: Path) -> None:
    _program(checkout / "bin" / "python3", "#!/bin/sh\nexit 1\n")
    ran = _ran(checkout, "audit")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "make install" in ran.stderr


def test_it_runs_the_real_command_line(checkout: Path) -> None:
    _program(checkout / "bin" / "python3", f'#!/bin/sh\ncd "{SCRIPT.parent}" && exec "{sys.executable}" "$@"\n')
    ran = _ran(checkout, "--help")
    assert ran.returncode == 0
    assert "Usage: desk [OPTIONS] COMMAND" in ran.stdout


def test_it_tells_from_where_it_was_called(checkout: Path) -> None:
    """Files that are named on the command line are there, and not in the checkout."""
    _program(checkout / ".venv" / "bin" / "python", '#!/bin/sh\necho "$DESK_CALLED_FROM"\n')
    assert _ran(checkout, "mm", "backtest", "btc.yml").stdout == "/\n"
