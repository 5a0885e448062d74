"""HTTP: market-making orders of customers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator, Field

from common import aws, clock, http
from common.campaigns import Kind, campaign_id
from common.campaigns import Status as CampaignStatus
from common.custody import User
from common.domain.comparisons import Comparison
from common.domain.custody.model import Outgoing
from common.http import IdempotencyKey, answer, caller
from common.keys import ORDER_ID_PATTERN
from common.money import Quantity, fraction_digits, plain
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors
from common.settings import settings
from common.wire import Amount, InstantText, OneOf, OperatorAct, OperatorOutcomeView, RequestBody, View
from functions.market_making import configuration, hummingbot
from functions.market_making.campaigns import Choice, Expected, Taking
from functions.market_making.model import (
    CUSTODY_DECIMALS,
    ORDERS_PER_ACCOUNT_MAX,
    SHARDS,
    Leg,
    Order,
    Pair,
    Status,
    Terms,
)
from functions.market_making.quotes import Quotes
from functions.market_making.quotes_store import TradeItem
from functions.market_making.service.booked import DESK, HELD, UNSENT, WAITING
from functions.market_making.service.campaigning import Period
from functions.market_making.service.opening import memo_of, to_pay
from functions.market_making.service.overseeing import Life
from functions.market_making.service.steering import Configured
from functions.market_making.wiring import campaigning, comparing, halting, opening, overseeing, quoting, steering

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
TradeId = Annotated[str, Query(pattern="^[0-9]{1,19}$", examples=["28457"])]
FILLS_MAX = 1_000  # lines of one CSV
UUID_PATTERN = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
PairId = Annotated[str, Path(pattern=UUID_PATTERN)]
Shard = Annotated[str, Field(pattern=f"^({'|'.join(SHARDS)})$")]
HaltId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
AccountId = Annotated[str, Path(pattern="^[a-z][a-z0-9-]{1,20}$")]
Exchange = Annotated[str, Field(pattern=r"^[a-z0-9]{2,20}$", examples=["binance"])]
MixinAsset = Annotated[
    str,
    Field(pattern=UUID_PATTERN, description="at Mixin", examples=["c6d0c728-2624-429b-8e0d-d9d19b6592fa"]),
]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}-[A-Z0-9]{1,20}$", examples=["BTC-USDT"])]
ContractAddress = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$", examples=["0x" + 38 * "0" + "01"])]
JoinedCampaignId = Annotated[str, Path(pattern="^[0-9]{1,16}-0x[0-9a-f]{40}$")]
CampaignId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


Text = Annotated[str, Field(max_length=1_000)]
Parameters = Annotated[
    dict[str, Text | bool | int | list[Text | int] | dict[str, list[Text | int]] | None],
    Field(
        min_length=1,
        max_length=80,
        description="of hummingbot's v1 pure_market_making, by their names and in their units (spreads in percent, "
        "times in seconds), numbers as texts; and `stop_at_volume`: in quote, the order ends once it has traded so "
        "much",
        examples=[{"bid_spread": "0.2", "ask_spread": "0.2", "order_amount": "0.01", "order_refresh_time": "10"}],
    ),
]


def _payable(amount: Decimal) -> Decimal:
    if fraction_digits(amount) > CUSTODY_DECIMALS:
        raise ValueError(f"a transfer has at most {CUSTODY_DECIMALS} decimals")
    return amount


Payable = Annotated[Amount, AfterValidator(_payable)]


class HufiCampaign(RequestBody):
    """A campaign at HuFi, by its contract."""

    chain_id: Annotated[int, Field(ge=1, le=2**53, strict=True, examples=[137])]
    address: ContractAddress


class HufiChoice(RequestBody):
    """Every campaign at HuFi for the order's exchange and pair that is of this type and pays in this token; what is
    left out may be any. The token is called as its contract calls it: anybody may call one so."""

    type: Kind | None = None
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]{1,20}$", examples=["HMT"])] | None = None


class MarketMakingRequest(RequestBody):
    """Open an order that makes a market in `pair`, with so much of its base and quote asset.

    The campaigns that you choose at HuFi are joined by its trading account, when they can be; the order does not wait
    for them, and has its part of every campaign that its account has joined for the pair."""

    pair: Symbol
    exchange: Exchange = "binance"
    base_quantity: Payable
    quote_quantity: Payable
    campaign_id: Annotated[CampaignId | None, Field(description="under which we count it; mm_{exchange}_{pair}")] = None
    hufi_campaign: HufiCampaign | None = None
    hufi_choice: HufiChoice | None = None
    configuration: Parameters | None = None

    @property
    def choice(self) -> Choice:
        named, chosen = self.hufi_campaign, self.hufi_choice
        return Choice(
            named=None if named is None else campaign_id(named.chain_id, named.address),
            kind=None if chosen is None else chosen.type,
            token=None if chosen is None else chosen.token,
        )


class ConfigurationRequest(RequestBody):
    """Change parameters of `version`; a parameter that is null goes back to its default."""

    version: Annotated[int, Field(ge=0, le=1_000_000, strict=True, description="as you have read it")]
    configuration: Parameters


class CheckRequest(RequestBody):
    """A configuration that an order in `pair` might have."""

    pair: Symbol
    exchange: Exchange = "binance"
    configuration: Parameters


class CheckedView(View):
    """What the configuration would be."""

    pair: str
    exchange: str
    configuration: dict[str, Any] = Field(description="by hummingbot's names and in its units, as it would be kept")


class ConfigurationView(View):
    """By what an order quotes from its next cycle on."""

    order_id: str
    version: int = Field(description="0: it has none yet, and begins with the usual one")
    configuration: dict[str, Any] = Field(description="by hummingbot's names and in its units: spreads in percent")


class TransferView(View):
    """One transfer to make. Transfers of one asset may be made together."""

    purpose: str = Field(description="base, quote, base_fee or quote_fee")
    asset_id: str = Field(description="at Mixin")
    quantity: str


class MarketMakingOrderView(View):
    """Pay it by transfers at Mixin, each with `memo`. `status` moves from payment_pending to payment_complete, over
    withdrawing and deposit_confirmed to created, and to running, while it quotes. What is not paid in time comes back
    (failed, then refunded). You stop it and bring your money home: stopping, stopped, returning, returned."""

    order_id: str
    order_type: str
    asset_id: str = Field(description="the base asset, as the exchange calls it")
    quantity: str = Field(description="of the base asset that is to be paid at least")
    pair: str
    exchange: str
    status: Status
    memo: str = Field(description="what each of its transfers has to carry")
    transfers: list[TransferView] = Field(description="what is to be paid, fees among it")
    pay_by: InstantText = Field(description="when the time for its payment is over")
    base_quantity: str | None = Field(description="what has gone to the exchange")
    quote_quantity: str | None
    market_making_fee: str | None = Field(description="of the quote asset, for us")
    campaign_id: str | None
    hufi_campaign: str | None = Field(description="the campaign that was chosen, by chain and address")
    hufi_type: Kind | None = Field(description="what was chosen besides")
    hufi_token: str | None
    reason: str | None
    left_behind: dict[str, str] = Field(description="by asset: yours at the exchange, too little to be withdrawn")
    created_at: InstantText
    updated_at: InstantText


class QuotingOrderView(MarketMakingOrderView):
    """An order, and what it has at the exchange."""

    open_quotes: int = Field(description="so many orders of it are open at the exchange, or may be")
    degraded_since: InstantText | None = Field(
        description="since then the exchange tells nothing: nothing is placed, and when it tells again what has "
        "happened is settled first"
    )


class ExpectedView(View):
    """What an order is to expect of a campaign, in its period that runs: a day, or all of it. Volumes and fees are in
    the quote asset."""

    campaign_id: str
    type: Kind
    token: str
    account_volume: str = Field(description="of all orders of its trading account, as far as the campaign counts it")
    minimum_volume: str | None = Field(description="of the account; without it nothing is paid")
    short: str | None = Field(description="so much of the minimum is still missing")
    volume: str = Field(description="that the order has made as a maker")
    fees: str = Field(description="that it has paid for that, but for those in a third coin")
    reward: str = Field(description="its part of what is to be expected, in the token")
    net: str | None = Field(
        description="the reward less the fees, in the quote asset; null where nobody knows what the token is worth"
    )


class PerformanceView(View):
    """Sums are in the quote asset; parts are from 0 to 1."""

    order_id: str
    pair: str
    price: str = Field(description="by which all of it is told: between the best bid and the best ask")
    realised: str = Field(description="what its sales have brought over the average cost, less fees of base and quote")
    unrealised: str = Field(description="what its base is worth over its average cost")
    against_holding: str = Field(description="what there is, less what there would be without a trade")
    fees: dict[str, str] = Field(description="by asset")
    maker_volume: str
    taker_volume: str
    fills: int
    spread_bps: str | None = Field(description="how much higher it has sold than bought, on average (1 = 0.01 %)")
    two_sided: str = Field(description="the part of its time with quotes on both sides")
    inventory: str = Field(description="base's part of what there is")
    drawdown: str = Field(description="from its best result, as a part of what there would be without a trade")
    campaigns: list[ExpectedView] = Field(description="that run, and that it has its part of")
    as_of: InstantText


class FillView(View):
    """A trade of the order's at the exchange."""

    trade_id: str = Field(description="as the exchange calls it")
    at: InstantText
    side: str = Field(description="BUY or SELL, of the base asset")
    price: str
    quantity: str = Field(description="of the base asset")
    quote_quantity: str
    fee: str = Field(description="below zero it is a rebate")
    fee_asset: str
    maker: bool = Field(description="false: it has taken an order that was there")
    exchange_order_id: str


class FillPage(View):
    """The newest first."""

    items: list[FillView]
    cursor: str | None


class MarketMakingOrderPage(View):
    items: list[MarketMakingOrderView]
    cursor: str | None


class PairView(View):
    pair_id: str
    pair: str
    exchange: str
    base_asset_id: str
    quote_asset_id: str
    base_min: str = Field(description="an order needs so much at least")
    quote_min: str
    fee_bps: str = Field(description="of the quote asset, in basis points (1 = 0.01 %), once it is paid")


class PairList(View):
    items: list[PairView]


@app.post("/market-making/orders", tags=["market making"], summary="Open a market-making order")
def open_market_making(body: MarketMakingRequest, idempotency_key: IdempotencyKey) -> Response[MarketMakingOrderView]:
    owner = caller(app).owner
    asked = Terms(
        pair_id=opening().named(body.exchange, body.pair),
        base=body.base_quantity,
        quote=body.quote_quantity,
        campaign_id=body.campaign_id,
        choice=body.choice,
        configured=None
        if body.configuration is None
        else configuration.written(hummingbot.read(body.configuration, body.exchange, body.pair)),
    )
    result = opening().open(owner, idempotency_key, asked)
    return answer(_view(result.made), HTTPStatus.CREATED, replayed=result.replayed)


@app.post("/market-making/configurations/check", tags=["market making"], summary="Check a configuration")
def check_configuration(body: CheckRequest) -> CheckedView:
    """Nothing is kept. What an order could not be opened with, or changed to, is refused as it would be then."""
    _ = caller(app).owner  # whoever may open one
    opening().named(body.exchange, body.pair)
    settings = hummingbot.read(body.configuration, body.exchange, body.pair)
    return CheckedView(pair=body.pair, exchange=body.exchange, configuration=hummingbot.told(settings))


@app.get("/market-making/orders", tags=["market making"], summary="Your market-making orders, newest first")
def market_making_orders(limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> MarketMakingOrderPage:
    owner = caller(app).owner
    listed = f"GET /market-making/orders {owner}"
    page = opening().orders(owner, limit=limit, after=cursors().read(listed, cursor))
    return MarketMakingOrderPage(
        items=[_view(order) for order in page.items], cursor=cursors().write(listed, page.after)
    )


@app.get("/market-making/orders/<order_id>", tags=["market making"], summary="How a market-making order stands")
def market_making_order(order_id: OrderId) -> QuotingOrderView:
    order = opening().order(caller(app).owner, order_id)
    quotes = steering().quotes(order)
    return QuotingOrderView(
        **_view(order).model_dump(),
        open_quotes=0 if quotes is None else quotes.open_at_most,
        degraded_since=None if quotes is None else quotes.degraded_at,
    )


@app.post("/market-making/orders/<order_id>/pause", tags=["market making"], summary="Pause its quotes")
def pause_market_making(order_id: OrderId) -> MarketMakingOrderView:
    """What is open is cancelled with its next cycle, within seconds; until you resume it nothing is placed."""
    opening().order(caller(app).owner, order_id)
    return _view(steering().pause(order_id))


@app.post("/market-making/orders/<order_id>/resume", tags=["market making"], summary="Let it quote again")
def resume_market_making(order_id: OrderId) -> MarketMakingOrderView:
    """Not while it has lost more than an order may, by the market's price of now."""
    opening().order(caller(app).owner, order_id)
    return _view(steering().resume(order_id))


@app.get("/market-making/orders/<order_id>/configuration", tags=["market making"], summary="By what it quotes")
def market_making_configuration(order_id: OrderId) -> ConfigurationView:
    opening().order(caller(app).owner, order_id)
    return _configuration(steering().configured(order_id))


@app.get("/market-making/orders/<order_id>/performance", tags=["market making"], summary="What it has brought")
def market_making_performance(order_id: OrderId) -> PerformanceView:
    """At the market's price of now, since its first quote."""
    order = opening().order(caller(app).owner, order_id)
    found = steering().performance(order_id)
    return PerformanceView(
        order_id=order_id,
        pair=order.symbol,
        price=plain(found.price),
        realised=plain(found.realised),
        unrealised=plain(found.unrealised),
        against_holding=plain(found.against_holding),
        fees={asset: plain(fee) for asset, fee in found.fees.items()},
        maker_volume=plain(found.maker_volume),
        taker_volume=plain(found.taker_volume),
        fills=found.fills,
        spread_bps=None if found.spread_bps is None else plain(found.spread_bps),
        two_sided=plain(found.two_sided),
        inventory=plain(found.inventory),
        drawdown=plain(found.drawdown),
        campaigns=[_expected(one) for one in campaigning().expected(order, found.price)],
        as_of=clock.now(),
    )


def _expected(one: Expected) -> ExpectedView:
    campaign, account = one.campaign, one.account
    return ExpectedView(
        campaign_id=campaign.campaign_id,
        type=campaign.kind,
        token=campaign.token,
        account_volume=plain(account.volume),
        minimum_volume=None if campaign.minimum_volume is None else plain(campaign.minimum_volume),
        short=None if account.short is None else plain(account.short),
        volume=plain(one.volume),
        fees=plain(one.fees),
        reward=plain(one.reward),
        net=None if one.net is None else plain(one.net),
    )


@app.patch("/market-making/orders/<order_id>", tags=["market making"], summary="Quote by another configuration")
def configure_market_making(order_id: OrderId, body: ConfigurationRequest) -> ConfigurationView:
    """It counts from the next cycle on. What you do not name stays as it is."""
    opening().order(caller(app).owner, order_id)
    return _configuration(steering().configure(order_id, body.version, body.configuration))


@app.get("/market-making/orders/<order_id>/fills", tags=["market making"], summary="Its trades, newest first")
def market_making_fills(order_id: OrderId, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> FillPage:
    owner = caller(app).owner
    opening().order(owner, order_id)
    return _fills(f"GET /market-making/orders/fills {owner} {order_id}", order_id, limit, cursor)


@app.get("/market-making/orders/<order_id>/fills.csv", tags=["market making"], summary="Its trades, as CSV")
def market_making_fills_as_csv(order_id: OrderId, after_trade: TradeId = "0") -> Response[str]:
    """Oldest first, UTC, a thousand at most: those after the trade that you name. Go on with the last line's."""
    opening().order(caller(app).owner, order_id)
    fills = map(_fill, steering().fills_after(order_id, int(after_trade), FILLS_MAX))
    return Response(status_code=HTTPStatus.OK, content_type="text/csv", body=_csv(fills))


def _fills(listed: str, order_id: str, limit: int, cursor: str | None) -> FillPage:
    page = steering().fills(order_id, limit=limit, after=cursors().read(listed, cursor))
    return FillPage(items=[_fill(item) for item in page.items], cursor=cursors().write(listed, page.after))


def _fill(item: TradeItem) -> FillView:
    return FillView(
        trade_id=str(item.trade_id),
        at=item.at,
        side=item.side,
        price=plain(item.price),
        quantity=plain(item.quantity),
        quote_quantity=plain(item.quote_quantity),
        fee=plain(item.fee),
        fee_asset=item.fee_asset,
        maker=item.maker,
        exchange_order_id=item.exchange_order_id,
    )


def _csv(fills: Iterable[FillView]) -> str:
    written = io.StringIO()
    rows = csv.DictWriter(written, list(FillView.model_fields), lineterminator="\r\n")
    rows.writeheader()
    rows.writerows(fill.model_dump() for fill in fills)
    return written.getvalue()


def _configuration(found: Configured) -> ConfigurationView:
    return ConfigurationView(order_id=found.order_id, version=found.version, configuration=dict(found.settings))


@app.post("/market-making/orders/<order_id>/stop", tags=["market making"], summary="End its quotes")
def stop_market_making(order_id: OrderId) -> MarketMakingOrderView:
    """The money stays at the exchange, until it is withdrawn."""
    opening().order(caller(app).owner, order_id)
    return _view(quoting().stop(order_id))


@app.post("/market-making/orders/<order_id>/withdraw", tags=["market making"], summary="Bring its money home")
def withdraw_market_making(order_id: OrderId) -> MarketMakingOrderView:
    """All of it goes back to who paid, less what withdrawing costs; an order that quotes is stopped first."""
    opening().order(caller(app).owner, order_id)
    return _view(quoting().bring_home(order_id))


@app.get("/market-making/pairs", tags=["market making"], summary="What can be quoted here")
def pairs() -> PairList:
    return PairList(items=[_pair(pair) for pair in opening().pairs()])


def _pair(pair: Pair) -> PairView:
    return PairView(
        pair_id=str(pair.pair_id),
        pair=pair.symbol,
        exchange=pair.exchange,
        base_asset_id=pair.base_asset_id,
        quote_asset_id=pair.quote_asset_id,
        base_min=plain(pair.base_min),
        quote_min=plain(pair.quote_min),
        fee_bps=plain(pair.fee_bps),
    )


def _view(order: Order) -> MarketMakingOrderView:
    def amount(quantity: Quantity | None) -> str | None:
        return None if quantity is None else plain(quantity.amount)

    return MarketMakingOrderView(
        order_id=order.order_id,
        order_type="MARKET_MAKING",
        asset_id=order.coin,
        quantity=plain(order.base_asked),
        pair=order.symbol,
        exchange=order.exchange,
        status=order.status,
        memo=memo_of(order),
        transfers=[
            TransferView(purpose=part.purpose, asset_id=part.quantity.asset_id, quantity=plain(part.quantity.amount))
            for part in to_pay(order)
        ],
        pay_by=order.payment_due_at,
        base_quantity=amount(order.base),
        quote_quantity=amount(order.quote),
        market_making_fee=amount(order.fee),
        campaign_id=order.campaign_id,
        hufi_campaign=order.choice.named,
        hufi_type=order.choice.kind,
        hufi_token=order.choice.token,
        reason=order.reason,
        left_behind=dict(order.left_behind),
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


# Operators


class OperatedOrderView(View):
    """A market-making order, as operators look at it."""

    order_id: str
    status: Status
    pair: str
    exchange: str
    account_id: str = Field(description="the trading account that carries it")
    username: str | None = Field(description="whose it is, if it was opened here")
    opponent_id: str | None = Field(description="who pays for it, at Mixin")
    base_quantity: str | None = Field(description="what has gone to the exchange")
    quote_quantity: str | None
    reason: str | None
    waits_for: str | None
    needs_person: bool
    created_at: InstantText
    updated_at: InstantText


class OperatedOrderPage(View):
    items: list[OperatedOrderView]
    cursor: str | None


class IncomingView(View):
    """A snapshot that pays for it."""

    id: str
    disposition: str
    asset_id: str
    quantity: str
    reason: str
    taken_at: InstantText


class LegView(View):
    """An asset on its way, or what of it stays at the exchange."""

    way: str = Field(description="OUT, to the exchange; HOME; or REST, which stays there, LEFT until it is settled")
    asset: str
    quantity: str
    network: str
    status: str
    sent_by: str = Field(description="the outgoing transfer, or the exchange's withdrawal; nothing of what stays")
    transaction_hash: str | None
    arrived: str | None = Field(description="what the other side has credited")


class OutgoingView(View):
    """Money that leaves the custody for it, once."""

    id: str
    kind: str
    asset_id: str
    quantity: str
    to: str = Field(description="a user of Mixin, or an address")
    status: str
    attempt: int
    reason: str | None
    needs_person: bool
    transaction_hash: str | None
    withdrawal_hash: str | None


class MoveView(View):
    at: InstantText
    before: str | None
    after: str
    reason: str
    actor: str


class SlotView(View):
    """A place for one open order."""

    slot: str = Field(description="b and s are of buys and sells")
    state: str
    price: str
    quantity: str
    filled: str


class QuotesView(View):
    """What an order has at the exchange, and how it has quoted. Sums are in the quote asset."""

    cycle: int
    base: str
    quote: str
    slots: list[SlotView]
    fills: int
    traded: str
    two_sided: str = Field(description="the part of its time with quotes on both sides")
    refusals: int = Field(description="so many quotes in a row has the exchange refused")
    degraded_since: InstantText | None = Field(description="since then the exchange tells nothing of it")


class LifeView(View):
    """All there is of a market-making order. What may be done about it: `GET /operations/work/{thing_id}`."""

    order: OperatedOrderView
    snapshots: list[IncomingView]
    legs: list[LegView]
    outgoing: list[OutgoingView]
    events: list[MoveView]
    quotes: QuotesView | None = Field(description="once the exchange has credited what it quotes with")


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


class JoinedCampaignView(View):
    """A campaign that a trading account has joined, and what it was told of it last. Volumes are in the pair's quote
    asset; the reward is of the period that runs, or ran last: a day, or all of it."""

    account_id: str
    campaign_id: str
    type: Kind
    exchange: str
    pair: str
    status: CampaignStatus
    starts_at: InstantText
    ends_at: InstantText
    fund: str = Field(description="all that it pays, in its token")
    token: str
    minimum_volume: str | None = Field(description="without it nothing is paid")
    daily_target: str | None = Field(description="with it all of a day's fund is paid")
    participant: str = Field(description="the address that is paid")
    joined_at: InstantText
    volume: str | None
    total_volume: str | None = Field(description="of all participants")
    reward: str | None
    told_at: InstantText | None


class JoinedCampaignList(View):
    items: list[JoinedCampaignView]


class ShareView(View):
    order_id: str
    maker_volume: str = Field(description="of the period's days, while it took part")
    reward: str = Field(description="its part, in the token")


class CampaignPeriodView(View):
    """What is paid together. The shares add up to the reward, to the token's last digit."""

    first_day: str
    last_day: str
    volume: str
    total_volume: str
    reward: str
    told_at: InstantText
    shares: list[ShareView]


class CampaignDetailView(View):
    campaign: JoinedCampaignView
    periods: list[CampaignPeriodView] = Field(description="the newest first")


class OperatedPairView(PairView):
    enabled: bool = Field(description="a disabled one opens no order")


class OperatedPairList(View):
    items: list[OperatedPairView]


class PairRequest(OperatorAct):
    """A pair, all of it. What it trades never changes."""

    pair: Symbol
    exchange: Exchange
    base_asset_id: MixinAsset
    quote_asset_id: MixinAsset
    base_min: Annotated[Amount, Field(description="an order needs so much at least")]
    quote_min: Amount
    fee_bps: Annotated[int, Field(ge=0, le=1_000, strict=True, description="of the quote asset, in basis points")]
    enabled: Annotated[
        bool | None, Field(strict=True, description="left out, it stays as it is; a new one is enabled")
    ] = None


class CustodyAssetView(View):
    """Of one asset, in its own units: what the custody has, and as what it is booked."""

    asset_id: str = Field(description="at Mixin")
    asset: str | None = Field(description="as the exchange calls it, where it is quoted here")
    unspent: str = Field(description="outputs that the custody has of ours")
    held: str = Field(description="by orders")
    waiting: str = Field(description="for the order that it comes home to, or for an operator")
    unsent: str = Field(description="decided to leave, and still there")
    desk: str = Field(description="the desk's own")
    difference: str = Field(description="above zero where more is there than is booked")
    verdict: str = Field(description="AGREES; OFF, for certain; or UNKNOWN: ask again")
    why: str | None = Field(description="what keeps an UNKNOWN one from being told")


class CustodyComparisonView(View):
    """What the custody has, held against what is booked. `verdict` is the worst of its assets."""

    of: str
    verdict: str = Field(description="AGREES, OFF or UNKNOWN")
    compared_at: InstantText
    compared_by: str = Field(description="an operator, or the clock")
    compared: int = Field(description="so many assets")
    assets: list[CustodyAssetView] = Field(description="the worst first, 500 at most")


@app.get("/operations/market-making", tags=["operators"], summary="All market-making orders, in no order")
def operated_orders(
    status: Annotated[str | None, OneOf(*Status)] = None, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None
) -> OperatedOrderPage:
    """A page may be short, even empty, and still not be the last."""
    operator = caller(app).must_be_operator()
    listed = f"GET /operations/market-making {operator} {status}"
    only = None if status is None else Status(status)
    page = overseeing().orders(only, limit=limit, after=cursors().read(listed, cursor))
    items = [_operated(order) for order in page.items]
    return OperatedOrderPage(items=items, cursor=cursors().write(listed, page.after))


@app.get("/operations/market-making/<order_id>", tags=["operators"], summary="All there is of a market-making order")
def operated_order(order_id: OrderId) -> LifeView:
    caller(app).must_be_operator()
    return _life(overseeing().life(order_id))


@app.get("/operations/market-making/<order_id>/fills", tags=["operators"], summary="An order's trades, newest first")
def operated_fills(order_id: OrderId, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> FillPage:
    operator = caller(app).must_be_operator()
    return _fills(f"GET /operations/market-making/fills {operator} {order_id}", order_id, limit, cursor)


@app.post("/operations/market-making/<order_id>/stop", tags=["operators"], summary="End its quotes, for its owner")
def stop_for_owner(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    return OperatorOutcomeView.of(overseeing().stop(order_id, body.reason, operator, dry_run=body.dry_run))


@app.post("/operations/market-making/<order_id>/withdraw", tags=["operators"], summary="Bring its money home")
def withdraw_for_owner(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """It goes back to who paid, and to nobody else."""
    operator = caller(app).must_be_operator()
    return OperatorOutcomeView.of(overseeing().bring_home(order_id, body.reason, operator, dry_run=body.dry_run))


@app.get(
    "/operations/market-making/campaigns", tags=["operators"], summary="Campaigns that the trading accounts have joined"
)
def joined_campaigns() -> JoinedCampaignList:
    caller(app).must_be_operator()
    return JoinedCampaignList(items=[_joined(taking) for taking in campaigning().takings()])


@app.get(
    "/operations/market-making/campaigns/<account_id>/<campaign_id>",
    tags=["operators"],
    summary="What a campaign pays, and whose it is",
)
def joined_campaign(account_id: AccountId, campaign_id: JoinedCampaignId) -> CampaignDetailView:
    """Rewards are attributed here; they are paid out by hand."""
    caller(app).must_be_operator()
    taking, periods = campaigning().periods(account_id, campaign_id)
    return CampaignDetailView(campaign=_joined(taking), periods=[_period(period) for period in periods])


@app.get("/operations/trading-accounts", tags=["operators"], summary="Market making's accounts at exchanges")
def trading_accounts() -> TradingAccountList:
    caller(app).must_be_operator()
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
    operator = caller(app).must_be_operator()
    save = overseeing().save_account
    return OperatorOutcomeView.of(
        save(
            account_id,
            body.exchange,
            body.capacity,
            body.enabled,
            body.reason,
            operator,
            dry_run=body.dry_run,
            shard=body.shard,
            fee_coin=body.fee_coin,
        )
    )


@app.post("/operations/trading-accounts/<account_id>/halt", tags=["operators"], summary="Stop quoting on an account")
def halt_account(account_id: AccountId, body: OperatorAct) -> OperatorOutcomeView:
    """All that is open there is cancelled. Another operator lifts it."""
    operator = caller(app).must_be_operator()
    return OperatorOutcomeView.of(halting().halt(account_id, body.reason, operator, dry_run=body.dry_run))


@app.post("/operations/market-making/<order_id>/halt", tags=["operators"], summary="Pause an order, for its owner")
def halt_market_making(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """All that is open of it is cancelled. Another operator lifts it; then its owner may resume it."""
    operator = caller(app).must_be_operator()
    return OperatorOutcomeView.of(halting().halt_order(order_id, body.reason, operator, dry_run=body.dry_run))


@app.post("/operations/halts/<halt_id>/lift", tags=["operators"], summary="Let an account be quoted on again")
def lift_halt(halt_id: HaltId, body: OperatorAct) -> OperatorOutcomeView:
    """Refused as long as the exchange has less there than is owed. Of an order: its owner may resume it."""
    operator = caller(app).must_be_operator()
    return OperatorOutcomeView.of(halting().lift(halt_id, body.reason, operator, dry_run=body.dry_run))


@app.get("/operations/pairs", tags=["operators"], summary="What may be quoted, or might")
def operated_pairs() -> OperatedPairList:
    caller(app).must_be_operator()
    items = [OperatedPairView(**_pair(pair).model_dump(), enabled=pair.enabled) for pair in overseeing().pairs()]
    return OperatedPairList(items=items)


@app.put("/operations/pairs/<pair_id>", tags=["operators"], summary="Write a pair")
def save_pair(pair_id: PairId, body: PairRequest) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    pair = Pair(
        pair_id=UUID(pair_id),
        symbol=body.pair,
        exchange=body.exchange,
        base_asset_id=body.base_asset_id,
        quote_asset_id=body.quote_asset_id,
        base_min=body.base_min,
        quote_min=body.quote_min,
        fee_bps=Decimal(body.fee_bps),
        enabled=body.enabled is not False,
    )
    keep = body.enabled is None
    return OperatorOutcomeView.of(
        overseeing().save_pair(pair, body.reason, operator, dry_run=body.dry_run, keep_enabled=keep)
    )


@app.get("/operations/compare/custody", tags=["operators"], summary="What the last look at the custody has found")
def last_comparison_of_custody() -> CustodyComparisonView:
    """It is held against the books once a day, and whenever an operator asks for it."""
    caller(app).must_be_operator()
    return _compared(comparing().latest())


@app.post("/operations/compare/custody", tags=["operators"], summary="Hold the custody against the books")
def compare_custody() -> CustodyComparisonView:
    """It takes up to twenty seconds where something differs: that counts only if it is there at a second look."""
    return _compared(comparing().compare(caller(app).must_be_operator()))


def _joined(taking: Taking) -> JoinedCampaignView:
    campaign, score = taking.campaign, taking.score
    least, target = campaign.minimum_volume, campaign.daily_target
    return JoinedCampaignView(
        account_id=taking.account_id,
        campaign_id=campaign.campaign_id,
        type=campaign.kind,
        exchange=campaign.exchange,
        pair=campaign.symbol,
        status=campaign.status,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        fund=plain(campaign.fund.amount),
        token=campaign.token,
        minimum_volume=None if least is None else plain(least),
        daily_target=None if target is None else plain(target),
        participant=taking.participant,
        joined_at=taking.joined_at,
        volume=None if score is None else plain(score.volume),
        total_volume=None if score is None else plain(score.total_volume),
        reward=None if score is None else plain(score.reward),
        told_at=None if score is None else score.told_at,
    )


def _period(period: Period) -> CampaignPeriodView:
    told = period.told
    return CampaignPeriodView(
        first_day=told.first.isoformat(),
        last_day=told.last.isoformat(),
        volume=plain(told.score.volume),
        total_volume=plain(told.score.total_volume),
        reward=plain(told.score.reward),
        told_at=told.score.told_at,
        shares=[
            ShareView(order_id=share.order_id, maker_volume=plain(share.maker_volume), reward=plain(share.reward))
            for share in period.shares
        ],
    )


def _operated(order: Order) -> OperatedOrderView:
    return OperatedOrderView(
        order_id=order.order_id,
        status=order.status,
        pair=order.symbol,
        exchange=order.exchange,
        account_id=order.account_id,
        username=None if order.owner is None else order.owner.username,
        opponent_id=order.opponent_id,
        base_quantity=None if order.base is None else plain(order.base.amount),
        quote_quantity=None if order.quote is None else plain(order.quote.amount),
        reason=order.reason,
        waits_for=order.waits_for,
        needs_person=order.needs_person,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def _life(life: Life) -> LifeView:
    return LifeView(
        order=_operated(life.order),
        snapshots=[
            IncomingView(
                id=each.incoming_id,
                disposition=each.disposition,
                asset_id=each.snapshot.quantity.asset_id,
                quantity=plain(each.snapshot.quantity.amount),
                reason=each.reason,
                taken_at=each.created_at,
            )
            for each in life.snapshots
        ],
        legs=[_leg(leg) for leg in life.legs],
        outgoing=[_outgoing(each) for each in life.outgoing],
        quotes=None if life.quotes is None else _quotes(life.quotes),
        events=[MoveView(at=e.at, before=e.before, after=e.after, reason=e.reason, actor=e.actor) for e in life.events],
    )


def _quotes(quotes: Quotes) -> QuotesView:
    ended = quotes.clear_at if quotes.closed else None
    shown = [(name, slot.state, slot.live or slot.coming) for name, slot in sorted(quotes.slots.items())]
    return QuotesView(
        cycle=quotes.cycle,
        base=plain(quotes.base),
        quote=plain(quotes.quote),
        slots=[
            SlotView(
                slot=name,
                state=state,
                price=plain(placed.price),
                quantity=plain(placed.quantity),
                filled=plain(placed.settled),
            )
            for name, state, placed in shown
            if placed is not None
        ],
        fills=quotes.tally.fills,
        traded=plain(quotes.tally.traded),
        two_sided=plain(quotes.tally.two_sided(ended or clock.now())),
        refusals=quotes.refusals,
        degraded_since=quotes.degraded_at,
    )


def _leg(leg: Leg) -> LegView:
    return LegView(
        way=leg.way,
        asset=leg.symbol,
        quantity=plain(leg.quantity.amount),
        network=leg.network,
        status=leg.status,
        sent_by=leg.sent_by,
        transaction_hash=leg.transaction_hash,
        arrived=None if leg.arrived is None else plain(leg.arrived.amount),
    )


def _outgoing(sent: Outgoing) -> OutgoingView:
    return OutgoingView(
        id=sent.outgoing_id,
        kind=sent.kind,
        asset_id=sent.quantity.asset_id,
        quantity=plain(sent.quantity.amount),
        to=sent.to.user_id if isinstance(sent.to, User) else sent.to.destination,
        status=sent.status,
        attempt=sent.attempt,
        reason=sent.reason,
        needs_person=sent.needs_person,
        transaction_hash=sent.transaction_hash,
        withdrawal_hash=sent.withdrawal_hash,
    )


def _compared(found: Comparison) -> CustodyComparisonView:
    assets = [
        CustodyAssetView(
            asset_id=line.asset_id,
            asset=line.name,
            unspent=plain(line.there),
            held=plain(line.booked[HELD]),
            waiting=plain(line.booked[WAITING]),
            unsent=plain(line.booked[UNSENT]),
            desk=plain(line.booked[DESK]),
            difference=plain(line.difference),
            verdict=line.verdict,
            why=line.why or None,
        )
        for line in found.lines
    ]
    return CustodyComparisonView(
        of=found.of,
        verdict=found.verdict,
        compared_at=found.at,
        compared_by=found.by,
        compared=found.assets,
        assets=assets,
    )


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)


handler = http.serve(app, opening)
