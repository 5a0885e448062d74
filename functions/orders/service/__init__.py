"""What a customer or an operator can ask of the order desk; `book` and `marks` are what the clock moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from common.domain import audit, holds
from common.domain.audit import AuditEntry
from common.domain.catalogue.model import Asset
from common.domain.catalogue.store import Catalogue
from common.domain.fees import Tier
from common.domain.flow_halts import Flow
from common.domain.holds import Explained
from common.domain.ledger import moves
from common.domain.ledger import store as ledger
from common.domain.ledger.model import AccountNotFound, Balance, Holding, Mark, Portfolio, portfolio
from common.domain.ledger.moves import Move, Statement
from common.domain.timeline import CUSTOMER
from common.errors import Refusal
from common.idempotency import Replayable
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Busy
from functions.orders import model, quote_store, quotes, store
from functions.orders.model import BatchFees, Order, OrderNotPending, OtherOrder, Side, Status, Terms
from functions.orders.quotes import FirmQuote
from functions.orders.service.book import Book
from functions.orders.service.trading import trade

CANCEL_ALL_SECONDS_MAX = 15  # then the rest is for the next request
TIERS_TRIED_MAX = 3  # the one that is guessed, the right one, and the one that it was changed to meanwhile

T = TypeVar("T")


@dataclass(frozen=True)
class Orders:
    table: Table
    catalogue: Catalogue
    now: Callable[[], datetime]

    @property
    def book(self) -> Book:
        """Where limit orders rest."""
        return Book(self.table, self.now)

    def place(self, owner: Owner, idempotency_key: str, asked: Terms) -> Replayable[Order]:
        """Buy or sell: at the market and at once, or at a limit and when the market gets there.

        The order, the balances and the journal change together. The same key with the same terms gives the order of
        the first time for ever, whatever has changed since; a refused order leaves nothing, so it may be tried again.

        With a quote's id, at what the quote says, and only for what it was asked for. Otherwise with the fee of the
        tier that the owner is of when it is written; a limit order keeps it for the time when it fills.

        Raises, in this order:
            QuoteNotFound;
            AssetNotFound, Halted, AssetInactive, PriceUnavailable (market orders), BoughtElsewhere, PriceMoved,
            ExpiryOutOfRange, PrecisionExceeded, BelowMinimum, AboveMaximum, FeeTakesAll, AmountTooLarge;
            QuoteOfOtherTerms, QuoteUsed, QuoteExpired;
            IdempotencyKeyReused: the key stands for other terms;
            AccountNotFound, InsufficientFunds, InsufficientAsset, TooManyOpenOrders (limit orders): as the table has
            it, in the write itself;
            Busy: too many others write the same balances; nothing is known to be written, repeat with the same key.
        """
        order_id = model.order_id(owner, idempotency_key)
        return _by_tier(lambda tier: self._place(owner, order_id, asked, tier))

    def _place(self, owner: Owner, order_id: str, asked: Terms, tier: Tier) -> Replayable[Order]:
        """As an order of this tier's. Raises TierMoved."""
        try:
            order, only_of = self._priced(owner, order_id, asked, tier)
        except Refusal:
            # Prices, the catalogue and the clock may refuse what they once accepted: a repeat comes first.
            placed = store.find(self.table, order_id)
            if placed is None:
                self._must_be_of(tier, owner, asked.asset_id)
                raise
            return Replayable(placed.repeated(asked), replayed=True)
        try:
            if order.status is Status.PENDING:
                self.book.enter(order, CUSTOMER, tier=only_of)
            else:
                at_quote = () if order.quote_id is None else (quote_store.use(order),)
                trade(self.table, order, store.insert(order), *at_quote, tier=only_of)
        except store.AlreadyPlaced as repeat:
            return Replayable(repeat.order.repeated(asked), replayed=True)
        return Replayable(order)

    def _must_be_of(self, tier: Tier, owner: Owner, asset_id: str) -> None:
        """Of another tier it might not have been refused. Raises TierMoved."""
        listing = self.catalogue.listings().get(asset_id)
        if listing is not None and listing.asset.fees_bps.differ:
            with suppress(AccountNotFound):
                there = ledger.balance(self.table, owner).tier
                if there is not tier:
                    raise ledger.TierMoved(there)

    def _priced(self, owner: Owner, order_id: str, asked: Terms, tier: Tier) -> tuple[Order, Tier | None]:
        """The order, and the tier that its customer must be of when it is written; None where all tiers pay alike."""
        promised = None if asked.quote_id is None else quote_store.get(self.table, owner, asked.quote_id)
        listing, now = self.catalogue.traded(asked.asset_id, Flow.ORDERS), self.now()
        if promised is not None:
            listing.must_be_active()
            model.check_execution(listing.asset, asked.order_type)
            return quotes.order_at(promised, order_id, asked, now), None
        asset = listing.asset
        if asked.is_limit:
            listing.must_be_active()
            order = model.limit_order(owner, order_id, asked, asset, listing.quote_at(now), now, tier)
        else:
            quote = model.tradable_quote(listing, asked.order_type, now)
            order = model.market_order(owner, order_id, asked, asset, quote, now, tier)
        return order, _only_of(asset, tier)

    def quote(self, owner: Owner, idempotency_key: str, asked: Terms) -> Replayable[FirmQuote]:
        """Promise a price for so much, with the fee of the owner's tier, for `quotes.GOOD_FOR`. Nothing is held for it:
        funds are looked for when the order is placed. The same key gives the quote of the first time, used or expired
        as it may be.

        Raises ContradictoryTerms, AssetNotFound, Halted, AssetInactive, PriceUnavailable, BoughtElsewhere,
        PrecisionExceeded, BelowMinimum, AboveMaximum, FeeTakesAll, AmountTooLarge; IdempotencyKeyReused;
        AccountNotFound (where tiers pay different fees); TooManyQuotes; Busy.
        """
        quote_id = quotes.quote_id(owner, idempotency_key)
        return _by_tier(lambda tier: self._quote(owner, quote_id, asked, tier))

    def _quote(self, owner: Owner, quote_id: str, asked: Terms, tier: Tier) -> Replayable[FirmQuote]:
        """With this tier's fee. Raises TierMoved."""
        try:
            listing, now = self.catalogue.traded(asked.asset_id, Flow.ORDERS), self.now()
            price = model.tradable_quote(listing, asked.order_type, now)
            quote = quotes.quoted(owner, quote_id, asked, listing.asset, price, now, tier)
        except Refusal:
            promised = quote_store.find(self.table, quote_id)
            if promised is None:
                self._must_be_of(tier, owner, asked.asset_id)
                raise
            return Replayable(promised.repeated(asked), replayed=True)
        only_of = _only_of(listing.asset, tier)
        only = [] if only_of is None else [ledger.of_tier(owner, only_of)]
        try:
            self.table.write(quote_store.insert(quote), *only, quote_store.count(quote))
        except quote_store.AlreadyQuoted as repeat:
            return Replayable(repeat.quote.repeated(asked), replayed=True)
        return Replayable(quote)

    def quoted(self, owner: Owner, quote_id: str) -> FirmQuote:
        """Raises QuoteNotFound."""
        return quote_store.get(self.table, owner, quote_id)

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
        """A page of the owner's orders of every kind, newest first. A page may be short and go on only where few
        are let through: see `Table.filled`."""
        query = store.of_user(owner, asset_id, status, since, until)
        page = self.table.filled(store.AnyOrderItem, query, limit=limit, after=after).of(store.listed)
        fees: dict[str | None, BatchFees | None] = {
            order.batch_id: store.fees_of(self.table, order.batch_id)
            for order in page.items
            if isinstance(order, OtherOrder) and order.batch_id is not None and order.executed is not None
        }
        return page.of(lambda order: _with_fees(order, fees))

    def cancel(self, owner: Owner, order_id: str) -> Replayable[Order]:
        """Take a resting order back, and its hold with it. A repeat gives the cancelled order.

        Raises OrderNotFound, OrderNotPending (it filled, expired or failed first), Busy.
        """
        order = store.get(self.table, owner, order_id)
        if order.status is Status.CANCELLED:
            return Replayable(order, replayed=True)
        try:
            return Replayable(self.book.close(order, Status.CANCELLED, "cancelled by the customer", CUSTOMER))
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
        began = self.table.seconds()
        page = self.orders(owner, asset_id=asset_id, limit=model.CANCEL_ALL_BATCH, after=after)
        cancelled = []
        for order in page.items:
            if isinstance(order, OtherOrder) or order.status is not Status.PENDING:
                continue
            if self.table.seconds() - began > CANCEL_ALL_SECONDS_MAX:
                raise Busy("cancelling takes long; send the same request again for the rest", retry_after_seconds=1)
            with suppress(OrderNotPending):  # the index was late: it had filled or expired
                cancelled.append(self.book.close(order, Status.CANCELLED, "cancelled by the customer", CUSTOMER))
        return Page(cancelled, page.after)

    def fail(
        self, order_id: str, reason: str, operator: str, *, public_reason: str | None = None, dry_run: bool
    ) -> OperatorOutcome:
        """An operator ends a resting order that can not be carried out, and gives the hold back. Audited. Its customer
        reads `public_reason`. A repeat changes nothing.

        Raises OrderNotFound, OrderNotPending, Busy.
        """
        order = store.find(self.table, order_id)
        if order is None:
            raise model.OrderNotFound("there is no such order", id=order_id)
        if order.status is Status.FAILED:
            return OperatorOutcome.repeat(order_id, order.status, "is FAILED already; nothing to do")
        told = public_reason or model.ENDED_BY_THE_DESK
        failed = model.closed(order, Status.FAILED, told, self.now())
        if not dry_run:
            entry = audit.entry(self.table, AuditEntry(failed.updated_at, operator, "orders fail", order_id, reason))
            try:
                self.book.close(order, Status.FAILED, told, operator, *entry, private=reason)
            except OrderNotPending:
                moved = store.find(self.table, order_id)
                if moved is None or moved.status is not Status.FAILED:
                    raise
                return OperatorOutcome.repeat(order_id, moved.status, "was made FAILED by another operator meanwhile")
        held = f"{order.quantity} are" if order.order_type is Side.SELL else f"${order.hold} are"
        says = f"is {failed.status}; the held {held} free on the customer's balance"
        return OperatorOutcome(order_id, order.status, failed.status, done=not dry_run, says=says)

    def portfolio(self, owner: Owner) -> Portfolio:
        """Everything the owner has, at the latest prices. Raises AccountNotFound."""
        return self.valued(*ledger.account(self.table, owner))

    def valued(self, balance: Balance, holdings: Sequence[Holding]) -> Portfolio:
        """At the latest prices."""
        return portfolio(balance, holdings, self._marks(holdings))

    def explained(self, owner: Owner) -> Explained:
        """What the owner has, what of it is held by what, and what is open. Raises AccountNotFound."""
        return holds.explained(self.table, owner)

    def _marks(self, holdings: Sequence[Holding]) -> dict[str, Mark]:
        now, listings = self.now(), self.catalogue.listings()
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
    ) -> Page[Move]:
        """A page of the owner's trades of one asset, newest first, with what he had of it after each. Raises Busy."""
        now = self.now()
        return moves.of_asset(self.table, owner, asset_id, now=now, since=since, until=until, limit=limit, after=after)

    def statement(
        self, owner: Owner, since: datetime, until: datetime, *, lines_max: int = model.STATEMENT_LINES_MAX
    ) -> Statement:
        """What the owner had, everything that moved his dollars and assets in a span of time, and what he had then.

        Raises AccountNotFound, StatementTooLong, Busy.
        """
        return moves.statement(self.table, owner, since, max(since, until), now=self.now(), lines_max=lines_max)


def _by_tier(make: Callable[[Tier], T]) -> T:
    """Make it out for STANDARD, which nearly all are of, and for the right tier where the table says another. Raises
    Busy."""
    tier = Tier.STANDARD
    for _ in range(TIERS_TRIED_MAX):
        try:
            return make(tier)
        except ledger.TierMoved as moved:
            tier = moved.tier
    raise Busy("your tier is being changed; send it again", retry_after_seconds=1)


def _only_of(asset: Asset, tier: Tier) -> Tier | None:
    """The tier that a write is made for, where tiers pay different fees."""
    return tier if asset.fees_bps.differ else None


def _with_fees(order: Order | OtherOrder, fees: Mapping[str | None, BatchFees | None]) -> Order | OtherOrder:
    if isinstance(order, Order):
        return order
    batch = fees.get(order.batch_id)
    return order if batch is None else order.with_fees_of(batch)
