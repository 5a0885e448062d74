"""HTTP: by what an order quotes, and what that has brought."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from common import clock
from common.campaigns import Kind
from common.http import caller
from common.money import plain
from common.wire import Exchange, InstantText, RequestBody, Symbol, View
from functions.market_making import hummingbot
from functions.market_making.api.door import OrderId, Payable, app
from functions.market_making.campaigns import Expected
from functions.market_making.service.previewing import Preview
from functions.market_making.service.steering import Configured
from functions.market_making.wiring import campaigning, opening, previewing, steering

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


class ConfigurationRequest(RequestBody):
    """Change parameters of `version`; a parameter that is null goes back to its default."""

    version: Annotated[int, Field(ge=0, le=1_000_000, strict=True, description="as you have read it")]
    configuration: Parameters


class CheckRequest(RequestBody):
    """A configuration that an order in `pair` might have."""

    pair: Symbol
    exchange: Exchange = "binance"
    configuration: Parameters
    base_quantity: Annotated[
        Payable | None, Field(description="with both quantities it is told what would be quoted now")
    ] = None
    quote_quantity: Payable | None = None


class PlannedQuoteView(View):
    side: str = Field(description="BUY or SELL, of the base asset")
    price: str = Field(description="of one unit of the base asset, in the quote asset")
    quantity: str = Field(description="of the base asset")


class PreviewView(View):
    """The first quotes of an order that begins now, with so much. Others may meet it there: nothing is promised."""

    price: str | None = Field(description="from which they are reckoned: by default between the best bid and ask")
    quotes: list[PlannedQuoteView] = Field(description="what would be placed")
    why: str | None = Field(description="why there are none; null: there are some")


class CheckedView(View):
    """What the configuration would be."""

    pair: str
    exchange: str
    preview: PreviewView | None = Field(description="null: it was not asked for, by both quantities")
    configuration: dict[str, Any] = Field(description="by hummingbot's names and in its units, as it would be kept")


class ConfigurationView(View):
    """By what an order quotes from its next cycle on."""

    order_id: str
    version: int = Field(description="0: it has none yet, and begins with the usual one")
    configuration: dict[str, Any] = Field(description="by hummingbot's names and in its units: spreads in percent")


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


class EquityView(View):
    """After a trade, at the price of that trade. Sums are in the quote asset."""

    trade_id: str = Field(description="as the exchange calls it")
    at: InstantText
    price: str = Field(description="of that trade")
    worth: str = Field(description="what there was after it, base at that price and quote; fees in a third coin apart")
    held: str = Field(description="what there would be without a trade, at the same price")
    against_holding: str = Field(description="the one less the other")


class PerformanceHistoryView(View):
    """Drawn at the prices of its own trades: between two of them nothing is known of it."""

    order_id: str
    pair: str
    items: list[EquityView] = Field(description="the oldest first: one for each of its newest 400 trades")
    complete: bool = Field(description="false: there are trades before the first of these")


@app.post("/market-making/configurations/check", tags=["market making"], summary="Check a configuration")
def check_configuration(body: CheckRequest) -> CheckedView:
    """Nothing is kept. What an order could not be opened with, or changed to, is refused as it would be then."""
    _ = caller(app).owner  # whoever may open one
    pair_id = opening().named(body.exchange, body.pair)
    settings = hummingbot.read(body.configuration, body.exchange, body.pair)
    preview = None
    if body.base_quantity is not None and body.quote_quantity is not None:
        preview = previewing().quotes(opening().pair(pair_id), settings, body.base_quantity, body.quote_quantity)
    return CheckedView(
        pair=body.pair,
        exchange=body.exchange,
        configuration=hummingbot.told(settings),
        preview=None if preview is None else _preview(preview),
    )


@app.get("/market-making/orders/<order_id>/configuration", tags=["market making"], summary="By what it quotes")
def market_making_configuration(order_id: OrderId) -> ConfigurationView:
    """All parameters, those at their defaults as well, and the version that a change has to name."""
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


@app.get(
    "/market-making/orders/<order_id>/performance/history",
    tags=["market making"],
    summary="What it has brought, trade by trade",
)
def market_making_history(order_id: OrderId) -> PerformanceHistoryView:
    """What there was after each of its newest 400 trades, against keeping what it began with. It is told at the
    trades' own prices, which are not the market's: an order sells above it and buys below. The last of them is what
    the performance tells once the market's price is that of the last trade. An order without a trade has none."""
    order = opening().order(caller(app).owner, order_id)
    found = steering().history(order_id)
    return PerformanceHistoryView(
        order_id=order_id,
        pair=order.symbol,
        items=[
            EquityView(
                trade_id=str(point.trade.trade_id),
                at=point.trade.at,
                price=plain(point.trade.price),
                worth=plain(point.worth),
                held=plain(point.held),
                against_holding=plain(point.against_holding),
            )
            for point in found.points
        ],
        complete=found.complete,
    )


def _preview(found: Preview) -> PreviewView:
    return PreviewView(
        price=None if found.price is None else plain(found.price),
        quotes=[
            PlannedQuoteView(side=one.side, price=plain(one.price), quantity=plain(one.quantity))
            for one in found.quotes
        ],
        why=found.why,
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


def _configuration(found: Configured) -> ConfigurationView:
    return ConfigurationView(order_id=found.order_id, version=found.version, configuration=dict(found.settings))
