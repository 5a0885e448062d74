"""The console in a browser: whoever signs in, what he sees and does, and what he is told when something goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from common.owner import Owner
from functions.market_making.service.opening import memo_of
from infra.bundle import ROOT
from sandbox.serving import Answer, Request
from tests.billing.dealership import CME_ID
from tests.depth import PROVED
from tests.desk import Desk
from tests.harness.cognito import PASSWORD
from tests.market_making.market import ANN as MIXIN_ANN
from tests.market_making.market import BTC
from tests.seen import status
from tests.web.conftest import NARROW, WIDE, Tabs, axe, sideways
from tests.web.pages import GO, each_page, making, paths
from tests.web.served import refusal

PORTFOLIO_BYTES_MAX = 100_000
SENT_AND_CHANGED = """form => {
  form.requestSubmit();
  form.amount.value = "20.00";
  form.amount.dispatchEvent(new Event("input", { bubbles: true }));
}"""
HUMMINGBOTS = """
strategy: pure_market_making
bid_spread: 0.10
ask_spread: 0.2
order_amount: 0.020
order_refresh_time: 30.0
price_ceiling: -1
"""


def signs_in(page: Page, username: str, way: str) -> None:
    """At the pool's own page, which alone sees the password."""
    page.get_by_role("button", name=f"Sign in as {way}").click()
    at_the_pool(page, username)


def at_the_pool(page: Page, username: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def headed(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def asks(page: Page, command: str, reason: str) -> Locator:
    """What an act would do is asked; returns the act's form."""
    page.get_by_role("button", name=command).click()
    form = page.get_by_role("form", name=command)
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name="See what it would do").click()
    return form


def tried(page: Page, command: str, reason: str) -> Locator:
    """What it would do is told; returns the act's form."""
    form = asks(page, command, reason)
    expect(form.get_by_role("button", name="Do it")).to_be_visible()
    return form


def does(page: Page, command: str, reason: str) -> None:
    form = tried(page, command, reason)
    form.get_by_role("button", name="Do it").click()
    expect(form).to_have_count(0)


def refusing(path: str, answer: Answer) -> Callable[[Request], Answer | None]:
    return lambda request: answer if request.target.startswith(f"/api{path}") else None


# Signing in and out


def test_who_signs_in_comes_back_to_the_page_that_he_asked_for(tabs: Tabs, ann: Owner) -> None:
    page = tabs.of(None, "/orders?x=1")
    expect(page.get_by_text("Sign in as a customer to see this page")).to_be_visible()
    assert page.locator("input").count() == 0
    signs_in(page, "ann", "a customer")
    headed(page, "Orders")
    assert page.url == f"{tabs.console.url}/orders?x=1"
    kept = page.evaluate("[Object.keys(localStorage), document.cookie, Object.keys(sessionStorage).sort()]")
    assert kept == [[], "", ["drafts-of", "session"]]
    assert json.loads(page.evaluate("sessionStorage.session")).keys() == {"pool", "refresh"}, "and no access token"


def test_a_code_that_this_tab_has_not_asked_for_signs_nobody_in(tabs: Tabs) -> None:
    """Somebody else's state, a code that is made up, an error instead of one."""
    page = tabs.of()
    page.route(f"{tabs.console.pool_url}/oauth2/authorize*", lambda route: route.fulfill(body="the pool's page"))
    given: list[str] = []  # to the pool, for tokens
    page.on("request", lambda asked: given.append(asked.post_data or "") if "/token" in asked.url else None)
    for told in ("code=c&state=another", "code=made-up&state={}", "error=e&state={}", "code=nobody-asked"):
        page.get_by_role("button", name="Sign in as an operator").click()
        page.wait_for_url(f"{tabs.console.pool_url}/**")
        (state,) = parse_qs(urlsplit(page.url).query)["state"]
        page.goto(f"{tabs.console.url}/signed-in?{told.format(state)}")
        expect(page.get_by_role("alert")).to_contain_text("Sign in again")
        assert (page.url, page.evaluate("sessionStorage.getItem('session')")) == (f"{tabs.console.url}/", None)
    assert [re.findall(r"code=([\w-]+)", form)[0] for form in given] == ["made-up"], "no other's, and none without one"


def test_a_token_is_renewed_before_it_ends_once_for_all_who_ask(tabs: Tabs, ann: Owner) -> None:
    page = tabs.blank("ann")
    page.clock.install()
    page.goto(f"{tabs.console.url}/portfolio")
    expect(page.get_by_text("Dollars, free", exact=True)).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)  # whose time would be over as well
    assert tabs.console.renewals == 1, "with which it has begun"
    with page.expect_response("**/api/portfolio"):
        page.clock.fast_forward("04:45")
    assert tabs.console.renewals == 2
    expect(page.locator(".stale, .failed")).to_have_count(0)


def test_who_signs_out_is_revoked_and_forgotten(tabs: Tabs, ann: Owner) -> None:
    page = tabs.of("ann", "/portfolio")
    refresh = json.loads(page.evaluate("sessionStorage.session"))["refresh"]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in as a customer")).to_be_visible()
    assert (page.url, page.evaluate("sessionStorage.getItem('session')")) == (f"{tabs.console.url}/", None)
    page.evaluate(
        "kept => sessionStorage.setItem('session', kept)", json.dumps({"pool": "customers", "refresh": refresh})
    )
    page.reload()
    expect(page.get_by_role("button", name="Sign in as a customer")).to_be_visible()


@PROVED
def test_a_page_that_is_left_by_signing_out_shows_nothing_any_more(tabs: Tabs, ann: Owner) -> None:
    """A browser keeps it as it was, and shows it to whoever goes back."""
    page = tabs.of("ann", "/portfolio")
    expect(page.get_by_text("Dollars, free")).to_be_visible()
    page.route("**/logout?*", lambda led: led.fulfill(status=204))  # so that it stays at this page
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in as a customer")).to_be_visible()
    expect(page.get_by_text("Dollars, free")).to_have_count(0)


def test_who_can_not_be_revoked_is_not_told_that_he_is_signed_out(tabs: Tabs, ann: Owner) -> None:
    page = tabs.of("ann", "/portfolio")
    headed(page, "Portfolio")
    page.route(f"{tabs.console.pool_url}/**", lambda route: route.abort())
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are not signed out")).to_be_visible()
    expect(page.get_by_text("ann", exact=True)).to_be_visible()


def test_a_sign_in_that_ends_in_an_open_form_keeps_what_is_filled_in(tabs: Tabs, ann: Owner) -> None:
    page = tabs.of("ann", "/trade?asset=BTC")
    page.get_by_label("Amount").fill("250.00")
    tabs.console.end_sessions()
    page.get_by_role("button", name="Get a price").click()
    expect(page.get_by_text("Your sign-in has ended. What you have filled in is kept.")).to_be_visible()
    assert page.get_by_label("Amount").input_value() == "250.00"
    page.get_by_role("button", name="Sign in again").click()
    at_the_pool(page, "ann")
    headed(page, "Trade")
    assert page.get_by_label("Amount").input_value() == "250.00"


def test_what_one_has_filled_in_the_next_one_at_the_tab_does_not_find(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    desk.customer("bob")
    page = tabs.of("ann", "/trade?asset=BTC")
    page.get_by_label("Amount").fill("250.00")
    page.evaluate("kept => sessionStorage.setItem('session', kept)", tabs.console.session("bob"))
    page.reload()
    expect(page.get_by_label("Amount")).to_have_value("")


# Operators


def test_work_leads_to_a_story_and_what_takes_two_to_a_second_person(tabs: Tabs, desk: Desk, stuck: str) -> None:
    olga = tabs.of("olga", "/work")
    expect(olga.get_by_text("1 unfinished, 1 overdue, 1 for a person")).to_be_visible()
    olga.get_by_role("link", name=stuck).click()
    expect(olga.get_by_text("SELL_PAYOUT_FAILED").first).to_be_visible()
    olga.get_by_role("button", name="offramp mark-filled").click()
    olga.get_by_label("Where others can look that up").fill("wire 4711")
    olga.get_by_label("Reason").fill("paid by wire")
    olga.get_by_role("button", name="See what it would do").click()
    expect(olga.get_by_text("It would be:")).to_be_visible()
    assert status(desk, stuck) == "SELL_PAYOUT_FAILED"
    olga.get_by_role("button", name="Do it").click()
    expect(olga.get_by_text("It waits for a second person")).to_be_visible()
    assert status(desk, stuck) == "SELL_PAYOUT_FAILED"

    olga.get_by_role("link", name="Approvals").click()
    expect(olga.get_by_text("You have proposed this: another operator confirms it.")).to_be_visible()
    oleg = tabs.of("oleg", "/approvals")
    expect(oleg.get_by_text("1 to decide")).to_be_visible()
    expect(oleg.get_by_text("wire 4711", exact=True)).to_be_visible()
    oleg.get_by_role("button", name="proposals confirm").click()
    oleg.get_by_label("Reason").fill("I have seen the wire")
    oleg.get_by_role("button", name="See what it would do").click()
    oleg.get_by_role("button", name="Do it").click()
    expect(oleg.get_by_text("Nothing waits for a second person")).to_be_visible()
    assert status(desk, stuck) == "FILLED"


@PROVED
def test_an_act_that_is_changed_after_its_trial_is_tried_again(tabs: Tabs, desk: Desk, stuck: str) -> None:
    page = tabs.of("olga", f"/work/{stuck}")
    page.get_by_role("button", name="offramp retry-payout").click()
    page.get_by_label("Reason").fill("the bank is well again")
    page.get_by_role("button", name="See what it would do").click()
    expect(page.get_by_role("button", name="Do it")).to_be_visible()
    page.get_by_label("Reason").fill("the bank is well again, it says")
    expect(page.get_by_role("button", name="See what it would do")).to_be_visible()
    tabs.console.lost = lambda request: request.target.endswith("retry-payout")
    page.get_by_role("button", name="See what it would do").click()
    expect(page.get_by_text("Nothing was done: try again.")).to_be_visible()
    assert status(desk, stuck) == "SELL_PAYOUT_FAILED"


def test_what_has_moved_between_trial_and_act_is_not_done(tabs: Tabs, desk: Desk, stuck: str) -> None:
    """Another operator had it paid once more, in vain: it stands where it stood, and is another story."""
    page = tabs.of("olga", f"/work/{stuck}")
    page.get_by_role("button", name="offramp credit-usd").click()
    page.get_by_label("Reason").fill("he wants his dollars here")
    page.get_by_role("button", name="See what it would do").click()
    expect(page.get_by_role("button", name="Do it")).to_be_visible()
    desk.world.simulated.set_outcome("fail", times=5)
    desk.by_hand("retry", stuck, "the bank is well again", "oleg", dry_run=False)
    desk.run()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("has moved since this was tried")).to_be_visible()
    assert status(desk, stuck) == "SELL_PAYOUT_FAILED"
    page.get_by_role("button", name="See what it would do").click()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("Done: is FILLED")).to_be_visible()


def test_who_may_only_look_is_told_which_group_an_act_needs(tabs: Tabs, stuck: str) -> None:
    page = tabs.of("vera", f"/work/{stuck}")
    page.get_by_role("button", name="offramp retry-payout").click()
    page.get_by_label("Reason").fill("curious")
    page.get_by_role("button", name="See what it would do").click()
    expect(page.get_by_text("this needs the group 'operators'")).to_be_visible()
    expect(page.get_by_text("You are vera, in viewers.")).to_be_visible()


@PROVED
def test_work_goes_by_keys(tabs: Tabs, stuck: str) -> None:
    page = tabs.of("olga", "/work")
    expect(page.get_by_role("link", name=stuck)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=stuck)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("link", name=stuck)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("ann")
    page.keyboard.press("Enter")
    headed(page, "Found: ann")


def test_a_flow_is_halted_by_one_and_lifted_by_another(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    olga = tabs.of("olga", "/halts")
    olga.get_by_label("Flow").select_option("cash-outs")
    olga.get_by_label("Of one asset").fill("btc")
    does(olga, "flows halt", "the exchange is strange")
    expect(olga.get_by_role("rowheader", name="cash-outs of BTC")).to_be_visible()
    asks(olga, "flows lift", "it is well again")
    expect(olga.get_by_text("who has halted it does not lift it: ask another operator")).to_be_visible()
    oleg = tabs.of("oleg", "/halts")
    does(oleg, "flows lift", "it is well again")
    expect(oleg.get_by_text("Nothing is halted.")).to_be_visible()


def test_a_name_leads_to_where_the_money_of_its_customer_is(tabs: Tabs, stuck: str) -> None:
    page = tabs.of("vera", "/find/ann")
    page.get_by_role("link", name="ann").first.click()
    headed(page, "Customer ann")
    expect(page.get_by_role("table", name="Open, oldest first")).to_contain_text(stuck)


# Customers


def test_a_price_is_promised_and_bought_at_once_however_often_it_is_pressed(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    page = tabs.of("ann", "/trade?asset=BTC")
    page.get_by_label("Amount").fill("250.00")
    page.get_by_role("button", name="Get a price").click()
    expect(page.get_by_role("timer")).to_contain_text(re.compile(r"Good for \d+ s more"))
    page.locator("main form").evaluate("form => { form.requestSubmit(); form.requestSubmit() }")
    headed(page, "Order")
    expect(page.get_by_text("COMPLETED")).to_be_visible()
    expect(page.get_by_text("$250.00").first).to_be_visible()
    assert tabs.console.asked.count("POST /orders") == 1


@PROVED
def test_a_small_purchase_waits_in_a_pool_and_may_be_cancelled(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset("SOL", "100")
    page = tabs.of("ann", "/exchange")
    page.get_by_label("Asset").select_option("SOL")
    page.get_by_label("Dollars, fee included").fill("4.00")
    page.get_by_role("button", name="Buy").click()
    headed(page, "Purchase")
    expect(page.get_by_text("with others, in a pool")).to_be_visible()
    page.get_by_role("button", name="Cancel the purchase …").click()
    page.get_by_role("button", name="Cancel the purchase", exact=True).click()
    expect(page.get_by_text("CANCELLED", exact=True)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_answer_that_is_lost_is_asked_for_again_under_one_key(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """Also after the tab was loaded anew: what was filled in, and its key, are still there."""
    page = tabs.of("ann", "/trade?asset=BTC")
    page.get_by_label("Amount").fill("100.00")
    page.get_by_role("button", name="Get a price").click()
    tabs.console.lost = lambda request: (request.method, request.target) == ("POST", "/api/orders")
    page.get_by_role("button", name="Buy 1 BTC").click()
    expect(page.get_by_text("It may have been done.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("An order was placed at it")).to_be_visible()
    tabs.console.lost = lambda _: False
    page.get_by_role("link", name="see it").click()
    expect(page.get_by_text("COMPLETED")).to_be_visible()
    assert [order["quantity"] for order in tabs.console.orders_of("ann")] == ["1", "10"]


def test_what_may_have_been_done_is_asked_again_as_it_was_sent(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """Whatever is typed while it is sent, and also where it is refused before the desk has looked, or where the desk
    itself does not know."""
    page = tabs.of("ann", "/withdrawals")
    page.get_by_label("Dollars").fill("10.00")
    tabs.console.lost = lambda request: request.method == "POST"
    page.locator("main form").evaluate(SENT_AND_CHANGED)
    expect(page.get_by_text("It may have been done.")).to_be_visible()
    tabs.console.lost = lambda _: False
    for code, kind in ((429, "TooManyRequests"), (503, "Busy"), (403, "TokenMissing")):
        tabs.console.wrong = refusing("/balance/withdrawals", refusal(code, kind, f"{kind}, said {code}"))
        page.get_by_role("button", name="Ask again").click()
        expect(page.get_by_text(f"{kind}, said {code}").last).to_be_visible()
        expect(page.get_by_label("Dollars")).to_be_disabled()
    tabs.console.wrong = lambda _: None
    page.reload()
    expect(page.get_by_label("Dollars")).to_have_value("10.00")
    page.get_by_role("button", name="Ask again").click()
    headed(page, "Withdrawal")
    assert [one["amount"] for one in withdrawn(tabs)] == ["10.00"]


@PROVED
def test_a_tab_that_dies_while_it_sends_asks_for_what_it_has_sent(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    page = tabs.of("ann", "/withdrawals")
    page.get_by_label("Dollars").fill("10.00")
    page.route("**/withdrawals", lambda asked: None if asked.request.method == "POST" else asked.continue_())
    page.locator("main form").evaluate(SENT_AND_CHANGED)
    page.reload()
    page.unroute("**/withdrawals")
    expect(page.get_by_label("Dollars")).to_have_value("10.00")
    expect(page.get_by_label("Dollars")).to_be_disabled()
    page.get_by_role("button", name="Ask again").click()
    headed(page, "Withdrawal")
    assert [one["amount"] for one in withdrawn(tabs)] == ["10.00"]


@PROVED
@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (Answer(503, json.dumps({"message": "Service Unavailable"})), "Ask again"),
        (refusal(503, "Busy", "the outcome is not known; send it again"), "Ask again"),
        (refusal(503, "Halted", "withdrawals are halted"), "Withdraw"),
        (refusal(429, "TooManyRequests", "nothing was done"), "Withdraw"),
    ],
)
def test_an_answer_that_decides_nothing_keeps_the_key(
    tabs: Tabs, desk: Desk, ann: Owner, answer: Answer, again: str
) -> None:
    """It is told instead of the desk's own one, which was that it is done: API Gateway says 503 where it has waited
    for too long. What the desk says before it has written anything can be changed, and asked anew."""
    page = tabs.of("ann", "/withdrawals")
    page.get_by_label("Dollars").fill("10.00")
    done = again == "Ask again"

    def late(asked: Request) -> Answer | None:
        if asked.method != "POST":
            return None
        tabs.console.wrong = lambda _: None
        if done:
            tabs.console.api(asked, asked.target.removeprefix("/api"))
        return answer

    tabs.console.wrong = late
    page.get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.locator(".failed").first).to_be_visible()
    page.get_by_role("button", name=again, exact=True).click()
    headed(page, "Withdrawal")
    assert [one["amount"] for one in withdrawn(tabs)] == ["10.00"]


@PROVED
def test_what_was_done_before_on_other_terms_is_not_asked_for_anew(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    """A choice was gone, say, and the page has made another one: the key says that there was one before."""
    desk.clients(ann)
    page = tabs.of("ann", "/withdrawals")
    page.get_by_label("Dollars").fill("10.00")
    tabs.console.lost = lambda asked: asked.method == "POST"
    page.get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.get_by_text("It may have been done.")).to_be_visible()
    tabs.console.lost = lambda _: False
    page.evaluate(
        "at => sessionStorage.setItem(at, sessionStorage.getItem(at).replace('10.00', '11.00'))", "draft:withdrawal"
    )
    page.reload()
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_text("What you sent before was done, on other terms")).to_be_visible()
    expect(page.get_by_label("Dollars")).to_have_value("")
    assert [one["amount"] for one in withdrawn(tabs)] == ["10.00"]


def withdrawn(tabs: Tabs) -> list[dict[str, str]]:
    assert tabs.console.doors is not None
    return list(tabs.console.doors.customer("ann").get("/balance/withdrawals").json["items"])


def test_a_cash_out_is_followed_from_ticket_to_bank(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    desk.mark("BTC", "100")
    page = tabs.of("ann", "/cash-outs/new")
    page.get_by_label("Quantity").fill("1.5")
    expect(page.get_by_text("About $150.00")).to_be_visible()
    tabs.console.lost = lambda request: request.method == "POST"
    page.get_by_role("button", name="Sell and pay out").click()
    expect(page.get_by_text("It may have been done.")).to_be_visible()
    expect(page.get_by_label("Quantity")).to_be_disabled()
    tabs.console.lost = lambda _: False
    desk.clock.forward(seconds=10)
    desk.mark("BTC", "110")
    page.reload()  # what is asked again is what he has seen
    expect(page.get_by_text("About $150.00, as you have asked for it")).to_be_visible()
    page.get_by_role("button", name="Ask again").click()
    expect(
        page.get_by_text("Accepted: your coins are about to be sold").or_(page.get_by_text("Your coins are being sold"))
    ).to_be_visible()
    desk.mark("BTC", "100")
    desk.run()
    page.reload()
    expect(page.get_by_role("status").get_by_text("Paid")).to_be_visible()
    page.get_by_role("link", name="Cash-outs").click()
    expect(page.get_by_role("link", name="1.5 BTC")).to_have_count(1)


def test_a_customer_has_his_limits_and_his_bank_in_his_account(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    page = tabs.of("ann", "/account")
    expect(page.get_by_text("To your bank, left today")).to_be_visible()
    page.get_by_label("Account at your bank").fill("acc-4711")
    page.locator("main form").evaluate("form => { form.requestSubmit(); form.requestSubmit() }")
    expect(page.get_by_role("cell", name="acc-4711")).to_be_visible()
    expect(page.get_by_role("cell", name="ASKED")).to_be_visible()
    assert tabs.console.asked.count("POST /clients") == 1


def test_who_has_no_account_yet_is_led_to_open_one(tabs: Tabs, desk: Desk) -> None:
    page = tabs.of("bob", "/portfolio")
    expect(page.get_by_role("button", name="Open an account")).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(["Portfolio"])


@PROVED
def test_the_secret_of_a_webhook_is_shown_once(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    page = tabs.of("ann", "/webhooks")
    page.get_by_label("Address").fill("https://hooks.example.com/desk")
    page.get_by_role("button", name="Add the webhook").click()
    headed(page, "Webhook")
    expect(page.get_by_text(re.compile("^whsec_"))).to_be_visible()
    page.get_by_role("button", name="Send a test …").click()
    page.get_by_role("button", name="Send a test", exact=True).click()
    expect(page.get_by_role("rowheader", name="test")).to_be_visible()
    page.get_by_text("Change it", exact=True).click()
    page.get_by_label("Address").fill("https://hooks.example.com/desk/2")
    page.get_by_label("Events").fill("order.completed")
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_role("definition").filter(has_text="desk/2")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text=re.compile("^order.completed$"))).to_be_visible()
    page.get_by_role("link", name="Account").click()
    headed(page, "Account")
    page.go_back()
    expect(page.get_by_text("https://hooks.example.com/desk/2")).to_be_visible()
    expect(page.get_by_text(re.compile("whsec_"))).to_have_count(0)
    assert page.evaluate("JSON.stringify(sessionStorage)").find("whsec_") == -1


@PROVED
def test_coins_are_bought_again_and_again_until_that_is_cancelled(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset("SOL", "100")
    page = tabs.of("ann", "/recurring")
    page.get_by_label("Dollars each time").fill("5.00")
    page.get_by_role("button", name="Buy like this from now on").click()
    expect(page.get_by_text("SOL for $5.00, weekly")).to_be_visible()
    page.get_by_text("Change it", exact=True).click()
    page.get_by_label("Dollars each time").fill("7.50")
    page.get_by_label("How often").select_option("monthly")
    page.get_by_label("Not above this price").fill("120")
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_text("SOL for $7.50, monthly")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text="$120.00")).to_be_visible()
    page.get_by_role("button", name="Cancel it …").click()
    page.get_by_role("button", name="Cancel it", exact=True).click()
    expect(page.get_by_text("CANCELLED", exact=True)).to_be_visible()


@PROVED
def test_dollars_are_withdrawn_and_followed_until_the_bank_has_them(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    page = tabs.of("ann", "/withdrawals")
    expect(page.get_by_text("You have withdrawn nothing yet")).to_be_visible()
    page.get_by_label("Dollars", exact=False).fill("12.50")
    page.get_by_role("button", name="Withdraw", exact=True).click()
    headed(page, "Withdrawal")
    expect(page.get_by_text("Your bank is being paid; until it is, the dollars are held")).to_be_visible()
    desk.run()
    page.reload()
    expect(page.get_by_text("Paid", exact=True)).to_be_visible()


# Market makers


def test_a_market_maker_sees_his_quotes_first_and_then_the_exact_transfers(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    making(desk.market, ann)
    page = tabs.of("ann", "/market-making/new")
    page.get_by_label("Pair").select_option("BTC-USDT at binance")
    page.get_by_label(re.compile("^BTC")).fill("0.2")
    page.get_by_label(re.compile("^USDT")).fill("6,000.00")
    conf = HUMMINGBOTS.encode()
    page.get_by_label("From a file of hummingbot").set_input_files(
        {"name": "conf.yml", "mimeType": "text/yaml", "buffer": conf}
    )
    expect(page.get_by_label("All others, as YAML")).to_have_value(re.compile("price_ceiling: "))
    expect(page.get_by_label("Buy below the mid price")).to_have_value("0.10")
    page.get_by_role("button", name="See what it would quote now").click()
    expect(page.get_by_role("row", name="SELL 60,120 0.02")).to_be_visible()
    expect(page.get_by_role("row", name="BUY 59,940 0.02")).to_be_visible()
    page.get_by_role("button", name="Open the order").click()
    expect(page.get_by_text("Waits for your transfers")).to_be_visible()
    asked = tabs.console.asked
    assert (asked.count("POST /market-making/configurations/check"), asked.count("POST /market-making/orders")) == (
        1,
        1,
    )

    (order_id,) = re.findall(r"/market-making/(M\w+)", page.url)
    order = desk.opening.order(ann, order_id)
    due = desk.opening.payment(order)
    assert due is not None
    expect(page.get_by_text(f"0 of {len(due.due)} have come")).to_be_visible()
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"1[45]:\d\d min more"))
    links = [link.get_attribute("href") for link in page.locator("a", has_text="in Mixin").all()]
    assert links == [one.link for one in due.due]
    desk.market.pay(MIXIN_ANN, BTC, "0.2", memo_of(order).encode())
    desk.market.poll()
    page.reload()
    expect(page.get_by_text(f"1 of {len(due.due)} have come")).to_be_visible()
    expect(page.get_by_role("heading", name="✓ 0.2 BTC")).to_contain_text("has come")


def test_an_order_that_quotes_is_watched_paused_and_brought_home(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    _, order_id = making(desk.market, ann)
    page = tabs.of("ann", "/market-making")
    page.get_by_role("row").filter(has_text="It quotes").get_by_role("link").click()
    expect(page.get_by_role("table", name="Your quotes").get_by_role("row")).to_have_count(3)
    expect(page.get_by_text("Against holding")).to_be_visible()
    page.get_by_role("button", name="Pause it …").click()
    page.get_by_role("button", name="Pause it", exact=True).click()
    expect(page.get_by_text("paused by its owner")).to_be_visible()
    page.get_by_role("button", name="Bring its money home …").click()
    expect(page.get_by_text("That is about 0.1 BTC and 5,000 USDT")).to_be_visible()
    page.get_by_role("button", name="Bring its money home", exact=True).click()
    expect(page.get_by_text("It is ending its quotes")).to_be_visible()
    assert desk.opening.order(ann, order_id).goes_home


def test_who_lacks_what_a_page_needs_is_told_what_to_do_next(tabs: Tabs, desk: Desk) -> None:
    """All his dollars are coins, and the desk has not allowed him to be paid."""
    eve = desk.customer("eve", "100.00")
    desk.buy(eve, "1")
    page = tabs.of("eve", "/trade?asset=BTC")
    expect(page.get_by_text("nothing can be bought: ask the desk how to pay some in")).to_be_visible()
    page.get_by_label("Sell").check()
    expect(page.get_by_text("nothing can be bought")).to_have_count(0)
    page.evaluate(GO, "/cash-outs/new")
    expect(page.get_by_text("not yet allowed you to sell coins, nor to be paid at a bank")).to_be_visible()
    page.get_by_role("link", name="ask it").click()
    headed(page, "Account")


# Dealers' people


def test_a_dealers_person_sees_what_is_left_to_pay_where_and_his_month(tabs: Tabs, desk: Desk) -> None:
    desk.dealership.active()
    bill = desk.dealership.billed()
    desk.dealership.pay(1_000_00, bill)
    page = tabs.of()
    refused: list[str] = []
    page.on("response", lambda told: refused.append(told.url) if told.status >= 400 else None)
    page.clock.set_fixed_time(desk.clock())
    signs_in(page, "dora", "a customer")
    headed(page, f"Bills of {CME_ID}")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_text(["Bills", "Portfolio"])
    row = page.get_by_role("row").filter(has_text="PARTIAL")
    expect(row).to_contain_text("24,000.00 ₽")
    row.get_by_role("link").click()
    expect(page.get_by_text("left to pay of 25,000.00 ₽")).to_be_visible()
    page.get_by_role("link", name="Accounts").click()
    contract = page.get_by_role("row").filter(has=page.get_by_role("button", name="Copy the contract of commission"))
    expect(contract).to_contain_text(desk.dealership.account().contract_number or "none")
    page.get_by_role("link", name="Statements").click()
    expect(page.get_by_role("row").filter(has_text="payment")).to_contain_text("1,000.00 ₽")
    for form, begins in (("PDF", b"%PDF-"), ("CSV", b"account")):
        with page.expect_download() as told:
            page.get_by_role("button", name=f"Save as {form}").click()
        assert told.value.path().read_bytes().startswith(begins)
        assert told.value.suggested_filename == f"statement-{CME_ID}-{desk.clock():%Y-%m}.{form.lower()}"
    assert refused == []  # no account is asked for that he need not have
    page.evaluate(GO, f"/billing/{CME_ID}0")
    expect(page.get_by_role("alert")).to_contain_text("no dealer is registered under this id")


def test_bills_go_on_as_far_as_there_are_any(tabs: Tabs, desk: Desk) -> None:
    """Further than one page of them, while the first ones stay; and who has an account besides has all of the menu."""
    desk.customer("dora")
    desk.dealership.active()
    for _ in range(101):
        desk.dealership.billed(invoice=False)
    page = tabs.of("dora", f"/billing/{CME_ID}")
    expect(page.get_by_role("row")).to_have_count(1 + 100)
    menu = page.get_by_role("navigation", name="Main").get_by_role("link")
    expect(menu).to_have_text(["Bills", "Portfolio"])
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("row")).to_have_count(1 + 101)
    expect(page.get_by_role("button", name="More")).to_have_count(0)
    page.get_by_role("link", name="Portfolio").click()
    expect(page.get_by_role("link", name="Orders")).to_be_visible()
    page.get_by_role("link", name="Bills").click()
    headed(page, f"Bills of {CME_ID}")
    expect(page.get_by_role("link", name="Orders")).to_be_visible()


@PROVED
def test_who_is_taken_out_of_a_dealers_group_is_out_with_his_next_token(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    desk.dealership.active()
    expect(tabs.of("ann", f"/billing/{CME_ID}").get_by_text("You may not see this")).to_be_visible()
    page = tabs.blank("dora")
    page.clock.install()
    page.goto(f"{tabs.console.url}/billing/{CME_ID}")
    expect(page.get_by_text("Nothing was billed yet")).to_be_visible()
    with tabs.console.out_of_group("dora", f"dealer-{CME_ID}"):
        page.clock.fast_forward("04:45")
        expect(page.get_by_text("Not refreshed since")).to_be_visible()
        page.reload()
        expect(page.get_by_text("You may not see this")).to_be_visible()


# What goes wrong


def test_what_can_not_be_loaded_says_why_and_what_is_kept_says_how_old(tabs: Tabs, ann: Owner) -> None:
    problem = {"type": "/problems/TableUnavailable", "title": "Service Unavailable", "status": 503}
    problem |= {"detail": "the books do not answer; ask again", "instance": "/requests/r-47"}
    down = refusing("/portfolio", Answer(503, json.dumps(problem), {"Retry-After": "1"}, "application/problem+json"))
    tabs.console.wrong = down
    page = tabs.blank("ann")
    page.clock.install()
    page.goto(f"{tabs.console.url}/portfolio")
    expect(page.get_by_text("the books do not answer")).to_be_visible()
    expect(page.get_by_text("r-47")).to_be_visible()
    tabs.console.wrong = lambda _: None
    page.clock.fast_forward("00:01")  # as it was told
    expect(page.get_by_text("Dollars, free", exact=True)).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    tabs.console.wrong = down
    page.clock.fast_forward("00:15")
    expect(page.get_by_text("Not refreshed since")).to_be_visible()
    expect(page.get_by_text("Dollars, free", exact=True)).to_be_visible()
    tabs.console.wrong = lambda _: None
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".stale")).to_have_count(0)


def test_a_page_that_nobody_looks_at_asks_nothing(tabs: Tabs, ann: Owner) -> None:
    page = tabs.blank("ann")
    page.clock.install()
    page.goto(f"{tabs.console.url}/orders")
    expect(page.get_by_role("link", name="BUY 10 BTC")).to_be_visible()
    page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward("03:00")
    page.evaluate("fetch('/config.json').then(() => 0)")  # what was asked for before has been told by then
    assert [url for url in asked if not url.endswith("/config.json")] == []
    with page.expect_response("**/api/orders*"):
        page.evaluate("""() => {
          delete document.hidden;
          document.dispatchEvent(new Event("visibilitychange"));
        }""")
        page.clock.fast_forward("00:01")


def test_nobody_sees_a_page_that_is_for_others(tabs: Tabs, ann: Owner) -> None:
    page = tabs.of("ann", "/work")
    expect(page.get_by_text("it is for an operator, and you are signed in as a customer")).to_be_visible()
    assert not [asked for asked in tabs.console.asked if "/operations" in asked]


def test_a_customer_sees_what_is_halted(tabs: Tabs, desk: Desk, ann: Owner) -> None:
    desk.halt("orders")
    page = tabs.of("ann", "/portfolio")
    expect(page.locator(".halted")).to_contain_text("orders")
    assert tabs.of("olga", "/work").locator(".halted").inner_text().startswith("Halted: orders, by olga")


# Each page


def test_each_page_is_accessible_and_fits_a_telephone(tabs: Tabs, desk: Desk, ann: Owner, stuck: str) -> None:
    faults = {}
    for name, page in each_page(tabs, desk, ann, stuck):
        page.set_viewport_size(WIDE)
        faults[name] = axe(page)
        page.set_viewport_size(NARROW)
        faults[name] += ["it scrolls to the side"] if sideways(page) else []
    assert {name: found for name, found in faults.items() if found} == {}


def test_no_page_is_left_out_there() -> None:
    routes = re.findall(r"path: /\^(.+?)\$/,", (ROOT / "web" / "app.js").read_text())
    at = [path.partition("?")[0] for _, path in paths("S", "O", "Q", "P", "A", ("M", "R"), ("R", "E", "W")).values()]
    assert len(routes) > 10
    assert [route for route in routes if not any(re.fullmatch(route.replace("\\/", "/"), path) for path in at)] == []


def test_what_the_portfolio_takes_over_the_wire_is_little(tabs: Tabs, ann: Owner) -> None:
    page = tabs.blank("ann")
    taken: dict[str, float] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    urls: dict[str, str] = {}
    session.on("Network.requestWillBeSent", lambda told: urls.update({told["requestId"]: told["request"]["url"]}))
    session.on(
        "Network.loadingFinished", lambda told: taken.update({urls[told["requestId"]]: told["encodedDataLength"]})
    )
    page.goto(f"{tabs.console.url}/portfolio")
    expect(page.locator("canvas")).to_be_visible()
    print(f"the portfolio takes {sum(taken.values()):,.0f} bytes in {len(taken)} answers")
    assert any(url.endswith("/vendor/uplot.js") for url in taken)
    assert sum(taken.values()) <= PORTFOLIO_BYTES_MAX
