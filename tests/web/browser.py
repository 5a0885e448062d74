"""The browser that plays the console: DESK_BROWSER, or the machine's Chromium, or the one that npm has brought.

Where there is none, the tests are skipped and say how to get one; with DESK_BROWSER_NEEDED (`.ci/run`) they fail.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from infra.bundle import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FROM_NPM = ROOT / "node_modules" / "@sparticuz" / "chromium"
UNPACKED = ROOT / "build" / "browser"
NONE = (
    "there is no browser to play the console: install Chromium, or set DESK_BROWSER to one (Chrome or Edge will do); "
    "on Linux with an x86-64 processor, `make install` brings one"
)
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


def path() -> Path | None:
    """Raises FileNotFoundError, if DESK_BROWSER names no file."""
    told = os.environ.get("DESK_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if told:
        return Path(told).resolve(strict=True)
    if FROM_NPM.is_dir() and (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        return _unpacked()
    return None


def _unpacked() -> Path:
    """Once for each version, and into place as a whole: what an aborted run has left is not taken for it."""
    version = (FROM_NPM / "package.json").read_text().partition('"version": "')[2].partition('"')[0]
    folder = UNPACKED / version
    if not folder.exists():
        beside = UNPACKED / f"{version}.{os.getpid()}"
        beside.mkdir(parents=True)
        code = 'import("@sparticuz/chromium").then((found) => found.default.executablePath())'
        subprocess.run(["node", "-e", code], cwd=ROOT, env={**os.environ, "TMPDIR": str(beside)}, check=True)
        beside.rename(folder)
    return folder / "chromium"


@contextmanager
def started() -> Iterator[Browser]:
    """Skips the test, or fails it, where there is none."""
    found = path()
    if found is None:
        if os.environ.get("DESK_BROWSER_NEEDED"):
            pytest.fail(NONE)
        pytest.skip(NONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
