"""How soon a customer sees his portfolio: from the address to the first amount, in a tab that has nothing of the
console yet. As on this machine; and with the network of a poor mobile connection and a processor that is four times
slower, both of which the browser itself slows down (DevTools' Network.emulateNetworkConditions and
Emulation.setCPUThrottlingRate). The files and headers are those of a laptop, zipped; what answers is a real desk in
this process.
"""

from __future__ import annotations

import logging
import os
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from playwright.sync_api import Browser

from bench.report import Say, Section, table
from tests.desk import Desk
from tests.web.browser import started
from tests.web.served import Console, console

RUNS = 9
BITS = 1_600_000
DELAY_MS = 150  # there and back, as DevTools' own slow mobile connection has it
SLOWER = 4
# Looked at with each frame: what is drawn is seen with the one after it.
WATCH = """{ const look = () => {
  if (document.querySelector("main .total")) requestAnimationFrame(() => (window.seen = performance.now()));
  else requestAnimationFrame(look);
}; requestAnimationFrame(look); }"""
SEEN = "new Promise((seen) => { const look = () => window.seen ? seen(window.seen) : setTimeout(look, 20); look(); })"
SLOW = "1.6 Mbit/s, 150 ms, a processor four times slower"
PROMISED_S = {"this machine": 0.7, SLOW: 2.5}


@dataclass(frozen=True)
class Took:
    """Seconds, of so many runs; and how busy the machine was."""

    least: float
    median: float
    most: float
    load: float


def measured(say: Say) -> Mapping[str, Mapping[str, float]]:
    logging.getLogger("cognito").setLevel("WARNING")
    found = {}
    desk = Desk()
    desk.list_asset("BTC", "100")
    desk.buy(desk.customer("ann", usd="2000.00"), "10")
    with started() as browser, console() as served, served.of(desk):
        for how in PROMISED_S:
            say(f"the portfolio, {how}")
            once(browser, served, slow=how == SLOW)  # handlers are loaded with their first request
            took = sorted(once(browser, served, slow=how == SLOW) for _ in range(RUNS))
            found[how] = asdict(Took(took[0], statistics.median(took), took[-1], os.getloadavg()[0]))
    return found


def once(browser: Browser, served: Console, *, slow: bool) -> float:
    kept = served.session("ann")
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.add_init_script(f"sessionStorage.setItem('session', {kept!r}); {WATCH}")
        page = context.new_page()
        if slow:
            session = context.new_cdp_session(page)
            session.send("Network.enable")
            speed = {
                "downloadThroughput": BITS / 8,
                "uploadThroughput": BITS / 8,
                "latency": DELAY_MS,
                "offline": False,
            }
            session.send("Network.emulateNetworkConditions", speed)
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(f"{served.url}/portfolio")
        return float(page.evaluate(SEEN)) / 1000


def told(found: Mapping[str, Mapping[str, float]]) -> str:
    says = (
        f"Seconds until a customer sees his portfolio's first amount, of {RUNS} openings in tabs that have nothing of "
        "the console yet, signed in; promised are "
        + " and ".join(f"{seconds} s ({how})" for how, seconds in PROMISED_S.items())
        + f". The load is that of the {os.cpu_count()} processors meanwhile, which browser, desk and all else share."
    )
    rows = [(how, *(f"{took[of]:.2f}" for of in ("least", "median", "most", "load"))) for how, took in found.items()]
    return f"{says}\n\n{table(('how', 'least', 'median', 'most', 'load'), rows)}"


SECTION = Section("The console", measured, told)
