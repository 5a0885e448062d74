"""What the exchange has credited of an order's legs: each is a deposit that its chain's transaction has brought, and no
other leg's. One transaction may bring several; which one is a leg's, the exchange's own id of it says for good.

Where what it tells can not be believed, or it tells nothing, two operators may have said what was credited.
"""

from __future__ import annotations

from collections import Counter
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
from common.gateways.exchange.remembered import TOLD_AGE_MAX
from common.money import EXACT, Quantity, plain
from common.table.table import Table
from functions.market_making import account_store, leg_store
from functions.market_making.leg_store import DepositTaken
from functions.market_making.model import (
    CREDITED_MIN,
    TOLD_WITHIN,
    AtExchange,
    Leg,
    LegStatus,
    MarketMakingOrderMoved,
    Order,
    Way,
)
from functions.market_making.service.routes import CLOCKS_DIFFER

RULED = "RULED"


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

        Raises Doubted; MarketMakingOrderMoved, OutgoingMoved; ExchangeUnavailable, NoTradingKey.
        """
        ruled, waiting = rulings.of(self.table, order.order_id), []
        for leg in leg_store.legs(self.table, order.order_id, Way.OUT):
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
            self.table.write(leg_store.move_leg(leg, LegStatus.CONFIRMED, self.now(), transaction_hash=hash_))
            (leg,) = [
                other for other in leg_store.legs(self.table, leg.order_id, Way.OUT) if other.sent_by == leg.sent_by
            ]
        return leg

    def _credited(self, order: Order, leg: Leg, ruling: Ruling | None) -> bool:
        """What can be believed of the exchange counts, whatever was ruled before."""
        if leg.transaction_hash is None:
            return False
        assert order.sent_at is not None
        deposits = self.funds(order.account_id).deposits(leg.symbol, order.sent_at - CLOCKS_DIFFER)
        told = [deposit for deposit in deposits if deposit.transaction_hash == leg.transaction_hash]
        doubt = _contradiction(told)
        for deposit in [] if doubt else self._believed(leg, told):
            why = f"the exchange has credited {deposit.quantity}, transaction {leg.transaction_hash}"
            if self._arrived(order, leg, deposit.deposit_id, deposit.quantity.amount, why, EXCHANGE):
                return True
        if ruling is not None:
            self._ruled(order, leg, ruling, told)
            return True
        doubt = doubt or self._doubt(order, leg, told)
        if doubt is not None:
            raise Doubted(doubt)
        return False

    def _believed(self, leg: Leg, told: Sequence[ExchangeDeposit]) -> list[ExchangeDeposit]:
        """Those that may be the leg's, what was sent to the last digit first. A little less may be what the same
        transaction has brought for another leg, until all of it is told."""
        fit = [deposit for deposit in told if deposit.credited and _why_not(leg, deposit) is None]
        exact = [deposit for deposit in fit if deposit.quantity.amount == leg.quantity.amount]
        return [*exact, *(deposit for deposit in fit if deposit not in exact and self._all_is_told(deposit))]

    def _all_is_told(self, deposit: ExchangeDeposit) -> bool:
        """The list that was told may be remembered (`RememberedFunds`), and as old as that may be."""
        return self.now() >= deposit.at + TOLD_WITHIN + TOLD_AGE_MAX

    def _doubt(self, order: Order, leg: Leg, told: Sequence[ExchangeDeposit]) -> str | None:
        """Why what the exchange tells can not be the leg's deposit; None while that may be told yet. What is another
        leg's says nothing about this one."""
        for deposit in told:
            why = _why_not(leg, deposit)
            told_for_good = deposit.credited and self._all_is_told(deposit)
            if why is not None and told_for_good and not self._is_claimed(order, deposit):
                return why
        return None

    def _is_claimed(self, order: Order, deposit: ExchangeDeposit) -> bool:
        return leg_store.is_claimed(self.table, order.account_id, deposit.deposit_id)

    def _ruled(self, order: Order, leg: Leg, ruling: Ruling, told: Sequence[ExchangeDeposit]) -> None:
        """Two operators have said how much was credited. Of what the exchange tells, the deposit that is nearest to it
        is the leg's then, and no other leg's; where it tells none, the leg's own name stands for it."""
        amount = Decimal(ruling.terms["credited"])
        why = f"{ruling.terms['credited']} {leg.symbol} were credited, reference {ruling.reference}"
        nearest = sorted(told, key=lambda deposit: (abs(deposit.quantity.amount - amount), deposit.deposit_id))
        for deposit_id in [*(deposit.deposit_id for deposit in nearest), f"{RULED}-{leg.sent_by}"]:
            if self._arrived(order, leg, deposit_id, amount, why, ruling.operators):
                return

    def _arrived(self, order: Order, leg: Leg, deposit_id: str, amount: Decimal, why: str, actor: str) -> bool:
        """Count the leg as this deposit; False: that is another leg's."""
        at = self.now()
        sent = custody_store.outgoing(self.table, leg.sent_by)
        arrived = Quantity(amount, leg.quantity.asset_id)
        # Nothing that was credited is no deposit: whose transaction that is may be just what was wrong.
        claims = [leg_store.claim_deposit(leg, order.account_id, deposit_id, amount, at)] if amount else []
        try:
            self.table.write(
                *claims,
                leg_store.move_leg(leg, LegStatus.ARRIVED, at, arrived=arrived),
                account_store.mark_unledgered(order, at),
                custody_store.arrive(sent, at),
                custody_store.event(sent, Sent.ARRIVED, why, actor, at),
            )
        except DepositTaken:
            return False
        return True


def credited(table: Table, order: Order) -> AtExchange:
    """What the exchange has credited of an order's legs. Raises MarketMakingOrderMoved, if not both have arrived."""
    there = {leg.quantity.asset_id: leg.arrived for leg in leg_store.legs(table, order.order_id, Way.OUT)}
    base, quote = there.get(order.base_asset_id), there.get(order.quote_asset_id)
    if base is None or quote is None:
        raise MarketMakingOrderMoved("not both legs have arrived", id=order.order_id)
    return AtExchange(base, quote)


def _contradiction(told: Sequence[ExchangeDeposit]) -> str | None:
    """Why nothing of it is believed: a deposit is one."""
    twice = [deposit_id for deposit_id, times in Counter(one.deposit_id for one in told).items() if times > 1]
    return f"the exchange tells of deposit {twice[0]} more than once" if twice else None


def _why_not(leg: Leg, deposit: ExchangeDeposit) -> str | None:
    """Why a deposit can not be the leg's; None when it can."""
    credited, sent = deposit.quantity.amount, leg.quantity.amount
    if deposit.network != leg.network:
        return f"{leg.symbol} was sent on {leg.network}, and has come in on {deposit.network}"
    if not EXACT.multiply(sent, CREDITED_MIN) <= credited <= sent:
        return f"{plain(sent)} {leg.symbol} were sent, and {plain(credited)} credited"
    return None
