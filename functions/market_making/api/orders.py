"""HTTP: market-making orders of customers: opened, read, ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from common import clock
from common.campaigns import Kind, campaign_id
from common.gateways.exchange.maker import Level
from common.http import IdempotencyKey, answer, caller
from common.money import Quantity, plain
from common.pages import LIMIT_DEFAULT, why_short
from common.wire import Exchange, InstantText, RequestBody, Symbol, View, WhyShort
from functions.market_making import configuration, hummingbot
from functions.market_making.api.configurations import Parameters
from functions.market_making.api.door import Limit, OrderId, Payable, app, cursors
from functions.market_making.campaigns import Choice
from functions.market_making.model import Order, Status, Terms
from functions.market_making.quotes import SlotState
from functions.market_making.service.opening import Payment, memo_of, to_pay
from functions.market_making.wiring import opening, previewing, quoting, steering

ContractAddress = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$", examples=["0x" + 38 * "0" + "01"])]
CampaignId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


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


class DueTransferView(TransferView):
    arrived: bool = Field(description="so much of the asset has come in, besides what the transfers before it need")
    link: str = Field(description="opens it in the payer's Mixin: the same link is paid once")


class PaymentView(View):
    transfers: list[DueTransferView] = Field(description="what is to be paid, fees among it")
    missing: dict[str, str] = Field(description="what is still to come in, by asset at Mixin")
    seconds_left: int = Field(description="until `pay_by`, as the desk's clock has it; 0: it is over")


class QuotingOrderView(MarketMakingOrderView):
    """An order, what of its payment has come in, and what it has at the exchange."""

    payment: PaymentView | None = Field(description="while it is to be paid; null: nothing is waited for")

    open_quotes: int = Field(description="so many orders of it are open at the exchange, or may be")
    degraded_since: InstantText | None = Field(
        description="since then the exchange tells nothing: nothing is placed, and when it tells again what has "
        "happened is settled first"
    )


class LevelView(View):
    price: str = Field(description="of one unit of the base asset, in the quote asset")
    quantity: str = Field(description="of the base asset")


class BookLevelView(LevelView):
    own: str = Field(description="what of it is open of the order's own quotes, as the desk knows them")


class OwnQuoteView(LevelView):
    side: str = Field(description="BUY or SELL, of the base asset")
    state: SlotState = Field(description="pending ones were asked for, and the exchange has not answered yet")


class DepthView(View):
    order_id: str
    pair: str
    price: str | None = Field(description="between the best bid and the best ask; null: a side is empty")
    bids: list[BookLevelView] = Field(description="the best ten, the highest first; own quotes among them")
    asks: list[BookLevelView] = Field(description="the best ten, the lowest first; own quotes among them")
    quotes: list[OwnQuoteView] = Field(description="the order's own, the highest price first; `quantity` is still open")
    base_balance: str = Field(description="what the order has there, by its own ledger")
    quote_balance: str = Field(description="what the order has there, by its own ledger")
    lacks: list[str] = Field(description="the assets of which it has too little for one quote of its `order_amount`")
    as_of: InstantText


class MarketMakingOrderPage(View):
    items: list[MarketMakingOrderView]
    short: WhyShort
    cursor: str | None


@app.post("/market-making/orders", tags=["market making"], summary="Open a market-making order")
def open_market_making(body: MarketMakingRequest, idempotency_key: IdempotencyKey) -> Response[MarketMakingOrderView]:
    """The answer says what to pay to the custody, with which memo and until when. Once all of it has come, it goes to
    the exchange and is quoted with."""
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


@app.get("/market-making/orders", tags=["market making"], summary="Your market-making orders, newest first")
def market_making_orders(limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> MarketMakingOrderPage:
    """Each as it stands; the one that was opened last comes first."""
    owner = caller(app).owner
    listed = f"GET /market-making/orders {owner}"
    page = opening().orders(owner, limit=limit, after=cursors().read(listed, cursor))
    return MarketMakingOrderPage(
        items=[_view(order) for order in page.items],
        short=why_short(page, limit),
        cursor=cursors().write(listed, page.after),
    )


@app.get("/market-making/orders/<order_id>", tags=["market making"], summary="How a market-making order stands")
def market_making_order(order_id: OrderId) -> QuotingOrderView:
    """Where its money is, whether it quotes, and what it has brought so far."""
    order = opening().order(caller(app).owner, order_id)
    quotes = steering().quotes(order)
    return QuotingOrderView(
        **_view(order).model_dump(),
        payment=_payment(opening().payment(order)),
        open_quotes=0 if quotes is None else quotes.open_at_most,
        degraded_since=None if quotes is None else quotes.degraded_at,
    )


@app.get("/market-making/orders/<order_id>/book", tags=["market making"], summary="Its quotes, in the market's book")
def market_making_book(order_id: OrderId) -> DepthView:
    """The best of both sides as the exchange tells them now, and the order's own quotes."""
    order = opening().order(caller(app).owner, order_id)
    found = previewing().depth(order)
    own = [OwnQuoteView(side=q.side, price=plain(q.price), quantity=plain(q.left), state=q.state) for q in found.quotes]
    return DepthView(
        order_id=order_id,
        pair=order.symbol,
        price=None if found.price is None else plain(found.price),
        bids=_levels(found.bids, found.own),
        asks=_levels(found.asks, found.own),
        quotes=own,
        base_balance=plain(found.base),
        quote_balance=plain(found.quote),
        lacks=list(found.lacks),
        as_of=clock.now(),
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


def _levels(levels: Sequence[Level], own: Mapping[Decimal, Decimal]) -> list[BookLevelView]:
    return [
        BookLevelView(price=plain(price), quantity=plain(quantity), own=plain(own.get(price, Decimal(0))))
        for price, quantity in levels
    ]


def _payment(payment: Payment | None) -> PaymentView | None:
    if payment is None:
        return None
    transfers = [
        DueTransferView(
            purpose=due.transfer.purpose,
            asset_id=due.transfer.quantity.asset_id,
            quantity=plain(due.transfer.quantity.amount),
            arrived=due.arrived,
            link=due.link,
        )
        for due in payment.due
    ]
    missing = {asset: plain(amount) for asset, amount in payment.missing.items()}
    return PaymentView(transfers=transfers, missing=missing, seconds_left=payment.seconds_left)


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
