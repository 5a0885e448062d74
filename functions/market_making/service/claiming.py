"""What has come home of an order: the leg's is what the custody has received with the transaction that the exchange has
told of its withdrawal, as much as can have come of it, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common.clock import text
from common.domain import rulings
from common.domain.custody import model as custody_model
from common.domain.custody import store as custody_store
from common.domain.custody.model import OVERLAP, Disposition, Incoming
from common.domain.rulings import Matter, Ruling, Rulings
from common.gateways.custody import PAGE_MAX, Custody, Snapshot, times
from common.gateways.exchange.funds import (
    ExchangeFunds,
    ExchangeWithdrawal,
    ExchangeWithdrawalUnknown,
    WithdrawalState,
)
from common.idempotency import derived_uuid
from common.money import EXACT, plain
from common.table.table import Table
from functions.market_making import leg_store
from functions.market_making.model import (
    CREDITED_MIN,
    FEE_RISE_MAX,
    Leg,
    LegStatus,
    MarketMakingOrderMoved,
    Order,
    Way,
)
from functions.market_making.service.crediting import Doubted
from functions.market_making.service.homecoming import keep
from functions.market_making.service.routes import CLOCKS_DIFFER


@dataclass(frozen=True)
class Claiming:
    """`funds` are those of a trading account, by its id."""

    table: Table
    custody: Callable[[], Custody]
    funds: Callable[[str], ExchangeFunds]
    now: Callable[[], datetime]

    def has_arrived(self, order: Order, leg: Leg) -> bool:
        """Has the custody received the leg, or is it settled otherwise? What has come is claimed for the order.

        Raises Doubted; MarketMakingOrderMoved, IncomingMoved; ExchangeUnavailable, NoTradingKey,
        CustodyUnavailable.
        """
        ruled = rulings.of(self.table, order.order_id)
        came = ruled.get((Matter.CAME_HOME, leg.quantity.asset_id))
        if came is not None and self._claimed(order, leg, came):
            return True
        try:
            return self._looked_for(order, leg, ruled) or keep(self.table, order, leg, ruled, self.now())
        except Doubted:
            if keep(self.table, order, leg, ruled, self.now()):
                return True
            raise

    def _looked_for(self, order: Order, leg: Leg, ruled: Rulings) -> bool:
        """Raises Doubted: what is told of it can not be, or it will not come."""
        try:
            told = self.funds(order.account_id).withdrawal(leg.symbol, leg.sent_by, leg.created_at - CLOCKS_DIFFER)
        except ExchangeWithdrawalUnknown:
            return False
        if told.state is WithdrawalState.REFUSED:
            again = ruled.get((Matter.AGAIN, leg.quantity.asset_id))
            if again is None or again.at <= leg.updated_at:
                raise Doubted(f"the exchange has not withdrawn {leg.quantity.amount} {leg.symbol}")
            self._again(leg)
            raise MarketMakingOrderMoved("it is withdrawn under the next id", id=order.order_id)
        found = self._received(leg, told)
        if found is None:
            return False
        at, arrived = self.now(), found.snapshot.quantity
        if arrived.amount != told.quantity.amount and at < found.created_at + OVERLAP:
            return False  # the same transaction may have brought it for another: the leg's own is told by then
        _believe_fee(leg, told.fee)
        least = EXACT.multiply(EXACT.subtract(leg.quantity.amount, told.fee), CREDITED_MIN)
        if not least <= arrived.amount <= leg.quantity.amount:
            raise Doubted(
                f"{plain(leg.quantity.amount)} {leg.symbol} were withdrawn, and {plain(arrived.amount)} came home"
            )
        self.table.write(
            custody_store.dispose(found, Disposition.HELD, at, "it came home", order_id=order.order_id),
            leg_store.move_leg(
                leg,
                LegStatus.ARRIVED,
                at,
                transaction_hash=told.transaction_hash,
                arrived=arrived,
                incoming_id=found.incoming_id,
            ),
        )
        return True

    def _claimed(self, order: Order, leg: Leg, came: Ruling) -> bool:
        """What operators have found to be the leg's; False when somebody else has disposed of it since: then it counts
        for nothing."""
        found, at = custody_store.incoming(self.table, came.terms["snapshot"]), self.now()
        if found.disposition not in (Disposition.EXPECTED, Disposition.PARKED):
            return False
        why = f"it came home, reference {came.reference}"
        self.table.write(
            custody_store.dispose(found, Disposition.HELD, at, why, order_id=order.order_id),
            leg_store.move_leg(
                leg, LegStatus.ARRIVED, at, arrived=found.snapshot.quantity, incoming_id=found.incoming_id
            ),
        )
        return True

    def _again(self, leg: Leg) -> None:
        at = self.now()
        next_id = derived_uuid(Way.HOME, leg.order_id, leg.quantity.asset_id, text(at)).hex
        self.table.write(leg_store.withdraw_again(leg, next_id, at))

    def _received(self, leg: Leg, told: ExchangeWithdrawal) -> Incoming | None:
        """What the custody has received with the chain's transaction of a withdrawal, once the poller has taken it. One
        transaction may bring several withdrawals: then the leg's is the one that is as large as it was told to be. What
        is not may be another's whose own is not told yet."""
        if told.transaction_hash is None:
            return None
        brought = self._brought(leg, told.transaction_hash)
        if len(brought) > 1:
            brought = [one for one in brought if one.quantity.amount == told.quantity.amount]
        ids = (custody_model.incoming_id(snapshot.snapshot_id) for snapshot in brought)
        found = (custody_store.find_incoming(self.table, one) for one in ids)
        claimable = (Disposition.EXPECTED, Disposition.PARKED)
        return next((one for one in found if one is not None and one.disposition in claimable), None)

    def _brought(self, leg: Leg, hash_: str) -> list[Snapshot]:
        since, brought = times.told(leg.created_at - CLOCKS_DIFFER), dict[str, Snapshot]()
        while True:
            page = self.custody().snapshots(since, leg.quantity.asset_id)
            for snapshot in page:
                if snapshot.deposit_hash == hash_ and snapshot.quantity.amount > 0:
                    brought[snapshot.snapshot_id] = snapshot
            if len(page) < PAGE_MAX or page[-1].created_at == since:
                return list(brought.values())
            since = page[-1].created_at


def _believe_fee(leg: Leg, taken: Decimal) -> None:
    """What the exchange has taken bounds what comes home: it is held against what it has told before. Raises
    Doubted."""
    if leg.fee is None or not 0 <= taken <= EXACT.multiply(leg.fee, Decimal(FEE_RISE_MAX)):
        expected = "nothing" if leg.fee is None else plain(leg.fee)
        what = f"withdrawing {plain(leg.quantity.amount)} {leg.symbol}"
        raise Doubted(f"{what} has cost {plain(taken)}, and the exchange had told {expected}")
