"""Where a customer's money is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import clock
from common.domain.clients import Client
from common.domain.fees import Tier
from common.domain.holds import HeldBalance, OpenThing
from common.domain.ledger.model import USD, AssetTransaction, Holding
from common.domain.ledger.moves import Move
from common.domain.limits import LimitToday
from common.domain.persons import AccountState, Person
from common.http import caller
from common.keys import USERNAME_PATTERN
from common.money import Money, plain
from common.pages import LIMIT_DEFAULT
from common.wire import Amount, InstantText, View
from functions.operations.api.door import Limit, app
from functions.operations.wiring import customers, operations

Username = Annotated[str, Path(pattern=USERNAME_PATTERN)]
Days = Annotated[int, Query(ge=1, le=366, description="how far back to look")]


class CustomersAssetView(View):
    """Coins: `quantity` is free, `held_quantity` reserved."""

    asset_id: str
    quantity: str
    held_quantity: str


class CustomersHeldView(View):
    """What is held of one balance, and by what. `held` is the holds together with what is unexplained."""

    asset_id: str = Field(description="USD: dollars")
    held: str
    by: list[str] = Field(description="the ids of what holds it, oldest first")
    unexplained: str = Field(description="0, except for a moment while something moves, or where something is wrong")


class CustomersOpenView(View):
    """Something that is not over."""

    id: str
    kind: str
    asset_id: str
    status: str
    since: InstantText
    expires_at: InstantText | None
    waits_for: str = Field(description="as its customer reads it")
    holds: str | None = Field(description="dollars or coins; null: nothing")
    holds_asset_id: str | None


class CustomersMoveView(View):
    """A line of the journal."""

    transaction_type: str = Field(description="DEPOSIT, WITHDRAW, BUY or SELL")
    amount: str = Field(description="dollars")
    asset_id: str
    quantity: str = Field(description="of the asset")
    order_id: str
    created_at: InstantText


class CustomersDollarsView(CustomersMoveView):
    balance_after: str | None = Field(description="dollars after it, free and held; null: too much has moved since")


class CustomersClientView(View):
    client_id: str
    kind: str
    status: str
    account_id: str | None
    account_state: AccountState | None
    updated_at: InstantText


class LimitView(View):
    """A limit of today (UTC). Payouts are withdrawals and cash-outs together; what operators credit counts nowhere."""

    kind: str = Field(description="DEPOSIT or PAYOUT")
    limit: str = Field(description="in dollars, a day (UTC)")
    used: str = Field(description="of it, today")
    left: str = Field(description="what may still be done today")


class CustomerView(View):
    """All of one account, a moment old."""

    username: str
    tier: Tier
    current_balance: str = Field(description="free dollars")
    held_balance: str
    assets: list[CustomersAssetView]
    held: list[CustomersHeldView] = Field(description="dollars first, and each asset of which something is held")
    open: list[CustomersOpenView] = Field(description="oldest first")
    moves: list[CustomersDollarsView] = Field(description="the last that moved his dollars, newest first")
    clients: list[CustomersClientView]
    limits: list[LimitView]


class MovesOfAmountView(View):
    items: list[CustomersMoveView]
    complete: bool = Field(description="whether all of the days were looked at, and all that was found is here")


@app.get("/operations/customers/<username>", tags=["operators"], summary="Where a customer's money is")
def customer(username: Username) -> CustomerView:
    """What he has, what is held and what for, what is open, his clients, and what moved last."""
    caller(app).must_be_viewer()
    found, person = customers().customer(username), operations().persons.of(username)
    balance = found.account.balance
    return CustomerView(
        username=username,
        tier=balance.tier,
        current_balance=str(balance.current),
        held_balance=str(balance.held),
        assets=[_asset(holding) for holding in found.account.holdings],
        held=[_held(each) for each in found.account.held],
        open=[_open(thing) for thing in found.account.open],
        moves=[_dollars(move) for move in found.moves],
        clients=[_client(each, person) for each in found.clients],
        limits=[_limit(each) for each in found.limits],
    )


@app.get("/operations/customers/<username>/moves", tags=["operators"], summary="A customer's moves of one amount")
def moves_of_amount(
    username: Username,
    amount: Annotated[Amount, Query(description="dollars, or a quantity of an asset")],
    days: Days = 30,
    limit: Limit = LIMIT_DEFAULT,
) -> MovesOfAmountView:
    """Newest first."""
    caller(app).must_be_viewer()
    found = customers().moves_of(username, amount, clock.now() - timedelta(days=days), limit)
    return MovesOfAmountView(items=[_move(line) for line in found.moves], complete=found.complete)


def _client(client: Client, person: Person) -> CustomersClientView:
    account = person.told(client.account)
    return CustomersClientView(
        client_id=client.client_id,
        kind=client.kind,
        status=client.status,
        account_id=None if account is None else account.account_id,
        account_state=None if account is None else account.state,
        updated_at=client.updated_at,
    )


def _asset(holding: Holding) -> CustomersAssetView:
    return CustomersAssetView(
        asset_id=holding.asset_id,
        quantity=plain(holding.quantity.amount),
        held_quantity=plain(holding.held_quantity.amount),
    )


def _held(balance: HeldBalance) -> CustomersHeldView:
    return CustomersHeldView(
        asset_id=balance.asset_id,
        held=_written(balance.held, balance.asset_id),
        by=[thing.thing_id for thing in balance.holds],
        unexplained=_written(balance.unexplained, balance.asset_id),
    )


def _open(thing: OpenThing) -> CustomersOpenView:
    hold = thing.hold
    return CustomersOpenView(
        id=thing.thing_id,
        kind=thing.kind,
        asset_id=thing.asset_id,
        status=thing.status,
        since=thing.since,
        expires_at=thing.expires_at,
        waits_for=thing.waits_for,
        holds=None if hold is None else _written(hold.amount, hold.asset_id),
        holds_asset_id=None if hold is None else hold.asset_id,
    )


def _move(line: AssetTransaction) -> CustomersMoveView:
    return CustomersMoveView(**_told(line))


def _dollars(move: Move) -> CustomersDollarsView:
    after = None if move.after is None else str(Money(move.after))
    return CustomersDollarsView(**_told(move.line), balance_after=after)


def _told(line: AssetTransaction) -> dict[str, Any]:
    return {
        "transaction_type": line.transaction_type,
        "amount": str(line.total_amount),
        "asset_id": line.quantity.asset_id,
        "quantity": _written(line.quantity.amount, line.quantity.asset_id),
        "order_id": line.order_id,
        "created_at": line.created_at,
    }


def _written(amount: Decimal, asset_id: str) -> str:
    return str(Money(amount)) if asset_id == USD else plain(amount)


def _limit(today: LimitToday) -> LimitView:
    return LimitView(kind=today.kind, limit=str(today.limit), used=str(today.used), left=str(today.left))
