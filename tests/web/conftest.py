"""A browser, the console in it, and a desk behind it. What a page may not do is looked at after every test: nothing is
thrown in it, nothing breaks its policy, and axe-core finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from infra.bundle import ROOT
from tests.desk import Desk
from tests.web.browser import started
from tests.web.served import Console, console

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
NARROW: ViewportSize = {"width": 375, "height": 812}
WIDE: ViewportSize = {"width": 1280, "height": 900}
PATIENCE_MS = 15_000  # with a machine that does much else meanwhile
expect.set_options(timeout=PATIENCE_MS)
# By the test's own script, which the page's policy lets in as little as anybody else's: it is not in the page's world.
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
    """Whoever a test has at a browser, each with a context of his own."""

    browser: Browser
    console: Console
    contexts: list[BrowserContext] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def of(self, username: str | None = None, path: str = "/", **how: Any) -> Page:
        """A tab at this address, of who has signed in there before, or of nobody."""
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
        """What a page says when a request has failed is no fault of the page."""
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
