"""What a customer, an operator or the clock can ask of the order desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from common import keys
from common.acts import OperatorOutcome
from common.domain import audit, work
from common.domain.audit import AuditEntry
from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import AmountTooLarge, Listing, PriceIsNewer, Quote
from common.domain.catalogue.store import Market
from common.domain.ledger import store as ledger
from common.domain.ledger.model import (
    USD,
    AssetTransaction,
    Balance,
    Holding,
    Mark,
    Portfolio,
    TransactionType,
    portfolio,
)
from common.errors import Refusal, Unavailable
from common.gateways.prices import Prices, PriceSourceUnavailable
from common.idempotency import Replayable
from common.log import count, log
from common.money import ZERO
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Busy, Write
from functions.orders import model, store
from functions.orders.model import Order, OrderNotPending, OtherOrder, Side, Status, Terms

CANCEL_ALL_SECONDS_MAX = 15  # then the rest is for the next request

CUSTOMER = "customer"
MARKET = "the market"
CLOCK = "the clock"


@dataclass(frozen=True)
class Orders:
    table: Table
    market: Market
    now: Callable[[], datetime]

    def place(self, owner: Owner, idempotency_key: str, asked: Terms) -> Replayable[Order]:
        """Buy or sell: at the market and at once, or at a limit and when the market gets there.

        The order, the balances and the journal change together. The same key with the same terms gives the order of
        the first time for ever, whatever has changed since; a refused order leaves nothing, so it may be tried again.

        Raises, in this order:
            AssetNotFound, AssetInactive, PriceUnavailable (market orders), BoughtElsewhere, PriceMoved,
            ExpiryOutOfRange, PrecisionExceeded, BelowMinimum, AboveMaximum, AmountTooLarge;
            IdempotencyKeyReused: the key stands for other terms;
            AccountNotFound, InsufficientFunds, InsufficientAsset: as the table has it, in the write itself;
            Busy: too many others write the same balances; nothing is known to be written, repeat with the same key.
        """
        order_id = model.order_id(owner, idempotency_key)
        try:
            order = self._priced(owner, order_id, asked)
        except Refusal:
            # Prices, the catalogue and the clock may refuse what they once accepted: a repeat comes first.
            placed = store.find(self.table, order_id)
            if placed is None:
                raise
            return Replayable(placed.repeated(asked), replayed=True)
        try:
            self._write(order)
        except store.AlreadyPlaced as repeat:
            return Replayable(repeat.order.repeated(asked), replayed=True)
        return Replayable(order)

    def _priced(self, owner: Owner, order_id: str, asked: Terms) -> Order:
        listing, now = self.market.listing(asked.asset_id), self.now()
        if asked.is_limit:
            listing.must_be_active()
            return model.limit_order(owner, order_id, asked, listing.asset, listing.quote_at(now), now)
        return model.market_order(owner, order_id, asked, listing.asset, listing.tradable_quote(now), now)

    def _write(self, order: Order) -> None:
        if order.status is Status.PENDING:
            return self.table.write(
                store.insert(order),
                self._hold(order),
                store.enter_book(order),
                store.event(order, None, "placed", CUSTOMER),
            )
        assert order.total_amount is not None
        owner, at = order.owner, order.created_at
        if order.order_type is Side.SELL:
            return self._sell(order, first=store.insert(order))
        return self.table.write(
            store.insert(order),
            ledger.debit(owner, order.total_amount, at),
            ledger.credit_asset(owner, order.quantity, order.total_amount, at),
            ledger.journal(_line(order)),
        )

    def _hold(self, order: Order) -> Write:
        if order.order_type is Side.SELL:
            return ledger.hold_asset(order.owner, order.quantity, order.created_at)
        assert order.hold is not None
        return ledger.hold(order.owner, order.hold, order.created_at)

    def _sell(self, order: Order, *, first: Write, also: Sequence[Write] = ()) -> None:
        """Sell from the free quantity, or from the hold of a resting order. See `ledger.store` for the reading."""
        assert order.total_amount is not None
        owner, at = order.owner, order.updated_at
        take = ledger.debit_asset if order.order_price is None else ledger.settle_asset

        def commit(sale: ledger.Sale) -> None:
            assert order.total_amount is not None
            self.table.write(
                first,
                take(owner, sale, at),
                ledger.credit(owner, order.total_amount, at),
                ledger.journal(_line(order, sale)),
                *also,
            )

        ledger.sell(self.table, owner, order.quantity, order.total_amount, commit)

    def _seconds(self) -> float:
        return self.table.patience.monotonic()

    def order(self, owner: Owner, order_id: str) -> Order:
        """Raises OrderNotFound."""
        return store.get(self.table, owner, order_id)

    def orders(
        self,
        owner: Owner,
        *,
        asset_id: str | None = None,
        status: Status | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        after: Position | None,
    ) -> Page[Order | OtherOrder]:
        """A page of the owner's orders of every kind, newest first. With `status` a page may be short and still not
        the last."""
        query = store.of_user(owner, asset_id, status, since, until)
        return self.table.page(store.AnyOrderItem, query, limit=limit, after=after).of(store.listed)

    def cancel(self, owner: Owner, order_id: str) -> Replayable[Order]:
        """Take a resting order back, and its hold with it. A repeat gives the cancelled order.

        Raises OrderNotFound, OrderNotPending (it filled, expired or failed first), Busy.
        """
        order = store.get(self.table, owner, order_id)
        if order.status is Status.CANCELLED:
            return Replayable(order, replayed=True)
        try:
            return Replayable(self._close(order, Status.CANCELLED, "cancelled by the customer", CUSTOMER))
        except OrderNotPending:
            order = store.get(self.table, owner, order_id)
            if order.status is not Status.CANCELLED:
                raise
            return Replayable(order, replayed=True)  # another request has cancelled it in between

    def cancel_all(self, owner: Owner, asset_id: str | None, after: Position | None) -> Page[Order]:
        """Cancel the resting orders on one page of the owner's orders; the position goes on behind it. The list is a
        moment old: an order placed in the last second may not be on it yet.

        Raises Busy, perhaps with a part of the page cancelled: the same request does the rest.
        """
        began = self._seconds()
        page = self.orders(owner, asset_id=asset_id, limit=model.CANCEL_ALL_BATCH, after=after)
        cancelled = []
        for order in page.items:
            if isinstance(order, OtherOrder) or order.status is not Status.PENDING:
                continue
            if self._seconds() - began > CANCEL_ALL_SECONDS_MAX:
                raise Busy("cancelling takes long; send the same request again for the rest", retry_after_seconds=1)
            with suppress(OrderNotPending):  # the index was late: it had filled or expired
                cancelled.append(self._close(order, Status.CANCELLED, "cancelled by the customer", CUSTOMER))
        return Page(cancelled, page.after)

    def fail(self, order_id: str, reason: str, operator: str, *, dry_run: bool = False) -> OperatorOutcome:
        """An operator ends a resting order that can not be carried out, and gives the hold back. Audited. A repeat
        changes nothing.

        Raises OrderNotFound, OrderNotPending, Busy.
        """
        order = store.find(self.table, order_id)
        if order is None:
            raise model.OrderNotFound("there is no such order", id=order_id)
        if order.status is Status.FAILED:
            return OperatorOutcome.repeat(order_id, order.status, "is FAILED already; nothing to do")
        failed = model.closed(order, Status.FAILED, reason, self.now())
        if not dry_run:
            entry = audit.entry(AuditEntry(failed.updated_at, operator, "orders fail", order_id, reason))
            try:
                self._close(order, Status.FAILED, reason, operator, entry)
            except OrderNotPending:
                moved = store.find(self.table, order_id)
                if moved is None or moved.status is not Status.FAILED:
                    raise
                return OperatorOutcome.repeat(order_id, moved.status, "was made FAILED by another operator meanwhile")
        held = f"{order.quantity} are" if order.order_type is Side.SELL else f"${order.hold} are"
        says = f"is {failed.status}; the held {held} free on the customer's balance"
        return OperatorOutcome(order_id, order.status, failed.status, done=not dry_run, says=says)

    def _close(self, order: Order, status: Status, reason: str, actor: str, *also: Write) -> Order:
        closed = model.closed(order, status, reason, self.now())
        owner, at = closed.owner, closed.updated_at
        if closed.order_type is Side.SELL:
            back = ledger.release_asset(owner, closed.quantity, at)
        else:
            assert closed.hold is not None
            back = ledger.release(owner, closed.hold, at)
        self.table.write(
            store.decide(closed),
            back,
            store.leave_book(closed),
            store.event(closed, order.status, reason, actor),
            *also,
        )
        return closed

    def refresh_prices(self, source: Callable[[Mapping[str, str]], Prices]) -> int:
        """Write down the newest price of every asset; returns how many were newer than ours.

        `source` makes a price source of the catalogue's ids there, by asset id. A source that does not answer leaves
        the prices as they are, to grow old.
        """
        listings, marked = self.market.fresh(), 0
        listed = {asset_id: listing.asset.price_source_id for asset_id, listing in listings.items()}
        try:
            latest = source(listed).latest(listed)
        except PriceSourceUnavailable as down:
            count("PriceSourceUnavailable")
            log.warning("no prices", extra={"why": down.detail, **down.facts})
            return 0
        for asset_id, found in latest.items():
            quote = Quote(found.price, found.source, found.as_of)
            if not listings[asset_id].believable(quote, self.now()):
                count("PriceJump")
                log.error("price not believed", extra={"asset_id": asset_id, "price": str(quote.price)})
                continue
            try:
                self.table.write(catalogue.mark(asset_id, quote, self.now()))
                marked += 1
            except (PriceIsNewer, Unavailable) as refusal:  # a round that overlaps has won, or the next one will
                log.info("not marked", extra={"asset_id": asset_id, "why": refusal.detail})
        return marked

    def match(self, listing: Listing, more_time: Callable[[], bool]) -> int:
        """Fill the resting orders of one asset that the market has crossed; returns how many.

        Safe to run twice, at once, or to be cut short: an order that is decided meanwhile is left as it is, and one
        that could not be filled now is met again in the next round.

        Raises AssetInactive, BoughtElsewhere, PriceUnavailable: nothing is filled at a price that may not be traded on.
        """
        model.check_execution(listing.asset)
        quote, fills = listing.tradable_quote(self.now()), 0
        for order in store.crossed(self.table, listing.asset.asset_id, quote.price):
            if not more_time():
                log.warning("out of time while matching", extra={"asset_id": listing.asset.asset_id})
                break
            if quote != listing.quote_at(self.now()) or listing.stale(self.now()):
                break  # the price has changed or grown old meanwhile; the next round has another
            if order.expires_at is not None and order.expires_at <= self.now():
                continue
            try:
                self._fill(order, quote)
                fills += 1
            except OrderNotPending:
                continue
            except AmountTooLarge as refusal:
                log.error("not filled", extra={"order_id": order.order_id, "why": refusal.detail})
            except Unavailable as busy:
                log.warning("not filled now", extra={"order_id": order.order_id, "why": busy.detail})
            except Refusal as refusal:
                # The hold that stands behind every resting order is not there: never guess, wake a person.
                count("HoldMissing")
                log.error("not filled", extra={"order_id": order.order_id, "refusal": type(refusal).__name__})
            except Exception:  # one broken order must not stand in the way of the others
                count("Bugs")
                log.exception("bug", extra={"order_id": order.order_id})
        return fills

    def _fill(self, order: Order, quote: Quote) -> None:
        filled = model.filled(order, quote, self.now())
        assert filled.total_amount is not None
        owner, at = filled.owner, filled.updated_at
        first = store.decide(filled)
        end = (store.leave_book(filled), store.event(filled, order.status, f"filled at {quote.price}", MARKET))
        if filled.order_type is Side.SELL:
            return self._sell(filled, first=first, also=end)
        assert filled.hold is not None
        return self.table.write(
            first,
            ledger.settle(owner, filled.hold, filled.total_amount, at),
            ledger.credit_asset(owner, filled.quantity, filled.total_amount, at),
            ledger.journal(_line(filled)),
            *end,
        )

    def expire(self, more_time: Callable[[], bool]) -> int:
        """Cancel the resting orders whose time is over; returns how many."""
        expired = 0
        for waiting in work.due(self.table, keys.ORDER.waits_in, self.now()):
            if not more_time():
                log.warning("out of time while expiring orders")
                break
            order = store.find(self.table, waiting.PK)  # the index is late; the item decides
            if order is None or order.status is not Status.PENDING:
                continue
            try:
                self._close(order, Status.CANCELLED, "expired", CLOCK)
                expired += 1
            except OrderNotPending:
                continue
            except Refusal as refusal:
                log.error("not expired", extra={"order_id": order.order_id, "refusal": type(refusal).__name__})
            except Exception:
                count("Bugs")
                log.exception("bug", extra={"order_id": order.order_id})
        return expired

    def portfolio(self, owner: Owner) -> Portfolio:
        """Everything the owner has, at the latest prices. Raises AccountNotFound."""
        balance, holdings = ledger.account(self.table, owner)
        return portfolio(balance, holdings, self._marks(holdings))

    def _marks(self, holdings: Sequence[Holding]) -> dict[str, Mark]:
        now, listings = self.now(), self.market.listings()
        marks = {}
        for holding in holdings:
            listing = listings.get(holding.asset_id)
            quote = None if listing is None else listing.quote_at(now)
            if listing is not None and quote is not None:
                marks[holding.asset_id] = Mark(quote.price, quote.as_of, listing.stale(now))
        return marks

    def holdings(self, owner: Owner) -> tuple[Balance, list[Holding]]:
        """Raises AccountNotFound."""
        return ledger.account(self.table, owner)

    def holding(self, owner: Owner, asset_id: str) -> Holding:
        """Raises AssetNotFound: also when the owner never had it."""
        holding = ledger.holding(self.table, owner, asset_id)
        if holding is None:
            raise model.HoldingNotFound(f"you never held {asset_id}")
        return holding

    def history(
        self,
        owner: Owner,
        asset_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        after: Position | None,
    ) -> Page[AssetTransaction]:
        """A page of the owner's trades of one asset, newest first."""
        return ledger.history(self.table, owner, asset_id, since, until, limit=limit, after=after)

    def statement(self, owner: Owner, since: datetime, until: datetime) -> list[AssetTransaction]:
        """Everything that moved the owner's dollars and assets in a span of time, oldest first.

        Raises AccountNotFound, StatementTooLong.
        """
        _, holdings = ledger.account(self.table, owner)
        assets = [USD, *(holding.asset_id for holding in holdings)]
        every = (line for asset_id in assets for line in ledger.lines(self.table, owner, asset_id, since, until))
        lines = list(islice(every, model.STATEMENT_LINES_MAX + 1))
        if len(lines) > model.STATEMENT_LINES_MAX:
            raise model.StatementTooLong(
                f"a statement has at most {model.STATEMENT_LINES_MAX} lines: page through the transactions instead"
            )
        return sorted(lines, key=lambda line: (line.created_at, line.order_id))


def _line(order: Order, sale: ledger.Sale | None = None) -> AssetTransaction:
    assert order.price_per_unit is not None
    assert order.total_amount is not None
    return AssetTransaction(
        username=order.owner.username,
        sub=order.owner.sub,
        quantity=order.quantity,
        transaction_type=TransactionType(order.order_type),
        price_per_unit=order.price_per_unit,
        total_amount=order.total_amount,
        order_id=order.order_id,
        created_at=order.updated_at,
        cost=ZERO if sale is None else sale.cost,
        realised_gain=ZERO if sale is None else sale.realised_gain,
    )
