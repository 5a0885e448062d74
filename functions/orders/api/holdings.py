"""What a customer has, and what it is worth."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from common import clock
from common.domain.holds import Explained, Kind, OpenThing
from common.domain.ledger.model import USD, Holding, Position, PriceStatus
from common.http import caller
from common.money import Money, plain
from common.wire import InstantText, View
from functions.orders.api.door import AssetInPath, app, orders, text_of

ROUTES = {  # that tell what is open
    Kind.ORDER: "/orders",
    Kind.PURCHASE: "/purchases",
    Kind.SALE: "/sales",
    Kind.CASH_OUT: "/crypto/order/sell",
    Kind.WITHDRAWAL: "/balance/withdrawals",
    Kind.MARKET_MAKING: "/market-making/orders",
}


class HoldingView(View):
    """`quantity` is free, `held_quantity` reserved for open sales; cost is spread over both."""

    asset_id: str
    quantity: str
    held_quantity: str
    average_purchase_price: str | None
    cost_basis: str
    realised_gain: str
    total_bought: str
    total_sold: str
    last_transaction_at: InstantText
    updated_at: InstantText


class HoldingList(View):
    items: list[HoldingView]


class PositionView(HoldingView):
    """A missing or stale price is said, and a missing one gives no value rather than 0."""

    price: str | None
    price_status: PriceStatus
    price_as_of: InstantText | None
    market_value: str | None
    unrealised_gain: str | None
    allocation_percent: str | None


class OpenView(View):
    """Something of yours that is not over. `kind` and `route` say what it is, and where it is told in full."""

    id: str
    kind: Kind
    asset_id: str
    status: str
    since: InstantText
    expires_at: InstantText | None
    waits_for: str
    route: str


class HoldView(OpenView):
    amount: str = Field(description="what it holds: dollars with USD, else coins")


class HeldBalanceView(View):
    """What is held of one of your balances, and what each part of it is for: together they are `held`."""

    asset_id: str = Field(description="USD: your dollars")
    held: str
    holds: list[HoldView] = Field(description="oldest first")
    unexplained: str = Field(
        description="what `held` is above the holds: 0, but for a moment while something moves. Tell us if it stays"
    )


class HoldsView(View):
    balances: list[HeldBalanceView] = Field(description="dollars first, and each asset of which something is held")


class PortfolioView(View):
    """US dollars. Totals are over the positions that have a price; `complete` says that all have a fresh one."""

    username: str
    usd_balance: str = Field(description="free and held dollars together")
    current_balance: str
    held_balance: str
    usd_allocation_percent: str | None
    asset_balances: list[PositionView]
    asset_count: int
    total_asset_value: str
    total_portfolio_value: str
    realised_gain: str
    unrealised_gain: str
    complete: bool
    holds: list[HeldBalanceView] = Field(description="as of `GET /balance/holds`")
    open: list[OpenView] = Field(description="all that is not over, whether it holds something or not, oldest first")
    as_of: InstantText


@app.get("/balances", tags=["holdings"], summary="Your assets")
def balances() -> HoldingList:
    """Of each asset what is free and what is reserved, what it has cost you, and what sales have brought."""
    _, holdings = orders().holdings(caller(app).owner)
    return HoldingList(items=[_holding(holding) for holding in holdings])


@app.get("/balances/<asset_id>", tags=["holdings"], summary="One of your assets")
def asset_balance(asset_id: AssetInPath) -> HoldingView:
    """What is free and what is reserved of it, what it has cost you, and what sales have brought."""
    return _holding(orders().holding(caller(app).owner, asset_id))


@app.get("/balance/holds", tags=["holdings"], summary="What of your dollars and coins is held, and what for")
def held() -> HoldsView:
    """For each balance, each order or withdrawal that holds some of it; together they are what is held."""
    return HoldsView(balances=_holds(orders().explained(caller(app).owner)))


@app.get("/portfolio", tags=["holdings"], summary="What it is all worth")
def portfolio() -> PortfolioView:
    """Your dollars, and each asset with its value and gain at the price of now; what is held, and what is open."""
    explained = orders().explained(caller(app).owner)
    found = orders().valued(explained.balance, explained.holdings)
    balance = found.balance
    return PortfolioView(
        username=balance.username,
        usd_balance=str(balance.total),
        current_balance=str(balance.current),
        held_balance=str(balance.held),
        usd_allocation_percent=_percent(found.usd_allocation_percent),
        asset_balances=[_position(position) for position in found.positions],
        asset_count=len(found.positions),
        total_asset_value=str(found.total_asset_value),
        total_portfolio_value=str(found.total_portfolio_value),
        realised_gain=str(found.realised_gain),
        unrealised_gain=str(found.unrealised_gain),
        complete=found.complete,
        holds=_holds(explained),
        open=[OpenView(**_open(thing)) for thing in explained.open],
        as_of=clock.now(),
    )


def _holds(found: Explained) -> list[HeldBalanceView]:
    return [
        HeldBalanceView(
            asset_id=balance.asset_id,
            held=_amount(balance.asset_id, balance.held),
            holds=[
                HoldView(**_open(thing), amount=_amount(thing.hold.asset_id, thing.hold.amount))
                for thing in balance.holds
                if thing.hold is not None
            ],
            unexplained=_amount(balance.asset_id, balance.unexplained),
        )
        for balance in found.held
    ]


def _open(thing: OpenThing) -> dict[str, Any]:
    return {
        "id": thing.thing_id,
        "kind": thing.kind,
        "asset_id": thing.asset_id,
        "status": thing.status,
        "since": thing.since,
        "expires_at": thing.expires_at,
        "waits_for": thing.waits_for,
        "route": f"GET {ROUTES[thing.kind]}/{thing.thing_id}",
    }


def _amount(asset_id: str, amount: Decimal) -> str:
    return str(Money(amount)) if asset_id == USD else plain(amount)


def _percent(share: Decimal | None) -> str | None:
    return None if share is None else f"{share:.2f}"


def _holding(holding: Holding) -> HoldingView:
    return HoldingView(
        asset_id=holding.asset_id,
        quantity=plain(holding.quantity.amount),
        held_quantity=plain(holding.held_quantity.amount),
        average_purchase_price=text_of(holding.average_purchase_price),
        cost_basis=str(holding.cost_basis),
        realised_gain=str(holding.realised_gain),
        total_bought=plain(holding.total_bought.amount),
        total_sold=plain(holding.total_sold.amount),
        last_transaction_at=holding.last_transaction_at,
        updated_at=holding.updated_at,
    )


def _position(position: Position) -> PositionView:
    return PositionView(
        **dict(_holding(position.holding)),
        price=None if position.mark is None else str(position.mark.price),
        price_status=position.price_status,
        price_as_of=None if position.mark is None else position.mark.as_of,
        market_value=text_of(position.value),
        unrealised_gain=text_of(position.unrealised_gain),
        allocation_percent=_percent(position.allocation_percent),
    )
