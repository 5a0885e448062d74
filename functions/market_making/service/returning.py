"""The way home: from the exchange to the custody, and from there to who paid.

Each asset is a leg. The exchange withdraws it once, under an id of ours; what the custody receives with the chain's
transaction that the exchange has told is the leg's, and goes on to the payer as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common.clock import text
from common.domain import rulings
from common.domain.custody import model as custody_model
from common.domain.custody import store as custody_store
from common.domain.custody.model import Disposition, Incoming, IncomingMoved, Kind, Outgoing, OutgoingMoved
from common.domain.custody.model import Status as Sent
from common.domain.rulings import WHOLE, Matter, Ruling, Rulings
from common.domain.timeline import MACHINE
from common.gateways.custody import PAGE_MAX, Custody, Snapshot, User
from common.gateways.exchange import ExchangeRefused
from common.gateways.exchange.funds import (
    ExchangeFunds,
    ExchangeWithdrawal,
    ExchangeWithdrawalUnknown,
    NetworkUnknown,
    NoTradingKey,
    WithdrawalState,
)
from common.idempotency import derived_uuid
from common.log import count, log
from common.machines import Standing
from common.money import EXACT, Quantity, plain
from common.table.table import Table
from functions.market_making import store
from functions.market_making.model import (
    CREDITED_MIN,
    RETURN_LIMIT,
    Leg,
    LegStatus,
    MarketMakingOrderMoved,
    Order,
    ReturnUnderway,
    Stage,
    Status,
    Way,
    facts,
)
from functions.market_making.service.crediting import Doubted
from functions.market_making.service.homecoming import Homecoming, kept_line
from functions.market_making.service.paying import standing
from functions.market_making.service.receiving import OVERLAP
from functions.market_making.service.refunding import surplus_of
from functions.market_making.service.routes import CLOCKS_DIFFER


@dataclass(frozen=True)
class Returning:
    """`funds` may read what an account has, `withdrawing` may take it out, and read, too: what withdraws needs no other
    key."""

    table: Table
    custody: Callable[[], Custody]
    funds: Callable[[str], ExchangeFunds]
    withdrawing: Callable[[str], ExchangeFunds]
    now: Callable[[], datetime]

    @property
    def homecoming(self) -> Homecoming:
        return Homecoming(self.table, self.custody, self.withdrawing, self.now)

    # What the machine asks. Each raises MarketMakingOrderNotFound, Busy.

    def withdraw(self, order_id: str) -> Standing:
        """Take out of the exchange what is the order's there: the legs are written first, then each is withdrawn, as
        often as it takes, under its own id. Where there is no key that may, the order waits for a person as it is.

        Raises ExchangeUnavailable, CustodyUnavailable, ReturnUnderway.
        """
        order = store.existing(self.table, order_id)
        try:
            if order.goes_home and order.status in (Status.STOPPED, Status.FAILED) and not order.needs_person:
                order = self.homecoming.decide(order)
            if order.status is Status.RETURNING and not order.needs_person:
                for leg in store.legs(self.table, order_id, Way.HOME):
                    if leg.status is LegStatus.INTENDED:
                        self._withdraw(order, leg)
        except NoTradingKey as no:
            self._stop(store.existing(self.table, order_id), no.detail)
        except Doubted as doubt:
            self._stop(order, str(doubt))
        except MarketMakingOrderMoved:
            raise ReturnUnderway("the order has just moved") from None
        return self.read(store.existing(self.table, order_id))

    def read(self, order: Order) -> Standing:
        """Where an order stands on its way home: what is not withdrawn yet comes first."""
        if order.status is Status.RETURNING and not order.needs_person:
            legs = store.legs(self.table, order.order_id, Way.HOME)
            if any(leg.status is LegStatus.INTENDED for leg in legs):
                return Standing(Stage.RETURN, facts=facts(order))
        return standing(order)

    def _withdraw(self, order: Order, leg: Leg) -> None:
        if self._is_kept(order, leg, rulings.of(self.table, order.order_id).get((Matter.KEPT, WHOLE))):
            return
        home = self.custody().deposit_address(self.custody().asset(leg.quantity.asset_id).chain_id)
        funds = self.withdrawing(order.account_id)
        try:
            funds.withdraw(leg.symbol, leg.network, home, Quantity(leg.quantity.amount, leg.symbol), leg.sent_by)
        except (ExchangeRefused, NetworkUnknown) as no:
            self._stop(order, f"the exchange does not withdraw {leg.quantity.amount} {leg.symbol}: {no.detail}")
            raise MarketMakingOrderMoved(no.detail, id=order.order_id) from no
        self.table.write(store.move_leg(leg, LegStatus.CONFIRMED, self.now()))

    def confirm(self, order_id: str) -> Standing:
        """Has the custody got what the exchange has withdrawn? Then it goes to who paid; once that has arrived, the
        order is returned.

        Raises ReturnUnderway: not yet; ExchangeUnavailable, CustodyUnavailable.
        """
        order = store.existing(self.table, order_id)
        if order.status is not Status.RETURNING or order.needs_person:
            return standing(order)
        try:
            return self._confirmed(order)
        except NoTradingKey as no:
            return standing(self._stop(store.existing(self.table, order_id), no.detail))
        except (MarketMakingOrderMoved, IncomingMoved, OutgoingMoved):
            raise ReturnUnderway("the order has just moved") from None

    def _confirmed(self, order: Order) -> Standing:
        legs = store.legs(self.table, order.order_id, Way.HOME)
        if any(leg.status is LegStatus.INTENDED for leg in legs):
            return self.read(order)
        waiting = [leg.symbol for leg in legs if leg.status is LegStatus.CONFIRMED and not self._arrived(order, leg)]
        # What has come home goes on at once, wherever the rest is.
        legs = store.legs(self.table, order.order_id, Way.HOME)
        back = [self._pay_back(order, leg) for leg in legs if leg.status is LegStatus.ARRIVED]
        if waiting:
            since = min(leg.created_at for leg in legs if leg.status is LegStatus.CONFIRMED)
            return self._wait(order, f"{' and '.join(waiting)} not come home", since)
        back += surplus_of(self.table, order)
        if stuck := [o for o in back if o.needs_person]:
            return standing(self._stop(order, f"its transfer home, {stuck[0].outgoing_id}, waits for one"))
        if any(o.status is not Sent.ARRIVED for o in back):
            since = max(o.created_at for o in back)
            return self._wait(order, "what has come home has not arrived with who paid", since)
        at = self.now()
        after = Status.REFUNDED if order.after_failure else Status.RETURNED
        self.table.write(
            store.move(order, after, at, waits_for=None),
            store.give_room(order.account_id, at),
            store.event(
                order, after, "all of it is back with who paid" if back else "nothing of it is left", MACHINE, at
            ),
        )
        return standing(store.existing(self.table, order.order_id))

    def _arrived(self, order: Order, leg: Leg) -> bool:
        """Has the custody received the leg, or is it settled otherwise? What has come is claimed for the order."""
        ruled = rulings.of(self.table, order.order_id)
        came, kept = ruled.get((Matter.CAME_HOME, leg.quantity.asset_id)), ruled.get((Matter.KEPT, WHOLE))
        if came is not None and self._claimed(order, leg, came):
            return True
        try:
            return self._looked_for(order, leg, ruled) or self._is_kept(order, leg, kept)
        except Doubted as doubt:
            if self._is_kept(order, leg, kept):
                return True
            self._stop(order, str(doubt))
            raise MarketMakingOrderMoved(str(doubt), id=order.order_id) from doubt

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
        least = EXACT.multiply(EXACT.subtract(leg.quantity.amount, told.fee), CREDITED_MIN)
        if not least <= arrived.amount <= leg.quantity.amount:
            raise Doubted(
                f"{plain(leg.quantity.amount)} {leg.symbol} were withdrawn, and {plain(arrived.amount)} came home"
            )
        self.table.write(
            custody_store.dispose(found, Disposition.HELD, at, "it came home", order_id=order.order_id),
            store.move_leg(
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
            store.move_leg(leg, LegStatus.ARRIVED, at, arrived=found.snapshot.quantity, incoming_id=found.incoming_id),
        )
        return True

    def _is_kept(self, order: Order, leg: Leg, kept: Ruling | None) -> bool:
        """Has it been decided, since the leg was asked for, that it stays at the exchange? Then it is the desk's."""
        if kept is None or kept.at <= leg.updated_at:
            return False
        at = self.now()
        self.table.write(
            store.move_leg(leg, LegStatus.REFUSED, at), kept_line(order, leg.quantity, leg.symbol, kept, at)
        )
        return True

    def _again(self, leg: Leg) -> None:
        at = self.now()
        next_id = derived_uuid(Way.HOME, leg.order_id, leg.quantity.asset_id, text(at)).hex
        self.table.write(store.withdraw_again(leg, next_id, at))

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
        since, brought = f"{text(leg.created_at - CLOCKS_DIFFER)[:-1]}000Z", dict[str, Snapshot]()
        while True:
            page = self.custody().snapshots(since, leg.quantity.asset_id)
            for snapshot in page:
                if snapshot.deposit_hash == hash_ and snapshot.quantity.amount > 0:
                    brought[snapshot.snapshot_id] = snapshot
            if len(page) < PAGE_MAX or page[-1].created_at == since:
                return list(brought.values())
            since = page[-1].created_at

    def _pay_back(self, order: Order, leg: Leg) -> Outgoing:
        """The transfer of what has come home to who paid, decided if it is not yet."""
        assert leg.arrived is not None
        assert order.opponent_id is not None
        outgoing_id = custody_model.outgoing_id(Kind.HOME, order.order_id, leg.quantity.asset_id)
        found = custody_store.find_outgoing(self.table, outgoing_id)
        if found is not None:
            return found
        at = self.now()
        back = Outgoing(
            outgoing_id=outgoing_id,
            kind=Kind.HOME,
            cause=order.order_id,
            quantity=leg.arrived,
            to=User(order.opponent_id),
            status=Sent.INTENDED,
            created_at=at,
            updated_at=at,
            memo=f"MM:{order.order_id}".encode(),
        )
        assert leg.incoming_id is not None
        home = custody_store.incoming(self.table, leg.incoming_id)
        self.table.write(
            custody_store.dispose(home, Disposition.WITHDRAWN, at, "on its way to who paid", outgoing_id=outgoing_id),
            custody_store.intend(back),
        )
        return back

    def _wait(self, order: Order, why: str, since: datetime) -> Standing:
        """What operators have said of it last gives it another hour."""
        ruled = [ruling.at for ruling in rulings.of(self.table, order.order_id).values()]
        if self.now() >= max([since, *ruled]) + RETURN_LIMIT:
            return standing(self._stop(order, f"{why} within an hour"))
        raise ReturnUnderway(why)

    def _stop(self, order: Order, why: str) -> Order:
        """Leave it to a person; its status stays."""
        count("MarketMakingStopped")
        log.error("order needs a person", extra={"order_id": order.order_id, "why": why})
        self.table.write(store.stop(order, why, self.now()))
        return store.existing(self.table, order.order_id)
