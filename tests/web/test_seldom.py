"""What pages seldom meet: empty or long lists, the longest amounts, an old price, an id with a hash in it; a slow desk,
a user pool that does not answer, files that are gone since a new console was put there."""

from __future__ import annotations

import re
from threading import Event
from urllib.parse import parse_qs, quote, urlsplit

from playwright.sync_api import Page, Route, expect

from common.owner import Owner
from sandbox.serving import Answer, Request
from tests.depth import PROVED
from tests.desk import Desk
from tests.web.conftest import NARROW, Tabs, axe, sideways
from tests.web.pages import GO
from tests.web.test_console import at_the_pool, headed

pytestmark = PROVED
FINE = ".999999999999999999"
MANY = 200
ODD = "evt#1/2?x=%41"


def loaded(page: Page) -> None:
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def test_a_portfolio_without_coins_says_what_would_be_there(tabs: Tabs, desk: Desk) -> None:
    desk.customer("bob")
    page = tabs.of("bob", "/portfolio")
    expect(page.get_by_text("You have no coins yet.")).to_be_visible()
    expect(page.get_by_text("$1,000.00").first).to_be_visible()


def test_where_nothing_can_be_traded_the_ticket_says_so(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    page = tabs.blank("ann")
    page.route("**/api/assets", lambda route: route.fulfill(json={"items": []}))
    page.goto(f"{tabs.console.url}/trade")
    expect(page.get_by_text("Nothing is traded at the desk's own price now.")).to_be_visible()
    expect(page.locator("main form")).to_have_count(0)


def test_two_hundred_coins_are_all_there_and_can_be_chosen(tabs: Tabs, desk: Desk) -> None:
    rich = desk.customer("bob", usd="10000.00")
    names = [f"C{number:03}" for number in range(MANY)]
    for name in names:
        desk.list_asset(name, "1.25")
        desk.buy(rich, "2", name)
    page = tabs.of("bob", "/portfolio")
    coins = page.get_by_role("table", name="Coins")
    expect(coins.get_by_role("row")).to_have_count(MANY + 1)
    expect(page.locator("main .total")).to_have_text("$10,000.00")
    page.set_viewport_size(NARROW)
    assert not sideways(page)
    page.evaluate(GO, f"/trade?asset={names[-1]}")
    loaded(page)
    assert set(names) <= set(page.get_by_label("Asset").locator("option").evaluate_all("all => all.map(o => o.value)"))
    expect(page.get_by_label("Asset")).to_have_value(names[-1])
    page.get_by_label("Amount").fill("5.00")
    page.get_by_role("button", name="Get a price").click()
    expect(page.get_by_role("button", name=f"Buy 4 {names[-1]}")).to_be_visible()


def test_eighteen_decimals_are_shown_on_demand_and_never_rounded(tabs: Tabs, desk: Desk) -> None:
    """Quantities with all of them; dollars to the cent, cut off, and with all of them to who asks by mouse or keys."""
    desk.list_asset("WEI", "999.5", precision=18)
    desk.buy(desk.customer("bob", usd="2000.00"), f"1{FINE}", "WEI")
    page = tabs.blank("bob")

    def finer(route: Route) -> None:
        told = route.fetch().json()
        told["asset_balances"][0] |= {"market_value": f"1122{FINE}", "unrealised_gain": f"-0{FINE}"}
        route.fulfill(json=told)

    page.route("**/api/portfolio", finer)
    page.goto(f"{tabs.console.url}/portfolio")
    row = page.get_by_role("table", name="Coins").get_by_role("row", name="WEI")
    expect(row).to_contain_text(f"1{FINE}")
    value, gain = row.locator(".cut").all()
    expect(value).to_have_text("$1,122.99")
    expect(gain).to_have_text("−$0.99")
    expect(value).to_have_attribute("title", f"$1,122{FINE}")
    value.focus()
    assert FINE in value.evaluate("e => getComputedStyle(e, '::after').content")
    assert axe(page) == []
    page.set_viewport_size(NARROW)
    assert not sideways(page)


def test_a_price_that_is_too_old_is_said_to_be_stale(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    desk.clock.forward(minutes=10)
    page = tabs.of("ann", "/portfolio")
    row = page.get_by_role("table", name="Coins").get_by_role("row", name="BTC")
    expect(row.locator("mark")).to_have_text("stale")
    page.evaluate(GO, "/trade?asset=BTC")
    page.get_by_label("Amount").fill("5.00")
    page.get_by_role("button", name="Get a price").click()
    expect(page.get_by_role("alert")).to_contain_text("price")
    expect(page.get_by_label("Amount")).to_have_value("5.00")


def test_an_id_with_a_hash_in_it_leads_where_it_should(tabs: Tabs, desk: Desk) -> None:
    page = tabs.blank("olga")
    found = {"kind": "order", "id": ODD, "username": "ann", "status": None, "by": "id"}
    page.route("**/api/operations/find?*", lambda route: route.fulfill(json={"items": [found]}))
    page.goto(f"{tabs.console.url}/work")
    page.locator("[data-search]").fill(ODD)
    with page.expect_request("**/api/operations/find?*") as asked:
        page.locator("[data-search]").press("Enter")
    assert parse_qs(urlsplit(asked.value.url).query) == {"what": [ODD]}
    page.get_by_role("link", name=ODD).click()
    headed(page, f"Story of {ODD}")
    loaded(page)
    assert page.url == f"{tabs.console.url}/work/{quote(ODD, safe='')}"
    assert f"GET /operations/work/{quote(ODD, safe='')}" in tabs.console.asked
    page.reload()
    headed(page, f"Story of {ODD}")


def test_while_the_desk_is_slow_a_page_says_that_it_loads(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """To a screen reader as well; what is sent meanwhile is sent once."""
    answers = Event()

    def waits(request: Request) -> Answer | None:
        answers.wait(30)
        return None

    tabs.console.wrong = waits
    page = tabs.of("ann", "/trade?asset=BTC")
    expect(page.locator("main [aria-busy=true]")).to_have_text("Loading …")
    assert axe(page) == []
    answers.set()
    page.get_by_label("Amount").fill("5.00")
    answers.clear()
    page.get_by_role("button", name="Get a price").click()
    button = page.get_by_role("button", name="Get a price")
    expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_be_disabled()
    answers.set()
    headed(page, "Your price")
    assert tabs.console.asked.count("POST /quotes") == 1


def test_a_sign_in_that_is_away_is_told_and_nobody_is_signed_out_by_it(tabs: Tabs, ann: Owner) -> None:
    """When a token is renewed, when a page is loaded, when a code is brought for tokens."""
    page = tabs.blank("ann")
    page.clock.install()
    page.goto(f"{tabs.console.url}/portfolio")
    expect(page.locator("main .total")).to_be_visible()
    page.route(f"{tabs.console.pool_url}/**", lambda route: route.abort())
    page.clock.fast_forward("04:45")
    expect(page.get_by_text("The sign-in does not answer.").first).to_be_visible()
    expect(page.locator("main .total")).to_be_visible()
    page.reload()
    expect(page.get_by_text("The sign-in does not answer.")).to_be_visible()
    page.unroute(f"{tabs.console.pool_url}/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("main .total")).to_be_visible()


def test_a_code_that_finds_no_pool_is_told_and_asked_for_anew(tabs: Tabs, ann: Owner) -> None:
    page = tabs.of(None, "/orders")
    page.get_by_role("button", name="Sign in as a customer").click()
    page.route("**/oauth2/token", lambda route: route.abort())
    at_the_pool(page, "ann")
    expect(page.get_by_role("alert")).to_contain_text("The sign-in does not answer.")
    page.unroute("**/oauth2/token")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="Sign in as a customer").click()
    page.wait_for_url(re.compile("/portfolio|/oauth2/"))
    if "/oauth2/" in page.url:
        at_the_pool(page, "ann")
    headed(page, "Portfolio")


def test_a_page_whose_files_are_gone_is_told_and_what_is_filled_in_stays(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """A new console was put there while it was open, and its files have other names. On AWS the old ones stay."""
    page = tabs.of("ann", "/trade?asset=BTC")
    page.get_by_label("Amount").fill("250.00")
    gone = re.compile(r"/pages/(account|portfolio)\.js|/vendor/uplot\.js")
    page.route(gone, lambda route: route.fulfill(status=404, body="there is no such file\n"))
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_role("alert")).to_contain_text("This page could not be loaded.")
    page.get_by_role("link", name="Trade").click()
    expect(page.get_by_label("Amount")).to_have_value("250.00")
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute(gone)
    page.get_by_role("button", name="Try again").click()
    headed(page, "Account")
    page.get_by_role("link", name="Trade").click()
    expect(page.get_by_label("Amount")).to_have_value("250.00")


def test_a_picture_that_can_not_be_drawn_leaves_its_table(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    desk.clock.forward(minutes=10)
    desk.mark("BTC", "101")
    page = tabs.blank("ann")

    def none(route: Route) -> None:
        route.fulfill(status=404, body="there is no such file\n")

    page.route("**/vendor/uplot.js", none)
    page.goto(f"{tabs.console.url}/portfolio")
    page.get_by_text("The same as a table").click()
    expect(page.locator(".chart table")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(0)
