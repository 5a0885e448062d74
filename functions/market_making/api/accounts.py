"""HTTP for operators: trading accounts at exchanges."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common import aws
from common.domain.story_versions import acted
from common.http import caller
from common.keys import ORDER_ID_PATTERN
from common.wire import Exchange, OperatorAct, OperatorOutcomeView, View
from functions.market_making.api.door import AccountId, app
from functions.market_making.model import ORDERS_PER_ACCOUNT_MAX, SHARDS
from functions.market_making.wiring import halting, overseeing

Shard = Annotated[str, Field(pattern=f"^({'|'.join(SHARDS)})$")]
HaltId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]


class TradingAccountView(View):
    account_id: str
    exchange: str
    capacity: int = Field(description="so many orders at once")
    orders: int = Field(description="that it carries now")
    enabled: bool = Field(description="a disabled one takes no more orders")
    shard: str = Field(description="whose ticker quotes for it")
    fee_coin: str | None = Field(description="in which the exchange takes its fees there, if not in what is received")


class TradingAccountList(View):
    items: list[TradingAccountView]


class TradingAccountRequest(OperatorAct):
    """An account at an exchange whose orders are market making's alone. Its keys are a secret of its name."""

    exchange: Exchange
    capacity: Annotated[int, Field(ge=0, le=ORDERS_PER_ACCOUNT_MAX, strict=True, description="so many orders at once")]
    enabled: Annotated[
        bool | None, Field(strict=True, description="left out, it stays as it is; a new one is enabled")
    ] = None
    shard: Annotated[
        Shard | None, Field(description="whose ticker quotes for it; it never changes while it carries orders")
    ] = None
    fee_coin: Annotated[
        str | None,
        Field(
            pattern="^[A-Z0-9]{0,20}$",
            examples=["BNB"],
            description="in which the exchange takes its fees there, if not in what is received: no order of it is "
            'opened there. "": in none',
        ),
    ] = None


@app.get("/operations/trading-accounts", tags=["operators"], summary="Market making's accounts at exchanges")
def trading_accounts() -> TradingAccountList:
    """Each with how many orders it carries, and how many it may."""
    caller(app).must_be_viewer()
    return TradingAccountList(
        items=[
            TradingAccountView(
                account_id=account.account_id,
                exchange=account.exchange,
                capacity=account.capacity,
                orders=account.orders,
                enabled=account.enabled,
                shard=account.shard,
                fee_coin=account.fee_coin,
            )
            for account in overseeing().accounts()
        ]
    )


@app.put("/operations/trading-accounts/<account_id>", tags=["operators"], summary="Write a trading account")
def save_trading_account(account_id: AccountId, body: TradingAccountRequest) -> OperatorOutcomeView:
    """A new one, or a change: what is left out stays as it is. Its keys are kept elsewhere, under its name."""
    operator = caller(app).must_be_operator()
    save = overseeing().save_account
    return acted(
        aws.table(),
        None,
        body,
        lambda tried: save(
            account_id,
            body.exchange,
            body.capacity,
            body.enabled,
            body.reason,
            operator,
            dry_run=tried,
            shard=body.shard,
            fee_coin=body.fee_coin,
        ),
    )


@app.post("/operations/trading-accounts/<account_id>/halt", tags=["operators"], summary="Stop quoting on an account")
def halt_account(account_id: AccountId, body: OperatorAct) -> OperatorOutcomeView:
    """All that is open there is cancelled. Another operator lifts it."""
    operator = caller(app).must_be_operator()
    act = halting().halt
    return acted(aws.table(), None, body, lambda tried: act(account_id, body.reason, operator, dry_run=tried))


@app.post("/operations/halts/<halt_id>/lift", tags=["operators"], summary="Let an account be quoted on again")
def lift_halt(halt_id: HaltId, body: OperatorAct) -> OperatorOutcomeView:
    """Refused as long as the exchange has less there than is owed. Of an order: its owner may resume it."""
    operator = caller(app).must_be_either()  # where all operators have halted it, an approver
    act = halting().lift
    return acted(aws.table(), halt_id, body, lambda tried: act(halt_id, body.reason, operator, dry_run=tried))
