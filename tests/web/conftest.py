"""A browser, the console in it, and a desk behind it. What a page may not do is looked at after every test: nothing is
thrown in it, nothing breaks its policy, and axe-core finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from common.owner import Owner
from infra.bundle import ROOT
from tests.desk import Desk
from tests.seen import payout_failed
from tests.web.browser import started
from tests.web.served import Console, console

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
NARROW: ViewportSize = {"width": 375, "height": 812}
WIDE: ViewportSize = {"width": 1280, "height": 900}
PATIENCE_MS = 15_000  # the machine may be busy
expect.set_options(timeout=PATIENCE_MS)
# As an init script: the page's policy would refuse it in the page.
_WATCH = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def served() -> Iterator[Console]:
    with console() as console_:
        yield console_


@dataclass
class Tabs:
    """The persons of a test, each in a browser context of his own."""

    browser: Browser
    console: Console
    contexts: list[BrowserContext] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def of(self, username: str | None = None, path: str = "/", **how: Any) -> Page:
        """A tab at this address, in which this user is signed in already, or nobody."""
        page = self.blank(username, **how)
        page.goto(f"{self.console.url}{path}")
        return page

    def blank(self, username: str | None = None, **how: Any) -> Page:
        context = self.browser.new_context(**{"viewport": WIDE, "locale": "en-GB", "reduced_motion": "reduce", **how})
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(_WATCH)
        if username is not None:
            kept = self.console.session(username)
            context.add_init_script(
                f"if (location.origin === {self.console.url!r} && !sessionStorage.getItem('begun')) {{"
                f" sessionStorage.setItem('begun', '1'); sessionStorage.setItem('session', {kept!r}) }}"
            )
        page = context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("console", lambda said: self._told(said.type, said.text))
        return page

    def _told(self, kind: str, text: str) -> None:
        """A request that failed is logged by the browser: that is no fault of the page."""
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.troubles.append(f"{kind}: {text}")


@pytest.fixture
def tabs(browser: Browser, served: Console, desk: Desk) -> Iterator[Tabs]:
    """The desk of the test is behind the console; its books are checked when the test is over."""
    tabs = Tabs(browser, served)
    with served.of(desk):
        yield tabs
        for context in tabs.contexts:
            context.close()
    assert tabs.troubles == []


@pytest.fixture
def stuck(desk: Desk, ann: Owner) -> str:
    """A cash-out of Ann's that her bank has refused five times."""
    return payout_failed(desk, ann)


def axe(page: Page) -> list[str]:
    """What axe-core finds at fault, and where."""
    session = page.context.new_cdp_session(page)  # in the page's own world, whatever its policy says of scripts
    if page.evaluate("typeof axe === 'undefined'"):
        session.send("Runtime.evaluate", {"expression": AXE.read_text()})
    faults = "axe.run({resultTypes: ['violations']}).then(({violations}) => ({violations}))"  # what passes is much more
    asked = {"expression": faults, "awaitPromise": True, "returnByValue": True}
    told = session.send("Runtime.evaluate", asked)["result"]["value"]
    session.detach()
    return [f"{v['id']}: {node['html'][:120]}" for v in told["violations"] for node in v["nodes"]]


def sideways(page: Page) -> bool:
    """Does it scroll to the side?"""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
