"""The payment of an order: which transfers are its own, and when it is complete or has failed.

The last transfer and the end of the time for it are decided by one condition: a transfer is added to an order whose
status and number of transfers are as read, and the order goes on under the same condition. What comes later is
refunded, and revives nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from common import keys
from common.domain import flow_halts, halts, rulings
from common.domain.custody import store as custody_store
from common.domain.custody.model import Disposition, Incoming, IncomingMoved, is_nobodys
from common.domain.flow_halts import Flow, Halted
from common.domain.pairs import store as pair_store
from common.domain.pairs.model import Pair, PairNotFound
from common.domain.rulings import Matter
from common.domain.timeline import CUSTODY, MACHINE, TimelineEvent, record
from common.log import log
from common.machines import Machines, Standing
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import account_store, model, store
from functions.market_making.memo import Memo
from functions.market_making.model import (
    CHECK_AFTER_SECONDS,
    PAYABLE,
    TRANSFERS_MAX,
    MarketMakingOrderMoved,
    NoCapacity,
    Order,
    PaymentIncomplete,
    Status,
    TradingAccount,
    lacking,
    missing,
)
from functions.market_making.service.reading import standing
from functions.market_making.service.refunding import failed
from functions.market_making.service.routes import WAYLESS, Routes

(MACHINE_NAME,) = keys.MARKET_MAKING_ORDER.machines


class NotTaken(Exception):
    """A transfer pays for nothing. Says why, for whoever sent it: it is refunded."""


@dataclass(frozen=True)
class Paying:
    table: Table
    routes: Routes
    machines: Machines
    now: Callable[[], datetime]

    def accept(self, paid: Incoming, said: Memo) -> list[Write]:
        """What makes a transfer one of an order's, which a first one opens. Refused with MarketMakingOrderMoved,
        AlreadyOpened, NoCapacity: decide anew.

        Raises NotTaken; ExchangeUnavailable, NoTradingKey, CustodyUnavailable: it can not be decided yet.
        """
        order = store.find(self.table, model.order_id(said.order_id))
        if order is None:
            return self._opened(paid, self._pair(said), said.order_id)
        if order.pair_id != said.pair_id:
            raise NotTaken("the order is of another pair")
        if order.status not in PAYABLE:
            raise NotTaken(f"the order is {order.status}")
        if order.opponent_id is not None and order.opponent_id != paid.snapshot.opponent_id:
            raise NotTaken("somebody else pays for this order")
        if not order.takes(paid.snapshot.quantity.asset_id):
            raise NotTaken("the order takes no such asset")
        if order.transfers >= TRANSFERS_MAX:
            raise NotTaken(f"the order has had {TRANSFERS_MAX} transfers")
        at = self.now()
        if at >= order.payment_due_at:
            raise NotTaken("it came too late")
        return store.add_transfer(order, paid, at, at + timedelta(seconds=CHECK_AFTER_SECONDS))

    def _pair(self, said: Memo) -> Pair:
        try:
            pair = pair_store.pair(self.table, said.pair_id)
        except PairNotFound as no:
            raise NotTaken(no.detail) from no
        if not pair.enabled:
            raise NotTaken(f"{pair.symbol} is not traded now")
        return pair

    def _opened(self, paid: Incoming, pair: Pair, uuid: UUID) -> list[Write]:
        """Somebody pays for an order that nobody has opened: the seed's way, with the pair's own parameters."""
        try:
            flow_halts.must_run(self.table, Flow.MARKET_MAKING, *pair.coins)
        except Halted as no:
            raise NotTaken(no.detail) from no
        account = next(iter(self.rooms(pair)), None)
        if account is None:
            raise NotTaken("every trading account is full, or is not traded on now")
        at = self.now()
        try:
            order = self.draft(pair, account, uuid, at)
        except WAYLESS as no:
            raise NotTaken(f"there is no way to the exchange: {no}") from no
        if not order.takes(paid.snapshot.quantity.asset_id):
            raise NotTaken("the order takes no such asset")
        first_check = at + timedelta(seconds=CHECK_AFTER_SECONDS)
        snapshot = paid.snapshot
        order = model.begun(order, snapshot.opponent_id, at)
        why = f"{snapshot.quantity} of {snapshot.opponent_id}"
        return [
            store.insert(order, first_check),
            *room(order, at),
            store.insert_transfer(order, paid, at),
            store.event(order, Status.PAYMENT_PENDING, why, CUSTODY, at, first=True),
        ]

    def rooms(self, pair: Pair) -> list[TradingAccount]:
        """The accounts that can take one more order, and are not halted; what carries the fewest comes first."""
        free = [
            a for a in account_store.accounts(self.table) if a.takes(pair) and a.has_room and not self._is_halted(a)
        ]
        return sorted(free, key=lambda account: (account.orders, account.account_id))

    def _is_halted(self, account: TradingAccount) -> bool:
        return halts.of(self.table, account.account_id, consistent=False) is not None

    def draft(self, pair: Pair, account: TradingAccount, uuid: UUID, at: datetime) -> Order:
        """An order as it is opened, with what its withdrawals cost now. Raises what `Routes.route` raises."""
        return Order(
            order_id=model.order_id(uuid),
            pair_id=pair.pair_id,
            symbol=pair.symbol,
            exchange=pair.exchange,
            account_id=account.account_id,
            base_asset_id=pair.base_asset_id,
            quote_asset_id=pair.quote_asset_id,
            base_min=pair.base_min,
            quote_min=pair.quote_min,
            base_asked=pair.base_min,
            quote_asked=pair.quote_min,
            fee_bps=pair.fee_bps,
            fees=self.routes.fees(account.account_id, pair),
            status=Status.PAYMENT_PENDING,
            created_at=at,
            updated_at=at,
        )

    def begin(self, order_id: str) -> None:
        """The order's machine checks its payment from now on."""
        self.machines.begin(MACHINE_NAME, order_id)

    # What the machine asks

    def check(self, order_id: str) -> Standing:
        """Is the payment complete? Raises PaymentIncomplete: not yet, and there is time left."""
        order = store.existing(self.table, order_id)
        if order.status not in PAYABLE:
            return standing(order)
        there = store.transfers(self.table, order_id)
        if len(there) != order.transfers:
            raise PaymentIncomplete("a transfer is just coming in")
        if self._adopted(order):
            raise PaymentIncomplete("operators have said of a transfer that it is the order's")
        short, at = missing(order, there), self.now()
        try:
            if not short:
                complete = "all of it has come in"
                self.table.write(
                    store.move(order, Status.PAYMENT_COMPLETE, at, waits_for="to be sent to the exchange"),
                    store.event(order, Status.PAYMENT_COMPLETE, complete, MACHINE, at),
                )
            elif at >= order.payment_due_at:
                self._fail(order, lacking(short), at)
            else:
                self._incomplete(order, lacking(short), at)
                raise PaymentIncomplete(lacking(short))
        except MarketMakingOrderMoved:
            raise PaymentIncomplete("a transfer has just come in") from None
        return standing(store.existing(self.table, order_id))

    def _adopted(self, order: Order) -> bool:
        """Has a snapshot that waited for a person become the order's, since operators have said so?"""
        for (matter, about), ruling in rulings.of(self.table, order.order_id).items():
            if matter is not Matter.PAYS:
                continue
            found, at = custody_store.incoming(self.table, about), self.now()
            if not (is_nobodys(found, at) and self._may_adopt(order, found, at)):
                continue
            why = f"{ruling.operators} say that it pays for {order.order_id}"
            try:
                self.table.write(
                    *store.add_transfer(order, found, at, at + timedelta(seconds=CHECK_AFTER_SECONDS)),
                    custody_store.dispose(found, Disposition.HELD, at, why, order_id=order.order_id),
                    record(about, TimelineEvent(at, found.disposition, Disposition.HELD, why, ruling.operators)),
                )
            except (MarketMakingOrderMoved, IncomingMoved):
                log.info("moved meanwhile", extra={"order_id": order.order_id})
            return True
        return False

    def _may_adopt(self, order: Order, found: Incoming, at: datetime) -> bool:
        payer = found.snapshot.opponent_id or order.opponent_id
        in_time = at < order.payment_due_at and order.transfers < TRANSFERS_MAX
        return (
            in_time
            and payer is not None
            and payer == (order.opponent_id or payer)
            and order.takes(found.snapshot.quantity.asset_id)
        )

    def _incomplete(self, order: Order, why: str, at: datetime) -> None:
        """The first time that something is found missing; then it is due when the time for it is over."""
        if order.status is Status.PAYMENT_PENDING and order.transfers:
            due_at = order.payment_due_at + timedelta(minutes=1)
            self.table.write(
                store.move(order, Status.PAYMENT_INCOMPLETE, at, waits_for="the rest of its payment", due_at=due_at),
                store.event(order, Status.PAYMENT_INCOMPLETE, why, MACHINE, at),
            )

    def _fail(self, order: Order, why: str, at: datetime) -> None:
        said = f"not paid in time: {why}" if order.transfers else "not paid"
        self.table.write(*failed(order, said, MACHINE, at))


def room(order: Order, at: datetime) -> list[Write]:
    """An order that is opened takes its place on an account, where nobody has halted it. Refused with NoCapacity."""
    halted = NoCapacity(f"{order.account_id} is halted; ask again later", retry_after_seconds=600)
    return [account_store.take_room(order.account_id, at, coins=order.coins), halts.none_of(order.account_id, halted)]
