"""What a customer and the machine `sell-order` can ask of cash-outs; `voiding` is the operators'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common import keys
from common.domain import clients, flow_halts, limits, work
from common.domain.catalogue.store import Catalogue
from common.domain.clients import ClientKind
from common.domain.exchange_orders.model import POLL_LIMIT, ExchangeOrder, ExchangeOrderNotFilled
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.exchange_orders.service import ExchangeOrders
from common.domain.flow_halts import Flow
from common.domain.ledger import store as ledger
from common.domain.limits import Limited
from common.domain.timeline import CUSTOMER
from common.errors import Refusal
from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable, Side
from common.idempotency import Replayable
from common.machines import Machines, Standing
from common.money import Money, Quantity
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Busy, Write
from functions.offramp import model, store
from functions.offramp.model import (
    SaleRefused,
    SaleUnresolved,
    SellOrder,
    Stage,
    Status,
    Terms,
)
from functions.offramp.service.selling import Selling, accepted
from functions.offramp.store import OrderMoved

SELL_MACHINE, PAYOUT_MACHINE = keys.SELL_ORDER.machines


@dataclass(frozen=True)
class Offramp:
    table: Table
    catalogue: Catalogue
    at_exchange: ExchangeOrders
    machines: Machines
    now: Callable[[], datetime]
    daily_limit: Money  # a user, a day of UTC; withdrawals take from it as well

    # What the customer asks

    def sell(self, owner: Owner, idempotency_key: str, asked: Terms) -> Replayable[SellOrder]:
        """Sell coins at the exchange, at the market but not below the band around the oracle's price; the dollars go
        to the bank. Answers when the exchange has the order; the rest goes on by itself. What `all` has above lots the
        desk's own book buys, within its limit of the day, when those are sold.

        The intent, the hold of the coins and the id under which the exchange knows the order are written before the
        exchange is asked, which happens once for each id. The same key with the same terms gives the same order for
        ever; a sale that the exchange refused may be tried again.

        Raises, in this order:
            ClientNotFound, ClientBlocked, AssetNotFound, AssetInactive, PriceUnavailable, MarketUnknown,
            NothingToSell, PrecisionExceeded, AmountTooLarge, EstimateOutOfBand, BelowMinimum, AboveMaximum, NotALot,
            DailyLimitExceeded (by this sale alone);
            Halted: cash-outs, or the payouts in which they end;
            ExchangeUnavailable: its rules are not known, nothing was asked of it;
            IdempotencyKeyReused; InsufficientAsset, TooManyOpenOrders; DailyLimitExceeded (with the day's others);
            Busy;
            SaleRefused: the exchange says no, nothing is held any more;
            SaleUnresolved: the exchange has not said yes or no, the coins stay held until it is known.
        """
        began, order_id = self.table.seconds(), model.order_id(owner, idempotency_key)

        def sell() -> Replayable[SellOrder]:
            return self._sell(owner, order_id, asked, began)

        return sell() if asked.quantity is not None else ledger.holding_all(sell)

    def _sell(self, owner: Owner, order_id: str, asked: Terms, began: float) -> Replayable[SellOrder]:
        try:
            order = self._intended(owner, order_id, asked)
        except Refusal:
            # Clients, prices and rules may refuse what they once accepted: a repeat comes first.
            known = store.find(self.table, order_id)
            if known is None or (known.status is Status.NEW and not known.waits):
                raise
            return self._again(known.repeated(asked), None)
        try:
            return Replayable(self._place(order, store.insert(order), began))
        except store.AlreadyAsked as repeat:
            return self._again(repeat.order.repeated(asked), order)

    def _intended(self, owner: Owner, order_id: str, asked: Terms) -> SellOrder:
        for kind, client_id in (
            (ClientKind.CRYPTO, asked.crypto_client_id),
            (ClientKind.BANKING, asked.banking_client_id),
        ):
            clients.usable(self.table, kind, client_id, owner)
        listing, now = self.catalogue.listing(asked.asset_id), self.now()
        quote = listing.tradable_bid(now)
        rules = self.at_exchange.rules(asked.asset_id)
        if asked.quantity is None:
            quantity = ledger.free(self.table, owner, asked.asset_id)
        else:
            quantity = Quantity(asked.quantity, asked.asset_id)
        order = model.sell_order(owner, order_id, asked, quantity, listing.asset, quote, rules, now)
        if order.estimated_amount > self.daily_limit:
            used = limits.used(self.table, owner, Limited.PAYOUT, now)
            raise limits.over(self.daily_limit, Limited.PAYOUT, order.estimated_amount, used)
        halts = flow_halts.read(self.table)  # as it is now: the exchange is asked next
        halts.must_run(Flow.CASH_OUTS, asked.asset_id)
        halts.must_run(Flow.PAYOUTS)
        return order

    def _again(self, known: SellOrder, fresh: SellOrder | None) -> Replayable[SellOrder]:
        """The answer to a repeat; a refused sale is tried again, as `fresh`."""
        if known.status is not Status.NEW:
            return Replayable(known, replayed=True)
        if known.waits:
            exchange_order = self.at_exchange.existing(known.order_id, known.exchange_orders)
            return Replayable(self._answered(known, exchange_order), replayed=True)
        if fresh is None:
            raise _refused(known.reason or "", retry_after_seconds=60)
        order = replace(fresh, exchange_orders=known.exchange_orders + 1)
        try:
            return Replayable(self._place(order, store.ask_again(order), self.table.seconds()))
        except OrderMoved:
            raise Busy("the same sale is being asked for elsewhere; send it again", retry_after_seconds=1) from None

    def _place(self, order: SellOrder, first: Write, began: float) -> SellOrder:
        """Write the intent, `first` of it what says whose request this is, and ask the exchange.

        A look-up follows a lost answer only while the request, which began at `began`, has time for it."""
        draft = self.at_exchange.draft(
            order.order_id,
            order.exchange_orders,
            Side.SELL,
            order.lots,
            order.limit_price,
            price=order.quote.price,
            band_bps=self.catalogue.listing(order.quantity.asset_id).asset.fill_band_bps,
        )
        price = f"limit {order.limit_price}, price {order.quote.price} of {order.quote.source}"
        asked_for = f"asked for: {'all, ' if order.sells_all else ''}{order.quantity}, {price}"
        intent = [
            first,
            ledger.hold_asset(order.owner, order.quantity, order.updated_at),
            limits.count_towards(
                self.daily_limit, order.owner, Limited.PAYOUT, order.estimated_amount, order.created_at
            ),
            store.event(order, None, asked_for, CUSTOMER, order.updated_at),
        ]
        sent = self.at_exchange.place(draft, Selling(self.table, order), intent)
        if sent.status is AtExchange.SENT and self.table.seconds() - began > model.LOOK_UP_BEGUN_SECONDS_MAX:
            raise _unresolved(order)
        return self._answered(order, sent)

    def _answered(self, order: SellOrder, exchange_order: ExchangeOrder) -> SellOrder:
        """The order, if the exchange has it; it is looked for once. Raises SaleRefused; SaleUnresolved: the exchange
        has not said so, or not yet."""
        if exchange_order.status is AtExchange.SENT:
            try:
                exchange_order = self.at_exchange.look(exchange_order, Selling(self.table, order))
            except (ExchangeOrderUnknown, ExchangeUnavailable):
                raise _unresolved(order) from None
        if exchange_order.status is AtExchange.SENT:
            raise _unresolved(order)
        if exchange_order.status is AtExchange.OPEN:
            self.machines.begin(SELL_MACHINE, order.order_id)
            return accepted(order, exchange_order)
        if exchange_order.status is AtExchange.REFUSED:
            raise _refused(exchange_order.reason or "")
        now = store.existing(self.table, order.order_id)
        if now.status is Status.NEW:
            raise _refused(now.reason or "", retry_after_seconds=60)
        return now

    def order(self, owner: Owner, order_id: str) -> SellOrder:
        """Raises SellOrderNotFound."""
        return store.visible(self.table, owner, order_id)

    def orders(self, owner: Owner, *, limit: int, after: Position | None) -> Page[SellOrder]:
        """A page of the owner's sell orders, newest first, that goes on where it is short: see `Table.filled`."""
        query = store.of_user(owner)
        return self.table.filled(store.SellOrderItem, query, limit=limit, after=after).of(store.order_of)

    # What the machine asks. All of it may be asked at any time, and again. Each raises SellOrderNotFound, Busy.

    def read(self, order_id: str) -> Standing:
        """Where the order stands. Raises ExchangeOrderNotFound, as do the others where they need one."""
        order = store.existing(self.table, order_id)
        if order.status is Status.BASE_TXN_PENDING:
            self._exchange_order(order)  # if it is missing, the hub ends: it would lead back to the poll for ever
        return self._standing(order)

    def _standing(self, order: SellOrder) -> Standing:
        stage, wait_seconds = self._stage(order)
        return Standing(stage, wait_seconds, model.facts(order))

    def _stage(self, order: SellOrder) -> tuple[Stage, int]:
        match order.status:
            case Status.BASE_TXN_PENDING if order.needs_person:
                return Stage.STOPPED, 0
            case Status.BASE_TXN_PENDING:
                return Stage.POLL, 0
            case Status.NEW | Status.BASE_TXN_FAILED if not order.waits:
                return Stage.DONE, 0
            case Status.NEW | Status.BASE_TXN_FAILED if order.needs_person:
                return Stage.STOPPED, 0
            case Status.NEW | Status.BASE_TXN_FAILED:
                exchange_order = self._exchange_order(order)
                if exchange_order.status is AtExchange.SENT:
                    return Stage.RESOLVE, 0
                return Stage.LOOK_AGAIN, max(1, int((exchange_order.look_at - self.now()).total_seconds()) + 1)
            case _:
                return Stage.SOLD, 0

    def resolve(self, order_id: str) -> Standing:
        """Find out whether the exchange has an order that it has not answered for. Where it does not, the hold is given
        back.

        Raises ExchangeOrderUnresolved: too early to tell; ExchangeUnavailable.
        """
        order = store.existing(self.table, order_id)
        if order.status is Status.NEW and order.waits:
            exchange_order = self._exchange_order(order)
            if exchange_order.status is AtExchange.SENT:
                self.at_exchange.resolve(exchange_order, Selling(self.table, order))
        return self._standing(store.existing(self.table, order_id))

    def poll(self, order_id: str) -> Standing:
        """Ask the exchange for the fill, and write it down when it is final: the sale, its cost and gain, the dollars
        held for the payout, which the machine `payout` begins then.

        Raises ExchangeOrderNotFilled; ExchangeOrderOverdue: not filled in time; ExchangeUnavailable.
        """
        order = store.existing(self.table, order_id)
        if order.status is not Status.BASE_TXN_PENDING:
            return self._sold(order_id)
        exchange_order = self._exchange_order(order)
        try:
            self.at_exchange.poll(exchange_order, Selling(self.table, order))
        except (ExchangeOrderNotFilled, ExchangeUnavailable):
            self._expect_fill(order, exchange_order)
            raise
        return self._sold(order_id)

    def _expect_fill(self, order: SellOrder, exchange_order: ExchangeOrder) -> None:
        """A machine polls the order: it is due when polling should have ended, however often that begins."""
        due_at = exchange_order.sent_at + POLL_LIMIT + work.SOON
        if order.due_at != due_at and not order.needs_person:
            try:
                self.table.write(store.expect_fill(order, self.now(), due_at))
            except OrderMoved:
                return

    def cancel(self, order_id: str, also: Callable[[], Sequence[Write]] = lambda: ()) -> Standing:
        """Cancel what the exchange has not filled in time, and write down what it had, and `also`: a partial fill is
        kept and paid. Where even that is unknown the order stays as it is.

        Raises ExchangeOrderNotFilled: the exchange has not ended it yet; ExchangeUnavailable.
        """
        order = store.existing(self.table, order_id)
        if order.status is not Status.BASE_TXN_PENDING:
            return self._sold(order_id)
        self.at_exchange.cancel(self._exchange_order(order), Selling(self.table, order, also))
        return self._sold(order_id)

    def _sold(self, order_id: str) -> Standing:
        after = store.existing(self.table, order_id)
        if after.status is Status.BASE_TXN_COMPLETED:
            self.machines.begin(PAYOUT_MACHINE, order_id)
        return self._standing(after)

    def look_again(self, order_id: str) -> Standing:
        """The last look for an order that the exchange did not have. What turns up now is nobody's: its hold is gone.

        Raises ExchangeUnavailable.
        """
        order = store.existing(self.table, order_id)
        if order.status in (Status.NEW, Status.BASE_TXN_FAILED) and order.waits:
            exchange_order = self._exchange_order(order)
            if exchange_order.status is not AtExchange.SENT:
                self.at_exchange.look_again(exchange_order, Selling(self.table, order))
        return self._standing(store.existing(self.table, order_id))

    def _exchange_order(self, order: SellOrder) -> ExchangeOrder:
        return self.at_exchange.existing(order.order_id, order.exchange_orders)


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
