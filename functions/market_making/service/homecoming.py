"""What of an order comes home from the exchange, and what stays there: it is too small to be withdrawn, or has no way.
Both are written before anything is withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR

from common.domain import rulings
from common.domain.custody.model import OutgoingMoved
from common.domain.ledger import store as ledger
from common.domain.rulings import WHOLE, Matter, Ruling
from common.domain.timeline import MACHINE
from common.gateways.custody import Custody
from common.gateways.exchange.funds import ExchangeFunds, Network, NetworkUnknown
from common.idempotency import derived_uuid
from common.money import EXACT, ROUNDING, Quantity, plain
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import store
from functions.market_making.model import (
    RETURN_LIMIT,
    AtExchange,
    Leg,
    LegStatus,
    Order,
    ReturnUnderway,
    Status,
    Way,
)
from functions.market_making.networks import ChainUnknown, network
from functions.market_making.service.crediting import Crediting, Doubted
from functions.market_making.service.quoting import credited

KEPT = "left at the exchange by"


@dataclass(frozen=True)
class Homecoming:
    """`withdrawing` are the funds of a trading account, by its id, with the key that withdraws."""

    table: Table
    custody: Callable[[], Custody]
    withdrawing: Callable[[str], ExchangeFunds]
    now: Callable[[], datetime]

    def decide(self, order: Order) -> Order:
        """The order is RETURNING, with a leg for each asset that can be withdrawn. Nothing of it is traded any more.

        Raises Doubted: a person has to say what; ReturnUnderway, MarketMakingOrderMoved; ExchangeUnavailable,
        CustodyUnavailable.
        """
        there = self._there(order)
        at, left, legs = self.now(), [], []
        for quantity, symbol in zip((there.base, there.quote), order.symbol.split("-"), strict=True):
            leg = self._leg(order, quantity, symbol, at)
            if isinstance(leg, Leg):
                legs.append(leg)
                if leg.quantity != quantity:
                    left.append(Left(quantity - leg.quantity, symbol))
            elif quantity.amount:
                left.append(Left(quantity, symbol, leg))
        kept = rulings.of(self.table, order.order_id).get((Matter.KEPT, WHOLE))
        wayless = [part for part in left if part.why is not None]
        if kept is None and (wayless or (left and not legs)):
            raise Doubted(_why_not(wayless, left))
        said = f"; {', '.join(map(str, left))} stay there" if left else ""
        self.table.write(
            store.move(
                order,
                Status.RETURNING,
                at,
                waits_for="the exchange to withdraw it",
                due_at=at + RETURN_LIMIT,
                by_operators=True,
            ),
            store.event(order, Status.RETURNING, f"{len(legs)} withdrawals from the exchange{said}", MACHINE, at),
            *(store.insert_leg(leg) for leg in legs),
            *(kept_line(order, part.quantity, part.symbol, kept, at) for part in left if kept is not None),
        )
        return store.existing(self.table, order.order_id)

    def _there(self, order: Order) -> AtExchange:
        """What is the order's at the exchange; of one that has failed, what has arrived of it. Raises Doubted."""
        if order.status is not Status.FAILED:
            return store.ledger(self.table, order) or credited(self.table, order)
        try:
            waiting = Crediting(self.table, self.withdrawing, self.now).credit(order)
        except OutgoingMoved:
            raise ReturnUnderway("a leg has just moved") from None
        if waiting:
            raise Doubted(f"the exchange has not credited {' and '.join(waiting)}")
        arrived = {leg.quantity.asset_id: leg.arrived for leg in store.legs(self.table, order.order_id, Way.OUT)}
        base, quote = order.base_asset_id, order.quote_asset_id
        return AtExchange(arrived[base] or Quantity(0, base), arrived[quote] or Quantity(0, quote))

    def _leg(self, order: Order, quantity: Quantity, symbol: str, at: datetime) -> Leg | str | None:
        """The leg that takes an asset home; None where it is too small; or why there is no way."""
        try:
            way = self._network(order, quantity.asset_id, symbol)
        except (ChainUnknown, NetworkUnknown) as no:
            return str(no)
        step = way.withdrawal_step
        whole = EXACT.multiply(ROUNDING.divide(quantity.amount, step).to_integral_value(ROUND_FLOOR), step)
        if whole < way.withdrawal_min or whole <= way.withdrawal_fee:
            return None
        return Leg(
            order_id=order.order_id,
            way=Way.HOME,
            quantity=Quantity(whole, quantity.asset_id),
            symbol=symbol,
            network=way.name,
            sent_by=derived_uuid(Way.HOME, order.order_id, quantity.asset_id).hex,
            status=LegStatus.INTENDED,
            created_at=at,
            updated_at=at,
        )

    def _network(self, order: Order, asset_id: str, symbol: str) -> Network:
        """Raises ChainUnknown, NetworkUnknown; ExchangeUnavailable, CustodyUnavailable."""
        name = network(self.custody().asset(asset_id).chain_id)
        ways = self.withdrawing(order.account_id).networks(symbol)
        way = next((way for way in ways if way.name == name and way.withdrawals), None)
        if way is None:
            raise NetworkUnknown(f"the exchange gives no {symbol} on {name} now")
        return way


@dataclass(frozen=True)
class Left:
    """What stays at the exchange: too small to be withdrawn, or without a way."""

    quantity: Quantity
    symbol: str
    why: str | None = None

    def __str__(self) -> str:
        return f"{plain(self.quantity.amount)} {self.symbol}"


def _why_not(wayless: Sequence[Left], left: Sequence[Left]) -> str:
    """Why nothing can be decided without a person."""
    if wayless:
        return "; ".join(f"{part.symbol} can not be withdrawn: {part.why}" for part in wayless)
    return f"{', '.join(map(str, left))} are below the exchange's smallest withdrawals: return them otherwise"


def kept_line(order: Order, left: Quantity, symbol: str, kept: Ruling, at: datetime) -> Write:
    """What is left at the exchange is the desk's, whether it has paid the payer otherwise or not. It is not at the
    custody: such lines have an asset of their own, of the trading account."""
    said = f"{KEPT} {order.order_id}, the payer {kept.terms['payer']}, reference {kept.reference}"
    there = Quantity(left.amount, f"{order.account_id}:{symbol}")
    return ledger.desk_line(there, said, order.order_id, at)
