"""What came in for an order that has failed goes back to who paid it, once, each transfer by itself.

Of an asset of which a part has left, for the exchange or as a surplus, the rest goes back as one sum; and not before it
is certain what has left: a leg whose answer was lost may still be refused, or be at the exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common.domain import rulings
from common.domain.custody import model as custody_model
from common.domain.custody import store as custody_store
from common.domain.custody.model import Disposition, IncomingMoved, Kind, Outgoing, OutgoingMoved
from common.domain.custody.model import Status as Sent
from common.domain.rulings import WHOLE, Matter
from common.domain.timeline import MACHINE
from common.gateways.custody import User
from common.log import count, log
from common.machines import Standing
from common.money import EXACT, Quantity
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import account_store, leg_store, store
from functions.market_making.model import (
    CONFIRM_LIMIT,
    MarketMakingOrderMoved,
    Order,
    RefundUnderway,
    Status,
    Transfer,
    Way,
    received,
)
from functions.market_making.service.reading import standing


@dataclass(frozen=True)
class Refunding:
    table: Table
    now: Callable[[], datetime]

    def refund(self, order_id: str) -> Standing:
        """Send back what is still at the custody; once it has arrived, the order is refunded, unless a part of it is at
        the exchange: that is an operator's.

        Raises RefundUnderway.
        """
        order = store.existing(self.table, order_id)
        if order.status is not Status.FAILED or order.needs_person or order.goes_home:
            return standing(order)
        try:
            return self._refund(order)
        except (MarketMakingOrderMoved, OutgoingMoved, IncomingMoved):
            raise RefundUnderway("the order has just moved") from None

    def _refund(self, order: Order) -> Standing:
        transfers = store.transfers(self.table, order.order_id)
        legs = [
            custody_store.outgoing(self.table, leg.sent_by)
            for leg in leg_store.legs(self.table, order.order_id, Way.OUT)
        ]
        sent = [leg for leg in legs if leg.status is not Sent.REFUSED]
        surplus = surplus_of(self.table, order)
        gone = _total([*sent, *surplus])
        back = [*surplus, *(o for t in transfers if t.quantity.asset_id not in gone for o in self._one(order, t))]
        underway = [leg for leg in sent if leg.status in (Sent.INTENDED, Sent.SENT)]
        if not underway:
            back += [o for asset_id, amount in gone.items() for o in self._rest(order, transfers, asset_id, amount)]
        if stuck := [o for o in (*back, *underway) if o.needs_person]:
            return self._wait_for_person(order, f"its transfer {stuck[0].outgoing_id} waits for one")
        if underway:
            return self._wait(order, underway[0])
        if any(o.status is not Sent.ARRIVED for o in back):
            raise RefundUnderway("what goes back has not arrived")
        if sent:
            if (Matter.HOME, WHOLE) not in rulings.of(self.table, order.order_id):
                return self._wait_for_person(order, "a part of it is at the exchange: bring it home")
            self.table.write(store.want_home(order, self.now(), store.after_failure()))
            return standing(store.existing(self.table, order.order_id))
        at, why = self.now(), "all of it is back" if transfers else "nothing was paid"
        self.table.write(
            store.move(order, Status.REFUNDED, at, waits_for=None),
            account_store.give_room(order.account_id, at),
            store.event(order, Status.REFUNDED, why, MACHINE, at),
        )
        return standing(store.existing(self.table, order.order_id))

    def _wait(self, order: Order, leg: Outgoing) -> Standing:
        """A leg may still reach the exchange, or be refused."""
        assert order.sent_at is not None
        why = f"its leg {leg.outgoing_id} of {leg.quantity} is on its way"
        if self.now() >= order.sent_at + CONFIRM_LIMIT:
            return self._wait_for_person(order, f"{why} for 30 minutes")
        raise RefundUnderway(why)

    def _one(self, order: Order, transfer: Transfer) -> list[Outgoing]:
        """The refund of one transfer, decided if it is not yet."""
        incoming = custody_store.incoming(self.table, transfer.incoming_id)
        if incoming.disposition is Disposition.WITHDRAWN:  # its leg was refused: nothing has left
            at = self.now()
            self.table.write(custody_store.dispose(incoming, Disposition.HELD, at, "its leg was refused"))
            incoming = custody_store.incoming(self.table, transfer.incoming_id)
        if incoming.disposition is Disposition.HELD:
            assert order.opponent_id is not None
            at = self.now()
            refund = custody_model.refund(incoming, User(order.opponent_id), at)
            self.table.write(*refunded(incoming, refund, order.reason or "its order has failed", at))
            return [refund]
        assert incoming.outgoing_id is not None
        return [custody_store.outgoing(self.table, incoming.outgoing_id)]

    def _rest(self, order: Order, transfers: Sequence[Transfer], asset_id: str, gone: Decimal) -> list[Outgoing]:
        """What is left of an asset of which a part has left."""
        left = EXACT.subtract(received(transfers).get(asset_id, Decimal(0)), gone)
        if left <= 0:
            return []
        assert order.opponent_id is not None
        to, memo = User(order.opponent_id), f"{custody_model.REFUND_MEMO}{order.order_id}"
        back = custody_model.outgoing(Kind.REFUND, order.order_id, Quantity(left, asset_id), to, self.now(), memo=memo)
        rest = custody_store.find_outgoing(self.table, back.outgoing_id)
        if rest is None:
            rest = back
            self.table.write(custody_store.intend(rest))
        return [rest]

    def _wait_for_person(self, order: Order, why: str) -> Standing:
        count("MarketMakingStopped")
        log.error("order needs a person", extra={"order_id": order.order_id, "why": why})
        self.table.write(store.wait_for_person(order, why, self.now()))
        return standing(store.existing(self.table, order.order_id))


def surplus_of(table: Table, order: Order) -> list[Outgoing]:
    """What was decided to go back when the legs were."""
    ids = (custody_model.outgoing_id(Kind.SURPLUS, order.order_id, asset_id) for asset_id in sorted(order.required))
    return [found for one in ids if (found := custody_store.find_outgoing(table, one)) is not None]


def _total(outgoing: Sequence[Outgoing]) -> dict[str, Decimal]:
    """What has left the custody, fees among it, by asset."""
    gone: dict[str, Decimal] = {}
    for one in outgoing:
        for part in (one.quantity, *([] if one.fee is None else [one.fee])):
            gone[part.asset_id] = EXACT.add(gone.get(part.asset_id, Decimal(0)), part.amount)
    return gone


def refunded(incoming: custody_model.Incoming, refund: Outgoing, why: str, at: datetime) -> list[Write]:
    """A snapshot goes back. Refused with IncomingMoved, OutgoingMoved."""
    return [
        custody_store.dispose(incoming, Disposition.REFUNDED, at, why, outgoing_id=refund.outgoing_id),
        custody_store.intend(refund),
    ]


def failed(order: Order, why: str, actor: str, at: datetime) -> list[Write]:
    """The order has failed before anything was sent: what came in goes back. Refused with MarketMakingOrderMoved."""
    return [
        store.move(order, Status.FAILED, at, store.why(why), waits_for="its refund"),
        store.event(order, Status.FAILED, why, actor, at),
    ]
