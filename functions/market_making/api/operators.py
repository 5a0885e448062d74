"""HTTP for operators: market-making orders of everybody, and what is done about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from common import aws, clock
from common.custody import User
from common.domain.custody.model import Outgoing
from common.domain.story_versions import acted
from common.http import caller
from common.money import plain
from common.operator_outcome import OperatorOutcome
from common.pages import LIMIT_DEFAULT
from common.wire import InstantText, OneOf, OperatorAct, OperatorOutcomeView, View
from functions.market_making.api.door import Limit, OrderId, app, cursors
from functions.market_making.model import Leg, Order, Status
from functions.market_making.quotes import Quotes
from functions.market_making.service.overseeing import Life
from functions.market_making.wiring import halting, overseeing


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


@app.get("/operations/market-making", tags=["operators"], summary="All market-making orders, in no order")
def operated_orders(
    status: Annotated[str | None, OneOf(*Status)] = None, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None
) -> OperatedOrderPage:
    """A page may be short, even empty, and still not be the last."""
    operator = caller(app).must_be_viewer()
    listed = f"GET /operations/market-making {operator} {status}"
    only = None if status is None else Status(status)
    page = overseeing().orders(only, limit=limit, after=cursors().read(listed, cursor))
    items = [_operated(order) for order in page.items]
    return OperatedOrderPage(items=items, cursor=cursors().write(listed, page.after))


@app.get("/operations/market-making/<order_id>", tags=["operators"], summary="All there is of a market-making order")
def operated_order(order_id: OrderId) -> LifeView:
    """With all that has become of it, the ways of its money, and what may be done about it now."""
    caller(app).must_be_viewer()
    return _life(overseeing().life(order_id))


@app.post("/operations/market-making/<order_id>/stop", tags=["operators"], summary="End its quotes, for its owner")
def stop_for_owner(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """Its owner asks for it. What is open is cancelled; the money stays at the exchange until it is withdrawn."""
    operator = caller(app).must_be_operator()
    return _acted(overseeing().stop, order_id, body, operator)


@app.post("/operations/market-making/<order_id>/withdraw", tags=["operators"], summary="Bring its money home")
def withdraw_for_owner(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """It goes back to who paid, and to nobody else."""
    operator = caller(app).must_be_operator()
    return _acted(overseeing().bring_home, order_id, body, operator)


@app.post("/operations/market-making/<order_id>/halt", tags=["operators"], summary="Pause an order, for its owner")
def halt_market_making(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """All that is open of it is cancelled. Another operator lifts it; then its owner may resume it."""
    operator = caller(app).must_be_operator()
    return _acted(halting().halt_order, order_id, body, operator)


def _acted(act: Callable[..., OperatorOutcome], order_id: str, body: OperatorAct, operator: str) -> OperatorOutcomeView:
    return acted(aws.table(), order_id, body, lambda tried: act(order_id, body.reason, operator, dry_run=tried))


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
