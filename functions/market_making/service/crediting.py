"""What the exchange has credited of an order's legs: each is the deposit that the chain's transaction has brought.

Where what it tells can not be believed, or it tells nothing, two operators may have said what was credited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common.domain import rulings
from common.domain.custody import store as custody_store
from common.domain.custody.model import Status as Sent
from common.domain.rulings import Matter, Ruling
from common.domain.timeline import EXCHANGE
from common.gateways.exchange.funds import ExchangeDeposit, ExchangeFunds
from common.money import EXACT, Quantity, plain
from common.table.table import Table
from functions.market_making import store
from functions.market_making.model import CREDITED_MIN, Leg, LegStatus, Order, Way
from functions.market_making.service.routes import CLOCKS_DIFFER
from functions.market_making.store import DepositTaken


class Doubted(Exception):
    """What the exchange tells of a leg's deposit is not believed. Says why, for a person."""


@dataclass(frozen=True)
class Crediting:
    """`funds` are those of a trading account, by its id."""

    table: Table
    funds: Callable[[str], ExchangeFunds]
    now: Callable[[], datetime]

    def credit(self, order: Order) -> list[str]:
        """Write down what is credited of each leg that was sent; the symbols of those of which nothing is known yet.

        Raises Doubted; MarketMakingOrderMoved, OutgoingMoved; ExchangeUnavailable.
        """
        ruled, waiting = rulings.of(self.table, order.order_id), []
        for leg in store.legs(self.table, order.order_id, Way.OUT):
            if leg.status is LegStatus.ARRIVED:
                continue
            sent = self._sent(leg)
            if sent is not None and not self._credited(
                order, sent, ruled.get((Matter.CREDITED, leg.quantity.asset_id))
            ):
                waiting.append(leg.symbol)
        return waiting

    def _sent(self, leg: Leg) -> Leg | None:
        """The leg with its chain's transaction, as far as that is known; None of one that never was sent."""
        outgoing = custody_store.outgoing(self.table, leg.sent_by)
        if outgoing.status is Sent.REFUSED:
            return None
        if leg.status is LegStatus.INTENDED and outgoing.withdrawal_hash is not None:
            hash_ = outgoing.withdrawal_hash
            self.table.write(store.move_leg(leg, LegStatus.CONFIRMED, self.now(), transaction_hash=hash_))
            (leg,) = [other for other in store.legs(self.table, leg.order_id, Way.OUT) if other.sent_by == leg.sent_by]
        return leg

    def _credited(self, order: Order, leg: Leg, ruling: Ruling | None) -> bool:
        """What can be believed of the exchange counts, whatever was ruled before."""
        if leg.transaction_hash is None:
            return False
        assert order.sent_at is not None
        deposits = self.funds(order.account_id).deposits(leg.symbol, order.sent_at - CLOCKS_DIFFER)
        told = [deposit for deposit in deposits if deposit.transaction_hash == leg.transaction_hash]
        credited = any(deposit.credited for deposit in told)
        doubt = _doubt(leg, told) if credited else None
        if credited and doubt is None:
            why = f"the exchange has credited {told[0].quantity}, transaction {leg.transaction_hash}"
            self._arrived(order, leg, told[0].quantity.amount, why, EXCHANGE)
            return True
        if ruling is not None:
            why = f"{ruling.terms['credited']} {leg.symbol} were credited, reference {ruling.reference}"
            self._arrived(order, leg, Decimal(ruling.terms["credited"]), why, ruling.operators)
            return True
        if doubt is not None:
            raise Doubted(doubt)
        return False

    def _arrived(self, order: Order, leg: Leg, amount: Decimal, why: str, actor: str) -> None:
        """Raises Doubted: the deposit is that of another order's leg."""
        at, hash_ = self.now(), leg.transaction_hash
        assert hash_ is not None
        sent = custody_store.outgoing(self.table, leg.sent_by)
        arrived = Quantity(amount, leg.quantity.asset_id)
        # Nothing that was credited is no deposit: whose transaction that is may be just what was wrong.
        claims = [store.claim_deposit(leg, order.account_id, hash_, at)] if amount else []
        try:
            self.table.write(
                *claims,
                store.move_leg(leg, LegStatus.ARRIVED, at, arrived=arrived),
                custody_store.arrive(sent, at),
                custody_store.event(sent, Sent.ARRIVED, why, actor, at),
            )
        except DepositTaken as taken:
            raise Doubted(taken.detail) from None


def _doubt(leg: Leg, told: Sequence[ExchangeDeposit]) -> str | None:
    """Why what the exchange tells of a leg's deposit is not believed; None when it is."""
    if len(told) > 1:
        return f"the exchange tells of transaction {leg.transaction_hash} {len(told)} times"
    credited, sent = told[0].quantity.amount, leg.quantity.amount
    if told[0].network != leg.network:
        return f"{leg.symbol} was sent on {leg.network}, and has come in on {told[0].network}"
    if not EXACT.multiply(sent, CREDITED_MIN) <= credited <= sent:
        return f"{plain(sent)} {leg.symbol} were sent, and {plain(credited)} credited"
    return None
