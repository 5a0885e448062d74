"""What customers' pages stand: strange texts, a wrong clock, a lost answer, keys alone, small and large numbers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from common.owner import Owner
from tests.depth import PROVED
from tests.desk import Desk
from tests.web.conftest import NARROW, Tabs, axe, sideways
from tests.web.pages import making

STRANGE = [
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE orders; --",
    "\u202e\u0001 🚀 ' \" `",
    "&amp;${7*7}{{7*7}}",
    "9" * 400,
]
TEXTS = "main :is(input:not([type=radio], [type=file], [type=checkbox]), textarea)"
SENT = "form => form.dispatchEvent(new Event('submit', { cancelable: true, bubbles: true }))"
FORMS = ("/trade?asset=BTC", "/exchange", "/cash-outs/new", "/market-making/new", "/recurring", "/account", "/webhooks")


def filled(page: Page) -> None:
    page.get_by_label("Pair").select_option("BTC-USDT at binance")
    settings = {
        "^BTC": "0.2",
        "^USDT": "6000",
        "Buy below": "0.1",
        "Sell above": "0.1",
        "Quantity of one quote": "0.02",
    }
    for label, value in {**settings, "Renew quotes": "30"}.items():
        page.get_by_label(re.compile(label)).fill(value)


@PROVED
def test_no_text_that_is_typed_becomes_more_than_a_text(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """In every field of every form: nothing is run, nothing breaks, and no answer is a fault of ours."""
    making(desk.market, ann)
    desk.list_exchange_asset("SOL", "100")
    desk.clients(ann)
    page = tabs.of("ann", FORMS[0])
    faults: list[int] = []
    page.on("response", lambda answer: faults.append(answer.status) if answer.status >= 500 else None)
    for path in FORMS:
        page.goto(f"{tabs.console.url}{path}")
        expect(page.locator("main form").first).to_be_visible()
        for strange in STRANGE:
            for field in page.locator(TEXTS).all():
                if field.is_enabled():
                    field.fill(strange)
            page.locator("main form").last.evaluate(SENT)
            expect(page.locator("main [aria-busy=true]")).to_have_count(0)
        assert axe(page) == [], path
        page.set_viewport_size(NARROW)
        assert not sideways(page), path
    assert faults == []


@PROVED
@pytest.mark.parametrize("hours", [-1, 1])
def test_the_time_for_a_payment_is_right_on_a_wrong_clock(tabs: Tabs, desk: Desk, ann: Owner, hours: int) -> None:
    payable, _ = making(desk.market, ann)
    page = tabs.blank("ann")
    page.clock.set_fixed_time(desk.clock() + timedelta(hours=hours))
    page.goto(f"{tabs.console.url}/market-making/{payable}")
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"for 14:\d\d min more"))


@PROVED
def test_an_order_whose_answer_is_lost_is_opened_once_in_two_tabs(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """Loaded anew, pressed twice; and another tab opens another one."""
    making(desk.market, ann)
    before = len(tabs.console.doors.customer("ann").get("/market-making/orders").json["items"])  # type: ignore[union-attr]
    page = tabs.of("ann", "/market-making/new")
    filled(page)
    page.get_by_role("button", name="See what it would quote now").click()
    expect(page.get_by_role("button", name="Open the order")).to_be_visible()
    tabs.console.lost = lambda asked: asked.method == "POST" and asked.target == "/api/market-making/orders"
    page.get_by_role("button", name="Open the order").click()
    expect(page.get_by_text("It may have been done.")).to_be_visible()
    other = tabs.of("ann", "/market-making")
    expect(other.get_by_role("row")).to_have_count(before + 2)
    tabs.console.lost = lambda _: False
    page.reload()
    page.get_by_role("button", name="Ask again").click()  # which looks once more, under the same key
    expect(page.get_by_text("It would quote now")).to_be_visible()
    expect(page.get_by_label(re.compile("^USDT"))).to_be_disabled()  # nor is a look an answer to what was sent
    page.locator("main form").evaluate("form => { form.requestSubmit(); form.requestSubmit() }")
    expect(page.get_by_text("Waits for your transfers")).to_be_visible()
    other.reload()
    expect(other.get_by_role("row")).to_have_count(before + 2)


@PROVED
def test_an_order_is_opened_and_paused_by_keys_alone(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    _, running = making(desk.market, ann)
    page = tabs.of("ann", f"/market-making/{running}")
    pause = page.get_by_role("button", name="Pause it …")
    expect(pause).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if pause.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    for _ in range(5):
        page.keyboard.press("Tab")
        if dialog.get_by_role("button", name="Pause it").evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("paused by its owner")).to_be_visible()
