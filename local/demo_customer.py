"""A small customer's day at the desk, on a local stack: in for four dollars, out again to the last unit, and a page
that tells all of it. His own program is told of each step by a webhook, and verifies it.

Each step is a thing that he does, with what came of it: a new one takes its place in `STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from local.seed import Desk
from local.telling import Customer, StoryFailed, Tell, Teller, eventually, ok, reconcile
from local.webhooks import heard, hears
from sandbox.receiver import Receiver

SMALL, HIS, HERS = "XRP", "4.00", "7.00"  # dollars: alone neither is enough for the exchange
COINS, QUOTED, EACH_DAY = "BTC", "50.00", "12.00"
BUY_RECURRING = "cryptodesk-purchases-buy-recurring"  # the clock comes every minute
PATIENCE_SECONDS = 120.0
LAST_MOVES = 5

Facts = dict[str, Any]


@dataclass(frozen=True)
class Day:
    """What every step needs."""

    desk: Desk
    customer: Customer
    friend: Customer
    tell: Tell
    receiver: Receiver

    def heard(self, type_: str, thing_id: str) -> None:
        """His program was told, and has verified who says it. Raises StoryFailed."""
        event = heard(self.desk, self.receiver, type_, thing_id)
        self.tell(f"  his program hears {event.type} of {thing_id[:7]}…, signed, as {event.webhook_id[:7]}…")

    def over(self, customer: Customer, route: str, began: str) -> Facts:
        """What it is that was begun, when it is over. Raises StoryFailed."""
        now: Facts = {}

        def is_over() -> bool:
            nonlocal now
            now = customer.get(route)
            return now["status"] not in ("PENDING", "BASE_TXN_PENDING", "BASE_TXN_COMPLETED", "TARGET_TXN_PENDING")

        eventually(is_over, lambda: f"{began} is {now['status']}", patience_seconds=PATIENCE_SECONDS)
        if now["status"] not in ("COMPLETED", "FILLED"):
            raise StoryFailed(f"{began} is {now['status']}: {now['reason']}")
        return now


def story(desk: Desk, username: str, _: Path, tell: Teller) -> Facts:
    """What each step came to, by its name. Raises StoryFailed."""
    desk.tend_market()
    return play(desk, username, tell)


def play(desk: Desk, username: str, tell: Tell) -> Facts:
    """As `story`, with prices as they are."""
    names = (username, f"{username}-friend")
    for name in names:
        desk.sign_up(name)
    with desk.http(names[0]) as own, desk.http(names[1]) as friends, Receiver() as receiver:
        day = Day(desk, Customer(own, names[0]), Customer(friends, names[1]), tell, receiver)
        for customer in (day.customer, day.friend):
            customer.post("/users")
            customer.post("/balance/deposits", amount="100.00")
        desk.clients(username)
        tell(f"{username} and a friend deposit $100.00 each")
        hears(receiver, own)
        tell(f"his program listens on {receiver.url}")
        facts = {step.__name__: step(day) for step in STEPS}
        if receiver.refused:
            raise StoryFailed(f"{receiver.refused} webhooks were not signed as they should be")
    for name in names:
        lines = reconcile(desk, name)
        tell(f"the books: {lines} lines of {name}'s journal add up to every balance, to the last digit")
    return facts


def bought_together(day: Day) -> Facts:
    """Four dollars are less than the exchange's smallest order: a friend's go with them."""
    asked = [
        (customer, customer.post("/purchases", asset_id=SMALL, quote_amount=usd))
        for customer, usd in ((day.customer, HIS), (day.friend, HERS))
    ]
    if any(purchase["strategy"] != "POOLED" for _, purchase in asked):
        raise StoryFailed(f"not pooled: {asked}")
    day.tell(f"buys {SMALL} for ${HIS}, in a pool with ${HERS} of his friend")
    done = [day.over(customer, f"/purchases/{one['order_id']}", "the purchase") for customer, one in asked]
    for customer, one in zip((day.customer, day.friend), done, strict=True):
        got, paid, back = one["executed_quantity"], one["total_amount"], one["refunded_amount"]
        day.tell(f"  {customer.username} has {got} {SMALL} for ${paid}, ${back} came back")
    day.heard("purchase.completed", done[0]["order_id"])
    return done[0]


def sold_together_and_withdrawn(day: Day) -> Facts:
    """All of it, whatever it is; what the exchange takes no lot of the desk buys. Then the dollars go to his bank."""
    asked = [(c, c.post("/sales", asset_id=SMALL, quantity="all")) for c in (day.customer, day.friend)]
    day.tell(f"sells all of it, in a pool with his friend's: {asked[0][1]['quantity']} {SMALL}")
    done = [day.over(customer, f"/sales/{sale['order_id']}", "the sale") for customer, sale in asked]
    sold = done[0]
    if sold["executed_quantity"] != sold["quantity"]:
        raise StoryFailed(f"not all was sold: {sold}")
    left = day.customer.get(f"/balances/{SMALL}")
    if (left["quantity"], left["held_quantity"]) != ("0", "0"):
        raise StoryFailed(f"something is left: {left}")
    day.tell(f"  all of it is ${sold['total_amount']}, and nothing is left of it")
    day.heard("sale.completed", sold["order_id"])
    bank = f"{day.customer.username}-bank"
    asked_for = day.customer.post("/balance/withdrawals", amount=sold["total_amount"], banking_client_id=bank)
    gone = day.over(day.customer, f"/balance/withdrawals/{asked_for['transfer_id']}", "the withdrawal")
    day.tell(f"  ${gone['amount']} are withdrawn: {gone['status']} at his bank")
    day.heard("withdrawal.completed", gone["transfer_id"])
    return {"sale": sold, "withdrawal": gone}


def bought_at_a_quote(day: Day) -> Facts:
    """A price that is good for 15 seconds, for him and for one order."""
    asked = {"asset_id": COINS, "order_type": "BUY", "quote_amount": QUOTED}
    quote = day.customer.post("/quotes", **asked)
    day.tell(f"asks for a quote: {quote['quantity']} {COINS} for ${quote['total_amount']}, good for 15 s")
    order = day.customer.post("/orders", **asked, quote_id=quote["quote_id"])
    if any(order[name] != quote[name] for name in ("quantity", "price_per_unit", "total_amount")):
        raise StoryFailed(f"not what was promised: {order}, {quote}")
    day.tell(f"  an order at it: {order['status']}, just as was promised")
    day.heard("order.completed", order["order_id"])
    again = day.customer.refused("/orders", **asked, quote_id=quote["quote_id"])
    day.tell(f"  another one at it: {again['type'].rpartition('/')[2]}, {again['detail']}")
    return order


def bought_every_day(day: Day) -> Facts:
    """The first date is now. He thinks better of it, and sells what it has brought."""
    plan = day.customer.post("/recurring-buys", asset_id=SMALL, quote_amount=EACH_DAY, every="daily")
    day.tell(f"buys {SMALL} for ${EACH_DAY} every day, from now on")
    route, dates = f"/recurring-buys/{plan['plan_id']}", list[Facts]()

    def is_dealt_with() -> bool:
        day.desk.invoke(BUY_RECURRING)
        dates.extend(day.customer.get(f"{route}/dates")["items"])
        return bool(dates)

    eventually(is_dealt_with, lambda: f"the first date of {plan['plan_id']} passes", patience_seconds=PATIENCE_SECONDS)
    if dates[0]["order_id"] is None:
        raise StoryFailed(f"skipped: {dates[0]['reason']}")
    bought = day.over(day.customer, f"/purchases/{dates[0]['order_id']}", "the first day's purchase")
    day.tell(f"  today: {bought['executed_quantity']} {SMALL} for ${bought['total_amount']}")
    day.heard("purchase.completed", bought["order_id"])
    following = day.customer.get(route)["next_at"][:10]
    day.tell(
        f"  the next would be {following}; he thinks better of it: {day.customer.post(f'{route}/cancel')['status']}"
    )
    asked = day.customer.post("/sales", asset_id=SMALL, quantity="all")
    sold = day.over(day.customer, f"/sales/{asked['order_id']}", "the sale")
    day.tell(f"  all of it is ${sold['total_amount']} again")
    day.heard("sale.completed", sold["order_id"])
    return {"bought": bought, "sold": sold}


def a_page_of_all_of_it(day: Day) -> Facts:
    """One call each for what he has, with what it cost and gained; what is held and why; what is open; what moved."""
    price = Decimal(day.customer.get(f"/assets/{COINS}")["price"])
    limit = f"{price * Decimal('0.9'):.2f}"
    waits = day.customer.post("/orders", asset_id=COINS, order_type="BUY", quantity="0.0002", order_price=limit)
    portfolio = day.customer.get("/portfolio")
    worth, free, realised = (portfolio[n] for n in ("total_portfolio_value", "current_balance", "realised_gain"))
    day.tell(f"his page: ${worth} in all, ${free} of it free; ${realised} are realised")
    for position in portfolio["asset_balances"]:
        day.tell(
            f"  {position['quantity']} {position['asset_id']}: cost ${position['cost_basis']}, realised "
            f"${position['realised_gain']}, unrealised ${position['unrealised_gain']}"
        )
    for balance in portfolio["holds"]:
        for hold in balance["holds"]:
            day.tell(f"  {hold['amount']} {balance['asset_id']} held for the {hold['kind']}: {hold['waits_for']}")
        if Decimal(balance["unexplained"]):
            raise StoryFailed(f"held, and nobody knows what for: {balance}")
    if [thing["id"] for thing in portfolio["open"]] != [waits["order_id"]]:
        raise StoryFailed(f"open should be {waits['order_id']} alone: {portfolio['open']}")
    moves = ok(day.customer.http.get("/balance/transactions", params={"limit": LAST_MOVES})).json()
    for move in moves["items"]:
        day.tell(
            f"  {move['created_at'][11:19]} {move['transaction_type']:<8} ${move['amount']:>7} of {move['asset_id']}"
        )
    day.customer.post(f"/orders/{waits['order_id']}/cancel")
    day.heard("order.cancelled", waits["order_id"])
    return {"portfolio": portfolio, "moves": moves["items"]}


def cashed_out(day: Day) -> Facts:
    """Everything of a coin goes to his bank by one call: lots to the exchange, the rest to the desk."""
    name = day.customer.username
    clients = {"crypto_client_id": f"{name}-crypto", "banking_client_id": f"{name}-bank"}
    asked = day.customer.post("/crypto/order/sell", asset_id=COINS, quantity="all", **clients)
    done = day.over(day.customer, f"/crypto/order/sell/{asked['order_id']}", "the cash-out")
    if done["executed_quantity"] != done["quantity"]:
        raise StoryFailed(f"not all was sold: {done}")
    by_desk = f", {done['desk_quantity']} of it to the desk itself" if done["desk_quantity"] else ""
    day.tell(f"cashes out all of his {COINS}: {done['quantity']}{by_desk}; ${done['total_amount']} are at his bank")
    day.heard("sell_order.filled", done["order_id"])
    return done


STEPS: tuple[Callable[[Day], Facts], ...] = (
    bought_together,
    sold_together_and_withdrawn,
    bought_at_a_quote,
    bought_every_day,
    a_page_of_all_of_it,
    cashed_out,
)
