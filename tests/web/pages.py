"""Each page of the console, with something in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from playwright.sync_api import Page, expect

from common.domain.catalogue import past_prices
from common.domain.catalogue.model import Quote, full_hour_after
from common.gateways.exchange import Side
from common.gateways.exchange.maker import OwnTrade
from common.money import Price
from common.owner import Owner
from functions.billing.model import AccountType, bill_id, dealer_id
from functions.market_making import quotes_store
from functions.market_making.model import FIRST_SHARD
from functions.market_making.quotes import Fill, brought
from tests.billing.dealership import CME_ID
from tests.desk import Desk
from tests.market_making.market import ACCOUNT, Market
from tests.market_making.written import Written
from tests.seen import an_event
from tests.web.conftest import Tabs

BILL = bill_id(AccountType.COMMISSION, "deal-1", dealer_id(CME_ID))  # of this dealer's first deal
GO = "path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }"


def paths(
    stuck: str,
    order_id: str,
    quote_id: str,
    purchase_id: str,
    sale_id: str,
    markets: tuple[str, str],
    told: tuple[str, str, str],
) -> dict[str, tuple[str | None, str]]:
    """Each page's name; who looks at it, and its path."""
    return {
        "sign-in": (None, "/"),
        "work": ("olga", "/work"),
        "story": ("olga", f"/work/{stuck}"),
        "machines": ("olga", "/machines"),
        "machine": ("olga", "/machines/payout"),
        "approvals": ("olga", "/approvals"),
        "found": ("olga", "/find/ann"),
        "parked": ("olga", "/parked"),
        "halts": ("olga", "/halts"),
        "customer": ("olga", "/customers/ann"),
        "books": ("olga", "/books"),
        "audit": ("olga", "/audit"),
        "catalogue": ("olga", "/catalogue"),
        "asset": ("olga", "/catalogue/BTC"),
        "pools": ("olga", "/pools"),
        "users": ("olga", "/users"),
        "dealers": ("olga", "/dealers"),
        "dealer": ("olga", f"/dealers/{CME_ID}"),
        "trading-accounts": ("olga", "/trading-accounts"),
        "trading-account": ("olga", f"/trading-accounts/{ACCOUNT}"),
        "portfolio": ("ann", "/portfolio"),
        "orders": ("ann", "/orders"),
        "order": ("ann", f"/orders/{order_id}"),
        "trade": ("ann", "/trade?asset=BTC"),
        "price": ("ann", f"/trade/{quote_id}?quantity=0.75"),
        "exchange": ("ann", "/exchange"),
        "purchase": ("ann", f"/purchases/{purchase_id}"),
        "sale": ("ann", f"/sales/{sale_id}"),
        "cash-outs": ("ann", "/cash-outs"),
        "cash-out": ("ann", f"/cash-outs/{stuck}"),
        "cash-out-new": ("ann", "/cash-outs/new"),
        "withdrawals": ("ann", "/withdrawals"),
        "withdrawal": ("ann", f"/withdrawals/{told[2]}"),
        "market-making": ("ann", "/market-making"),
        "market-making-new": ("ann", "/market-making/new"),
        "market-making-paying": ("ann", f"/market-making/{markets[0]}"),
        "market-making-quoting": ("ann", f"/market-making/{markets[1]}"),
        "market-making-settings": ("ann", f"/market-making/{markets[1]}/settings"),
        "account": ("ann", "/account"),
        "recurring": ("ann", "/recurring"),
        "plan": ("ann", f"/recurring/{told[0]}"),
        "statements": ("ann", "/statements"),
        "webhooks": ("ann", "/webhooks"),
        "webhook": ("ann", f"/webhooks/{told[1]}"),
        "bills": ("dora", f"/billing/{CME_ID}"),
        "bill": ("dora", f"/billing/{CME_ID}/bills/{BILL}"),
        "accounts": ("dora", f"/billing/{CME_ID}/accounts"),
        "dealers-statements": ("dora", f"/billing/{CME_ID}/statements"),
        "nothing": ("ann", "/no-such-page"),
    }


def each_page(tabs: Tabs, desk: Desk, ann: Owner, stuck: str) -> Iterator[tuple[str, Page]]:
    """The name of each, and a tab in which it is loaded."""
    ids = _populated(tabs, desk, ann)
    there: dict[str | None, Page] = {}
    for name, (who, path) in paths(stuck, *ids).items():
        if who in there:
            there[who].evaluate(GO, path)
        else:
            there[who] = tabs.blank(who)
            there[who].clock.set_fixed_time(desk.clock())  # a price is still good
            there[who].goto(f"{tabs.console.url}{path}")
        page = there[who]
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        if name in ("portfolio", "market-making-quoting"):
            expect(page.locator("canvas")).to_be_visible()
        if name == "story":
            page.get_by_role("button", name="offramp mark-filled").click()
        yield name, page


def _populated(tabs: Tabs, desk: Desk, ann: Owner) -> tuple[str, str, str, str, tuple[str, str], tuple[str, str, str]]:
    """A desk with something on each page; the ids of an order, a quote, a purchase, a sale; of two market-making
    orders, one to be paid and one that quotes; of a recurring buy, a webhook's endpoint and a withdrawal."""
    assert tabs.console.doors is not None
    _past(desk, ann)
    desk.list_exchange_asset("SOL", "100")
    desk.purchase(ann, usd="50.00")
    desk.run()
    desk.mark("SOL", "100")
    purchased = desk.purchase(ann, usd="12.00")
    sold_there = desk.sale(ann, "0.05")
    desk.mark("BTC", "112.34567")
    sold = desk.sell(ann, "1.25")
    desk.buy(ann, "0.5", order_price="99.5")
    desk.cash_out(ann, "0.5", "56.17")
    desk.mark("BTC", "104.5")
    desk.events.receive(an_event(desk, "pay-1", event_id="evt_1"))
    desk.halt("purchases")
    olga, customer = tabs.console.doors.operator("olga"), tabs.console.doors.customer("ann")
    olga.post("/operations/users/ann/tier", {"tier": "GOLD", "reason": "she trades a lot"})
    desk.dealership.active()
    desk.dealership.pay(1_000_00, desk.dealership.billed())
    desk.dealership.billed(invoice=False)
    desk.comparing_bank.round(lambda: True)
    desk.comparing_billing.round(lambda: True)
    desk.cross_checking.round(lambda: True)
    quoted = customer.post("/quotes", {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.75"})
    plan = customer.post("/recurring-buys", {"asset_id": "SOL", "quote_amount": "5.00", "every": "weekly"})
    endpoint = customer.post("/webhooks/endpoints", {"url": "https://hooks.example.com/desk"})
    paid = customer.post("/balance/withdrawals", {"amount": "12.50", "banking_client_id": "ann-bank"})
    told = plan.json["plan_id"], endpoint.json["endpoint_id"], paid.json["transfer_id"]
    customer.post(f"/webhooks/endpoints/{told[1]}/test")
    there = sold.order_id, quoted.json["quote_id"], purchased.order_id, sold_there.order_id
    markets = making(desk.market, ann)
    _trade(desk.market, markets[1])
    return *there, markets, told


def _past(desk: Desk, owner: Owner) -> None:
    """Two days with a price of each hour, and some trades: what is drawn over time has something to draw."""
    for number, cents in enumerate((0, 35, 80, 62, 140, 210, 175, 120, 60, 90, 30, -40, -95, -60, -130, -20) * 3):
        desk.clock.at = full_hour_after(desk.clock.at + timedelta(minutes=1)) + timedelta(seconds=30)
        price = Decimal(100) + Decimal(cents) / 10
        was = Quote(Price(price), "test", desk.clock.at - timedelta(seconds=45))
        desk.table.write(*past_prices.keep("BTC", was, full_hour_after(was.as_of), desk.clock()))
        if number % 12 == 5:
            desk.mark("BTC", str(price))
            (desk.buy if number % 24 == 5 else desk.sell)(owner, "0.4")


def making(market: Market, owner: Owner) -> tuple[str, str]:
    """Orders of hers: one is to be paid, one quotes."""
    written = Written(market, owner)
    for asset, amount in (("BTC", Decimal(1)), ("USDT", Decimal(50_000))):
        market.exchange.venue.deposit(ACCOUNT, asset, amount)
    for _ in range(2):  # placed, and seen
        market.ticking.tick(FIRST_SHARD, market.clock(), lambda: True)
    return written.payable, written.running


def _trade(market: Market, order_id: str) -> None:
    """Its quotes were filled, and booked as by its ticker."""
    before = quotes_store.find(market.table, order_id)
    assert before is not None
    after, much, fills = replace(before, cycle=before.cycle + 1), Decimal("0.002"), []
    for number, price in enumerate(map(Decimal, (60_100, 59_900, 60_150, 60_240, 59_950, 60_060)), 1):
        side, at = Side.SELL if price > 60_000 else Side.BUY, market.clock() - timedelta(minutes=90 - 12 * number)
        trade = OwnTrade(number, "7", side, price, much, much * price, Decimal("0.12"), "USDT", True, at)
        base, quote = brought(trade, ("BTC", "USDT"))
        tally = after.tally.with_trade(trade, after.base, ("BTC", "USDT"))
        after = replace(after, base=after.base + base, quote=after.quote + quote, tally=tally)
        fills.append(Fill(trade, "b1", completes=False, fee=trade.fee))
    market.table.write(*quotes_store.write(before, after, fills, market.clock()))
