"""An order's money on its way to the exchange: two legs, decided in one transaction, sent once each, and counted when
the exchange has credited what the chain has brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.domain import halts
from common.domain.custody import model as custody_model
from common.domain.custody import store as custody_store
from common.domain.custody.model import Disposition, IncomingMoved, Kind, Outgoing, OutgoingMoved
from common.domain.custody.model import Status as Sent
from common.domain.halts import AccountHalted
from common.domain.ledger import store as ledger
from common.domain.timeline import MACHINE
from common.gateways.custody import Address, User
from common.gateways.exchange.funds import ExchangeFunds, NoTradingKey
from common.log import count, log
from common.machines import Standing
from common.money import Quantity
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import account_store, leg_store, store
from functions.market_making.model import (
    CONFIRM_LIMIT,
    PAYMENT_LIMIT,
    DepositUnconfirmed,
    Division,
    FeeCoinOwn,
    Fees,
    FeesRose,
    Leg,
    LegStatus,
    MarketMakingOrderMoved,
    Order,
    Status,
    Transfer,
    Way,
    divide,
    hold_against_told,
)
from functions.market_making.service.crediting import Crediting, Doubted
from functions.market_making.service.reading import standing
from functions.market_making.service.refunding import failed
from functions.market_making.service.routes import WAYLESS, Route, Routes

FEE_OF = "market-making fee of"
FEE_BACK = "market-making fee given back to"


@dataclass(frozen=True)
class Moving:
    """`funds` are those of a trading account, by its id."""

    table: Table
    routes: Routes
    funds: Callable[[str], ExchangeFunds]
    now: Callable[[], datetime]

    @property
    def crediting(self) -> Crediting:
        return Crediting(self.table, self.funds, self.now)

    def withdraw(self, order_id: str) -> Standing:
        """Decide both legs: from here on what came in is on its way. What they cost is told by the custody now.
        Where there is no key of its trading account, the order waits for a person as it is; where that is halted, what
        came in goes back.

        Raises FeesRose: it costs more than was paid for it, and may still fall; ExchangeUnavailable,
        CustodyUnavailable.
        """
        order = store.existing(self.table, order_id)
        if order.status is not Status.PAYMENT_COMPLETE or order.needs_person:
            return standing(order)
        transfers = store.transfers(self.table, order_id)
        at = self.now()
        try:
            base, quote = self.routes.both(order.account_id, order)
            decimals = {order.base_asset_id: base.decimals, order.quote_asset_id: quote.decimals}
            fees = Fees(base.fee, quote.fee)
            hold_against_told(order, fees)
            division = divide(order, transfers, fees, decimals)
        except WAYLESS as no:
            return self._fail(order, f"there is no way to the exchange: {no}", at)
        except NoTradingKey as no:
            return standing(self._wait_for_person(order, no.detail))
        except FeesRose as rose:
            assert order.first_paid_at is not None
            if at < order.first_paid_at + PAYMENT_LIMIT:
                raise
            return self._fail(order, rose.detail, at)
        try:
            decided = self._decided(order, transfers, division, (base, quote), at)
            self.table.write(*decided, halts.not_halted(order.account_id), account_store.pays_no_fees_of(order))
        except AccountHalted:
            return self._fail(order, "its trading account is halted", at)
        except FeeCoinOwn as own:
            return self._fail(order, own.detail, at)
        except (MarketMakingOrderMoved, OutgoingMoved, IncomingMoved):
            log.info("moved meanwhile", extra={"order_id": order_id})
        return standing(store.existing(self.table, order_id))

    def _fail(self, order: Order, why: str, at: datetime) -> Standing:
        try:
            self.table.write(*failed(order, why, MACHINE, at))
        except MarketMakingOrderMoved:
            log.info("moved meanwhile", extra={"order_id": order.order_id})
        return standing(store.existing(self.table, order.order_id))

    def _decided(
        self, order: Order, transfers: Sequence[Transfer], division: Division, routes: tuple[Route, Route], at: datetime
    ) -> list[Write]:
        reason = f"{division.base} and {division.quote} go to the exchange, the desk's fee is {division.fee}"
        writes = [
            store.move(
                order,
                Status.WITHDRAWING,
                at,
                *store.divided(division, at),
                waits_for="the custody to send both legs",
                due_at=at + CONFIRM_LIMIT,
            ),
            store.event(order, Status.WITHDRAWING, reason, MACHINE, at),
        ]
        for quantity, symbol, route in zip((division.base, division.quote), order.coins, routes, strict=True):
            sent = self._outgoing(order, Kind.FUNDING, quantity, route.address, route.fee, at)
            leg = Leg(
                order_id=order.order_id,
                way=Way.OUT,
                quantity=quantity,
                symbol=symbol,
                network=route.network,
                sent_by=sent.outgoing_id,
                status=LegStatus.INTENDED,
                created_at=at,
                updated_at=at,
            )
            writes += [custody_store.intend(sent), leg_store.insert_leg(leg)]
        assert order.opponent_id is not None
        for asset_id, amount in division.surplus.items():
            surplus = Quantity(amount, asset_id)
            back = self._outgoing(order, Kind.SURPLUS, surplus, User(order.opponent_id), None, at)
            writes.append(custody_store.intend(back))
        writes += [self._withdrawn(transfer, at) for transfer in transfers]
        if division.fee.amount:
            writes.append(ledger.desk_line(division.fee, f"{FEE_OF} {order.order_id}", order.order_id, at))
        return writes

    def _outgoing(
        self, order: Order, kind: Kind, quantity: Quantity, to: User | Address, fee: Quantity | None, at: datetime
    ) -> Outgoing:
        # The exchange's tag is the address's; only where it has none may the memo say whose the deposit is.
        says = isinstance(to, Address) and not to.tag
        memo = f"MM:{order.order_id}:{quantity.asset_id}" if says else ""
        fee = fee if fee is not None and fee.amount else None
        return custody_model.outgoing(kind, order.order_id, quantity, to, at, memo=memo, fee=fee)

    def _withdrawn(self, transfer: Transfer, at: datetime) -> Write:
        held = custody_store.incoming(self.table, transfer.incoming_id)
        return custody_store.dispose(held, Disposition.WITHDRAWN, at, "on its way to the exchange")

    def confirm(self, order_id: str) -> Standing:
        """Have the chain and the exchange got both legs?

        Raises DepositUnconfirmed: not yet, and there is time left; ExchangeUnavailable.
        """
        order = store.existing(self.table, order_id)
        moving = order.status in (Status.WITHDRAWING, Status.WITHDRAWAL_CONFIRMED, Status.DEPOSIT_CONFIRMING)
        if moving and not order.needs_person:
            try:
                order = self._confirmed(order)
            except NoTradingKey as no:
                order = self._wait_for_person(store.existing(self.table, order_id), no.detail)
            except (MarketMakingOrderMoved, OutgoingMoved):
                raise DepositUnconfirmed("the order has just moved") from None
        return standing(order)

    def _confirmed(self, order: Order) -> Order:
        if order.status is Status.WITHDRAWING:
            order = self._sent(order)
        if order.status is Status.WITHDRAWAL_CONFIRMED:
            said = "the chain has both legs; the exchange is asked for its deposits"
            order = self._moved(order, Status.DEPOSIT_CONFIRMING, said, "the exchange to credit both legs")
        if order.status is Status.DEPOSIT_CONFIRMING:
            order = self._credited(order)
        return order

    def _sent(self, order: Order) -> Order:
        """Until the chain has both legs. One that was refused ends the order; the other, if nobody has ever begun to
        send it, does not leave."""
        legs = leg_store.legs(self.table, order.order_id, Way.OUT)
        outgoing = {leg.sent_by: custody_store.outgoing(self.table, leg.sent_by) for leg in legs}
        if refused := [o for o in outgoing.values() if o.status is Sent.REFUSED]:
            return self._refused(order, refused[0], list(outgoing.values()))
        at = self.now()
        for leg in legs:
            sent = outgoing[leg.sent_by]
            if leg.status is LegStatus.INTENDED and sent.withdrawal_hash is not None:
                hash_ = sent.withdrawal_hash
                self.table.write(leg_store.move_leg(leg, LegStatus.CONFIRMED, at, transaction_hash=hash_))
        if all(sent.withdrawal_hash is not None for sent in outgoing.values()):
            hashes = ", ".join(str(sent.withdrawal_hash) for sent in outgoing.values())
            return self._moved(order, Status.WITHDRAWAL_CONFIRMED, f"the chain has {hashes}", "the exchange")
        return self._wait(order, "the chain has not got both legs")

    def _refused(self, order: Order, refused: Outgoing, both: Sequence[Outgoing]) -> Order:
        at, why = self.now(), f"the custody has refused {refused.quantity}: {refused.reason}"
        writes = failed(order, why, MACHINE, at)
        for other in both:
            # What a second attempt is to send, the first may have sent, whatever was said: only its sender can tell.
            if other.status is Sent.INTENDED and other.attempt == 1:
                writes += custody_store.refuse(other, "the order's other leg was refused", at)
        self.table.write(*writes, *_fee_back(order, at))
        return store.existing(self.table, order.order_id)

    def _credited(self, order: Order) -> Order:
        """Until the exchange has credited both legs."""
        try:
            waiting = self.crediting.credit(order)
        except Doubted as doubt:
            return self._wait_for_person(order, str(doubt))
        if waiting:
            return self._wait(order, f"the exchange has not credited {' and '.join(waiting)}")
        if any(
            leg.arrived is not None and not leg.arrived.amount
            for leg in leg_store.legs(self.table, order.order_id, Way.OUT)
        ):
            return self._lost(order)
        return self._moved(order, Status.DEPOSIT_CONFIRMED, "the exchange has credited both legs", "its campaign")

    def _lost(self, order: Order) -> Order:
        """Operators have said that of a leg nothing was credited: the order can not quote."""
        at, why = self.now(), "nothing of one of its legs was credited"
        self.table.write(
            store.move(order, Status.FAILED, at, store.why(why), waits_for="its refund", by_operators=True),
            store.event(order, Status.FAILED, why, MACHINE, at),
            *_fee_back(order, at),
        )
        return store.existing(self.table, order.order_id)

    def _moved(self, order: Order, after: Status, why: str, waits_for: str) -> Order:
        at = self.now()
        assert order.sent_at is not None
        due_at = max(at, order.sent_at + CONFIRM_LIMIT)
        self.table.write(
            store.move(order, after, at, waits_for=waits_for, due_at=due_at),
            store.event(order, after, why, MACHINE, at),
        )
        return store.existing(self.table, order.order_id)

    def _wait(self, order: Order, why: str) -> Order:
        assert order.sent_at is not None
        if self.now() >= order.sent_at + CONFIRM_LIMIT:
            return self._wait_for_person(order, f"{why} within 30 minutes")
        raise DepositUnconfirmed(why)

    def _wait_for_person(self, order: Order, why: str) -> Order:
        """Leave it to a person; its status stays."""
        count("MarketMakingStopped")
        log.error("order needs a person", extra={"order_id": order.order_id, "why": why})
        self.table.write(store.wait_for_person(order, why, self.now()))
        return store.existing(self.table, order.order_id)


def _fee_back(order: Order, at: datetime) -> list[Write]:
    """The desk takes no fee for an order that has failed."""
    if order.fee is None or not order.fee.amount:
        return []
    back = Quantity(-order.fee.amount, order.fee.asset_id)
    return [ledger.desk_line(back, f"{FEE_BACK} {order.order_id}", order.order_id, at)]
