"""What a customer, the machine `sell-order`, the bank and operators can ask of cash-outs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from common import keys
from common.domain import audit, clients
from common.domain.audit import AuditEntry
from common.domain.catalogue.store import Market
from common.domain.clients import ClientKind
from common.domain.exchange_orders import store as placements
from common.domain.exchange_orders.model import LATE_LOOK_SECONDS, POLL_LIMIT, Fill, Missing, Placement
from common.domain.exchange_orders.service import Venue, missing
from common.domain.exchange_orders.store import PlacementMoved
from common.domain.ledger import store as ledger
from common.domain.ledger.model import AssetTransaction, TransactionType
from common.domain.payouts.model import Payout, PayoutUnsettled, Stage, Step
from common.domain.payouts.service import Payouts
from common.errors import Refusal
from common.gateways.exchange import (
    ExchangeOrder,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    Side,
    Ticket,
    client_order_id,
)
from common.log import count, log
from common.machines import Machines, MachinesUnavailable
from common.money import FRACTION_DIGITS_MAX, ROUNDING, ZERO, Price
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Busy, Write
from functions.offramp import model, store
from functions.offramp.model import (
    SaleRefused,
    SaleUnresolved,
    SellOrder,
    SellOrderNotFilled,
    SellOrderNotOpen,
    SellOrderOverdue,
    SellOrderUnresolved,
    Status,
    Terms,
)
from functions.offramp.store import OrderMoved

CUSTOMER = "customer"
EXCHANGE = "the exchange"
MACHINE = "the machine"


@dataclass(frozen=True)
class Asked:
    order: SellOrder
    replayed: bool = False


@dataclass(frozen=True)
class Moved:
    """What an operator's move does, or would do."""

    order: SellOrder
    before: Status
    done: bool
    says: str


@dataclass(frozen=True)
class Offramp:
    table: Table
    market: Market
    venue: Venue
    payouts: Payouts
    machines: Machines
    now: Callable[[], datetime]

    # What the customer asks

    def sell(self, owner: Owner, idempotency_key: str, asked: Terms) -> Asked:
        """Sell coins at the exchange, at the market but not below the band around the oracle's price; the dollars go
        to the bank. Answers when the exchange has the order; the rest goes on by itself.

        The intent, the hold of the coins and the id under which the exchange knows the order are written before the
        exchange is asked, which happens once for each id. The same key with the same terms gives the same order for
        ever; a sale that the exchange refused may be tried again.

        Raises, in this order:
            ClientNotFound, ClientBlocked, AssetNotFound, AssetInactive, PriceUnavailable, MarketUnknown,
            PrecisionExceeded, AmountTooLarge, EstimateOutOfBand, BelowMinimum, AboveMaximum, NotALot;
            ExchangeUnavailable: its rules are not known, nothing was asked of it;
            IdempotencyKeyReused; InsufficientAsset; Busy;
            SaleRefused: the exchange says no, nothing is held any more;
            SaleUnresolved: the exchange has not said yes or no, the coins stay held until it is known.
        """
        began, order_id = self._seconds(), model.order_id(owner, idempotency_key)
        try:
            order = self._intended(owner, order_id, asked)
        except Refusal:
            # Clients, prices and rules may refuse what they once accepted: a repeat comes first.
            known = store.find(self.table, order_id)
            if known is None or (known.status is Status.NEW and not known.waits):
                raise
            return self._again(known.repeated(asked), None)
        placement = self._placement(order)
        try:
            self._commit(store.insert(order), self._hold(order), placements.place(placement), self._begun(order))
        except store.AlreadyAsked as repeat:
            return self._again(repeat.order.repeated(asked), order)
        return Asked(self._place(order, placement, began))

    def _intended(self, owner: Owner, order_id: str, asked: Terms) -> SellOrder:
        for kind, client_id in (
            (ClientKind.CRYPTO, asked.crypto_client_id),
            (ClientKind.BANKING, asked.banking_client_id),
        ):
            clients.usable(self.table, kind, client_id, owner)
        listing, now = self.market.listing(asked.asset_id), self.now()
        quote = listing.tradable_quote(now)
        lot = self.venue.lot(asked.asset_id)
        return model.sell_order(owner, order_id, asked, listing.asset, quote, lot, now)

    def _again(self, known: SellOrder, fresh: SellOrder | None) -> Asked:
        """The answer to a repeat; a refused sale is tried again, as `fresh`."""
        if known.status is not Status.NEW:
            return Asked(known, replayed=True)
        if known.held:
            return Asked(self._found(known, store.placement(self.table, known)), replayed=True)
        if known.waits or fresh is None:
            raise _refused(known.reason or "", retry_after_seconds=60)
        order = replace(fresh, placements=known.placements + 1)
        placement = self._placement(order)
        try:
            self._commit(store.ask_again(order), self._hold(order), placements.place(placement), self._begun(order))
        except OrderMoved:
            raise Busy("the same sale is being asked for elsewhere; send it again", retry_after_seconds=1) from None
        return Asked(self._place(order, placement, self._seconds()))

    def _hold(self, order: SellOrder) -> Write:
        return ledger.hold_asset(order.owner, order.quantity, order.updated_at)

    def _begun(self, order: SellOrder) -> Write:
        price = f"limit {order.limit_price}, price {order.quote.price} of {order.quote.source}"
        return store.event(order, None, f"asked for: {order.quantity}, {price}", CUSTOMER, order.updated_at)

    def _placement(self, order: SellOrder) -> Placement:
        number = order.placements
        return Placement(
            order_id=order.order_id,
            number=number,
            client_order_id=client_order_id(order.order_id, str(number)),
            exchange=self.venue.exchange().name,
            sent_at=order.updated_at,
        )

    def _place(self, order: SellOrder, placement: Placement, began: float) -> SellOrder:
        """Ask the exchange, once. Only the request that wrote the placement comes here, and only once.

        A look-up follows a lost answer only while the request, which began at `began`, has time for it."""
        ticket = Ticket(Side.SELL, order.quantity, order.limit_price, placement.client_order_id)
        try:
            exchange_order_id = self.venue.exchange().place(ticket)
        except (ExchangeRefused, MarketUnknown) as no:
            self._refused(order, placement, no.detail, look_again=False)
            raise _refused(no.detail) from no
        except ExchangeUnavailable as silent:
            log.warning("sale not answered", extra={"order_id": order.order_id, "why": silent.detail})
            if self._seconds() - began > model.LOOK_UP_BEGUN_SECONDS_MAX:
                raise _unresolved(order) from silent
            return self._found(order, placement)
        return self._accepted(order, placement, exchange_order_id)

    def _found(self, order: SellOrder, placement: Placement) -> SellOrder:
        """The order, if the exchange has it. Raises SaleUnresolved: it has not said so, or not yet."""
        try:
            seen = self.venue.find(placement, order.quantity.asset_id)
        except (ExchangeOrderUnknown, ExchangeUnavailable):
            raise _unresolved(order) from None
        return self._accepted(order, placement, seen.exchange_order_id)

    def _accepted(self, order: SellOrder, placement: Placement, exchange_order_id: str) -> SellOrder:
        at = self.now()
        accepted = replace(order, status=Status.BASE_TXN_PENDING, updated_at=at)
        reason = f"{placement.exchange} has it as {exchange_order_id}, client order id {placement.client_order_id}"
        try:
            self._commit(
                *store.accept(order, placement, exchange_order_id, at),
                store.event(accepted, order.status, reason, EXCHANGE, at),
            )
        except OrderMoved:
            now = store.existing(self.table, order.order_id)
            if now.status is Status.NEW:
                self._turned_up(now, placement, f"order {exchange_order_id}")
                raise _refused(now.reason or "") from None
            return now
        self._start(accepted)
        return accepted

    def _start(self, order: SellOrder) -> None:
        try:
            self.machines.start(keys.SELL_ORDER.machines[0], order.order_id, order.order_id)
        except MachinesUnavailable as unavailable:  # the sweeper will
            log.warning("machine not started", extra={"order_id": order.order_id, "why": unavailable.detail})

    def _refused(self, order: SellOrder, placement: Placement, why: str, *, look_again: bool) -> None:
        """Give the hold back: the exchange does not have the order."""
        at = self.now()
        look_at = at + timedelta(seconds=LATE_LOOK_SECONDS) if look_again else None
        self._commit(
            *store.refuse(order, placement, why, at, look_at),
            ledger.release_asset(order.owner, order.quantity, at),
            store.event(order, order.status, f"not sold: {why}", EXCHANGE, at),
        )

    def order(self, owner: Owner, order_id: str) -> SellOrder:
        """Raises SellOrderNotFound."""
        return store.visible(self.table, owner, order_id)

    def orders(self, owner: Owner, *, limit: int, after: Position | None) -> Page[SellOrder]:
        """A page of the owner's sell orders, newest first; it may be short and still not the last."""
        return self.table.page(store.SellOrderItem, store.of_user(owner), limit=limit, after=after).of(store.order_of)

    # What the machine asks. All of it may be asked at any time, and again.

    def read(self, order_id: str) -> Step:
        """Where the order stands: the first task of every execution. For what has no sale, its payout alone.

        Raises SellOrderNotFound, PayoutNotFound: nothing is to be done then, and the machine ends.
        """
        if not order_id.startswith(keys.SELL_ORDER.id_prefix or ""):
            return self.payouts.next(order_id)
        order = store.existing(self.table, order_id)
        match order.status:
            case Status.NEW if order.held:
                return Step(Stage.RESOLVE)
            case Status.NEW if order.waits:
                look_at = order.updated_at + timedelta(seconds=LATE_LOOK_SECONDS)
                return Step(Stage.LOOK_AGAIN, max(1, int((look_at - self.now()).total_seconds())))
            case Status.BASE_TXN_PENDING:
                return self._polling(order)
            case Status.NEW | Status.BASE_TXN_FAILED:
                return Step(Stage.DONE)
            case _:
                return self.payouts.next(order_id)

    def resolve(self, order_id: str) -> Step:
        """Find out whether the exchange has an order that it has not answered for. It has not, when it is asked late
        enough, twice, and does not know it: then the hold is given back.

        Raises SellOrderUnresolved: too early to tell; ExchangeUnavailable, Busy.
        """
        order = store.existing(self.table, order_id)
        if order.status is not Status.NEW or not order.held:
            return self.read(order_id)
        placement = store.placement(self.table, order)
        asked_at = self.now()
        try:
            seen = self.venue.find(placement, order.quantity.asset_id)
        except ExchangeOrderUnknown:
            return self._missed(order, placement, asked_at)
        self._accepted(order, placement, seen.exchange_order_id)
        return self.read(order_id)

    def _missed(self, order: SellOrder, placement: Placement, asked_at: datetime) -> Step:
        early = SellOrderUnresolved("the exchange may still come to know the order", id=order.order_id)
        try:
            match missing(placement, asked_at):
                case Missing.TOO_EARLY:
                    raise early
                case Missing.ONCE:
                    self._commit(placements.miss(placement, asked_at))
                    raise early
                case Missing.FOR_EVER:
                    self._refused(order, placement, "the exchange never had the order", look_again=True)
        except (OrderMoved, PlacementMoved):
            log.info("resolved meanwhile", extra={"order_id": order.order_id})
        return self.read(order.order_id)

    def look_again(self, order_id: str) -> Step:
        """The last look for an order that the exchange did not have. What turns up now is nobody's: its hold is gone.

        Raises ExchangeUnavailable, Busy.
        """
        order = store.existing(self.table, order_id)
        if order.status is not Status.NEW or order.held or not order.waits:
            return Step(Stage.DONE)
        placement = store.placement(self.table, order)
        try:
            seen = self.venue.find(placement, order.quantity.asset_id)
        except ExchangeOrderUnknown:
            try:
                self._commit(store.looked(order, self.now()))
            except OrderMoved:
                log.info("looked meanwhile", extra={"order_id": order_id})
            return Step(Stage.DONE)
        if not seen.final:
            self.venue.cancel(placement, seen)
        self._turned_up(order, placement, f"order {seen.exchange_order_id}")
        return Step(Stage.STOPPED)

    def _turned_up(self, order: SellOrder, placement: Placement, told: str) -> None:
        count("LateFills")
        log.error("an order turned up", extra={"order_id": order.order_id, "told": told})
        try:
            self._commit(*store.turned_up(order, placement, told, self.now()))
        except OrderMoved:
            log.info("moved meanwhile", extra={"order_id": order.order_id})

    def poll(self, order_id: str) -> Step:
        """Ask the exchange for the fill, and write it down when it is final: the sale, its cost and gain, the dollars
        held for the payout.

        Ends silently when there is nothing to poll: no such order, or it is somewhere else already.
        Raises SellOrderNotFilled; SellOrderOverdue: not filled in time; ExchangeUnavailable, Busy.
        """
        order = store.find(self.table, order_id)
        if order is None:
            return Step(Stage.DONE)
        if order.status is not Status.BASE_TXN_PENDING:
            return self.read(order_id)
        placement, seen = self._seen(order)
        if seen.final:
            return self._settle(order, placement, seen)
        if self.now() >= placement.overdue_at:
            raise SellOrderOverdue(f"not filled within {POLL_LIMIT}", id=order_id)
        raise SellOrderNotFilled(f"{seen.executed} of {order.quantity} executed", id=order_id)

    def _polling(self, order: SellOrder) -> Step:
        """A machine has the order now: it is due when polling should have ended, however often that begins."""
        due_at = store.placement(self.table, order).sent_at + POLL_LIMIT + model.POLL_DUE
        try:
            self._commit(store.expect_fill(order, self.now(), due_at))
        except OrderMoved:
            return self.read(order.order_id)
        return Step(Stage.POLL)

    def cancel(self, order_id: str) -> Step:
        """Cancel what the exchange has not filled in time, and write down what it had: a partial fill is kept and
        paid. Where even that is unknown the order stays as it is.

        Raises SellOrderNotFilled: the exchange has not ended it yet; ExchangeUnavailable, Busy.
        """
        order = store.existing(self.table, order_id)
        if order.status is not Status.BASE_TXN_PENDING:
            return self.read(order_id)
        placement, seen = self._seen(order)
        if not seen.final:
            self.venue.cancel(placement, seen)
            placement, seen = self._seen(order)
        if seen.final:
            return self._settle(order, placement, seen)
        raise SellOrderNotFilled("the exchange has not ended the order yet", id=order_id)

    def _seen(self, order: SellOrder) -> tuple[Placement, ExchangeOrder]:
        placement = store.placement(self.table, order)
        return placement, self.venue.seen(placement, Side.SELL, order.quantity, order.limit_price)

    def _settle(self, order: SellOrder, placement: Placement, seen: ExchangeOrder) -> Step:
        fill = Fill(seen.state, seen.executed, seen.gross, seen.fee, seen.fees_elsewhere)
        at = self.now()
        after = model.sold(order, fill, at)
        told = f"{fill.state}: {fill.executed} for ${fill.gross}, fee ${fill.fee}"
        writes = [*store.settle(after, placement, fill), store.event(after, order.status, told, EXCHANGE, at)]
        try:
            if after.status is Status.BASE_TXN_FAILED:
                self._commit(*writes, ledger.release_asset(order.owner, order.quantity, at))
            else:
                self._book(order, after, fill, writes)
        except OrderMoved:
            log.info("settled meanwhile", extra={"order_id": order.order_id})
        return self.read(order.order_id)

    def _book(self, order: SellOrder, after: SellOrder, fill: Fill, writes: list[Write]) -> None:
        owner, at, sold = order.owner, after.updated_at, model.Sold(fill)
        if sold.left_over != ZERO:
            writes.append(ledger.desk_line(sold.left_over, "fraction of a cent", order.order_id, at))
        if sold.proceeds != ZERO:
            writes.append(ledger.credit_held(owner, sold.proceeds, at))

        def commit(sale: ledger.Sale) -> None:
            self._commit(
                *writes,
                ledger.settle_asset(owner, sale, at, hold=order.quantity),
                ledger.journal(_line(after, fill, sale)),
            )

        ledger.sell(self.table, owner, fill.executed, sold.proceeds, commit)

    # What operators ask

    def retry_payout(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> Moved:
        """One more payout attempt. Raises SellOrderNotFound, PayoutUnsettled, Busy."""
        order, payout = self._rejected_payout(order_id)
        says = f"attempt {payout.attempts + 1} to pay ${payout.amount} to the customer's bank{_warning(payout)}"
        if not dry_run:
            self.payouts.retry(payout, reason, operator)
        return self._moved(order, says, dry_run)

    def mark_filled(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> Moved:
        """The customer has the dollars by another way. A repeat gives the filled order.

        Raises SellOrderNotFound, PayoutUnsettled, Busy.
        """
        says = "is FILLED; the held ${amount} count as paid"
        return self._close(order_id, says, self.payouts.mark_paid, reason, operator, dry_run=dry_run)

    def credit_usd(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> Moved:
        """The dollars go to the customer's balance here instead of his bank. A repeat gives the filled order.

        Raises SellOrderNotFound, PayoutUnsettled, Busy.
        """
        says = "is FILLED; the held ${amount} are free on the customer's balance"
        return self._close(order_id, says, self.payouts.give_back, reason, operator, dry_run=dry_run)

    def _close(
        self,
        order_id: str,
        says: str,
        act: Callable[[Payout, str, str], None],
        reason: str,
        operator: str,
        *,
        dry_run: bool,
    ) -> Moved:
        order = store.existing(self.table, order_id)
        if order.status is Status.FILLED:
            return Moved(order, order.status, done=False, says="is FILLED already; nothing to do")
        order, payout = self._rejected_payout(order_id)
        if not dry_run:
            try:
                act(payout, reason, operator)
            except PayoutUnsettled:
                order = store.existing(self.table, order_id)
                if order.status is not Status.FILLED:
                    raise
                return Moved(order, order.status, done=False, says="was FILLED by another operator meanwhile")
        return self._moved(order, says.format(amount=payout.amount) + _warning(payout), dry_run)

    def void(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> Moved:
        """End an order of which the exchange has executed nothing, and give the coins back; cancel it there first.
        For an intent that turned up after all: a person has dealt with it at the exchange.

        Raises SellOrderNotFound; SellOrderNotOpen: it was executed, or is over; ExchangeUnavailable, Busy.
        """
        order = store.existing(self.table, order_id)
        if order.status is Status.NEW and order.turned_up:
            if not dry_run:
                at = self.now()
                entry = audit.entry(AuditEntry(at, operator, "void", order_id, reason))
                self._commit(store.looked(order, at), store.event(order, order.status, reason, operator, at), entry)
            return self._moved(order, "nothing of it is looked for any more", dry_run)
        if order.status is not Status.BASE_TXN_PENDING:
            raise SellOrderNotOpen(f"the order is {order.status}", id=order_id, order_status=order.status)
        if self._forgotten(order):
            return self._void_forgotten(order, reason, operator, dry_run=dry_run)
        _, seen = self._seen(order)
        if seen.executed.amount:
            raise SellOrderNotOpen(
                f"the exchange has executed {seen.executed} of it: that is the customer's to be paid", id=order_id
            )
        if dry_run:
            return self._moved(order, f"cancelled at the exchange; {order.quantity} are the customer's again", dry_run)
        self._commit(audit.entry(AuditEntry(self.now(), operator, "void", order_id, reason)))
        self.cancel(order_id)
        after = store.existing(self.table, order_id)
        return self._moved(order, f"is {after.status}, {after.executed} of it were sold", dry_run)

    def _forgotten(self, order: SellOrder) -> bool:
        """Has the exchange lost an order that it had accepted? Only when it is asked late, and by both ids."""
        placement = store.placement(self.table, order)
        return self.now() >= placement.overdue_at and self.venue.forgotten(placement, order.quantity.asset_id)

    def _void_forgotten(self, order: SellOrder, reason: str, operator: str, *, dry_run: bool) -> Moved:
        says = (
            f"the exchange does not know it any more; {order.quantity} go back, and were they sold, the desk bears it"
        )
        if not dry_run:
            at = self.now()
            nothing = Fill("FORGOTTEN", replace(order.quantity, amount=Decimal(0)), ZERO, ZERO)
            after = model.sold(order, nothing, at)
            try:
                self._commit(
                    *store.settle(after, store.placement(self.table, order), nothing),
                    ledger.release_asset(order.owner, order.quantity, at),
                    store.event(after, order.status, f"void: {reason}", operator, at),
                    audit.entry(AuditEntry(at, operator, "void", order.order_id, f"{reason} (forgotten)")),
                )
            except OrderMoved:
                raise SellOrderNotOpen("the sale has been decided meanwhile", id=order.order_id) from None
        return self._moved(order, says, dry_run)

    def abandon_attempt(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> Moved:
        """The pending payout attempt never reached the bank. Raises SellOrderNotFound, PayoutUnsettled, Busy."""
        order, attempt = store.existing(self.table, order_id), self.payouts.pending(order_id)
        if not dry_run:
            self.payouts.abandon(attempt, reason, operator)
        says = f"attempt {attempt.number} is sent no more; if the bank still does not know it in two minutes, rejected"
        return self._moved(order, says, dry_run)

    def _rejected_payout(self, order_id: str) -> tuple[SellOrder, Payout]:
        return store.existing(self.table, order_id), self.payouts.settled(order_id)

    def _seconds(self) -> float:
        return self.table.patience.monotonic()

    def _moved(self, order: SellOrder, says: str, dry_run: bool) -> Moved:
        after = order if dry_run else store.existing(self.table, order.order_id)
        return Moved(after, order.status, done=not dry_run, says=says)

    def _commit(self, *writes: Write) -> None:
        with self.table.transaction() as tx:
            tx.add(*writes)


def _warning(payout: Payout) -> str:
    return "; BEWARE: the bank has contradicted itself and may have paid (desk parked list)" if payout.disputed else ""


def _unresolved(order: SellOrder) -> SaleUnresolved:
    return SaleUnresolved(
        "the exchange has not said yet whether it has the order; that is being found out, the coins stay reserved",
        id=order.order_id,
        retry_after_seconds=30,
    )


def _refused(why: str, retry_after_seconds: int = 5) -> SaleRefused:
    return SaleRefused(
        f"nothing was sold, and the coins are free again: {why}", retry_after_seconds=retry_after_seconds
    )


def _average(fill: Fill) -> Price:
    """Before fees, to 18 decimals."""
    step = Decimal(1).scaleb(-FRACTION_DIGITS_MAX)
    return Price(ROUNDING.divide(fill.gross.usd, fill.executed.amount).quantize(step, ROUND_HALF_EVEN, ROUNDING))


def _line(order: SellOrder, fill: Fill, sale: ledger.Sale) -> AssetTransaction:
    """The journal's line of a sale. Its price is the average before fees."""
    assert order.total_amount is not None
    return AssetTransaction(
        username=order.owner.username,
        sub=order.owner.sub,
        quantity=fill.executed,
        transaction_type=TransactionType.SELL,
        price_per_unit=_average(fill),
        total_amount=order.total_amount,
        order_id=order.order_id,
        created_at=order.updated_at,
        cost=sale.cost,
        realised_gain=sale.realised_gain,
    )
