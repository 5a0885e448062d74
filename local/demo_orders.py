"""Orders as a customer sees them, driven through the real HTTP API of a local stack, with a picture at the end.

A new customer signs up, deposits, buys, sells, leaves two limit orders, and watches the simulated market of an asset
move that no other story trades: one order fills, the other expires. What the clock does every minute is asked for at
once, from the same functions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from local.seed import Desk
from local.telling import DRAWING, Customer, StoryFailed, Teller, ok, reconcile, wait_until

EXPIRE_ORDERS = "cryptodesk-orders-expire-orders"
ETHER, ETH, BTC = "ethereum", "ETH", "BTC"
SECONDS_TO_COUNT = 6.1  # common.domain.catalogue.store.NOTICE
LIFETIME = timedelta(seconds=4)  # of the order that expires


@dataclass(frozen=True)
class Moment:
    """A portfolio after a step. US dollars, as strings."""

    step: str
    usd: str
    held_usd: str
    assets: dict[str, str]
    total: str


def story(desk: Desk, username: str, folder: Path, tell: Teller) -> dict[str, Any]:
    """The portfolio at the end, and the picture that was drawn. Raises StoryFailed."""
    moments: list[Moment] = []
    desk.sign_up(username)
    with desk.http(username) as http:
        customer = Customer(http, username)
        customer.post("/users")
        tell(f"{username} signs up and opens an account")
        customer.post("/balance/deposits", amount="10000.00")
        moments.append(_moment(customer, "deposit"))
        tell("deposits $10,000.00")

        _followed(desk, customer)
        bought = customer.post("/orders", asset_id=ETH, order_type="BUY", quantity="0.8")
        tell(f"buys 0.8 ETH at ${bought['price_per_unit']}: ${bought['total_amount']}")
        again = customer.repeat()
        tell(f"sends the same request again: order {again['order_id'][:8]}… as before, nothing moved")
        spent = customer.post("/orders", asset_id=BTC, order_type="BUY", quote_amount="2500.00")
        tell(f"buys BTC for exactly ${spent['total_amount']}: {spent['quantity']} BTC")
        moments.append(_moment(customer, "buy"))

        sold = customer.post("/orders", asset_id=ETH, order_type="SELL", quantity="0.3")
        tell(f"sells 0.3 ETH at ${sold['price_per_unit']}: ${sold['total_amount']}")
        moments.append(_moment(customer, "sell"))
        refused = customer.refused("/orders", asset_id=ETH, order_type="SELL", quantity="20")
        tell(f"tries to sell 20 ETH: {refused['type'].rpartition('/')[2]}, {refused['detail']}")

        price = Decimal(customer.get(f"/assets/{ETH}")["price"])
        limit = f"{price * Decimal('0.95'):.2f}"
        resting = customer.post("/orders", asset_id=ETH, order_type="BUY", quantity="0.5", order_price=limit)
        tell(f"leaves a buy of 0.5 ETH at ${limit}, 5 % below the market: ${resting['held_amount']} are held")
        far = f"{price * 2:.2f}"
        until = datetime.now(UTC) + LIFETIME
        doomed = customer.post(
            "/orders", asset_id=ETH, order_type="SELL", quantity="0.1", order_price=far, expires_at=until.isoformat()
        )
        tell(f"leaves a sale of 0.1 ETH at ${far} that expires in {LIFETIME.seconds} s")
        moments.append(_moment(customer, "orders rest"))

        with _put_back(desk, ETHER):
            for factor in ("0.98", "0.985", "0.98"):
                _move(desk, ETHER, factor)
                price = _followed(desk, customer)
                moments.append(_moment(customer, f"ETH at ${price:,.0f}"))
                tell(f"the market moves: ETH at ${price:,.2f}")
            desk.tend_market()  # what the price has crossed is filled in the next round
            filled = customer.get(f"/orders/{resting['order_id']}")
            if filled["status"] != "COMPLETED":
                raise StoryFailed(f"the resting order is {filled['status']} with ETH at {price}, limit {limit}")
            tell(f"the resting buy has filled at ${filled['price_per_unit']}, better than its limit of ${limit}")

            wait_until(until)
            desk.invoke(EXPIRE_ORDERS)
            expired = customer.get(f"/orders/{doomed['order_id']}")
            if expired["status"] != "CANCELLED":
                raise StoryFailed(f"the order that should have expired is {expired['status']}")
            tell(f"the far sale is {expired['status']}: {expired['reason']}, its 0.1 ETH are free again")

            for factor in ("1.04", "1.03", "1.02"):
                _move(desk, ETHER, factor)
                price = _followed(desk, customer)
                moments.append(_moment(customer, f"ETH at ${price:,.0f}"))
            tell(f"the market recovers: ETH at ${price:,.2f}")

            portfolio = customer.get("/portfolio")
    for position in portfolio["asset_balances"]:
        tell(
            f"{position['asset_id']}: {position['quantity']} worth ${position['market_value']} "
            f"({position['allocation_percent']} %), cost ${position['cost_basis']}, "
            f"unrealised ${position['unrealised_gain']}"
        )
    tell(
        f"portfolio ${portfolio['total_portfolio_value']} "
        f"(realised ${portfolio['realised_gain']}, unrealised ${portfolio['unrealised_gain']})"
    )
    tell(f"the books: {reconcile(desk, username)} lines of the journal add up to every balance, to the last digit")
    picture = folder / "orders.png"
    with DRAWING:
        draw(username, moments, picture)
    tell(f"picture: {picture}")
    return {"portfolio": portfolio, "picture": str(picture)}


def _moment(customer: Customer, step: str) -> Moment:
    p = customer.get("/portfolio")
    return Moment(
        step,
        p["usd_balance"],
        p["held_balance"],
        {a["asset_id"]: a["market_value"] for a in p["asset_balances"]},
        p["total_portfolio_value"],
    )


def _move(desk: Desk, listing_id: str, factor: str) -> None:
    ok(httpx.post(f"{desk.environment.prices_url}/sandbox/move/{listing_id}", json={"factor": factor}, timeout=5))


def _followed(desk: Desk, customer: Customer) -> Decimal:
    """The desk's price when it has followed the source's. A price counts six seconds after it was written, everywhere
    at once, and one at a time is under way: the clock's own round may have just begun one. Raises StoryFailed."""
    for _ in range(5):
        desk.tend_market()
        time.sleep(SECONDS_TO_COUNT)
        ours, theirs = Decimal(customer.get(f"/assets/{ETH}")["price"]), _source(desk)["quoted_usd"]
        if abs(ours / Decimal(theirs) - 1) < Decimal("0.002"):
            return ours
    raise StoryFailed(f"the desk's price is {ours}, the source's {theirs}")


def _source(desk: Desk) -> dict[str, Any]:
    state = ok(httpx.get(f"{desk.environment.prices_url}/sandbox/state", timeout=5)).json()
    listing: dict[str, Any] = state["prices"][ETHER]
    return listing


@contextmanager
def _put_back(desk: Desk, listing_id: str) -> Iterator[None]:
    """Whatever the demo does to the market, the next one begins where this one did."""
    before = _source(desk)
    try:
        yield
    finally:
        set_again = {"usd": before["usd"], "walk": before["walk"]}
        httpx.put(f"{desk.environment.prices_url}/sandbox/prices/{listing_id}", json=set_again, timeout=5)


def draw(username: str, moments: Sequence[Moment], picture: Path) -> None:
    """The portfolio over the steps of the story: dollars and each asset, one on the other."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    steps = [moment.step for moment in moments]
    assets = sorted({asset for moment in moments for asset in moment.assets})
    layers = [[float(m.usd) for m in moments]]
    layers += [[float(m.assets.get(asset, "0")) for m in moments] for asset in assets]
    figure, axes = plt.subplots(figsize=(10, 5), layout="constrained")
    axes.stackplot(range(len(steps)), layers, labels=["USD", *assets], alpha=0.85)
    axes.plot(range(len(steps)), [float(m.total) for m in moments], color="black", marker="o", label="total")
    axes.set_xticks(range(len(steps)), steps, rotation=35, ha="right")
    axes.set_ylabel("US dollars")
    axes.set_title(f"Portfolio of {username}")
    axes.yaxis.set_major_formatter(lambda value, _: f"${value:,.0f}")
    axes.legend(loc="lower left")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)
